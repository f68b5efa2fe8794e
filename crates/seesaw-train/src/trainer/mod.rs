//! Training over a [run folder](crate::run): from a data set to a model, resumable at any step.

mod batches;
mod data;
mod defaults;
mod epoch;
mod event;
mod extend;
mod facts;
mod init;
mod new_run;
mod observers;
mod options;
mod resumed;
mod setup;
mod shared;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use seesaw_data::{Dataset, Loader};
use seesaw_kernels::Machine;

use crate::{
    TrainError,
    learner::Learner,
    ranks::Ranks,
    recipe::Recipe,
    run::{Config, Progress, RunFolder},
};

pub use defaults::{Choice, StartWeights, Wishes, choose};
pub use event::{Event, Listener, Outcome};
pub use options::{Init, RunOptions, SavePolicy, Start};

/// A [`Learner`] with a run folder: it trains epoch by epoch, validates and saves.
///
/// What it learns depends on the recipe, the data, the first weights and the instruction set; not
/// on the number of threads or [ranks](Ranks), nor on how often the run was stopped and resumed.
#[derive(Debug)]
pub struct Trainer {
    folder: RunFolder,
    config: Config,
    machine: Machine,
    save: SavePolicy,
    train: Arc<Dataset>,
    val: Loader,
    learner: Learner,
    progress: Progress,
    ranks: Ranks,
}

/// The part of an epoch since it started or the run was resumed.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    images: usize,
    seconds: f64,
}

impl Trainer {
    /// What the run trains, on which data and how.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The paths of its files.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// How far the run is.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The net in training, and what it has learned.
    pub fn learner(&self) -> &Learner {
        &self.learner
    }

    /// Trains until all epochs are done, patience ends, or `stop` is set: then the current step is
    /// finished and saved, and a validation is left to the resumed run.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] when the loss or the gradient explodes; when an image cannot be
    /// read or a file cannot be written. The checkpoint on disk is then an earlier one, and intact.
    pub fn run(&mut self, stop: &AtomicBool, on: Listener<'_>) -> Result<Outcome, TrainError> {
        let mut observers = self.ranks.agree(self.observers())?;
        loop {
            if self.progress.epoch >= self.config.recipe.epochs.count() {
                return Ok(Outcome::Finished);
            }
            if patience_is_over(&self.config.recipe, &self.progress) {
                return Ok(Outcome::StoppedEarly);
            }
            let loader = self.start_phase()?;
            let (started, images) = (Instant::now(), self.progress.counts.images);
            if !self.train_epoch(&loader, stop, &mut observers, on)? {
                return Ok(Outcome::Stopped);
            }
            let images = self.progress.counts.images - images;
            let stretch = Stretch { images, seconds: started.elapsed().as_secs_f64() };
            if !self.finish_epoch(stretch, stop, &mut observers, on)? {
                return Ok(Outcome::Stopped);
            }
            let asked = self.ranks.any(stop.load(Ordering::Relaxed))?;
            if asked && self.progress.epoch < self.config.recipe.epochs.count() {
                return Ok(Outcome::Stopped);
            }
        }
    }
}

/// Whether a run has gone on for as long as its recipe lets it without a better validation.
fn patience_is_over(recipe: &Recipe, progress: &Progress) -> bool {
    let Progress { epoch, best, .. } = progress;
    // Only a validation can show that nothing improved.
    recipe.patience > 0
        && recipe.validates(*epoch)
        && best.is_some_and(|best| epoch - best.epoch >= recipe.patience)
}
