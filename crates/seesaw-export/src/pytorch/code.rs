//! A Python file that defines a net and trains it.

use std::{io::Write, path::Path};

use seesaw_arch::{Net, Preprocess};
use seesaw_format::replace_file;
use serde_json::Value;

use crate::{
    ExportError,
    literal::{python, python_text},
};

/// The file, with names in double braces for what differs from net to net.
const TEMPLATE: &str = include_str!("template.py");

/// What the Python file is about.
#[derive(Debug, Clone, Copy)]
pub struct Code<'a> {
    /// The net.
    pub net: &'a Net,
    /// How photos become the input of the trained net.
    pub preprocess: &'a Preprocess,
    /// Class names in the order of the logits; empty when they are unknown.
    pub labels: &'a [String],
    /// A recipe in its JSON form, with all its fields.
    pub recipe: &'a Value,
}

/// Writes the Python file, which appears whole or not at all. Returns the fields of the recipe that it
/// leaves out, of which users should be told.
///
/// # Errors
/// When the net breaks a rule, the recipe asks for something that cannot be left out, or the file
/// cannot be written.
pub fn write_code(path: &Path, code: &Code<'_>) -> Result<Vec<&'static str>, ExportError> {
    check(code.recipe)?;
    let text = text(path, code)?;
    replace_file(path, |file| file.write_all(text.as_bytes())).map_err(ExportError::io(path))?;
    Ok(omitted(code.recipe))
}

fn text(path: &Path, code: &Code<'_>) -> Result<String, ExportError> {
    let format = seesaw_format::FormatError::from;
    code.net.validate().map_err(format)?;
    code.preprocess.validate().map_err(format)?;
    // Preprocessing goes into the description too, where `import` finds it.
    let net = Net { preprocess: Some(code.preprocess.clone()), ..code.net.clone() };
    let toml = net.to_toml().map_err(format)?;
    let labels: Value = if code.labels.is_empty() { Value::Null } else { code.labels.into() };
    let file = path.file_name().and_then(|name| name.to_str()).filter(|name| {
        name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
    });
    let values = [
        ("{{VERSION}}", env!("CARGO_PKG_VERSION").to_owned()),
        ("{{FILE}}", file.unwrap_or("net.py").to_owned()),
        ("{{NAME}}", python_text(&net.name)),
        ("{{TIMM_NAME}}", python_text(&timm_name(&net.name))),
        ("{{NET}}", python(&json(&net), 0)),
        ("{{NET_TOML}}", python_text(&toml)),
        ("{{PREPROCESS}}", python(&json(code.preprocess), 0)),
        ("{{RECIPE}}", python(code.recipe, 0)),
        ("{{LABELS}}", python(&labels, 0)),
    ];
    Ok(fill(&values))
}

/// The template with its names replaced, each once and from left to right, so that no value is searched
/// for names.
fn fill(values: &[(&str, String)]) -> String {
    let (mut text, mut rest) = (String::new(), TEMPLATE);
    while let Some(at) = rest.find("{{") {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        let value = values.iter().find(|(name, _)| from.starts_with(name));
        let (name, value) = value.expect("every name of the template has a value");
        text.push_str(value);
        rest = &from[name.len()..];
    }
    text + rest
}

/// A serializable value as JSON. By way of its text, in which a 32-bit number is as short as in the
/// source: 0.485 instead of 0.48500001430511475.
fn json(value: &impl serde::Serialize) -> Value {
    let text = serde_json::to_string(value).expect("nets and preprocessing are plain data");
    serde_json::from_str(&text).expect("JSON that was just written")
}

/// The name under which timm knows a net: `seesaw_shuffle_1_0d` for `seesaw-shuffle-1.0d-imagenet`.
fn timm_name(net: &str) -> String {
    let short = net.strip_suffix("-imagenet").unwrap_or(net);
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let name: String = short.chars().map(letter).collect();
    // A Python name does not begin with a digit.
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("net_{name}") } else { name }
}

