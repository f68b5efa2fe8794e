//! Why there are no batches.

use seesaw_arch::ArchError;

use crate::{DataError, augment::AugmentError};

/// Why a loader cannot be made, or a batch not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The size, mean or standard deviation.
    #[error(transparent)]
    Preprocess(#[from] ArchError),
    /// The augmentation.
    #[error(transparent)]
    Augment(#[from] AugmentError),
    /// An option that must be at least 1.
    #[error("loader: `{0}` is 0, and must be at least 1")]
    Zero(&'static str),
    /// More images than can be numbered.
    #[error("loader: {0} images, and 4294967295 are the limit")]
    TooMany(usize),
    /// Fewer images than a batch needs.
    #[error(
        "loader: {images} images make no batch of {batch}: take a smaller batch or more images"
    )]
    NoBatch {
        /// Images there are.
        images: usize,
        /// Images in a batch.
        batch: usize,
    },
    /// An image that could not be had.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A size that no picture can be scaled to.
    #[error("loader: no picture can be scaled to {0} pixels")]
    Size(usize),
}
