//! Data sets: images with labels, for training and for validation.
//!
//! [`open`] recognizes what lies at a path:
//!
//! | layout | recognized by |
//! |---|---|
//! | CIFAR-10, CIFAR-100, binary | `data_batch_1.bin`; `train.bin` (also in the folder that the official archive makes) |
//! | MNIST, Fashion-MNIST | `train-images-idx3-ubyte`, or the same with `.gz` (also in torchvision's `MNIST/raw`) |
//! | class folders | `train`, and beside it `val`, `validation`, `valid` or `test` |
//! | one folder of class folders | anything else that holds folders with photos |
//! | a list | a file `*.csv` with the columns `path` and `label`, and perhaps `split` |

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
pub use list::{ListEntry, read_list};

use dataset::{Cache, Item};
use seesaw_image::Limits;

/// What [`open`] is to do.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenOptions {
    /// The share of each class's training images that is held out for validation, from 0 to 1.
    ///
    /// With a number, validation images that the data set has of its own are left alone. With
    /// `None`, they are used, and where there are none [`DEFAULT_VAL_SPLIT`] is held out.
    pub val_split: Option<f64>,
    /// Decides, with the names of the files, which images are held out.
    pub seed: u64,
    /// Bytes of decoded images that are kept in memory, training and validation together. CIFAR
    /// and MNIST are always kept.
    pub cache_bytes: u64,
    /// What an image may cost.
    pub limits: Limits,
}

/// The share that is held out where a data set has no validation images and none was asked for.
pub const DEFAULT_VAL_SPLIT: f64 = 0.2;

impl Default for OpenOptions {
    fn default() -> Self {
        Self { val_split: None, seed: 0, cache_bytes: 1 << 30, limits: Limits::default() }
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
    /// A folder for each class.
    Folders,
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
            Self::List => "list",
        })
    }
}

/// A data set in its two parts, which share the names of the classes.
#[derive(Debug)]
pub struct Splits {
    /// Images to train on.
    pub train: Dataset,
    /// Images to validate on; empty where a split of 0 was asked for.
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
/// CIFAR and MNIST are read whole. The photos of folders and lists are only named: call
/// [`Dataset::verify`] to decode each once and leave out those that are broken.
///
/// # Errors
/// [`DataError::Unrecognized`] says what was expected; else what is wrong with the layout that was
/// found.
pub fn open(path: impl AsRef<Path>, options: &OpenOptions) -> Result<Splits, DataError> {
    let path = path.as_ref();
    if let Some(share) = options.val_split.filter(|share| !(0.0..1.0).contains(share)) {
        return Err(DataError::ValSplit(share));
    }
    let Found { kind, classes, train, val } = find(path)?;
    if classes.len() < 2 {
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

fn find(path: &Path) -> Result<Found, DataError> {
    let unrecognized =
        |found: &str| DataError::Unrecognized { path: path.to_owned(), found: found.to_owned() };
    let metadata = path.metadata().map_err(DataError::io(path))?;
    if !metadata.is_dir() {
        let is_list = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv"));
        return if is_list {
            list::find(path)
        } else {
            Err(unrecognized("it is a file (archives must be unpacked first)"))
        };
    }
    if let Some(found) = cifar::find(path)? {
        return Ok(found);
    }
    if let Some(found) = idx::find(path)? {
        return Ok(found);
    }
    if path.join("cifar-10-batches-py").is_dir() || path.join("batches.meta").is_file() {
        return Err(unrecognized("it is CIFAR for Python; take the binary version"));
    }
    folders::find(path)
}

#[cfg(test)]
mod tests;
