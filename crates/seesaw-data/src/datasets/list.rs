//! CSV lists of files, with a header that names the columns.

use std::{
    collections::BTreeSet,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{DataError, Found, Kind, dataset::Item};

/// An invalid line of a list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct ListError {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// A line of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListEntry {
    /// The file, relative to the list's folder or absolute.
    pub path: PathBuf,
    /// The name of the class.
    pub label: String,
    /// Whether it is for validation by the column `split`; `None` without that column.
    pub val: Option<bool>,
}

/// Reads a list: columns `path` and `label`, and optionally `split` (`train`, or one of `val`,
/// `valid`, `validation` and `test`), in any order; others are ignored.
///
/// # Errors
/// The first line that is invalid.
pub fn read_list(reader: impl Read) -> Result<Vec<ListEntry>, ListError> {
    let at = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        ListError { line, reason: error.to_string() }
    };
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(reader);
    let header = reader.headers().map_err(at)?.clone();
    // Spreadsheets put a byte order mark before the first name.
    let names: Vec<&str> = header.iter().map(|name| name.trim_start_matches('\u{feff}')).collect();
    let column = |wanted: &str| names.iter().position(|name| name.eq_ignore_ascii_case(wanted));
    let (Some(path), Some(label)) = (column("path"), column("label")) else {
        let found = names.join(",");
        let reason = format!("the header must name `path` and `label`, and is `{found}`");
        return Err(ListError { line: 1, reason });
    };
    let split = column("split");
    let mut entries = vec![];
    for record in reader.records() {
        let record = record.map_err(at)?;
        let line = record.position().expect("records that were read have a position").line();
        let error = |reason| ListError { line, reason };
        let field = |column: usize| record.get(column).unwrap_or_default();
        for (name, column) in [("path", path), ("label", label)] {
            if field(column).is_empty() {
                return Err(error(format!("`{name}` is empty")));
            }
        }
        let val = match split.map(|column| field(column).to_lowercase()).as_deref() {
            None => None,
            Some("train") => Some(false),
            Some("val" | "valid" | "validation" | "test") => Some(true),
            Some(other) => {
                let reason = format!("`split` must be `train` or `val`, and is `{other}`");
                return Err(error(reason));
            }
        };
        entries.push(ListEntry { path: field(path).into(), label: field(label).to_owned(), val });
    }
    Ok(entries)
}

pub(super) fn find(path: &Path) -> Result<Found, DataError> {
    let file = File::open(path).map_err(DataError::io(path))?;
    let entries =
        read_list(file).map_err(|source| DataError::List { path: path.to_owned(), source })?;
    let is_val = |entry: &ListEntry| entry.val == Some(true);
    let trained = entries.iter().filter(|entry| !is_val(entry)).map(|entry| entry.label.as_str());
    let classes: Vec<String> =
        trained.collect::<BTreeSet<_>>().into_iter().map(str::to_owned).collect();
    let root: Arc<Path> = path.parent().unwrap_or(Path::new("")).into();
    let (mut train, mut val) = (vec![], vec![]);
    for entry in entries {
        let part = if is_val(&entry) { &mut val } else { &mut train };
        let Ok(label) = classes.binary_search(&entry.label) else {
            return Err(DataError::UnknownClass { path: path.to_owned(), class: entry.label });
        };
        part.push(Item::file(&root, entry.path, label as u32));
    }
    let val = (!val.is_empty()).then_some(val);
    Ok(Found { kind: Kind::List, classes, train, val })
}