/// Refuses recipes without whose special parts the training would be another one.
fn check(recipe: &Value) -> Result<(), ExportError> {
    let refuse = |field, why| Err(ExportError::Recipe { field, why });
    if recipe["optimizer"]["kind"] == "muon" {
        return refuse("optimizer.kind", "the PyTorch code has `sgd` and `adamw`, but no `muon`");
    }
    if !recipe["loss"]["features"].is_null() {
        return refuse("loss.features", "the PyTorch code has no teacher to learn from");
    }
    if !recipe["loss"]["class_weights"].is_null() {
        return refuse("loss.class_weights", "the PyTorch code counts all classes alike");
    }
    if !recipe["fit"].is_null() {
        return refuse("fit", "the PyTorch code crops photos to a square");
    }
    if !recipe["optimizer"]["rate"].is_number() || !recipe["augment"].is_object() {
        return refuse("optimizer", "the recipe lacks fields; give it with all its defaults");
    }
    Ok(())
}

/// The fields in use that the code does without.
fn omitted(recipe: &Value) -> Vec<&'static str> {
    let fields = ["fit_classifier", "group_by"];
    let in_use = |field: &&str| !matches!(recipe[*field], Value::Null | Value::Bool(false));
    fields.into_iter().filter(in_use).collect()
}

#[cfg(test)]
mod tests {
    use seesaw_arch::zoo;
    use serde_json::json;

    use super::*;

    fn recipe() -> Value {
        json!({"optimizer": {"kind": "sgd", "rate": 0.1}, "augment": {}, "loss": {"smoothing": 0.1}})
    }

    fn text(net: &Net, labels: &[String]) -> String {
        let preprocess = net.default_preprocess();
        let code = Code { net, preprocess: &preprocess, labels, recipe: &recipe() };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.py");
        assert_eq!(write_code(&path, &code).unwrap(), [""; 0]);
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn every_net_fills_the_template() {
        for net in zoo::all() {
            let text = text(&net, &[]);
            assert!(!text.contains("{{"), "{}", net.name);
            assert!(text.contains(&format!("NAME = '{}'", net.name)));
            assert!(text.contains("'mean': [0."), "short numbers");
        }
    }

    /// Names of nets and classes come from files.
    #[test]
    fn hostile_names_stay_within_their_quotes() {
        let hostile = "'''\"\"\"\n{{RECIPE}}\\' + evil()";
        let net = Net { name: hostile.to_owned(), ..zoo::net("igcv3-0.5d-cifar").unwrap() };
        let text = text(&net, &[hostile.to_owned()]);
        let quoted = r#"'\'\'\'"""\n{{RECIPE}}\\\' + evil()'"#;
        assert!(text.contains(&format!("NAME = {quoted}\n")), "{}", &text[1000..2000]);
        assert!(text.contains(&format!("LABELS = [{quoted}]")));
        let rest = text.replace(quoted, "");
        // The description of the net quotes it once more, as TOML does.
        assert_eq!(rest.matches("evil()").count(), 1);
        assert_eq!(
            timm_name(hostile).chars().filter(|c| !c.is_ascii_alphanumeric() && *c != '_').count(),
            0
        );
    }

    #[test]
    fn names_for_timm() {
        assert_eq!(timm_name("seesaw-shuffle-1.0d-imagenet"), "seesaw_shuffle_1_0d");
        assert_eq!(timm_name("seesaw-shuffle-0.5d-cifar-x0.5"), "seesaw_shuffle_0_5d_cifar_x0_5");
        assert_eq!(timm_name("3rd"), "net_3rd");
    }

    #[test]
    fn recipes_that_need_more_are_refused_or_reported() {
        let mut muon = recipe();
        muon["optimizer"]["kind"] = "muon".into();
        assert!(check(&muon).unwrap_err().to_string().contains("`sgd` and `adamw`"));
        let mut distill = recipe();
        distill["loss"]["features"] = json!({"weight": 1.0});
        assert!(check(&distill).unwrap_err().to_string().contains("teacher"));
        let mut padded = recipe();
        padded["fit"] = "pad".into();
        assert!(check(&padded).unwrap_err().to_string().contains("`fit`"));
        let mut weighted = recipe();
        weighted["loss"]["class_weights"] = "balanced".into();
        assert!(check(&weighted).unwrap_err().to_string().contains("class_weights"));
        let mut fitted = recipe();
        fitted["fit_classifier"] = true.into();
        assert_eq!(omitted(&fitted), ["fit_classifier"]);
        assert!(check(&json!({})).is_err());
    }
}
