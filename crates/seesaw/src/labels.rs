//! Class names from a file: one a line, in the order of the net's outputs.

use std::{fs::File, io::Read, path::Path};

/// No list of class names is longer.
const MAX_BYTES: u64 = 64 << 20;

/// The names in a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabelFile {
    /// The name on each line; of a line with a tab, what follows the first one.
    pub names: Vec<String>,
    /// What precedes the tab, such as WordNet's number, where every line has one; otherwise empty.
    pub ids: Vec<String>,
}

/// Why a file gives no class names.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabelsError {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The file is too long to be a list of names.
    #[error("longer than {MAX_BYTES} bytes")]
    TooLong,
    /// A line is empty, or has nothing after its tab.
    #[error("line {0} has no class name")]
    NoName(usize),
}

/// Reads a file of class names.
///
/// # Errors
/// [`LabelsError`].
pub fn read(path: &Path) -> Result<LabelFile, LabelsError> {
    let mut text = String::new();
    let length = File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if length as u64 > MAX_BYTES { Err(LabelsError::TooLong) } else { parse(&text) }
}

fn parse(text: &str) -> Result<LabelFile, LabelsError> {
    let (mut names, mut ids) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let (id, name) = line.split_once('\t').map_or((None, line), |(id, name)| (Some(id), name));
        if name.trim().is_empty() {
            return Err(LabelsError::NoName(number));
        }
        names.push(name.trim().to_owned());
        ids.extend(id.map(|id| id.trim().to_owned()));
    }
    if ids.len() != names.len() {
        ids.clear();
    }
    Ok(LabelFile { names, ids })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_tabs() {
        let plain = parse("cat\r\nhot dog\n").unwrap();
        assert_eq!((plain.names, plain.ids), (vec!["cat".into(), "hot dog".into()], vec![]));
        let both = parse("\u{feff}n01440764\ttench\nn01443537\tgoldfish").unwrap();
        assert_eq!(both.names, ["tench", "goldfish"]);
        assert_eq!(both.ids, ["n01440764", "n01443537"]);
        assert!(parse("n1\ttench\ngoldfish").unwrap().ids.is_empty(), "one line has no id");
        assert_eq!(parse("cat\n\ndog").unwrap_err().to_string(), "line 2 has no class name");
        assert_eq!(parse("n1\t\n").unwrap_err().to_string(), "line 1 has no class name");
    }
}
