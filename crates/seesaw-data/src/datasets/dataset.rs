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

use super::{
    DataError, Part,
    register::{Content, Entry, Register, portable, stamp},
};
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
    /// What the file held when it was checked.
    content: OnceLock<Content>,
}

impl Item {
    pub fn file(root: &Arc<Path>, name: PathBuf, label: u32) -> Self {
        let root = Arc::clone(root);
        let (image, content) = (OnceLock::new(), OnceLock::new());
        Self { root, name, record: None, label, image, content }
    }

    /// The image with number `record` of the file `name`.
    pub fn record(root: &Arc<Path>, name: &str, record: u32, label: u32, image: RgbImage) -> Self {
        let (root, record) = (Arc::clone(root), Some(record));
        Self {
            root,
            name: name.into(),
            record,
            label,
            image: image.into(),
            content: OnceLock::new(),
        }
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
    /// Images that are nearly black, in their order, as pictures of 12 bits in 16 are.
    pub dark: Vec<PathBuf>,
    /// All files that were checked, in their order, as those of `part`.
    pub entries: Vec<Entry>,
}

/// How [`Dataset::verify`] works.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Verify<'a> {
    /// Threads that decode.
    pub threads: usize,
    /// The part that the images are registered as.
    pub part: Part,
    /// Files that were checked before. Those that have not changed are not read again.
    pub known: Option<&'a Register>,
}

impl<'a> Verify<'a> {
    /// Decodes every image on so many threads.
    pub fn new(threads: usize) -> Self {
        Self { threads, part: Part::Val, known: None }
    }

    /// The same for images of this part.
    #[must_use]
    pub fn part(mut self, part: Part) -> Self {
        self.part = part;
        self
    }

    /// The same, except for files that have not changed since they were registered.
    #[must_use]
    pub fn known(mut self, register: impl Into<Option<&'a Register>>) -> Self {
        self.known = register.into();
        self
    }
}

/// What checking an image gave.
struct Checked {
    entry: Option<Entry>,
    broken: Option<String>,
    dark: bool,
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

    /// The name of an image relative to the folder of its class folders or its list, with `/`.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`].
    pub fn relative_name(&self, index: usize) -> Result<String, DataError> {
        Ok(portable(&self.item(index)?.name))
    }

    /// What the file of an image held when it was [verified](Self::verify).
    ///
    /// # Errors
    /// [`DataError::OutOfRange`].
    pub fn content(&self, index: usize) -> Result<Option<Content>, DataError> {
        Ok(self.item(index)?.content.get().copied())
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
        let bytes = match decode::read(&path, &self.limits) {
            Ok(bytes) => bytes,
            Err(source) => return Err(DataError::Image { path, source }),
        };
        item.content.get_or_init(|| Content::of(&bytes));
        let image = match decode::decode(&bytes, &self.limits) {
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
    pub fn retain(&mut self, mut keeps: impl FnMut(usize) -> bool) {
        let mut indices = 0..;
        self.items.retain(|_| indices.next().is_some_and(&mut keeps));
    }

    /// Decodes every image once, keeps them in memory as far as the budget allows, and drops those
    /// that cannot be decoded. `progress` is called with the number of images done so far, in no
    /// particular order.
    ///
    /// # Errors
    /// [`DataError::NoneLeft`] where there were images and all of them are broken.
    pub fn verify(
        &mut self,
        how: Verify<'_>,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Report, DataError> {
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let checked = Mutex::new(vec![]);
        let work = || {
            let mut own = vec![];
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = self.items.get(index) else { break };
                own.push((index, self.check(index, item, how)));
                progress(done.fetch_add(1, Ordering::Relaxed) + 1);
            }
            checked.lock().unwrap_or_else(|e| e.into_inner()).extend(own);
        };
        thread::scope(|scope| {
            for _ in 1..how.threads.min(self.items.len()) {
                scope.spawn(work);
            }
            work();
        });
        let mut checked = checked.into_inner().unwrap_or_else(|e| e.into_inner());
        checked.sort_unstable_by_key(|(index, _)| *index);
        self.leave_out(checked.into_iter().map(|(_, checked)| checked).collect())
    }

    /// Decodes an image, unless its file is registered and has not changed.
    fn check(&self, index: usize, item: &Item, how: Verify<'_>) -> Checked {
        if item.record.is_some() {
            return Checked { entry: None, broken: None, dark: false };
        }
        let name = portable(&item.name);
        let (modified, len) = stamp(&item.path());
        let known = how.known.and_then(|register| register.get(how.part, &name));
        if let Some(entry) = known.filter(|e| (e.modified, e.content.bytes) == (modified, len)) {
            item.content.get_or_init(|| entry.content);
            let broken = (!entry.broken.is_empty()).then(|| entry.broken.clone());
            return Checked { entry: Some(entry.clone()), broken, dark: false };
        }
        let (broken, dark) = match self.image(index) {
            Ok(image) => (None, image.is_nearly_black()),
            Err(DataError::Image { source, .. }) => (Some(source.to_string()), false),
            Err(other) => (Some(other.to_string()), false),
        };
        let content = item.content.get().copied().unwrap_or(Content { bytes: len, crc32c: 0 });
        let reason = broken.clone().unwrap_or_default();
        let entry = Entry::new(how.part, name, content, modified, reason);
        Checked { entry: Some(entry), broken, dark }
    }

    fn leave_out(&mut self, checked: Vec<Checked>) -> Result<Report, DataError> {
        let (mut broken, mut dark, mut entries) = (vec![], vec![], vec![]);
        let mut usable = vec![];
        for (item, checked) in self.items.iter().zip(checked) {
            let Checked { entry, broken: reason, dark: is_dark } = checked;
            usable.push(reason.is_none());
            dark.extend(is_dark.then(|| item.path()));
            broken.extend(reason.map(|reason| (item.path(), reason)));
            entries.extend(entry);
        }
        self.retain(|index| usable[index]);
        match broken.first() {
            Some((first, reason)) if self.items.is_empty() => Err(DataError::NoneLeft {
                broken: broken.len(),
                first: first.clone(),
                reason: reason.clone(),
            }),
            _ => Ok(Report { kept: self.items.len(), broken, dark, entries }),
        }
    }

    fn item(&self, index: usize) -> Result<&Item, DataError> {
        self.items.get(index).ok_or(DataError::OutOfRange { index, len: self.items.len() })
    }
}
