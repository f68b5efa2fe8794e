//! Class names: from a file, or as the weights have them.

use std::path::Path;

use seesaw_format::Model;

use crate::{failure::Failure, resolve};

/// No list of class names is longer.
const MAX_BYTES: u64 = 64 << 20;

/// The names of a model's classes: from `file` where there is one, else those of the weights, which
/// may have none.
///
/// The file has one name a line, in the order of the outputs; of a line with a tab, the name is what
/// follows the first one.
pub fn of(model: &Model, file: Option<&Path>) -> Result<Vec<String>, Failure> {
    let Some(path) = file else { return Ok(model.labels.clone()) };
    let names = parse(&resolve::text(path, MAX_BYTES)?).map_err(|e| Failure::file(path, e))?;
    let classes = model.net.classes;
    if names.len() == classes {
        return Ok(names);
    }
    let count = names.len();
    let error = format_args!("{count} class names, but the net has {classes} classes");
    Err(Failure::file(path, error).hint("write one name a line, in the order of the net's outputs"))
}

/// What stands before the tabs of a file of names, where all lines have one; else nothing.
pub fn ids(file: &Path) -> Result<Vec<String>, Failure> {
    let text = resolve::text(file, MAX_BYTES)?;
    let id = |line: &str| line.split_once('\t').map(|(id, _)| id.trim().to_owned());
    let ids: Option<Vec<_>> = text.trim_start_matches('\u{feff}').lines().map(id).collect();
    Ok(ids.unwrap_or_default())
}

fn parse(text: &str) -> Result<Vec<String>, String> {
    let name = |(number, line): (usize, &str)| {
        let name = line.split_once('\t').map_or(line, |(_, name)| name).trim();
        if name.is_empty() {
            return Err(format!("line {number} has no class name"));
        }
        Ok(name.to_owned())
    };
    (1..).zip(text.trim_start_matches('\u{feff}').lines()).map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_tabs() {
        assert_eq!(parse("cat\r\nhot dog\n").unwrap(), ["cat", "hot dog"]);
        assert_eq!(parse("n01440764\ttench\nn01443537\tgoldfish").unwrap(), ["tench", "goldfish"]);
        assert_eq!(parse("cat\n\ndog").unwrap_err(), "line 2 has no class name");
        assert_eq!(parse("n1\t\n").unwrap_err(), "line 1 has no class name");
    }
}
