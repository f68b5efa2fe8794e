//! Checking every image of a data set once.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use serde::{Deserialize, Serialize};

use super::{
    DataError, Dataset, Part,
    item::Item,
    packed::Packed,
    register::{Content, Entry, Register, portable},
};

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

/// What checking some of the images gave, for [`Dataset::leave_out`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Checks(Vec<(usize, Checked)>);

/// What checking an image gave.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Checked {
    entry: Option<Entry>,
    broken: Option<String>,
    dark: bool,
}

impl Dataset {
    /// Decodes every image once, keeps them in memory as far as the budget allows, and drops those
    /// that cannot be decoded. `progress` is called with the number of images done so far, in no
    /// particular order.
    ///
    /// # Errors
    /// [`DataError::NoneLeft`] where there were images and all of them are broken. Where the bytes of a
    /// packed data set are not those that were packed, [`DataError::Damaged`] and
    /// [`DataError::DamagedImages`]: that is no fault of a photo.
    pub fn verify(
        &mut self,
        how: Verify<'_>,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Report, DataError> {
        let checks = self.check_share(how, [0, 1], progress)?;
        self.leave_out(vec![checks])
    }

    /// Decodes the images of one share, `[number, shares]`, as [`Self::verify`] does. Shares are of equal
    /// size, and each is stored in one place as far as possible.
    ///
    /// # Errors
    /// As [`Self::verify`], except for [`DataError::NoneLeft`].
    pub fn check_share(
        &self,
        how: Verify<'_>,
        [number, shares]: [usize; 2],
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Checks, DataError> {
        let check = |index: usize, item: &Item| self.check(index, item, how);
        let order = self.stored_order();
        let start = |number: usize| order.len() * number / shares;
        let share = &order[start(number)..start(number + 1)];
        let checked = self.for_each(share, how.threads, &check, progress);
        let (indices, checked): (Vec<usize>, Vec<_>) = checked.into_iter().unzip();
        Ok(Checks(indices.into_iter().zip(all_or_damage(checked)?).collect()))
    }

    /// Compares every image of a packed data set with its checksum and decodes none, which takes as long
    /// as reading does. Returns the number of images that were compared.
    ///
    /// # Errors
    /// As [`Self::verify`], except for [`DataError::NoneLeft`].
    pub fn verify_checksums(
        &self,
        threads: usize,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<usize, DataError> {
        let check = |_: usize, item: &Item| match item.as_packed() {
            Some(packed) => packed.check(&item.path()).map(usize::from),
            None => Ok(0),
        };
        let counts = self.for_each(&self.stored_order(), threads, &check, progress);
        let counts = counts.into_iter().map(|(_, count)| count).collect();
        all_or_damage(counts).map(|counts| counts.iter().sum())
    }

    /// The images in the order in which they are stored.
    fn stored_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.items.len()).collect();
        order.sort_by_key(|&index| self.items[index].as_packed().map(Packed::position));
        order
    }

    /// What `check` gives for each of these images, which are taken in this order; with their indices,
    /// and sorted by them.
    fn for_each<T: Send>(
        &self,
        order: &[usize],
        threads: usize,
        check: &(dyn Fn(usize, &Item) -> T + Sync),
        progress: &(dyn Fn(usize) + Sync),
    ) -> Vec<(usize, T)> {
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let checked = Mutex::new(vec![]);
        let work = || {
            let mut own = vec![];
            while let Some(&index) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                own.push((index, check(index, &self.items[index])));
                progress(done.fetch_add(1, Ordering::Relaxed) + 1);
            }
            checked.lock().unwrap_or_else(|e| e.into_inner()).extend(own);
        };
        thread::scope(|scope| {
            for _ in 1..threads.min(order.len()) {
                scope.spawn(work);
            }
            work();
        });
        let mut checked = checked.into_inner().unwrap_or_else(|e| e.into_inner());
        checked.sort_unstable_by_key(|(index, _)| *index);
        checked
    }

    /// Decodes an image, unless its file is registered and has not changed.
    fn check(&self, index: usize, item: &Item, how: Verify<'_>) -> Result<Checked, DataError> {
        if item.number().is_some() {
            return Ok(Checked { entry: None, broken: None, dark: false });
        }
        let name = portable(item.key().0);
        let (modified, len) = item.stamp();
        let known = how.known.and_then(|register| register.get(how.part, &name));
        let is_same = |entry: &&Entry| {
            let content = item.content.get().is_none_or(|content| *content == entry.content);
            content && (entry.modified, entry.content.bytes) == (modified, len)
        };
        if let Some(entry) = known.filter(is_same) {
            item.content.get_or_init(|| entry.content);
            let broken = (!entry.broken.is_empty()).then(|| entry.broken.clone());
            return Ok(Checked { entry: Some(entry.clone()), broken, dark: false });
        }
        let (broken, dark) = match self.image(index) {
            Ok(image) => (None, image.is_nearly_black()),
            Err(DataError::Image { source, .. }) => (Some(source.to_string()), false),
            Err(DataError::LeftOut { reason, .. }) => (Some(reason), false),
            Err(other) => return Err(other),
        };
        let content = item.content.get().copied().unwrap_or(Content { bytes: len, crc32c: 0 });
        let reason = broken.clone().unwrap_or_default();
        let entry = Entry::new(how.part, name, content, modified, reason);
        Ok(Checked { entry: Some(entry), broken, dark })
    }

    /// Drops the images that cannot be decoded, once the shares of all images were checked, here or
    /// where the same data set is open.
    ///
    /// # Errors
    /// [`DataError::NoneLeft`].
    ///
    /// # Panics
    /// When an image was not checked, or twice.
    pub fn leave_out(&mut self, shares: Vec<Checks>) -> Result<Report, DataError> {
        let mut checked: Vec<(usize, Checked)> =
            shares.into_iter().flat_map(|Checks(share)| share).collect();
        checked.sort_unstable_by_key(|(index, _)| *index);
        let once = checked.iter().map(|(index, _)| *index).eq(0..self.items.len());
        assert!(once, "each image of the data set is checked once");
        let (mut broken, mut dark, mut entries) = (vec![], vec![], vec![]);
        let mut usable = vec![];
        for (item, (_, checked)) in self.items.iter().zip(checked) {
            let Checked { entry, broken: reason, dark: is_dark } = checked;
            if let (Some(entry), None) = (&entry, &reason) {
                item.content.get_or_init(|| entry.content);
            }
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
}

/// All results, or what is wrong with the shards of a packed data set.
fn all_or_damage<T>(results: Vec<Result<T, DataError>>) -> Result<Vec<T>, DataError> {
    let (mut all, mut first, mut images) = (Vec::with_capacity(results.len()), None, 0);
    let mut shards = BTreeSet::new();
    for result in results {
        match result {
            Ok(result) => all.push(result),
            Err(error) => {
                images += 1;
                if let DataError::Damaged { path, .. } = &error {
                    shards.insert(path.clone());
                }
                first.get_or_insert(error);
            }
        }
    }
    match first {
        None => Ok(all),
        Some(only) if images == 1 => Err(only),
        Some(first) => {
            let shards = shards.into_iter().collect();
            Err(DataError::DamagedImages { images, shards, first: Box::new(first) })
        }
    }
}
