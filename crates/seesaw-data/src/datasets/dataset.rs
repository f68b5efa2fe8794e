//! Images with labels, decoded on demand.

use std::{
    borrow::Cow,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use seesaw_image::{Limits, RgbImage};

use super::{
    DataError,
    item::Item,
    register::{Content, portable},
};
use crate::rng::{Purpose, Rng};

/// Images with labels. They are numbered from 0, in the order of files or names.
#[derive(Debug)]
pub struct Dataset {
    classes: Arc<[String]>,
    pub(super) items: Vec<Item>,
    limits: Limits,
    cache: Arc<Cache>,
}

/// How many bytes of decoded images may be kept, and are.
#[derive(Debug)]
pub(super) struct Cache {
    budget: u64,
    used: AtomicU64,
}

impl Cache {
    pub fn new(budget: u64) -> Self {
        Self { budget, used: AtomicU64::new(0) }
    }

    fn admits(&self, bytes: u64) -> bool {
        let grow = |used: u64| used.checked_add(bytes).filter(|&used| used <= self.budget);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grow).is_ok()
    }
}

impl Dataset {
    pub(super) fn new(
        classes: Arc<[String]>,
        items: Vec<Item>,
        limits: Limits,
        cache: Arc<Cache>,
    ) -> Self {
        Self { classes, items, limits, cache }
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The names of the classes, in the order of the labels.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The label of an image: an index into [`classes`](Self::classes).
    ///
    /// # Errors
    /// [`DataError::OutOfRange`].
    pub fn label(&self, index: usize) -> Result<u32, DataError> {
        Ok(self.item(index)?.label)
    }

    /// The file of an image. In a packed data set, there is no such file: it has the name of the one that
    /// was packed.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`].
    pub fn path(&self, index: usize) -> Result<PathBuf, DataError> {
        Ok(self.item(index)?.path())
    }

    /// The file of an image, and its number where the file holds several, to be read by people.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`].
    pub fn name(&self, index: usize) -> Result<String, DataError> {
        let item = self.item(index)?;
        let path = item.path();
        Ok(match item.number() {
            Some(record) => format!("{}[{record}]", path.display()),
            None => path.display().to_string(),
        })
    }

    /// The number of images of each class, in the order of the labels.
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        for item in &self.items {
            counts[item.label as usize] += 1;
        }
        counts
    }

    /// The name of an image relative to the folder of its class folders or its list, with `/`.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`].
    pub fn relative_name(&self, index: usize) -> Result<String, DataError> {
        Ok(portable(self.item(index)?.key().0))
    }

    /// Bytes of the file of an image, or of the one that was packed; 0 where the system does not say.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`].
    pub fn file_len(&self, index: usize) -> Result<u64, DataError> {
        Ok(self.item(index)?.stamp().1)
    }

    /// What the file of an image held when it was [verified](Self::verify) or packed.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`].
    pub fn content(&self, index: usize) -> Result<Option<Content>, DataError> {
        Ok(self.item(index)?.content.get().copied())
    }

    /// An image, from memory or decoded. It is kept in memory as far as the budget allows.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] and [`DataError::Image`]; in a packed data set also
    /// [`DataError::LeftOut`], and [`DataError::Damaged`] and [`DataError::Io`] of a shard.
    pub fn image(&self, index: usize) -> Result<Cow<'_, RgbImage>, DataError> {
        let item = self.item(index)?;
        if let Some(image) = item.image.get() {
            return Ok(Cow::Borrowed(image));
        }
        let bytes = item.read(&self.limits)?;
        let image = item.decode(&bytes, &self.limits)?;
        if self.cache.admits(image.pixels().len() as u64) {
            // Two threads at the same image decode and count it twice; then a little less is kept
            // than the budget allows.
            return Ok(Cow::Borrowed(item.image.get_or_init(|| image)));
        }
        Ok(Cow::Owned(image))
    }

    /// A number that tells this data set from others: it depends on the names, numbers and labels of the
    /// images, on the names of the classes, and on the pixels that are in memory from the start, as those
    /// of CIFAR are. Two data sets with the same number are the same with near certainty, unless someone
    /// wants them to differ; the contents of their files may.
    pub fn fingerprint(&self) -> u64 {
        let (mut text, mut pixels) = (0, 0);
        for class in self.classes.iter() {
            text = crc32c::crc32c_append(text, class.as_bytes());
            text = crc32c::crc32c_append(text, &[0]);
        }
        for item in &self.items {
            let (name, number) = item.key();
            text = crc32c::crc32c_append(text, portable(name).as_bytes());
            text = crc32c::crc32c_append(text, &[0]);
            text = crc32c::crc32c_append(text, &number.to_le_bytes());
            text = crc32c::crc32c_append(text, &item.label.to_le_bytes());
            if let (Some(_), Some(image)) = (item.number(), item.image.get()) {
                pixels = crc32c::crc32c_append(pixels, image.pixels());
            }
        }
        u64::from(text) << 32 | u64::from(pixels)
    }

    /// The encoded image, as its file or its packed data set has it, whatever is in memory. `None` for images
    /// that are records of a file.
    ///
    /// # Errors
    /// As [`Self::image`]; the bytes need not be an image.
    pub fn encoded(&self, index: usize) -> Result<Option<Vec<u8>>, DataError> {
        let item = self.item(index)?;
        if item.number().is_some() {
            return Ok(None);
        }
        item.read(&self.limits).map(Some)
    }

    /// Keeps `limit` random images in their order, the same ones for the same seed; all, where there
    /// are no more than that.
    pub fn sample(&mut self, limit: usize, seed: u64) {
        if limit >= self.items.len() {
            return;
        }
        let mut order: Vec<usize> = (0..self.items.len()).collect();
        Rng::new(seed, Purpose::Limit, [0, 0]).shuffle(&mut order);
        order.truncate(limit);
        order.sort_unstable();
        self.retain(|index| order.binary_search(&index).is_ok());
    }

    /// Keeps the images for whose indices `keeps` returns true.
    pub fn retain(&mut self, mut keeps: impl FnMut(usize) -> bool) {
        let mut indices = 0..;
        self.items.retain(|_| indices.next().is_some_and(&mut keeps));
    }

    fn item(&self, index: usize) -> Result<&Item, DataError> {
        self.items.get(index).ok_or(DataError::OutOfRange { index, len: self.items.len() })
    }
}
