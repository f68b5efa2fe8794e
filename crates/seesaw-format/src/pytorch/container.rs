//! The two containers: zip archives, and the bare pickles of PyTorch before 1.6.

use std::{
    borrow::Cow,
    collections::{HashMap, hash_map},
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
use crate::{FileKind, FormatError, error::shown};

/// The first value in an old file.
const LEGACY_MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// The end of an archive, with the longest comment, is within so many bytes of the end of the file.
const MAX_END: usize = 66_000;

/// A checkpoint's values, the number of its top one, and where its storages are.
pub(super) struct Contents<'a> {
    pub values: Values,
    pub top: Id,
    source: Source<'a>,
    /// Whether it is a TorchScript archive, which also has code.
    pub is_script: bool,
}

/// Where storages are.
enum Source<'a> {
    Archive(Box<Archive<'a>>),
    Read(Storages<'a>),
}

/// An archive whose storages have not been read.
struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    /// The folder of its entries.
    prefix: String,
    /// How many more bytes its entries may have.
    budget: u64,
}

impl<'a> Contents<'a> {
    /// The storages of these keys; storages of other tensors are not read.
    pub fn storages(self, keys: impl Iterator<Item = String>) -> Result<Storages<'a>, FormatError> {
        let Archive { mut zip, prefix, mut budget } = match self.source {
            Source::Read(storages) => return Ok(storages),
            Source::Archive(archive) => *archive,
        };
        let mut storages = Storages::new();
        for key in keys {
            let name = format!("{prefix}data/{key}");
            if let hash_map::Entry::Vacant(place) = storages.entry(key) {
                place.insert(Cow::Owned(entry(&mut zip, &name, &mut budget)?));
            }
        }
        Ok(storages)
    }
}

/// Reads a zip archive: `NAME/data.pkl`, and a file `NAME/data/KEY` for each storage.
pub(super) fn read_zip(bytes: &[u8]) -> Result<Contents<'_>, FormatError> {
    // PyTorch adds zip64 records that the end of the archive does not announce. A reader that searches
    // for the start of the archive is off by their 76 bytes, and where the first entry's header is just
    // as long, it mistakes the second entry for the first.
    let config = Config { archive_offset: ArchiveOffset::Known(0) };
    let mut zip = ZipArchive::with_config(config, Cursor::new(bytes)).map_err(|error| {
        let end = bytes.len().saturating_sub(MAX_END);
        match bytes[end..].windows(4).any(|window| window == b"PK\x05\x06") {
            true => bad(error.to_string()),
            false => FormatError::CutShort { len: bytes.len() as u64, expected: None },
        }
    })?;
    let names = || zip.file_names().filter_map(|name| Some(name.ok()?.into_owned()));
    let is_pickle = |name: &str| name == "data.pkl" || name.ends_with("/data.pkl");
    let Some(pickle) = names().find(|name| is_pickle(name)) else {
        return Err(FormatError::OtherKind(FileKind::of_archive(names())));
    };
    let prefix = pickle.trim_end_matches("data.pkl").to_owned();
    let is_script = names().any(|name| name == format!("{prefix}constants.pkl"));
    // Entries may overlap, but together they may not be much longer than the file.
    let mut budget = bytes.len().saturating_mul(2) as u64;
    if let Ok(order) = entry(&mut zip, &format!("{prefix}byteorder"), &mut budget)
        && order != b"little"
    {
        return Err(bad("its numbers are big-endian; save it again on a little-endian machine"));
    }
    let program = entry(&mut zip, &pickle, &mut budget)?;
    let mut values = Values::default();
    let top = pickle::read(&mut Input(&program), &mut values)?;
    let source = Source::Archive(Box::new(Archive { zip, prefix, budget }));
    Ok(Contents { values, top, source, is_script })
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

/// Reads an old file: pickles of a magic number, a version, facts about the machine, the object and the
/// list of storage keys; then the length and the bytes of each storage.
pub(super) fn read_legacy(bytes: &[u8]) -> Result<Contents<'_>, FormatError> {
    if !bytes.windows(LEGACY_MAGIC.len()).take(16).any(|window| window == LEGACY_MAGIC) {
        return Err(FormatError::OtherKind(FileKind::Pickle));
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
    Ok(Contents { values, top, source: Source::Read(storages), is_script: false })
}
