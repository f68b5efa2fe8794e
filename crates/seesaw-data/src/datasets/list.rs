//! Lists of files, with a header that names the columns.

mod text;

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{DataError, Findings, Found, Kind, Note, Part, folders::Purpose, item::Item};

/// The most bytes of a list.
const MAX_BYTES: u64 = 256 << 20;

/// The names of each column, in lower case; the first is its own, the others are recognized.
const COLUMNS: [&[&str]; 3] = [
    &[
        "path",
        "file",
        "filename",
        "file_name",
        "filepath",
        "file_path",
        "image",
        "image_path",
        "imagepath",
        "image_name",
        "img",
        "img_path",
    ],
    &["label", "class", "class_name", "classname", "category", "target"],
    &["split", "part", "set", "subset"],
];

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
#[non_exhaustive]
pub struct ListEntry {
    /// The line, from 1.
    pub line: u64,
    /// The file, relative to the list's folder or absolute.
    pub path: PathBuf,
    /// The name of the class.
    pub label: String,
    /// What the column `split` says; `None` without that column.
    pub part: Option<Part>,
}

/// A list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct List {
    /// Its lines.
    pub entries: Vec<ListEntry>,
    /// The columns that have other names than `path`, `label` and `split`.
    pub renamed: Option<String>,
}

/// Reads a list: columns `path` and `label`, and optionally `split` (`train`, `val` or `test`, or
/// [another name](Part::named) of these), in any order; others are ignored. A few other names of the
/// columns are recognized.
///
/// Columns are separated by commas, semicolons or tabs. The text is UTF-8 or, with a byte order mark,
/// UTF-16, as spreadsheets write it.
///
/// # Errors
/// The first line that is invalid.
pub fn read_list(reader: impl Read) -> Result<List, ListError> {
    let mut bytes = vec![];
    let read = reader.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| ListError { line: 1, reason: error.to_string() })?;
    if bytes.len() as u64 > MAX_BYTES {
        let reason = format!("the list has more than {} MiB", MAX_BYTES >> 20);
        return Err(ListError { line: 1, reason });
    }
    let text = text::decode(bytes)?;
    let (separator, text, skipped) = text::separator(&text);
    let at = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line) + skipped;
        ListError { line, reason: error.to_string() }
    };
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .delimiter(separator)
        .from_reader(text.as_bytes());
    let columns = Columns::of(reader.headers().map_err(at)?)
        .map_err(|reason| ListError { line: 1 + skipped, reason })?;
    let mut list = List { entries: vec![], renamed: columns.renamed.clone() };
    for record in reader.records() {
        let record = record.map_err(at)?;
        let line = record.position().map_or(0, csv::Position::line) + skipped;
        let entry = columns.entry(&record, line);
        list.entries.push(entry.map_err(|reason| ListError { line, reason })?);
    }
    Ok(list)
}

/// Where a list has its columns.
struct Columns {
    path: usize,
    label: usize,
    split: Option<usize>,
    renamed: Option<String>,
}

impl Columns {
    fn of(header: &csv::StringRecord) -> Result<Self, String> {
        let names: Vec<String> = header.iter().map(str::to_lowercase).collect();
        let position = |known: &[&str]| {
            known.iter().find_map(|known| names.iter().position(|name| name == known))
        };
        let [path, label, split] = COLUMNS.map(position);
        let (Some(path), Some(label)) = (path, label) else {
            let found = header.iter().collect::<Vec<_>>().join(",");
            return Err(format!("the header must name `path` and `label`, and is `{found}`"));
        };
        let renamed: Vec<String> = COLUMNS
            .iter()
            .zip([Some(path), Some(label), split])
            .filter_map(|(known, column)| {
                let (own, found) = (known[0], &names[column?]);
                (found != own).then(|| format!("`{found}` as `{own}`"))
            })
            .collect();
        let renamed = (!renamed.is_empty()).then(|| renamed.join(", "));
        Ok(Self { path, label, split, renamed })
    }

