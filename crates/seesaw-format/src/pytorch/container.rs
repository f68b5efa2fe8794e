//! The two containers: zip archives, and the bare pickles of PyTorch before 1.6.

use std::{
    borrow::Cow,
    collections::HashMap,
    io::{Cursor, Read},
};

use zip::{
    ZipArchive,
    read::{ArchiveOffset, Config},
};

use super::{
    input::Input,
    pickle,
    storage::Storages,
    value::{Id, Value, Values, bad},
};
use crate::{FormatError, error::shown};

/// The first value in an old file.
const LEGACY_MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// A checkpoint's values, the number of its top one, and its storages.
pub(super) struct Contents<'a> {
    pub values: Values,
    pub top: Id,
    pub storages: Storages<'a>,
}

/// Reads a zip archive: `NAME/data.pkl`, and a file `NAME/data/KEY` for each storage.
pub(super) fn read_zip(bytes: &[u8]) -> Result<Contents<'_>, FormatError> {
    let broken = |error: zip::result::ZipError| bad(error.to_string());
    // PyTorch adds zip64 records that the end of the archive does not announce. A reader that searches
    // for the start of the archive is off by their 76 bytes, and where the first entry's header is just
    // as long, it mistakes the second entry for the first.
    let config = Config { archive_offset: ArchiveOffset::Known(0) };
    let mut archive = ZipArchive::with_config(config, Cursor::new(bytes)).map_err(broken)?;
    let is_pickle = |name: &str| name == "data.pkl" || name.ends_with("/data.pkl");
    let pickle = archive
        .file_names()
        .filter_map(|name| Some(name.ok()?.into_owned()))
        .find(|name| is_pickle(name))
        .ok_or_else(|| bad("the archive has no data.pkl"))?;
    let prefix = pickle.trim_end_matches("data.pkl").to_owned();
    // Entries may overlap, but together they may not be much longer than the file.
    let mut budget = bytes.len().saturating_mul(2) as u64;
    if let Ok(order) = entry(&mut archive, &format!("{prefix}byteorder"), &mut budget)
        && order != b"little"
    {
        return Err(bad("its numbers are big-endian; save it again on a little-endian machine"));
    }
    let program = entry(&mut archive, &pickle, &mut budget)?;
    let mut values = Values::default();
    let top = pickle::read(&mut Input(&program), &mut values)?;
    let mut storages = Storages::new();
    for key in storage_keys(&values) {
        let bytes = entry(&mut archive, &format!("{prefix}data/{key}"), &mut budget)?;
        storages.insert(key, Cow::Owned(bytes));
    }
    Ok(Contents { values, top, storages })
}

/// The bytes of one entry of an archive.
fn entry(
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    name: &str,
    budget: &mut u64,
) -> Result<Vec<u8>, FormatError> {
    let broken = |error: String| bad(format!("archive entry `{}`: {error}", shown(name)));
    let file = archive.by_name(name).map_err(|error| broken(error.to_string()))?;
    let mut bytes = Vec::new();
    // One byte more than allowed shows that the entry is too large.
    file.take(*budget + 1).read_to_end(&mut bytes).map_err(|error| broken(error.to_string()))?;
    *budget =
        budget.checked_sub(bytes.len() as u64).ok_or_else(|| broken("it is too large".into()))?;
    Ok(bytes)
}

/// The keys of all storages, each once.
fn storage_keys(values: &Values) -> Vec<String> {
    let mut keys: Vec<String> = values
        .iter()
        .filter_map(|value| match value {
            Value::Storage(storage) => Some(storage.key.clone()),
            _ => None,
        })
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Reads an old file: pickles of a magic number, a version, facts about the machine, the object and the
/// list of storage keys; then the length and the bytes of each storage.
pub(super) fn read_legacy(bytes: &[u8]) -> Result<Contents<'_>, FormatError> {
    if !bytes.windows(LEGACY_MAGIC.len()).take(16).any(|window| window == LEGACY_MAGIC) {
        return Err(bad("it does not begin with PyTorch's magic number"));
    }
    let mut input = Input(bytes);
    let mut values = Values::default();
    for _ in 0..3 {
        pickle::read(&mut input, &mut values)?;
    }
    let top = pickle::read(&mut input, &mut values)?;
    let keys = pickle::read(&mut input, &mut values)?;
    let keys = values.items(keys).ok_or_else(|| bad("its list of storages is not a list"))?;
    let mut sizes = HashMap::new();
    for value in values.iter() {
        if let Value::Storage(storage) = value {
            sizes.insert(storage.key.as_str(), storage.element.size());
        }
    }
    let mut storages = Storages::new();
    for key in keys {
        let key = values.text(*key).ok_or_else(|| bad("a storage's key is not text"))?;
        let size = *sizes.get(key).ok_or_else(|| bad("a storage belongs to no tensor"))?;
        let len =
            input.length(8)?.checked_mul(size).ok_or_else(|| bad("a storage is too large"))?;
        storages.insert(key.to_owned(), Cow::Borrowed(input.take(len)?));
    }
    Ok(Contents { values, top, storages })
}
