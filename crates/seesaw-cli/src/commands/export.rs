//! `seesaw export`: models for other programs.

mod web;

use std::{io::Write, path::Path};

use seesaw::Model;
use seesaw_export::{
    onnx::{self, Input},
    pytorch::{self, Code},
};
use seesaw_format::Metadata;
use seesaw_train::recipe::Recipe;

use crate::{
    args::{ExportArgs, SizeArgs},
    commands::recipes,
    failure::{self, Failure},
    model, output,
    resolve::{self, Source},
};

/// What the name of the output asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Onnx,
    StateDict,
    Code,
    Web,
}

pub fn run(args: &ExportArgs) -> Result<(), Failure> {
    let kind = if args.web { Kind::Web } else { kind(&args.output)? };
    if kind != Kind::Web {
        output::check_file(&args.output, &["onnx", "pth", "py"])?;
    }
    resolve::check_distinct(&args.output, Path::new(&args.model))?;
    check_options(args, kind)?;
    match kind {
        Kind::Onnx => onnx(args),
        Kind::StateDict => state_dict(args),
        Kind::Code => code(args),
        Kind::Web => web::run(args),
    }
}

fn kind(path: &Path) -> Result<Kind, Failure> {
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    match extension.as_deref() {
        Some("onnx") => Ok(Kind::Onnx),
        Some("pth") => Ok(Kind::StateDict),
        Some("py") => Ok(Kind::Code),
        _ => {
            let what = "the name must end in .onnx, .pth or .py, which says what to write";
            let hint = "for a safetensors file, use `seesaw import`";
            Err(Failure::file(path, what).hint(hint))
        }
    }
}

/// Refuses options that the kind of output has no use for, instead of ignoring them.
fn check_options(args: &ExportArgs, kind: Kind) -> Result<(), Failure> {
    let refuse = |option: &str, wanted: &str| {
        let what = format_args!("`{option}` is for {wanted}");
        Err(Failure::file(&args.output, what).hint(format_args!("leave out `{option}`")))
    };
    let is_used = |option: &str| match kind {
        Kind::Onnx => true,
        Kind::Web => option == "--half",
        Kind::StateDict | Kind::Code => false,
    };
    if let Some(option) = args.onnx.given().find(|option| !is_used(option)) {
        return refuse(option, ".onnx files");
    }
    if args.recipe.is_some() && kind != Kind::Code {
        return refuse("--recipe", ".py files");
    }
    let SizeArgs { resize, crop, mean, std, fit } = &args.sizes;
    let sizes = [
        (resize.is_some(), "--resize"),
        (crop.is_some(), "--crop"),
        (mean.is_some(), "--mean"),
        (std.is_some(), "--std"),
        (fit.is_some(), "--fit"),
    ];
    match sizes.iter().find(|(given, _)| *given) {
        Some((_, option)) if !matches!(kind, Kind::Onnx | Kind::Web) => {
            refuse(option, ".onnx files and pages")
        }
        _ if kind == Kind::StateDict && args.labels.is_some() => {
            refuse("--labels", ".onnx and .py files and pages")
        }
        _ => Ok(()),
    }
}

/// The model that the arguments name. The name of a net is that of bundled weights too, where there are
/// some.
fn load(args: &ExportArgs) -> Result<Model, Failure> {
    let path = Path::new(&args.model);
    if resolve::bundled(path).is_none() && matches!(Source::parse(&args.model)?, Source::Net(_)) {
        let what = format_args!("`{}` is a net without weights", args.model);
        return Err(Failure::new(what).hint(
            "name a model, such as runs/NAME/best.safetensors or one that `seesaw models` lists; only \
             .py files are written for a net",
        ));
    }
    resolve::weights(path, &args.net)
}

/// What is known of the model, with what the options say.
fn metadata(model: &Model, args: &ExportArgs) -> Result<Metadata, Failure> {
    let mut metadata = Metadata::new(model.net.clone())
        .labels(model::labels(model, args.labels.as_deref())?.names)
        .preprocess(model::preprocess(model, &args.sizes)?);
    metadata.origin.clone_from(&model.origin);
    Ok(metadata)
}