    fn entry(&self, record: &csv::StringRecord, line: u64) -> Result<ListEntry, String> {
        let field = |column: usize| record.get(column).unwrap_or_default();
        for (name, column) in [("path", self.path), ("label", self.label)] {
            if field(column).is_empty() {
                return Err(format!("`{name}` is empty"));
            }
        }
        let part = match self.split.map(field) {
            None => None,
            Some(name) => Some(Part::named(name).ok_or_else(|| {
                format!("`split` must be `train`, `val` or `test`, and is `{name}`")
            })?),
        };
        let (path, label) = (field(self.path).into(), field(self.label).to_owned());
        Ok(ListEntry { line, path, label, part })
    }
}

pub(super) fn find(path: &Path, purpose: Purpose) -> Result<Found, DataError> {
    let file = File::open(path).map_err(DataError::io(path))?;
    let invalid = |source| DataError::List { path: path.to_owned(), source };
    let List { entries, renamed } = read_list(file).map_err(invalid)?;
    let mut findings = Findings::default();
    findings.notes.extend(renamed.map(Note::Columns));
    let root: Arc<Path> = path.parent().unwrap_or(Path::new("")).into();
    let (entries, notes) = once_each(entries, &root).map_err(invalid)?;
    findings.notes.extend(notes);
    let part = |entry: &ListEntry| entry.part.unwrap_or(Part::Train);
    let trains = |entry: &&ListEntry| part(entry) == Part::Train || purpose == Purpose::Evaluation;
    let classes: BTreeSet<&str> =
        entries.iter().filter(trains).map(|entry| entry.label.as_str()).collect();
    let classes: Vec<String> = classes.into_iter().map(str::to_owned).collect();
    let [mut train, mut val, mut test] = [const { vec![] }; 3];
    for entry in entries {
        let items = match part(&entry) {
            Part::Train => &mut train,
            Part::Val => &mut val,
            Part::Test => &mut test,
        };
        let Ok(label) = classes.binary_search(&entry.label) else {
            return Err(DataError::UnknownClass { path: path.to_owned(), class: entry.label });
        };
        items.push(Item::file(&root, entry.path, label as u32));
    }
    let [val, test] = [val, test].map(|items: Vec<Item>| (!items.is_empty()).then_some(items));
    Ok(Found { kind: Kind::List, classes, train, val, test, findings, packed: None })
}

/// The entries, with the separators of this system in their paths, and each file once.
fn once_each(
    entries: Vec<ListEntry>,
    root: &Path,
) -> Result<(Vec<ListEntry>, Vec<Note>), ListError> {
    let mut seen: HashMap<PathBuf, (u64, String, Option<Part>)> = HashMap::new();
    let (mut kept, mut repeated, mut backslashes) = (vec![], vec![], 0);
    for mut entry in entries {
        if let Some(path) = with_slashes(&entry.path, root) {
            entry.path = path;
            backslashes += 1;
        }
        match seen.entry(entry.path.clone()) {
            Entry::Vacant(place) => {
                place.insert((entry.line, entry.label.clone(), entry.part));
                kept.push(entry);
            }
            Entry::Occupied(first) => {
                let (line, label, part) = first.get();
                if (label, *part) != (&entry.label, entry.part) {
                    let reason = format!(
                        "{} has another label or part in line {line}; a file can have one",
                        entry.path.display()
                    );
                    return Err(ListError { line: entry.line, reason });
                }
                repeated.push(entry.path);
            }
        }
    }
    let mut notes = vec![];
    if backslashes > 0 {
        notes.push(Note::Backslashes(backslashes));
    }
    if let Some(first) = repeated.first() {
        notes.push(Note::Repeated { files: repeated.len(), first: first.clone() });
    }
    Ok((kept, notes))
}

/// A path of Windows with `/`, where no file has the name with `\`.
fn with_slashes(path: &Path, root: &Path) -> Option<PathBuf> {
    if cfg!(windows) {
        return None;
    }
    let text = path.to_str().filter(|text| text.contains('\\'))?;
    (!root.join(path).exists()).then(|| text.replace('\\', "/").into())
}
