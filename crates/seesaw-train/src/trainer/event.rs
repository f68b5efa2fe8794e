//! What a training tells while it runs.

use std::path::Path;

use crate::run::EpochRow;

/// What is happening; for progress bars and messages.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Images are decoded once, to know which are broken.
    Verifying {
        /// `training` or `validation`.
        part: &'static str,
        /// Images done.
        done: usize,
        /// All of them.
        total: usize,
    },
    /// An image that is left out.
    Broken {
        /// The file.
        path: &'a Path,
        /// What is wrong with it.
        reason: &'a str,
    },
    /// Something that the user should know of.
    Note(&'a str),
    /// An epoch begins, or goes on after a resume.
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
        /// Batches that are done already.
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
        /// Share of the epoch's images so far that were classified right.
        top1: f64,
        /// The learning rate.
        rate: f64,
    },
    /// Validation images are classified.
    Validating {
        /// Images done.
        done: usize,
        /// All of them.
        total: usize,
    },
    /// An epoch is over and saved.
    EpochEnds {
        /// Its line of the log.
        row: &'a EpochRow,
        /// Training images per second, loading included, since the epoch was begun or resumed.
        images_per_s: f64,
    },
    /// The checkpoint was written.
    Saved {
        /// Steps that it holds.
        step: u64,
    },
}

/// How a training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All epochs are done.
    Finished,
    /// No epoch was better for as long as the recipe's patience.
    StoppedEarly,
    /// It was asked to stop, and saved; it can be resumed.
    Stopped,
}
