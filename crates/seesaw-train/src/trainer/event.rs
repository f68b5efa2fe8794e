//! What a training reports while it runs.

use std::path::Path;

use crate::run::EpochRow;

/// Receives the events of a training.
pub type Listener<'a> = &'a mut dyn FnMut(Event<'_>);

/// What is happening; for progress bars and messages.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Every image is decoded once, to find those that are broken.
    Verifying {
        /// `training` or `validation`.
        part: &'static str,
        /// Images done.
        done: usize,
        /// All images of the part.
        total: usize,
    },
    /// An image is broken and left out.
    Broken {
        /// The file.
        path: &'a Path,
        /// What is wrong with it.
        reason: &'a str,
    },
    /// The features of training images are computed, for the last layer to be fitted to.
    Fitting {
        /// Images done.
        done: usize,
        /// All images that the layer is fitted to.
        total: usize,
    },
    /// Something that the user should know.
    Note(&'a str),
    /// An epoch starts, or continues after a resume.
    EpochBegins {
        /// The epoch, from 1.
        epoch: usize,
        /// Epochs of the whole training.
        epochs: usize,
        /// Batches of the epoch.
        batches: usize,
        /// Images in a batch.
        batch: usize,
        /// Side of the images, in pixels.
        size: usize,
        /// Batches of the epoch that are already done.
        done: usize,
    },
    /// A batch is done.
    Batch {
        /// Batches done in this epoch.
        done: usize,
        /// Images in the batch.
        images: usize,
        /// Its loss.
        loss: f64,
        /// Mean loss of the epoch so far.
        mean_loss: f64,
        /// Share of the epoch's images so far that were classified correctly.
        top1: f64,
        /// The learning rate.
        rate: f64,
    },
    /// Validation images are being classified.
    Validating {
        /// Images done.
        done: usize,
        /// All validation images.
        total: usize,
    },
    /// An epoch is complete and saved.
    EpochEnds {
        /// Its line of the log.
        row: &'a EpochRow,
        /// Training images per second, loading included, since the epoch started or was resumed.
        images_per_second: f64,
    },
    /// The checkpoint was written.
    Saved {
        /// Optimizer steps that it holds.
        step: u64,
    },
}

/// How a training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All epochs are done.
    Finished,
    /// Validation did not improve for as long as the recipe's patience.
    StoppedEarly,
    /// It was asked to stop, and saved; it can be resumed.
    Stopped,
}
