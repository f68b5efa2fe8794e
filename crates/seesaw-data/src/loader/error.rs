//! Errors of making batches.

use seesaw_arch::ArchError;

use crate::{DataError, augment::AugmentError};

/// An error of making a loader or a batch.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A size, mean or standard deviation is out of range.
    #[error(transparent)]
    Preprocess(#[from] ArchError),
    /// A setting of the augmentation is out of range.
    #[error(transparent)]
    Augment(#[from] AugmentError),
    /// An option that must be at least 1.
    #[error("loader: `{0}` is 0, and must be at least 1")]
    Zero(&'static str),
    /// More images than can be numbered.
    #[error("loader: {0} images, and the limit is 4294967295")]
    TooMany(usize),
    /// Fewer images than a batch needs.
    #[error("loader: {images} images make no batch of {batch}: use a smaller batch or more images")]
    NoBatch {
        /// Images in the data set.
        images: usize,
        /// Images in a batch.
        batch: usize,
    },
    /// An image that could not be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// An image that cannot be scaled to this size.
    #[error("loader: an image cannot be scaled to {0} pixels")]
    Size(u32),
}
