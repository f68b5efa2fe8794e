//! The end of an epoch, and what is written.

use std::{fs::OpenOptions, io::Write, time::Instant};

use seesaw_engine::Options;
use seesaw_format::NetWeights;

use super::{Event, Trainer, epoch::Stage, setup::Listener};
use crate::{
    TrainError,
    draw::{training_curves, write_picture},
    layout::State,
    loss::Counts,
    metrics::{Evaluation, evaluate},
    run::{Best, EpochRow, write_log},
    tensorboard::EventWriter,
};

/// Images that one run of the validating plan takes.
const VAL_BATCH: usize = 16;

impl Trainer {
    /// Writes the checkpoint.
    pub(super) fn save(&self) -> Result<(), TrainError> {
        self.checkpoint.write(&self.folder.checkpoint(), &self.config.net)
    }

    /// Validates, and writes everything that an epoch leaves behind. The checkpoint comes last: a
    /// run that is killed before does all of this again.
    pub(super) fn finish_epoch(
        &mut self,
        stage: &Stage,
        images: usize,
        seconds: f64,
        events: &mut EventWriter,
        on: Listener<'_>,
    ) -> Result<(), TrainError> {
        let begun = Instant::now();
        let validates = self.config.recipe.validates(self.progress().epoch + 1);
        let validation = validates.then(|| self.validate(on)).transpose()?;
        let val_seconds = begun.elapsed().as_secs_f64();
        if validation.as_ref().is_some_and(|validation| !validation.loss().is_finite()) {
            let what = "the validation loss is not finite".to_owned();
            return Err(self.diverged(what, self.last_rate(stage)));
        }
        let row = self.take_epoch(stage, validation.as_ref());
        if row.best {
            self.write_model(&self.folder.best(), row.epoch)?;
        }
        self.write_model(&self.folder.last(), row.epoch)?;
        self.write_log(images, seconds, val_seconds, &row, events)?;
        self.save()?;
        let images_per_s = if images == 0 { 0.0 } else { images as f64 / seconds };
        on(Event::EpochEnds { row: &row, images_per_s });
        on(Event::Saved { step: row.step });
        Ok(())
    }

    /// The numbers that validate and that model files hold.
    fn model_state(&self) -> &State {
        self.checkpoint.ema.as_ref().map_or(&self.checkpoint.state, |ema| ema.state())
    }

    fn validate(&self, on: Listener<'_>) -> Result<Evaluation, TrainError> {
        let net = &self.config.net;
        let mut weights = NetWeights::zeros(net)?;
        self.model_state().write_to(&mut weights);
        let size = self.config.preprocess.crop as usize;
        let options = Options::new(net).input_size(size).batch(VAL_BATCH);
        let plan = seesaw_engine::compile(net, &weights, &options, &self.machine.engine()?)?;
        let columns: Vec<u32> = (0..net.classes as u32).collect();
        let total = self.val.images();
        let progress = &mut |done| on(Event::Validating { done, total });
        evaluate(&plan, &columns, &self.val, 0, progress)
    }

    /// Ends the epoch in the progress; its line.
    fn take_epoch(&mut self, stage: &Stage, validation: Option<&Evaluation>) -> EpochRow {
        let rate = self.last_rate(stage);
        let step = self.checkpoint.optimizer.steps();
        let progress = &mut self.checkpoint.progress;
        progress.epoch += 1;
        let epoch = progress.epoch;
        let score =
            validation.map(|v| Best { epoch, top1: v.counts().top1_share(), loss: v.loss() });
        let best = score.filter(|score| score.beats(progress.best.as_ref()));
        let row = EpochRow {
            epoch,
            step,
            size: stage.phase.size,
            batch: stage.phase.batch,
            rate,
            train_loss: progress.loss_sum / progress.counts.images.max(1) as f64,
            train_top1: progress.counts.top1_share(),
            val_loss: score.map(|score| score.loss),
            val_top1: score.map(|score| score.top1),
            val_top5: validation.map(|v| v.counts().top5_share()),
            best: best.is_some(),
        };
        progress.best = best.or(progress.best);
        (progress.batch, progress.loss_sum, progress.counts) = (0, 0.0, Counts::default());
        progress.history.push(row);
        row
    }

    fn write_model(&self, path: &std::path::Path, epoch: usize) -> Result<(), TrainError> {
        let origin = format!(
            "seesaw {}: {} trained for {epoch} epochs on {} images of {} classes",
            self.config.run.version,
            self.config.net.name,
            self.train.len(),
            self.config.net.classes
        );
        self.folder.write_model(path, &self.config, self.model_state(), origin)
    }

    fn write_log(
        &self,
        images: usize,
        seconds: f64,
        val_seconds: f64,
        row: &EpochRow,
        events: &mut EventWriter,
    ) -> Result<(), TrainError> {
        let history = &self.progress().history;
        write_log(&self.folder.log(), history)?;
        for (name, curves) in training_curves(history) {
            for ending in ["svg", "png"] {
                write_picture(&self.folder.file(&format!("{name}.{ending}")), &curves)?;
            }
        }
        for (tag, value) in [
            ("loss/train", Some(row.train_loss)),
            ("loss/validation", row.val_loss),
            ("top1/train", Some(row.train_top1)),
            ("top1/validation", row.val_top1),
            ("top5/validation", row.val_top5),
        ] {
            if let Some(value) = value {
                events.scalar(tag, row.step, value)?;
            }
        }
        events.flush()?;
        self.append_timing(&format!("{},{images},{seconds:.3},{val_seconds:.3}", row.epoch))
    }

    fn append_timing(&self, line: &str) -> Result<(), TrainError> {
        let path = self.folder.timing();
        let head = if path.exists() { "" } else { "epoch,train_images,train_s,val_s\n" };
        let file = OpenOptions::new().append(true).create(true).open(&path);
        let written =
            file.and_then(|mut file| file.write_all(format!("{head}{line}\n").as_bytes()));
        written.map_err(TrainError::io(&path))
    }
}
