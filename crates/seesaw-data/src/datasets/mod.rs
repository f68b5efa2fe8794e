//! Data sets: images with labels, for training and for validation.
//!
//! [`open`] recognizes the layout at a path:
//!
//! | layout | recognized by |
//! |---|---|
//! | CIFAR-10, CIFAR-100, binary | `data_batch_1.bin`; `train.bin` (also in the folder that the official archive makes) |
//! | MNIST, Fashion-MNIST | `train-images-idx3-ubyte`, or the same with `.gz` (also in torchvision's `MNIST/raw`) |
//! | class folders | `train`, and next to it `val`, `validation`, `valid` or `test` |
//! | one folder of class folders | any other folder that has folders with photos |
//! | a list | a file `*.csv` with the columns `path` and `label`, and optionally `split` |

mod cifar;
mod dataset;
mod error;
mod folders;
mod idx;
mod list;
mod split;

use std::{fmt, path::Path, sync::Arc};

pub use cifar::{Cifar, read_cifar};
pub use dataset::{Dataset, Report};
pub use error::DataError;
pub use idx::{Idx, read_idx};
pub use list::{ListEntry, ListError, read_list};

use dataset::{Cache, Item};
use seesaw_image::Limits;

/// Options of [`open`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct OpenOptions {
    /// The share of each class's training images that is held out for validation, from 0 to 1.
    ///
    /// With a number, validation images that the data set itself has are not used. With `None`, they
    /// are used, and where there are none, [`DEFAULT_VAL_SPLIT`] is held out.
    pub val_split: Option<f64>,
    /// Decides, together with the names of the files, which images are held out; 0 by default.
    pub seed: u64,
    /// Bytes of decoded images that are kept in memory, training and validation together; 1 GiB by
    /// default. CIFAR and MNIST are always kept.
    pub cache_bytes: u64,
    /// Limits on the size of an image.
    pub limits: Limits,
    /// Whether the photos of a folder have no labels: then all of them, at any depth, are of one
    /// class. CIFAR, MNIST and lists keep theirs.
    pub unlabeled: bool,
}

/// The share that is held out where a data set has no validation images and no share is given.
pub const DEFAULT_VAL_SPLIT: f64 = 0.2;

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            val_split: None,
            seed: 0,
            cache_bytes: 1 << 30,
            limits: Limits::default(),
            unlabeled: false,
        }
    }
}

impl OpenOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the share of the training images that is held out for validation.
    #[must_use]
    pub fn val_split(mut self, share: impl Into<Option<f64>>) -> Self {
        self.val_split = share.into();
        self
    }

    /// Sets the seed that decides which images are held out.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets how many bytes of decoded images are kept in memory.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: u64) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// Sets whether the photos of a folder have no labels.
    #[must_use]
    pub fn unlabeled(mut self, unlabeled: bool) -> Self {
        self.unlabeled = unlabeled;
        self
    }

    /// Sets the limits on the size of an image.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// A layout of data sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// CIFAR-10, 32 px, 10 classes.
    Cifar10,
    /// CIFAR-100 with its fine labels, 32 px, 100 classes.
    Cifar100,
    /// MNIST, or another set in its layout, 28 px.
    Mnist,
    /// Fashion-MNIST, 28 px, 10 classes.
    FashionMnist,
    /// One folder per class.
    Folders,
    /// Photos without labels.
    Photos,
    /// A list of files.
    List,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cifar10 => "CIFAR-10",
            Self::Cifar100 => "CIFAR-100",
            Self::Mnist => "MNIST",
            Self::FashionMnist => "Fashion-MNIST",
            Self::Folders => "class folders",
            Self::Photos => "photos without labels",
            Self::List => "list",
        })
    }
}

/// The two parts of a data set, which have the same classes.
#[derive(Debug)]
pub struct Splits {
    /// Images to train on.
    pub train: Dataset,
    /// Images to validate on; empty where the share to hold out was 0.
    pub val: Dataset,
    /// The layout that was found.
    pub kind: Kind,
}

/// Images as a layout lists them.
struct Found {
    kind: Kind,
    /// In the order of the labels.
    classes: Vec<String>,
    train: Vec<Item>,
    /// `None` where the layout has no validation images.
    val: Option<Vec<Item>>,
}

/// Opens the data set at `path`.
///
/// CIFAR and MNIST are read completely. The photos of folders and lists are only listed: call
/// [`Dataset::verify`] to decode each once and drop those that are broken.
///
/// # Errors
/// [`DataError::Unrecognized`] where no layout is recognized; otherwise what is wrong with the layout
/// that was found.
pub fn open(path: impl AsRef<Path>, options: &OpenOptions) -> Result<Splits, DataError> {
    let path = path.as_ref();
    if let Some(share) = options.val_split.filter(|share| !(0.0..1.0).contains(share)) {
        return Err(DataError::ValSplit(share));
    }
    let Found { kind, classes, train, val } = find(path, options.unlabeled)?;
    if classes.len() < 2 && kind != Kind::Photos {
        return Err(DataError::TooFewClasses { path: path.to_owned(), found: classes.len() });
    }
    let (train, val) = match (val, options.val_split) {
        (Some(val), None) => (train, val),
        (_, share) => split::hold_out(train, share.unwrap_or(DEFAULT_VAL_SPLIT), options.seed),
    };
    let classes: Arc<[String]> = classes.into();
    let cache = Arc::new(Cache::new(options.cache_bytes));
    let dataset =
        |items| Dataset::new(Arc::clone(&classes), items, options.limits, Arc::clone(&cache));
    Ok(Splits { train: dataset(train), val: dataset(val), kind })
}

fn find(path: &Path, unlabeled: bool) -> Result<Found, DataError> {
    let unrecognized =
        |found: &str| DataError::Unrecognized { path: path.to_owned(), found: found.to_owned() };
    let metadata = path.metadata().map_err(DataError::io(path))?;
    if !metadata.is_dir() {
        let is_list = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv"));
        return if is_list {
            list::find(path)
        } else {
            Err(unrecognized("it is a file; unpack archives first"))
        };
    }
    if let Some(found) = cifar::find(path)? {
        return Ok(found);
    }
    if let Some(found) = idx::find(path)? {
        return Ok(found);
    }
    if path.join("cifar-10-batches-py").is_dir() || path.join("batches.meta").is_file() {
        return Err(unrecognized("it is CIFAR for Python; download the binary version"));
    }
    if unlabeled { folders::find_unlabeled(path) } else { folders::find(path) }
}

#[cfg(test)]
mod tests;
