//! Training data for Seesaw-Nets: finding photos, data sets, augmentation and batches.
//!
//! | module | holds |
//! |---|---|
//! | [`find`] | files, folders and globs to a list of photos |
//! | [`datasets`] | CIFAR, MNIST, class folders, lists and packed data sets, for training and for validation |
//! | `datasets::pack` | packing a data set into few files, with the feature `pack` |
//! | `download` | CIFAR-10 from its official server, with the feature `download` |
//! | [`augment`] | random crops, flips, colors, erasing and mixing |
//! | [`loader`] | batches, made ahead by threads, and the same for any number of them |
//! | [`rng`] | random numbers that depend on what they are for |
#![forbid(unsafe_code)]

pub mod augment;
pub mod datasets;
#[cfg(feature = "download")]
pub mod download;
pub mod find;
pub mod loader;
pub mod rng;

pub use augment::Augment;
pub use datasets::{DataError, Dataset};
pub use find::{FindError, FoundPhotos, find_photos};
pub use loader::{Batch, Loader, LoaderOptions};
