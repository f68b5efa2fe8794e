//! The lines of an index, as JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::{
    Kind, Part,
    register::{Content, part_name},
};

/// What the first line of an index says it is.
pub const FORMAT: &str = "seesaw-pack";
/// The version of the format that is written, and the only one that is read.
pub const VERSION: u32 = 1;

/// The first line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// The layout of the data set that was packed.
    #[serde(with = "kind_name")]
    pub kind: Kind,
    /// In the order of the labels.
    pub classes: Vec<String>,
    /// Images of each part.
    pub parts: Parts,
    /// How images were stored.
    pub settings: Settings,
    /// CRC-32C of the parts, names and labels of all images, to recognize the same data set.
    pub names_crc32c: u32,
    /// What was found when the data set was opened to pack it.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The files that were not looked at, by extension.
    #[serde(default)]
    pub skipped: BTreeMap<String, usize>,
    /// Hidden files and folders of systems, which were ignored.
    #[serde(default)]
    pub leftovers: usize,
}

impl Header {
    /// Whether packing can continue what began with the other line: images and settings are the same,
    /// whatever was said about them.
    #[cfg(feature = "pack")]
    pub fn continues(&self, other: &Self) -> bool {
        let plain = |header: &Self| Self {
            notes: vec![],
            skipped: BTreeMap::new(),
            leftovers: 0,
            ..header.clone()
        };
        plain(self) == plain(other)
    }
}

/// Images of each part; `None` where the data set has no such part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts {
    /// Images to train on.
    pub train: usize,
    /// Images to validate on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub val: Option<usize>,
    /// Images to test with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<usize>,
}

impl Parts {
    pub fn get(&self, part: Part) -> Option<usize> {
        match part {
            Part::Train => Some(self.train),
            Part::Val => self.val,
            Part::Test => self.test,
        }
    }

    /// What the shards of a part are called.
    #[cfg(feature = "pack")]
    pub fn name(&self, part: Part) -> &'static str {
        if self.are_several() { part_name::of(part) } else { "images" }
    }

    /// Whether there is more than one part, each of which then has a folder in the shards.
    pub fn are_several(&self) -> bool {
        self.val.is_some() || self.test.is_some()
    }
}

/// How images were stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Pixels of the shorter side to which larger images were shrunk; `None` where none was.
    pub shorter_side: Option<u32>,
    /// The quality of the JPEGs that shrunk images became.
    pub quality: u8,
    /// The size at which a shard was full.
    pub shard_bytes: u64,
}

/// The line of a shard. Those of its images follow it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardLine {
    /// The name of the file.
    pub shard: String,
    /// The part that its images belong to.
    #[serde(with = "part_name")]
    pub part: Part,
    /// How many lines of images follow, with those of broken ones.
    pub images: usize,
    /// The length of the file.
    pub bytes: u64,
}

/// The line of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageLine {
    /// Its number in its part.
    pub place: u32,
    /// Its name in the data set that was packed.
    pub name: String,
    /// An index into the classes.
    pub label: u32,
    /// Where its bytes are in the shard; `None` where it is broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<Stored>,
    /// What the file held, where that is not what is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Content>,
    /// Why it is not stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<String>,
}

impl ImageLine {
    /// What the file held.
    pub fn content(&self) -> Content {
        let stored = self.stored.map(|s| Content { bytes: s.bytes, crc32c: s.crc32c });
        self.source.or(stored).unwrap_or(Content { bytes: 0, crc32c: 0 })
    }

    /// Whether what is stored is not the file.
    pub fn is_shrunk(&self) -> bool {
        self.stored.is_some() && self.source.is_some()
    }
}

/// The bytes of an image in a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Where they begin.
    pub offset: u64,
    /// How many they are.
    pub bytes: u64,
    /// Their CRC-32C.
    pub crc32c: u32,
}

/// The last line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndLine {
    /// CRC-32C of all bytes before this line.
    pub index_crc32c: u32,
}

/// Layouts by the names that they have in an index.
mod kind_name {
    use serde::{Deserialize, Deserializer, Serializer, de::Error, ser};

    use super::Kind;

    const NAMES: [(Kind, &str); 3] =
        [(Kind::Folders, "folders"), (Kind::List, "list"), (Kind::Photos, "photos")];

    pub fn serialize<S: Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
        match NAMES.iter().find(|(known, _)| known == kind) {
            Some((_, name)) => serializer.serialize_str(name),
            None => Err(ser::Error::custom(format!("{kind} cannot be packed"))),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Kind, D::Error> {
        let name = String::deserialize(deserializer)?;
        let known = NAMES.iter().find(|(_, known)| *known == name);
        known
            .map(|(kind, _)| *kind)
            .ok_or_else(|| D::Error::custom(format!("unknown kind `{name}`")))
    }
}
