//! The files of a data set as they were when they were checked.

use std::{
    collections::{HashMap, HashSet},
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use serde::{Deserialize, Serialize};

use super::Part;

/// Identifies the content of a file: chance makes two photos of equal length and checksum with a
/// probability of one in four billion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Content {
    /// Its length.
    pub bytes: u64,
    /// Its CRC-32C.
    pub crc32c: u32,
}

impl Content {
    /// That of a file with these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len() as u64, crc32c: crc32c::crc32c(bytes) }
    }
}

/// A file that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Entry {
    /// What it is used for.
    #[serde(with = "part_name")]
    pub part: Part,
    /// Its name relative to the folder of the class folders or of the list, with `/`.
    pub name: String,
    /// Its content.
    #[serde(flatten)]
    pub content: Content,
    /// When it was last changed, in nanoseconds since 1970.
    pub modified: u64,
    /// Why it cannot be used; empty if it can.
    pub broken: String,
}

impl Entry {
    pub(super) fn new(
        part: Part,
        name: String,
        content: Content,
        modified: u64,
        broken: String,
    ) -> Self {
        Self { part, name, content, modified, broken }
    }
}

/// The files of a data set as they were when they were checked. A file that has not changed since
/// need not be checked again, and its content tells whether a net was trained on it, wherever it lies
/// now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Register {
    entries: Vec<Entry>,
    by_name: HashMap<(Part, String), usize>,
    trained: HashSet<Content>,
}

impl Register {
    /// A register of these files.
    pub fn new(entries: Vec<Entry>) -> Self {
        let by_name =
            entries.iter().enumerate().map(|(i, e)| ((e.part, e.name.clone()), i)).collect();
        let is_trained = |entry: &&Entry| entry.part == Part::Train && entry.broken.is_empty();
        let trained = entries.iter().filter(is_trained).map(|entry| entry.content).collect();
        Self { entries, by_name, trained }
    }

    /// Its files.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The file of that name in a part.
    pub fn get(&self, part: Part, name: &str) -> Option<&Entry> {
        self.by_name.get(&(part, name.to_owned())).map(|&index| &self.entries[index])
    }

    /// Whether a file with this content was trained on.
    pub fn is_trained(&self, content: Content) -> bool {
        self.trained.contains(&content)
    }

    /// Reads what [`write`](Self::write) wrote.
    ///
    /// # Errors
    /// The first line that is invalid.
    pub fn read(reader: impl Read) -> Result<Self, csv::Error> {
        csv::Reader::from_reader(reader).into_deserialize().collect::<Result<_, _>>().map(Self::new)
    }

    /// Writes it as CSV, with one line per file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, writer: impl Write) -> Result<(), csv::Error> {
        let mut writer = csv::Writer::from_writer(writer);
        writer.write_record(["part", "name", "bytes", "crc32c", "modified", "broken"])?;
        for Entry { part, name, content, modified, broken } in &self.entries {
            writer.write_record([
                part_name::of(*part),
                name,
                &content.bytes.to_string(),
                &content.crc32c.to_string(),
                &modified.to_string(),
                broken,
            ])?;
        }
        Ok(writer.flush()?)
    }
}

/// When a file was last changed, in nanoseconds since 1970, and its length; zeros where the system
/// does not say.
pub(super) fn stamp(path: &Path) -> (u64, u64) {
    let Ok(metadata) = fs::metadata(path) else { return (0, 0) };
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    (modified.map_or(0, |since| since.as_nanos() as u64), metadata.len())
}

/// A relative name, the same on every system.
pub(super) fn portable(name: &Path) -> String {
    let parts: PathBuf = name.components().collect();
    parts.to_string_lossy().replace('\\', "/")
}

/// Parts as `train`, `val` and `test`.
pub(super) mod part_name {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::Part;

    pub fn of(part: Part) -> &'static str {
        match part {
            Part::Train => "train",
            Part::Val => "val",
            Part::Test => "test",
        }
    }

    pub fn serialize<S: Serializer>(part: &Part, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(of(*part))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Part, D::Error> {
        let name = String::deserialize(deserializer)?;
        let known = [Part::Train, Part::Val, Part::Test].into_iter().find(|p| of(*p) == name);
        known.ok_or_else(|| D::Error::custom(format!("`{name}` is no part of a data set")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_register_is_written_and_read() {
        let entry = |part, name: &str, crc32c, broken: &str| Entry {
            part,
            name: name.to_owned(),
            content: Content { bytes: 7, crc32c },
            modified: 1_700_000_000_123_456_789,
            broken: broken.to_owned(),
        };
        let register = Register::new(vec![
            entry(Part::Train, "cat, big/1.jpg", u32::MAX, ""),
            entry(Part::Train, "dog/\"2\".jpg", 3, "not an image"),
            entry(Part::Val, "dog/3.jpg", 4, ""),
        ]);
        let mut text = vec![];
        register.write(&mut text).unwrap();
        let read = Register::read(&text[..]).unwrap();
        assert_eq!(read, register);
        assert_eq!(read.get(Part::Val, "dog/3.jpg").unwrap().content.crc32c, 4);
        assert!(read.get(Part::Train, "dog/3.jpg").is_none());
        let trained = [u32::MAX, 3, 4].map(|crc32c| read.is_trained(Content { bytes: 7, crc32c }));
        assert_eq!(trained, [true, false, false]);
    }

    #[test]
    fn damaged_registers_are_errors() {
        for text in ["part,name\ntrain,x\n", "part,name,bytes,crc32c,modified,broken\nx,a,1,1,1,\n"]
        {
            assert!(Register::read(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Register::read(&b""[..]).unwrap().is_empty());
    }
}
