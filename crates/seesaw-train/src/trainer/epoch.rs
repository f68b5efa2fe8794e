//! The steps of an epoch.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use seesaw_data::{Batch, Loader};

use super::{Event, Trainer, setup::Listener, teacher::TeacherPlan};
use crate::{
    TrainError,
    loss::{Counts, Loss, Targets, Teacher},
    net::{NetOptions, StepInput, TrainNet},
    optim::{Accumulator, Optimizer},
    recipe::Phase,
    tensorboard::EventWriter,
};

/// A loss beyond this is no learning any more; that of a guess is the logarithm of the classes.
const EXPLODED: f64 = 1e3;

/// What is made for a size of images and batches.
#[derive(Debug)]
pub(super) struct Stage {
    pub phase: Phase,
    loader: Loader,
    net: TrainNet,
    teacher: Option<TeacherPlan>,
    gradients: Vec<f32>,
    accumulator: Accumulator,
}

impl Trainer {
    /// The stage of the epoch that is under way: the former one where nothing changes.
    pub(super) fn stage(&self, former: Option<Stage>) -> Result<Stage, TrainError> {
        let Self { config, machine, .. } = self;
        let mut phase = config.recipe.phase(self.progress().epoch, config.net.input_size);
        phase.batch = phase.batch.min(self.train.len());
        if let Some(former) = former.filter(|former| former.phase == phase) {
            return Ok(former);
        }
        let options = NetOptions::new(&config.net)
            .input_size(phase.size)
            .batch(phase.batch)
            .precision(config.recipe.precision);
        let loader = self.train_loader(phase)?;
        let net = TrainNet::new(&config.net, &options, &machine.engine()?)?;
        let seen = config.recipe.loss.teacher_size.unwrap_or(phase.size);
        let compile =
            |teacher: &super::TeacherModel| teacher.compile(phase.size, seen, &machine.engine()?);
        let teacher = self.teacher.as_ref().map(compile).transpose()?;
        let parameters = net.layout().parameters();
        let (gradients, accumulator) = (vec![0.0; parameters], Accumulator::new(parameters));
        Ok(Stage { phase, loader, net, teacher, gradients, accumulator })
    }

