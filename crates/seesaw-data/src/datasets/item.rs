//! One image of a data set, and where its bytes are.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use seesaw_image::{ImageError, Limits, RgbImage, decode};

use super::{
    DataError,
    packed::Packed,
    register::{Content, stamp},
};

/// One image.
#[derive(Debug)]
pub(super) struct Item {
    /// The folder that `name` is relative to.
    root: Arc<Path>,
    /// The file.
    name: PathBuf,
    place: Place,
    pub label: u32,
    pub(super) image: OnceLock<RgbImage>,
    /// What the file held when it was checked, or packed.
    pub(super) content: OnceLock<Content>,
}

/// Where an image is.
#[derive(Debug)]
enum Place {
    /// The file is the image.
    File,
    /// The image with this number in the file. It is in memory.
    Record(u32),
    /// A part of another file. `root` and `name` are what it was called.
    Packed(Box<Packed>),
}

impl Item {
    pub fn file(root: &Arc<Path>, name: PathBuf, label: u32) -> Self {
        Self::new(root, name, Place::File, label)
    }

    /// The image with number `record` of the file `name`.
    pub fn record(root: &Arc<Path>, name: &str, record: u32, label: u32, image: RgbImage) -> Self {
        let place = Place::Record(record);
        Self { image: image.into(), ..Self::new(root, name.into(), place, label) }
    }

    /// An image of a packed data set; its file had this content.
    pub fn packed(
        root: &Arc<Path>,
        name: PathBuf,
        label: u32,
        packed: Packed,
        content: Content,
    ) -> Self {
        let place = Place::Packed(Box::new(packed));
        Self { content: content.into(), ..Self::new(root, name, place, label) }
    }

    fn new(root: &Arc<Path>, name: PathBuf, place: Place, label: u32) -> Self {
        let root = Arc::clone(root);
        Self { root, name, place, label, image: OnceLock::new(), content: OnceLock::new() }
    }

    /// Identifies the image, wherever the data set is stored.
    pub fn key(&self) -> (&Path, u32) {
        (&self.name, self.number().unwrap_or(0))
    }

    /// The number of the image in its file, where that holds several.
    pub fn number(&self) -> Option<u32> {
        match self.place {
            Place::Record(record) => Some(record),
            Place::File | Place::Packed(_) => None,
        }
    }

    pub fn path(&self) -> PathBuf {
        self.root.join(&self.name)
    }

    /// Where the image is in a packed data set.
    pub fn as_packed(&self) -> Option<&Packed> {
        match &self.place {
            Place::Packed(packed) => Some(packed),
            Place::File | Place::Record(_) => None,
        }
    }

    /// When the file was last changed, and its length, as in a [register](super::Register); for an image
    /// of a packed data set, the shard's time and the length that the file had.
    pub fn stamp(&self) -> (u64, u64) {
        match &self.place {
            Place::Packed(packed) => {
                (packed.modified(), self.content.get().map_or(0, |content| content.bytes))
            }
            Place::File | Place::Record(_) => stamp(&self.path()),
        }
    }

    /// The encoded image. The content of the file is known from now on.
    ///
    /// # Errors
    /// [`DataError::Image`] where a file cannot be read or is too large; those of
    /// [`Packed::read`] in a packed data set.
    pub fn read(&self, limits: &Limits) -> Result<Vec<u8>, DataError> {
        if let Some(packed) = self.as_packed() {
            return packed.read(&self.path(), limits);
        }
        let bytes = decode::read(&self.path(), limits).map_err(|source| self.error(source))?;
        self.content.get_or_init(|| Content::of(&bytes));
        Ok(bytes)
    }

    /// The decoded image.
    ///
    /// # Errors
    /// As [`Self::read`], and [`DataError::Image`] where it is no image.
    pub fn decode(&self, bytes: &[u8], limits: &Limits) -> Result<RgbImage, DataError> {
        decode::decode(bytes, limits).map_err(|source| self.error(source))
    }

    fn error(&self, source: ImageError) -> DataError {
        DataError::Image { path: self.path(), source }
    }
}
