//! Data sets: images with labels, for training and for validation.
//!
//! [`open`] recognizes the layout at a path:
//!
//! | layout | recognized by |
//! |---|---|
//! | a packed data set | `seesaw-pack.jsonl`; see `pack`, with the feature `pack` |
//! | CIFAR-10, CIFAR-100, binary | `data_batch_1.bin`; `train.bin` (also in the folder that the official archive makes) |
//! | MNIST, Fashion-MNIST | `train-images-idx3-ubyte`, or the same with `.gz` (also in torchvision's `MNIST/raw`) |
//! | class folders in parts | a folder for training that has class folders, such as `train`; beside it others for validation and test; see [`Part::named`] |
//! | class folders with parts | class folders that have nothing but such parts |
//! | one folder of class folders | any other folder that has folders with photos |
//! | a list | a file `*.csv` or `*.tsv` with the columns `path` and `label`, and optionally `split` |

mod ahead;
mod cifar;
mod dataset;
mod error;
mod findings;
mod folders;
mod idx;
mod item;
mod list;
mod options;
#[cfg(feature = "pack")]
pub mod pack;
mod packed;
mod part;
mod register;
mod split;
mod verify;

use std::{fmt, path::Path, sync::Arc};

pub use cifar::{Cifar, read_cifar};
pub use dataset::Dataset;
pub use error::DataError;
pub use findings::{Findings, Note};
pub use idx::{Idx, read_idx};
pub use list::{List, ListEntry, ListError, read_list};
pub use options::{DEFAULT_VAL_SPLIT, OpenOptions};
pub use packed::{Index as PackedIndex, IndexError, PackedFacts, read_index};
pub use part::Part;
pub use register::{Content, Entry, Register};
pub use verify::{Checks, Report, Verify};

use dataset::Cache;
use folders::Purpose;
use item::Item;
use split::HoldOut;

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

impl Kind {
    /// Whether it is a published set of training and test images.
    fn is_benchmark(self) -> bool {
        matches!(self, Self::Cifar10 | Self::Cifar100 | Self::Mnist | Self::FashionMnist)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Cifar10 => "CIFAR-10",
            Self::Cifar100 => "CIFAR-100",
            Self::Mnist => "MNIST",
            Self::FashionMnist => "Fashion-MNIST",
            Self::Folders => "class folders",
            Self::Photos => "photos without labels",
            Self::List => "list",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The parts of a data set, which have the same classes.
#[derive(Debug)]
#[non_exhaustive]
pub struct Splits {
    /// Images to train on.
    pub train: Dataset,
    /// Images to validate on; empty where the share to hold out was 0.
    pub val: Dataset,
    /// Images that are neither trained nor validated on; often there are none.
    pub test: Dataset,
    /// Whether the validation images were held out from those for training.
    pub is_held_out: bool,
    /// The layout that was found.
    pub kind: Kind,
    /// What else was found.
    pub findings: Findings,
    /// How its images are stored if it is packed.
    pub packed: Option<PackedFacts>,
}

impl Splits {
    /// A part.
    pub fn part(&self, part: Part) -> &Dataset {
        match part {
            Part::Train => &self.train,
            Part::Val => &self.val,
            Part::Test => &self.test,
        }
    }

    /// A part alone.
    pub fn into_part(self, part: Part) -> Dataset {
        match part {
            Part::Train => self.train,
            Part::Val => self.val,
            Part::Test => self.test,
        }
    }
}

/// Images as a layout lists them.
struct Found {
    kind: Kind,
    /// In the order of the labels.
    classes: Vec<String>,
    train: Vec<Item>,
    /// `None` where the layout has no validation images.
    val: Option<Vec<Item>>,
    /// `None` where the layout has no test images.
    test: Option<Vec<Item>>,
    findings: Findings,
    packed: Option<PackedFacts>,
}

/// Opens the data set at `path`.
///
/// CIFAR and MNIST are read completely. The photos of folders and lists are only listed: call
/// [`Dataset::verify`] to decode each once and drop those that are broken.
///
/// Test images are not validated on, except for those of CIFAR and MNIST, which have no others, and
/// whose published figures are made so; `Findings` then say it.
///
/// # Errors
/// [`DataError::Unrecognized`] where no layout is recognized; otherwise what is wrong with the layout
/// that was found.
pub fn open(path: impl AsRef<Path>, options: &OpenOptions) -> Result<Splits, DataError> {
    let path = path.as_ref();
    if let Some(share) = options.val_split.filter(|share| !(0.0..1.0).contains(share)) {
        return Err(DataError::ValSplit(share));
    }
    let Found { kind, classes, train, mut val, mut test, mut findings, packed } =
        find(path, options)?;
    if classes.len() < 2 && kind != Kind::Photos && !options.evaluation {
        return Err(DataError::TooFewClasses { path: path.to_owned(), classes });
    }
    if val.is_none() && options.val_split.is_none() && kind.is_benchmark() {
        val = test.take();
        findings.notes.push(Note::TestIsVal(kind.name()));
    }
    let is_held_out = val.is_none() || options.val_split.is_some();
    let [train, val] = if is_held_out {
        if let Some(unused) = val.filter(|unused| !unused.is_empty()) {
            findings.notes.push(Note::ValUnused(unused.len()));
        }
        let share = options.val_split.unwrap_or(DEFAULT_VAL_SPLIT);
        let hold_out = HoldOut { share, seed: options.seed, group_by: options.group_by.as_deref() };
        hold_out.split(train, &mut findings.notes)?
    } else {
        [train, val.unwrap_or_default()]
    };
    let classes: Arc<[String]> = classes.into();
    let cache = Arc::new(Cache::new(options.cache_bytes));
    let dataset =
        |items| Dataset::new(Arc::clone(&classes), items, options.limits, Arc::clone(&cache));
    let [train, val, test] = [train, val, test.unwrap_or_default()].map(dataset);
    Ok(Splits { train, val, test, is_held_out, kind, findings, packed })
}

fn find(path: &Path, options: &OpenOptions) -> Result<Found, DataError> {
    let unrecognized =
        |found: &str| DataError::Unrecognized { path: path.to_owned(), found: found.to_owned() };
    let purpose = if options.evaluation { Purpose::Evaluation } else { Purpose::Training };
    let metadata = path.metadata().map_err(DataError::io(path))?;
    if let Some(found) = packed::find(path, options.unlabeled)? {
        return Ok(found);
    }
    if !metadata.is_dir() {
        let is_list = path.extension().is_some_and(|extension| {
            ["csv", "tsv"].into_iter().any(|known| extension.eq_ignore_ascii_case(known))
        });
        return if is_list {
            list::find(path, purpose)
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
    if options.unlabeled { folders::find_unlabeled(path) } else { folders::find(path, purpose) }
}

#[cfg(test)]
mod tests;
