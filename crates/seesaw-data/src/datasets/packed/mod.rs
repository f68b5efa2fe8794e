//! Packed data sets: images in a few large files, with an index.
//!
//! `pack.jsonl` is the index. Its first line describes the data set; each shard has a line, followed by
//! one for each of its images; the last line has the checksum of those before it. Shards are tar
//! archives, so that other programs read them; this one reads only the ranges that the index names.

mod index;
mod lines;
mod shards;

use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
    sync::Arc,
};

pub use index::{Index, IndexError, read_index};
#[cfg(feature = "pack")]
pub use index::{Mark, Unfinished, read_unfinished};
#[cfg(feature = "pack")]
pub use lines::{EndLine, FORMAT, ImageLine, Parts, Settings, ShardLine, VERSION};
pub use lines::{Header, Stored};

use seesaw_image::Limits;

use super::{DataError, Findings, Found, Kind, Note, Part, item::Item, register::part_name};
use crate::find::Skipped;
use shards::Shards;

/// The name of the index.
pub const INDEX: &str = "seesaw-pack.jsonl";
/// Its name while it is written.
pub const UNFINISHED: &str = "seesaw-pack.jsonl.partial";
/// The class of images without labels.
const UNLABELED: &str = "photo";

/// How the images of a packed data set are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PackedFacts {
    /// Files that hold images.
    pub shards: usize,
    /// Bytes of these files.
    pub bytes: u64,
    /// Images that are stored.
    pub images: usize,
    /// Images that were shrunk before they were stored; the others are stored as they were.
    pub shrunk: usize,
    /// Images that were broken when the data set was packed, and are not stored.
    pub left_out: usize,
    /// Pixels of the shorter side to which larger images were shrunk; `None` where none was.
    pub shorter_side: Option<u32>,
    /// The quality of the JPEGs that shrunk images became.
    pub quality: u8,
}

/// Where an image is in a packed data set.
#[derive(Debug)]
pub struct Packed {
    shards: Arc<Shards>,
    shard: u32,
    stored: Result<Stored, Box<str>>,
}

impl Packed {
    /// Orders images as they are stored.
    pub fn position(&self) -> (u32, u64) {
        (self.shard, self.stored.as_ref().map_or(0, |stored| stored.offset))
    }

    /// The shard, where the image begins in it, and its bytes; `None` where it is broken.
    pub fn range(&self) -> Option<(u32, u64, u64)> {
        self.stored.as_ref().ok().map(|stored| (self.shard, stored.offset, stored.bytes))
    }

    /// The shards of the data set.
    pub fn shards(&self) -> &Shards {
        &self.shards
    }

    /// When the shard was last changed, as in a register.
    pub fn modified(&self) -> u64 {
        self.shards.modified(self.shard)
    }

    /// The encoded image.
    ///
    /// # Errors
    /// [`DataError::LeftOut`], and those of [`Shards::read`].
    pub fn read(&self, path: &Path, limits: &Limits) -> Result<Vec<u8>, DataError> {
        match &self.stored {
            Ok(stored) => self.shards.read(self.shard, stored, path, limits),
            Err(reason) => {
                Err(DataError::LeftOut { path: path.to_owned(), reason: reason.to_string() })
            }
        }
    }

    /// Compares the image with its checksum. Returns whether there is one.
    ///
    /// # Errors
    /// Those of [`Shards::check`].
    pub fn check(&self, path: &Path) -> Result<bool, DataError> {
        match &self.stored {
            Ok(stored) => self.shards.check(self.shard, stored, path).map(|()| true),
            Err(_) => Ok(false),
        }
    }
}

/// Opens the packed data set at `path`: its folder, or its index. `None` where there is none.
pub(super) fn find(path: &Path, unlabeled: bool) -> Result<Option<Found>, DataError> {
    let folder = if path.file_name().is_some_and(|name| name == INDEX) && path.is_file() {
        path.parent().unwrap_or(Path::new(""))
    } else {
        path
    };
    let file = folder.join(INDEX);
    if !file.is_file() {
        let unfinished = folder.join(UNFINISHED).is_file();
        return if unfinished { Err(DataError::Unfinished(folder.to_owned())) } else { Ok(None) };
    }
    let reader = BufReader::new(File::open(&file).map_err(DataError::io(&file))?);
    let index = read_index(reader).map_err(|error| DataError::damaged(&file, error.to_string()))?;
    let lengths = index.shards.iter().map(|(shard, _)| (shard.shard.as_str(), shard.bytes));
    let shards = Arc::new(Shards::new(folder, lengths)?);
    Ok(Some(found(folder, index, &shards, unlabeled)))
}

fn found(folder: &Path, index: Index, shards: &Arc<Shards>, unlabeled: bool) -> Found {
    let facts = facts(&index);
    let findings = findings(&index.header, &facts);
    let Index { header: Header { kind, classes, parts, .. }, shards: lines } = index;
    let mut items = [const { vec![] }; 3];
    let roots = [Part::Train, Part::Val, Part::Test].map(|part| -> Arc<Path> {
        let several = parts.are_several();
        let root = if several { folder.join(part_name::of(part)) } else { folder.to_owned() };
        root.into()
    });
    for ((shard, images), number) in lines.into_iter().zip(0..) {
        let part = shard.part as usize;
        for image in images {
            let packed = Packed {
                shards: Arc::clone(shards),
                shard: number,
                stored: image.stored.ok_or_else(|| image.broken.clone().unwrap_or_default().into()),
            };
            let content = image.content();
            let label = if unlabeled { 0 } else { image.label };
            let name = PathBuf::from(image.name);
            let item = Item::packed(&roots[part], name, label, packed, content);
            items[part].push((image.place, item));
        }
    }
    let [train, val, test] = items.map(in_order);
    let is_photos = kind == Kind::Photos;
    Found {
        // Labels that no one gave are none to train on.
        kind: if unlabeled {
            Kind::Photos
        } else if is_photos {
            Kind::Folders
        } else {
            kind
        },
        classes: if unlabeled { vec![UNLABELED.to_owned()] } else { classes },
        train,
        val: parts.val.map(|_| val),
        test: parts.test.map(|_| test),
        findings,
        packed: Some(facts),
    }
}

/// The images of a part, in the order of the data set that was packed.
fn in_order(mut items: Vec<(u32, Item)>) -> Vec<Item> {
    items.sort_unstable_by_key(|(place, _)| *place);
    items.into_iter().map(|(_, item)| item).collect()
}

fn facts(index: &Index) -> PackedFacts {
    let images = || index.shards.iter().flat_map(|(_, images)| images);
    let settings = index.header.settings;
    PackedFacts {
        shards: index.shards.len(),
        bytes: index.shards.iter().fold(0, |sum, (shard, _)| sum.saturating_add(shard.bytes)),
        images: images().filter(|image| image.stored.is_some()).count(),
        shrunk: images().filter(|image| image.is_shrunk()).count(),
        left_out: images().filter(|image| image.stored.is_none()).count(),
        shorter_side: settings.shorter_side,
        quality: settings.quality,
    }
}

/// What was found when the data set was packed, and what packing changed.
fn findings(header: &Header, facts: &PackedFacts) -> Findings {
    let mut notes: Vec<Note> = header.notes.iter().cloned().map(Note::Packed).collect();
    if let (Some(side), true) = (facts.shorter_side, facts.shrunk > 0) {
        notes.push(Note::Shrunk { shrunk: facts.shrunk, images: facts.images, side });
    }
    let skipped = Skipped::from_counts(header.skipped.clone(), header.leftovers);
    Findings { notes, skipped }
}
