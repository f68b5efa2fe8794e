//! An epoch: training, validation, and what is written at its end.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use seesaw_data::{Batch, Loader};
use seesaw_engine::{Options, Plan};

use super::{
    Event, Listener, Stretch, Trainer,
    observers::{EpochEnd, Observers, StepEnd},
};
use crate::{
    TrainError,
    error::Divergence,
    loss::Counts,
    metrics::{Evaluation, Keep, evaluate_on},
    run::{Best, Checkpoint, EpochRow, EpochTime},
};

/// The labels of a batch.
type Labels<'a> = &'a dyn Fn(&Batch) -> Result<Vec<u32>, TrainError>;

/// Images that one run of the validating plan takes.
const PLAN_BATCH: usize = 16;

/// What came of the validation after an epoch.
enum Validation {
    Done(Validated),
    /// The recipe has none after this epoch.
    NotDue,
    /// It was asked to stop before the end.
    Stopped,
}

/// The numbers of a validation.
#[derive(Debug, Clone, Copy)]
struct Validated {
    counts: Counts,
    loss: f64,
}

impl Trainer {
    /// Trains the rest of the epoch; whether it got to the end before it was asked to stop.
    pub(super) fn train_epoch(
        &mut self,
        loader: &Loader,
        stop: &AtomicBool,
        observers: &mut Observers,
        on: Listener<'_>,
    ) -> Result<bool, TrainError> {
        let (epoch, done, batches) = (self.progress.epoch, self.progress.batch, loader.batches());
        if self.ranks.group().is_some() {
            return self.train_epoch_shared(loader, stop, observers, on);
        }
        on(self.epoch_begins(batches));
        let (mut saved, mut unsaved_steps) = (Instant::now(), 0);
        for batch in loader.epoch(epoch as u64, done) {
            let batch = batch?;
            let rate = self.rate_at(self.progress.batch - self.learner.accumulated(), batches);
            let stats = self.learner.step(&batch, rate).map_err(|e| e.in_epoch(epoch + 1))?;
            on(self.count_batch((stats.loss, stats.counts), rate));
            if !stats.stepped() {
                if self.progress.batch < batches {
                    continue;
                }
                self.learner.finish_step(rate).map_err(|e| e.in_epoch(epoch + 1))?;
            }
            let step = self.learner.memory().optimizer.steps();
            observers.step_ends(&StepEnd { step, loss: stats.loss, rate })?;
            unsaved_steps += 1;
            let asked = stop.load(Ordering::Relaxed);
            if asked || self.save.is_due(unsaved_steps, saved.elapsed()) {
                observers.flush()?;
                self.save()?;
                on(Event::Saved { step });
                (saved, unsaved_steps) = (Instant::now(), 0);
            }
            if asked {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Validates, and writes what an epoch leaves. The checkpoint comes last: a run that is killed
    /// before does all of this again.
    ///
    /// Returns false where it was asked to stop before the validation was done. The steps are then
    /// saved, and the rest is left to the resumed run.
    pub(super) fn finish_epoch(
        &mut self,
        stretch: Stretch,
        stop: &AtomicBool,
        observers: &mut Observers,
        on: Listener<'_>,
    ) -> Result<bool, TrainError> {
        let started = Instant::now();
        let validation = match self.validate(stop, on)? {
            Validation::Done(validated) => Some(validated),
            Validation::NotDue => None,
            Validation::Stopped => {
                self.ranks.agree(observers.flush().and_then(|()| self.save()))?;
                on(Event::Saved { step: self.learner.memory().optimizer.steps() });
                return Ok(false);
            }
        };
        let row = self.complete_epoch(validation);
        let time = EpochTime {
            epoch: row.epoch,
            train_images: stretch.images,
            train_s: stretch.seconds,
            val_s: started.elapsed().as_secs_f64(),
        };
        let written = observers.epoch_ends(&EpochEnd { trainer: self, row: &row, time });
        self.ranks.agree(written.and_then(|()| self.save()))?;
        on(Event::EpochEnds { row: &row, images_per_second: stretch.images_per_second() });
        on(Event::Saved { step: row.step });
        Ok(true)
    }

    /// Writes the checkpoint, on the rank that does.
    pub(super) fn save(&self) -> Result<(), TrainError> {
        if !self.ranks.is_root() {
            return Ok(());
        }
        let path = self.folder.checkpoint();
        Checkpoint::write(&path, &self.config.net, self.learner.memory(), &self.progress)
    }

    /// The learning rate of a step whose first batch is number `batch` of the epoch's `batches`.
    pub(super) fn rate_at(&self, batch: usize, batches: usize) -> f64 {
        let recipe = &self.config.recipe;
        let epoch = self.progress.epoch as f64 + batch as f64 / batches as f64;
        recipe.optimizer.rate * recipe.schedule.share(epoch, recipe.epochs.count() as f64)
    }

    /// The learning rate of the epoch's last step, once all its `batches` are done.
    fn last_rate(&self) -> f64 {
        let (batches, accumulate) = (self.progress.batch, self.config.recipe.accumulate);
        self.rate_at((batches - 1) / accumulate * accumulate, batches)
    }

    pub(super) fn epoch_begins(&self, batches: usize) -> Event<'static> {
        let phase = self.learner.phase();
        Event::EpochBegins {
            epoch: self.progress.epoch + 1,
            epochs: self.config.recipe.epochs.count(),
            batches,
            batch: phase.batch,
            size: phase.size,
            done: self.progress.batch,
        }
    }

    /// Adds a batch with this loss to the progress.
    pub(super) fn count_batch(
        &mut self,
        (loss, counts): (f64, Counts),
        rate: f64,
    ) -> Event<'static> {
        let progress = &mut self.progress;
        progress.batch += 1;
        progress.loss_sum += loss * counts.images as f64;
        progress.counts += counts;
        Event::Batch {
            done: progress.batch,
            images: counts.images,
            loss,
            mean_loss: progress.loss_sum / progress.counts.images.max(1) as f64,
            top1: progress.counts.top1_share(),
            rate,
        }
    }

    /// Evaluates on the validation images, if that is due after this epoch.
    fn validate(&self, stop: &AtomicBool, on: Listener<'_>) -> Result<Validation, TrainError> {
        let epoch = self.progress.epoch + 1;
        if !self.config.recipe.validates(epoch) {
            return Ok(Validation::NotDue);
        }
        let validated = self.with_validation(|plan, labels| {
            if self.ranks.group().is_some() {
                let score = self.validate_shared(plan, labels, stop, on)?;
                return Ok(score.map(|s| Validated { counts: s.counts(), loss: s.loss() }));
            }
            let total = self.val.images();
            let goes_on = &mut |done| {
                on(Event::Validating { done, total });
                done >= total || !stop.load(Ordering::Relaxed)
            };
            let all = evaluate_on(plan, &self.val, labels, Keep::default(), goes_on)?;
            Ok(all.map(|all| Validated { counts: all.counts(), loss: all.loss() }))
        })?;
        match validated {
            None => Ok(Validation::Stopped),
            Some(Validated { loss, .. }) if !loss.is_finite() => {
                let memory = self.learner.memory();
                let error = memory.diverged(Divergence::ValidationLoss, self.last_rate());
                self.ranks.all_know(Err(error.in_epoch(epoch)))
            }
            Some(validated) => Ok(Validation::Done(validated)),
        }
    }

    /// Evaluates the net as it is now on the validation images, keeping what `keep` says. With several
    /// ranks, each does so alone.
    ///
    /// # Errors
    /// When an image cannot be read.
    pub fn evaluate(&self, keep: Keep) -> Result<Evaluation, TrainError> {
        self.with_validation(|plan, labels| {
            let all = evaluate_on(plan, &self.val, labels, keep, &mut |_| true)?;
            Ok(all.expect("nothing asks it to stop"))
        })
    }

    /// Does something with the net as it is now, compiled for validation images, and their labels.
    fn with_validation<T>(
        &self,
        work: impl FnOnce(&Plan, Labels<'_>) -> Result<T, TrainError>,
    ) -> Result<T, TrainError> {
        let net = &self.config.net;
        let size = self.config.preprocess.crop as usize;
        let options = Options::new(net).input_size(size).batch(PLAN_BATCH);
        let weights = self.learner.weights();
        let plan = seesaw_engine::compile(net, &weights, &options, &self.machine)?;
        let teacher = self.learner.labeling_teacher(size)?;
        work(&plan, &|batch: &Batch| match &teacher {
            Some(teacher) => teacher.labels(&batch.images),
            None => Ok(batch.labels.clone()),
        })
    }

    /// Completes the epoch in the progress; its line of the log.
    fn complete_epoch(&mut self, validation: Option<Validated>) -> EpochRow {
        let (rate, phase) = (self.last_rate(), self.learner.phase());
        let step = self.learner.memory().optimizer.steps();
        let progress = &mut self.progress;
        progress.epoch += 1;
        let epoch = progress.epoch;
        let score = validation.map(|v| Best { epoch, top1: v.counts.top1_share(), loss: v.loss });
        let best = score.filter(|score| score.beats(progress.best.as_ref()));
        let row = EpochRow {
            epoch,
            step,
            size: phase.size,
            batch: phase.batch,
            rate,
            train_loss: progress.loss_sum / progress.counts.images.max(1) as f64,
            train_top1: progress.counts.top1_share(),
            val_loss: score.map(|score| score.loss),
            val_top1: score.map(|score| score.top1),
            val_top5: validation.map(|v| v.counts.top5_share()),
            best: best.is_some(),
        };
        progress.best = best.or(progress.best);
        (progress.batch, progress.loss_sum, progress.counts) = (0, 0.0, Counts::default());
        progress.history.push(row);
        row
    }
}

impl Stretch {
    fn images_per_second(&self) -> f64 {
        if self.images == 0 { 0.0 } else { self.images as f64 / self.seconds }
    }
}