fn onnx(args: &ExportArgs) -> Result<(), Failure> {
    let model = load(args)?;
    let metadata = metadata(&model, args)?;
    let options = args.onnx.options();
    let summary = onnx::write(&args.output, &model.weights, &metadata, &options)
        .map_err(|error| failed(&args.output, &error))?;
    let side = metadata.preprocess.map_or(model.net.input_size as u32, |prepared| prepared.crop);
    let classes = model.net.classes;
    let input = match options.input {
        Input::Photo => "image: u8 [height, width, 3]".to_owned(),
        Input::Pixels => format!("images: f32 [batch, 3, {side}, {side}], from 0 to 1"),
        _ => format!("images: f32 [batch, 3, {side}, {side}], normalized"),
    };
    let output = if options.softmax { "probabilities" } else { "logits" };
    let batch = if options.input == Input::Photo { "1" } else { "batch" };
    let mut out = output::stdout();
    writeln!(out, "wrote {} ({})", args.output.display(), output::bytes(summary.bytes))?;
    writeln!(
        out,
        "{}: opset 18; input {input}; output {output}: f32 [{batch}, {classes}]",
        model.net.name
    )?;
    if summary.dense + summary.split > 0 {
        let (dense, split) = (summary.dense, summary.split);
        writeln!(out, "convolutions in groups: {dense} written as dense ones, {split} as groups")?;
    }
    Ok(out.flush()?)
}

fn state_dict(args: &ExportArgs) -> Result<(), Failure> {
    let model = load(args)?;
    let tensors = model
        .weights
        .to_tensors(&model.net)
        .map_err(|error| Failure::format(&args.output, &error))?;
    pytorch::write_state_dict(&args.output, &tensors)
        .map_err(|error| failed(&args.output, &error))?;
    let mut out = output::stdout();
    let length = std::fs::metadata(&args.output).map_or(0, |file| file.len());
    writeln!(out, "wrote {} ({})", args.output.display(), output::bytes(length))?;
    writeln!(out, "{}: {} tensors; class names are not in it", model.net.name, tensors.len())?;
    Ok(out.flush()?)
}

fn code(args: &ExportArgs) -> Result<(), Failure> {
    let path = Path::new(&args.model);
    let (model, net) = match Source::parse(&args.model)? {
        Source::Net(net) if args.labels.is_none() && args.net.net.is_none() => (None, net),
        Source::Net(net) => {
            let option = if args.labels.is_some() { "--labels" } else { "--net" };
            let what = format_args!("`{option}` describes weights, and {} is a net", net.name);
            return Err(Failure::new(what).hint(format_args!("leave out `{option}`")));
        }
        Source::Weights(_) => {
            let model = resolve::weights(path, &args.net)?;
            let net = model.net.clone();
            (Some(model), net)
        }
    };
    let net = match args.net.classes {
        Some(classes) => net.with_classes(classes),
        None => net,
    };
    let mut recipe = match &args.recipe {
        Some(name) => recipes::read(name)?,
        None => Recipe::default_for(&net),
    };
    let labels = match &model {
        Some(model) => {
            recipe.follow_normalization(&seesaw::preprocess_of(model));
            model::labels(model, args.labels.as_deref())?.names
        }
        None => Vec::new(),
    };
    let preprocess = recipe.preprocess(net.input_size);
    // By way of text: there, 32-bit numbers are as short as in the recipe.
    let json = serde_json::to_string(&recipe).and_then(|text| serde_json::from_str(&text));
    let recipe = json.map_err(Failure::new)?;
    let code = Code { net: &net, preprocess: &preprocess, labels: &labels, recipe: &recipe };
    let omitted =
        pytorch::write_code(&args.output, &code).map_err(|error| failed(&args.output, &error))?;
    for field in omitted {
        failure::warn(format_args!("the PyTorch code trains without the recipe's `{field}`"));
    }
    report_code(args, model.is_some(), &net)
}

fn report_code(
    args: &ExportArgs,
    has_weights: bool,
    net: &seesaw_arch::Net,
) -> Result<(), Failure> {
    let (mut out, file) = (output::stdout(), args.output.display());
    writeln!(out, "wrote {file}: {} in PyTorch, and its training", net.name)?;
    if has_weights {
        writeln!(
            out,
            "it holds no weights: `seesaw export {} weights.pth` writes them, and",
            args.model
        )?;
        writeln!(out, "`python {file} --init weights.pth --data photos` starts from them")?;
    } else {
        writeln!(out, "`python {file} --data photos --out runs/gpu` trains it")?;
    }
    Ok(out.flush()?)
}

/// An error of the library, with the name of the file unless it has one.
fn failed(path: &Path, error: &seesaw_export::ExportError) -> Failure {
    match error {
        seesaw_export::ExportError::Io { .. } => Failure::new(error),
        _ => Failure::in_file(path, error),
    }
}
