//! What a training writes in addition to its checkpoint: models, the log, pictures, TensorBoard's
//! events, and times.

use std::{fmt, io::ErrorKind, path::Path};

use super::Trainer;
use crate::{
    TrainError,
    run::{EpochRow, EpochTime, replace, write_log},
    tensorboard::EventWriter,
};

/// An optimizer step that was just made.
pub(super) struct StepEnd {
    /// Steps so far, this one included.
    pub step: u64,
    /// The loss of its last batch.
    pub loss: f64,
    /// The learning rate.
    pub rate: f64,
}

/// An epoch that was just completed.
pub(super) struct EpochEnd<'a> {
    /// The trainer after the epoch.
    pub trainer: &'a Trainer,
    /// The line of the log.
    pub row: &'a EpochRow,
    /// How long it took since it started or the run was resumed.
    pub time: EpochTime,
}

/// Keeps something of a training.
pub(super) trait Observer: fmt::Debug {
    fn step_ends(&mut self, _step: &StepEnd) -> Result<(), TrainError> {
        Ok(())
    }

    /// Called before a checkpoint is written within an epoch.
    fn flush(&mut self) -> Result<(), TrainError> {
        Ok(())
    }

    /// Called before the checkpoint of the epoch is written.
    fn epoch_ends(&mut self, _epoch: &EpochEnd<'_>) -> Result<(), TrainError> {
        Ok(())
    }
}

/// All observers of a run, in the order in which they are called.
pub(super) struct Observers(Vec<Box<dyn Observer>>);

impl Trainer {
    /// The observers of a run that starts or is resumed at the current step.
    pub(super) fn observers(&self) -> Result<Observers, TrainError> {
        if !self.ranks.is_root() {
            return Ok(Observers(Vec::new()));
        }
        let path = self.folder.path();
        // Epochs after the checkpoint will be trained, and logged, again.
        write_log(&self.folder.log(), &self.progress.history)?;
        let step = self.learner.memory().optimizer.steps();
        let events = EventWriter::create(path, if step > 0 { step + 1 } else { 0 })?;
        Ok(Observers(vec![
            Box::new(Models),
            Box::new(Log),
            #[cfg(feature = "plots")]
            Box::new(Pictures),
            Box::new(TensorBoard(events)),
            Box::new(Times),
        ]))
    }
}

impl Observers {
    pub fn step_ends(&mut self, step: &StepEnd) -> Result<(), TrainError> {
        self.0.iter_mut().try_for_each(|observer| observer.step_ends(step))
    }

    pub fn flush(&mut self) -> Result<(), TrainError> {
        self.0.iter_mut().try_for_each(|observer| observer.flush())
    }

    pub fn epoch_ends(&mut self, epoch: &EpochEnd<'_>) -> Result<(), TrainError> {
        self.0.iter_mut().try_for_each(|observer| observer.epoch_ends(epoch))
    }
}

/// `last.safetensors`, and `best.safetensors` where the epoch was the best.
#[derive(Debug)]
struct Models;

impl Observer for Models {
    fn epoch_ends(&mut self, end: &EpochEnd<'_>) -> Result<(), TrainError> {
        let EpochEnd { trainer, row, .. } = end;
        let Trainer { config, folder, .. } = trainer;
        let weights = trainer.learner.weights();
        let origin = format!(
            "seesaw {}: {} trained for {} epochs on {} images of {} classes",
            config.run.version,
            config.net.name,
            row.epoch,
            trainer.train.len(),
            config.net.classes
        );
        let write = |path: &Path| folder.write_model(path, config, &weights, origin.clone());
        if row.best {
            write(&folder.best())?;
        }
        write(&folder.last())
    }
}

/// `log.csv`
#[derive(Debug)]
struct Log;

impl Observer for Log {
    fn epoch_ends(&mut self, end: &EpochEnd<'_>) -> Result<(), TrainError> {
        write_log(&end.trainer.folder.log(), &end.trainer.progress.history)
    }
}

/// The log as `.svg` and `.png`.
#[cfg(feature = "plots")]
#[derive(Debug)]
struct Pictures;

#[cfg(feature = "plots")]
impl Observer for Pictures {
    fn epoch_ends(&mut self, end: &EpochEnd<'_>) -> Result<(), TrainError> {
        use crate::pictures::{training_curves, write_picture};
        let Trainer { folder, progress, .. } = end.trainer;
        for (name, curves) in training_curves(&progress.history) {
            for extension in ["svg", "png"] {
                write_picture(&folder.file(&format!("{name}.{extension}")), &curves)?;
            }
        }
        Ok(())
    }
}

/// `events.out.tfevents.*`
#[derive(Debug)]
struct TensorBoard(EventWriter);

impl Observer for TensorBoard {
    fn step_ends(&mut self, step: &StepEnd) -> Result<(), TrainError> {
        self.0.scalar("loss/step", step.step, step.loss)?;
        self.0.scalar("rate/step", step.step, step.rate)
    }

    fn flush(&mut self) -> Result<(), TrainError> {
        self.0.flush()
    }

    fn epoch_ends(&mut self, end: &EpochEnd<'_>) -> Result<(), TrainError> {
        let row = end.row;
        for (tag, value) in [
            ("loss/train", Some(row.train_loss)),
            ("loss/validation", row.val_loss),
            ("top1/train", Some(row.train_top1)),
            ("top1/validation", row.val_top1),
            ("top5/validation", row.val_top5),
        ] {
            if let Some(value) = value {
                self.0.scalar(tag, row.step, value)?;
            }
        }
        self.0.flush()
    }
}

/// The first line of `timing.csv`.
const TIMES_HEADER: &str = "epoch,train_images,train_s,val_s\n";

/// `timing.csv`
#[derive(Debug)]
struct Times;

impl Observer for Times {
    fn epoch_ends(&mut self, end: &EpochEnd<'_>) -> Result<(), TrainError> {
        let path = end.trainer.folder.timing();
        let mut text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => TIMES_HEADER.to_owned(),
            Err(error) => return Err(TrainError::io(&path)(error)),
        };
        // Earlier versions appended, which a full disk could end in the middle of a line.
        text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
        let EpochTime { epoch, train_images, train_s, val_s } = end.time;
        text.push_str(&format!("{epoch},{train_images},{train_s:.3},{val_s:.3}\n"));
        replace(&path, text.as_bytes())
    }
}
