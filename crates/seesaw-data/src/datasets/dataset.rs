//! Images with labels, decoded on demand.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
};

use seesaw_image::{Limits, RgbImage, decode};

use super::DataError;
use crate::rng::{Purpose, Rng};

/// Images with labels. They are numbered from 0, in the order of files or names.
#[derive(Debug)]
pub struct Dataset {
    classes: Arc<[String]>,
    items: Vec<Item>,
    limits: Limits,
    cache: Arc<Cache>,
}

/// One image.
#[derive(Debug)]
pub(super) struct Item {
    /// The folder that `name` is relative to.
    root: Arc<Path>,
    /// The file.
    name: PathBuf,
    /// The number of the image in the file, where it holds several.
    record: Option<u32>,
    pub label: u32,
    image: OnceLock<RgbImage>,
}

impl Item {
    pub fn file(root: &Arc<Path>, name: PathBuf, label: u32) -> Self {
        Self { root: Arc::clone(root), name, record: None, label, image: OnceLock::new() }
    }

    /// The image with number `record` of the file `name`.
    pub fn record(root: &Arc<Path>, name: &str, record: u32, label: u32, image: RgbImage) -> Self {
        let record = Some(record);
        Self { root: Arc::clone(root), name: name.into(), record, label, image: image.into() }
    }

    /// Identifies the image, wherever the data set is stored.
    pub fn key(&self) -> (&Path, u32) {
        (&self.name, self.record.unwrap_or(0))
    }

    fn path(&self) -> PathBuf {
        self.root.join(&self.name)
    }
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

/// The result of [`Dataset::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Images that can be decoded.
    pub kept: usize,
    /// Images that were dropped, in their order, and why.
    pub broken: Vec<(PathBuf, String)>,
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

    /// The file of an image.
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
        Ok(match item.record {
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

    /// An image, from memory or decoded. It is kept in memory as far as the budget allows.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] and [`DataError::Image`].
    pub fn image(&self, index: usize) -> Result<Cow<'_, RgbImage>, DataError> {
        let item = self.item(index)?;
        if let Some(image) = item.image.get() {
            return Ok(Cow::Borrowed(image));
        }
        let path = item.path();
        let image = match decode::open(&path, &self.limits) {
            Ok(image) => image,
            Err(source) => return Err(DataError::Image { path, source }),
        };
        if self.cache.admits(image.pixels().len() as u64) {
            // Two threads at the same image decode and count it twice; then a little less is kept
            // than the budget allows.
            return Ok(Cow::Borrowed(item.image.get_or_init(|| image)));
        }
        Ok(Cow::Owned(image))
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
    fn retain(&mut self, mut keeps: impl FnMut(usize) -> bool) {
        let mut indices = 0..;
        self.items.retain(|_| indices.next().is_some_and(&mut keeps));
    }

    /// Decodes every image once on `threads` threads, keeps them in memory as far as the budget
    /// allows, and drops those that cannot be decoded. `progress` is called with the number of images
    /// done so far, in no particular order.
    ///
    /// # Errors
    /// [`DataError::NoneLeft`] where there were images and all of them are broken.
    pub fn verify(
        &mut self,
        threads: usize,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Report, DataError> {
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let broken = Mutex::new(vec![]);
        let work = || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= self.items.len() {
                    return;
                }
                if let Err(error) = self.image(index) {
                    let reason = match error {
                        DataError::Image { source, .. } => source.to_string(),
                        other => other.to_string(),
                    };
                    broken.lock().unwrap_or_else(|e| e.into_inner()).push((index, reason));
                }
                progress(done.fetch_add(1, Ordering::Relaxed) + 1);
            }
        };
        thread::scope(|scope| {
            for _ in 1..threads.min(self.items.len()) {
                scope.spawn(work);
            }
            work();
        });
        let mut broken = broken.into_inner().unwrap_or_else(|e| e.into_inner());
        broken.sort_unstable();
        self.leave_out(&broken)
    }

    fn leave_out(&mut self, broken: &[(usize, String)]) -> Result<Report, DataError> {
        let named: Vec<(PathBuf, String)> = broken
            .iter()
            .map(|(index, reason)| (self.items[*index].path(), reason.clone()))
            .collect();
        let mut indices = broken.iter().map(|&(index, _)| index).peekable();
        self.retain(|index| indices.next_if_eq(&index).is_none());
        match named.first() {
            Some((first, reason)) if self.items.is_empty() => Err(DataError::NoneLeft {
                broken: named.len(),
                first: first.clone(),
                reason: reason.clone(),
            }),
            _ => Ok(Report { kept: self.items.len(), broken: named }),
        }
    }

    fn item(&self, index: usize) -> Result<&Item, DataError> {
        self.items.get(index).ok_or(DataError::OutOfRange { index, len: self.items.len() })
    }
}
