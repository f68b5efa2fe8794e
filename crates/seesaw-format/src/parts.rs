//! Weights in several files, as Hugging Face's libraries split them: `NAME-00001-of-00002.EXT`, and an
//! index `NAME.EXT.index.json` that lists which tensor is in which file.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::Read,
    path::{Component, Path, PathBuf},
};

use serde::Deserialize;

use crate::{
    Contents, FormatError, Note, Tensors,
    error::shown,
    model::{MAX_FILE, load_file},
};

/// The longest index, and the most parts.
const MAX_INDEX: u64 = 4 << 20;
const MAX_PARTS: usize = 64;

/// An index of parts.
#[derive(Debug, Deserialize)]
struct Index {
    /// The file of each tensor.
    weight_map: BTreeMap<String, String>,
}

/// Whether a file is called like an index of parts.
pub(crate) fn is_index(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(".index.json"))
}

/// Refuses one part of several.
///
/// # Errors
/// [`FormatError::Part`].
pub(crate) fn check_part(path: &Path) -> Result<(), FormatError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let Some((base, extension)) = name.rsplit_once('.') else { return Ok(()) };
    let numbers = base.rsplit_once("-of-").and_then(|(rest, parts)| {
        let (base, part) = rest.rsplit_once('-')?;
        Some((base, number(part)?, number(parts)?))
    });
    let Some((base, part, parts)) = numbers.filter(|(_, _, parts)| *parts > 1) else {
        return Ok(());
    };
    let index = format!("{base}.{extension}.index.json");
    let index = path.with_file_name(&index).is_file().then_some(index);
    Err(FormatError::Part { part, parts, index })
}

/// A number of five digits.
fn number(digits: &str) -> Option<usize> {
    let is_number = digits.len() == 5 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}

/// Reads all parts that an index lists; they are next to it. `start` is the beginning of the index, and
/// `rest` what follows.
///
/// # Errors
/// [`FormatError::Index`], and those of the parts.
pub(crate) fn load(path: &Path, rest: File, start: Vec<u8>) -> Result<Contents, FormatError> {
    let mut text = start;
    rest.take(MAX_INDEX).read_to_end(&mut text).map_err(FormatError::io(path))?;
    if text.len() as u64 > MAX_INDEX {
        return Err(FormatError::Index(format!("it is longer than {MAX_INDEX} bytes")));
    }
    let index: Index = serde_json::from_slice(&text)
        .map_err(|error| FormatError::Index(shown(&error.to_string())))?;
    let files: BTreeSet<String> = index.weight_map.into_values().collect();
    if files.len() > MAX_PARTS {
        let what = format!("it lists {} parts, and the limit is {MAX_PARTS}", files.len());
        return Err(FormatError::Index(what));
    }
    let paths: Vec<PathBuf> =
        files.iter().map(|name| place(path, name)).collect::<Result<_, _>>()?;
    let lengths = paths.iter().map(|path| path.metadata().map_or(0, |file| file.len()));
    let len = lengths.fold(0, u64::saturating_add);
    if len > MAX_FILE {
        return Err(FormatError::TooLarge { path: path.to_owned(), len, max: MAX_FILE });
    }
    let mut tensors = Tensors::new();
    let mut notes = Vec::new();
    for (path, name) in paths.iter().zip(&files) {
        let part = load_file(path, None).map_err(|error| match error {
            error @ (FormatError::Io { .. } | FormatError::TooLarge { .. }) => error,
            error => FormatError::Index(format!("its part `{}`: {error}", shown(name))),
        })?;
        part.tensors.into_iter().for_each(|(name, tensor)| tensors.insert(name, tensor));
        notes.extend(part.notes);
    }
    notes.push(Note::Parts { count: files.len() });
    Ok(Contents { tensors, metadata: None, notes })
}

/// The path of a part, which must be next to the index.
fn place(index: &Path, name: &str) -> Result<PathBuf, FormatError> {
    let is_name = matches!(
        Path::new(name).components().collect::<Vec<_>>().as_slice(),
        [Component::Normal(only)] if only.to_string_lossy() == name
    );
    if !is_name || is_index(Path::new(name)) {
        let what = format!("`{}` is not the name of a part", shown(name));
        return Err(FormatError::Index(what));
    }
    let path = index.with_file_name(name);
    if !path.is_file() {
        let what = format!("its part `{}` is not next to it; get all parts", shown(name));
        return Err(FormatError::Index(what));
    }
    Ok(path)
}