    /// Trains the rest of the epoch; whether it was not asked to stop before.
    pub(super) fn train_epoch(
        &mut self,
        stage: &mut Stage,
        stop: &AtomicBool,
        events: &mut EventWriter,
        on: Listener<'_>,
    ) -> Result<bool, TrainError> {
        let (epoch, done) = (self.progress().epoch, self.progress().batch);
        let batches = stage.loader.batches();
        on(Event::EpochBegins {
            epoch: epoch + 1,
            epochs: self.config.recipe.epochs,
            batches,
            batch: stage.phase.batch,
            size: stage.phase.size,
            done,
        });
        let (mut saved, mut unsaved) = (Instant::now(), 0);
        for batch in stage.loader.epoch(epoch as u64, done) {
            let batch = batch?;
            let (loss, rate) = (self.gradients(stage, &batch)?, self.rate(stage));
            self.report(&batch, loss, rate, on);
            let last = self.progress().batch == batches;
            if stage.accumulator.batches() < self.config.recipe.accumulate && !last {
                continue;
            }
            self.step(stage, rate)?;
            let step = self.checkpoint.optimizer.steps();
            events.scalar("loss/step", step, loss)?;
            events.scalar("rate/step", step, rate)?;
            unsaved += 1;
            let asked = stop.load(Ordering::Relaxed);
            let due = self.machine.save_steps.is_some_and(|steps| unsaved >= steps)
                || self.machine.save_every.is_some_and(|every| saved.elapsed() >= every);
            if asked || due {
                self.save()?;
                events.flush()?;
                on(Event::Saved { step });
                (saved, unsaved) = (Instant::now(), 0);
            }
            if asked {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The learning rate of the step that the accumulated batches make.
    fn rate(&self, stage: &Stage) -> f64 {
        let recipe = &self.config.recipe;
        let progress = self.progress();
        let begun = progress.batch - stage.accumulator.batches();
        let epoch = progress.epoch as f64 + begun as f64 / stage.loader.batches() as f64;
        recipe.optimizer.rate * recipe.schedule.share(epoch, recipe.epochs as f64)
    }

    /// Runs a batch forward and backward, and takes its gradients in.
    fn gradients(&mut self, stage: &mut Stage, batch: &Batch) -> Result<f64, TrainError> {
        let spec = self.config.recipe.loss;
        let said = stage.teacher.as_ref().map(|t| t.logits(&batch.images)).transpose()?;
        let teacher = said.as_ref().map(|logits| Teacher {
            logits,
            temperature: spec.temperature,
            share: spec.teacher_share,
        });
        let mixed = batch.mixed.as_ref().map(|m| (m.labels.as_slice(), m.share.as_slice()));
        let targets = Targets { labels: &batch.labels, mixed };
        let (classes, function) = (self.config.net.classes, Loss { smoothing: spec.smoothing });
        let mut counts = Counts::default();
        let input = StepInput { images: &batch.images, dropout_seed: self.dropout_seed() };
        let loss = stage.net.step(
            &mut self.checkpoint.state,
            input,
            |logits, gradient| {
                counts = Counts::of(logits, classes, &targets);
                function.run(logits, classes, &targets, teacher.as_ref(), gradient)
            },
            &mut stage.gradients,
        )?;
        if !loss.is_finite() || loss > EXPLODED {
            return Err(self.diverged(format!("the loss became {loss}"), self.rate(stage)));
        }
        stage.accumulator.add(&stage.gradients);
        let progress = &mut self.checkpoint.progress;
        progress.batch += 1;
        progress.batches += 1;
        progress.loss_sum += loss * batch.len() as f64;
        progress.counts += counts;
        Ok(loss)
    }

    /// A number for each batch; that neighbors differ in few bits is the generator's to handle.
    fn dropout_seed(&self) -> u64 {
        let seed = self.config.recipe.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        seed.wrapping_add(self.progress().batches)
    }

    /// Moves the weights by the accumulated gradients.
    fn step(&mut self, stage: &mut Stage, rate: f64) -> Result<(), TrainError> {
        let clip = self.config.recipe.clip;
        let gradients = stage.accumulator.mean();
        let norm = self.checkpoint.optimizer.norm(gradients);
        if !norm.is_finite() {
            return Err(self.diverged("the gradient is not finite".to_owned(), rate));
        }
        if clip > 0.0 {
            Optimizer::clip(gradients, norm, clip);
        }
        let checkpoint = &mut self.checkpoint;
        let (parameters, machine) = (&mut checkpoint.state.parameters, stage.net.machine());
        checkpoint.optimizer.step(parameters, gradients, rate, machine);
        if let Some(ema) = &mut checkpoint.ema {
            ema.update(&checkpoint.state);
        }
        Ok(())
    }

    fn report(&self, batch: &Batch, loss: f64, rate: f64, on: Listener<'_>) {
        let progress = self.progress();
        on(Event::Batch {
            done: progress.batch,
            images: batch.len(),
            loss,
            mean_loss: progress.loss_sum / progress.counts.images.max(1) as f64,
            top1: progress.counts.top1_share(),
            rate,
        });
    }

    pub(super) fn diverged(&self, what: String, rate: f64) -> TrainError {
        let epoch = self.progress().epoch + 1;
        TrainError::Diverged { epoch, step: self.checkpoint.optimizer.steps(), what, rate }
    }

    /// The learning rate at the end of the epoch.
    pub(super) fn last_rate(&self, stage: &Stage) -> f64 {
        let recipe = &self.config.recipe;
        let batches = stage.loader.batches();
        let last = (batches - 1) / recipe.accumulate * recipe.accumulate;
        let epoch = self.progress().epoch as f64 + last as f64 / batches as f64;
        recipe.optimizer.rate * recipe.schedule.share(epoch, recipe.epochs as f64)
    }
}
