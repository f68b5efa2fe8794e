//! The training loop, over a [run's folder](crate::run).

mod epoch;
mod event;
mod init;
mod save;
mod setup;
mod teacher;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use seesaw_data::{Dataset, Loader};

use crate::{
    TrainError,
    run::{Checkpoint, Config, Progress, RunFolder, write_log},
    tensorboard::EventWriter,
};

use epoch::Stage;
pub use event::{Event, Outcome};
use setup::Listener;
pub use setup::{Machine, Start};
use teacher::TeacherModel;

/// A run that is being trained.
///
/// What it learns depends on the recipe, the data, the first weights and the instruction set; not
/// on the number of threads, nor on how often it was stopped and resumed.
#[derive(Debug)]
pub struct Trainer {
    folder: RunFolder,
    config: Config,
    machine: Machine,
    train: Arc<Dataset>,
    val: Loader,
    teacher: Option<TeacherModel>,
    checkpoint: Checkpoint,
}

impl Trainer {
    /// What the run is.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Where its files lie.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// How far it is.
    pub fn progress(&self) -> &Progress {
        &self.checkpoint.progress
    }

    /// Trains until the epochs are done, patience ends, or `stop` is set: then the step that is
    /// under way is finished and saved.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] when loss or gradient leave all bounds; when an image cannot be
    /// had or a file not be written. The checkpoint on the disk is then an earlier one, and whole.
    pub fn run(&mut self, stop: &AtomicBool, on: Listener<'_>) -> Result<Outcome, TrainError> {
        // What the log says beyond the checkpoint will be said again.
        write_log(&self.folder.log(), &self.progress().history)?;
        let step = self.checkpoint.optimizer.steps();
        let first = if step > 0 { step + 1 } else { 0 };
        let mut events = EventWriter::create(self.folder.path(), first)?;
        let mut stage: Option<Stage> = None;
        loop {
            if self.progress().epoch >= self.config.recipe.epochs {
                return Ok(Outcome::Finished);
            }
            if self.patience_is_over() {
                return Ok(Outcome::StoppedEarly);
            }
            let mut now = self.stage(stage.take())?;
            let begun = Instant::now();
            let images = self.progress().counts.images;
            let whole = self.train_epoch(&mut now, stop, &mut events, on)?;
            if !whole {
                events.flush()?;
                return Ok(Outcome::Stopped);
            }
            let seconds = begun.elapsed().as_secs_f64();
            let images = self.progress().counts.images - images;
            self.finish_epoch(&now, images, seconds, &mut events, on)?;
            stage = Some(now);
            if stop.load(Ordering::Relaxed) && self.progress().epoch < self.config.recipe.epochs {
                return Ok(Outcome::Stopped);
            }
        }
    }

    fn patience_is_over(&self) -> bool {
        let Progress { epoch, best, .. } = self.progress();
        let recipe = &self.config.recipe;
        // Only a validation tells that there was nothing better.
        recipe.patience > 0
            && recipe.validates(*epoch)
            && best.is_some_and(|best| epoch - best.epoch >= recipe.patience)
    }
}
