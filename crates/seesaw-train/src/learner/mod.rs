//! A net that learns from one batch after another, in memory.
//!
//! A [`Learner`] is a net, its loss, its optimizer and the running mean of its weights. It knows no
//! data set, no schedule and no folder: the caller gives each batch and the learning rate. A
//! [`Trainer`](crate::trainer::Trainer) is a learner with a run folder.
//!
//! ```
//! use seesaw_data::Batch;
//! use seesaw_format::NetWeights;
//! use seesaw_kernels::Machine;
//! use seesaw_train::{learner::Learner, recipe::Recipe};
//!
//! let net = seesaw_arch::zoo::net("seesaw-shuffle-0.5d-cifar")?.with_classes(2);
//! let recipe = Recipe::default_for(&net);
//! let weights = NetWeights::random(&net, recipe.seed)?;
//! let mut learner = Learner::new(&net, &weights, &recipe, &Machine::solo())?;
//! let batch = Batch {
//!     images: vec![0.5; 4 * 3 * 32 * 32],
//!     labels: vec![0, 1, 1, 0],
//!     mixed: None,
//!     indices: vec![0, 1, 2, 3],
//!     size: 32,
//! };
//! let stats = learner.step(&batch, 0.05)?;
//! assert_eq!(stats.counts.images, 4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod memory;
mod shared;
mod teacher;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use seesaw_arch::Net;
use seesaw_comm::{TreeSum, Wire};
use seesaw_data::Batch;
use seesaw_format::NetWeights;
use seesaw_kernels::Machine;

use crate::{
    TrainError,
    error::Divergence,
    layout::State,
    loss::{Counts, Loss, Targets, Teacher, top_classes},
    net::{LayerTime, NetOptions, StepInput, TrainNet},
    recipe::{Phase, Recipe},
};

pub use memory::Memory;
pub(crate) use shared::{Flags, Report, SharedStep};
use teacher::Lesson;
pub use teacher::TeacherModel;
pub(crate) use teacher::TeacherPlan;

/// A loss beyond this has diverged: that of guessing is the logarithm of the number of classes.
const EXPLODED: f64 = 1e3;

/// A net in training, without data and files.
///
/// What it learns depends on the recipe, the batches, the rates, the first weights and the
/// instruction set, but not on the number of threads.
#[derive(Debug)]
pub struct Learner {
    net: Net,
    recipe: Recipe,
    machine: Machine,
    phase: Phase,
    memory: Memory,
    train_net: TrainNet,
    teacher: Option<(TeacherModel, TeacherPlan)>,
    /// How much the images of each class count; empty where all count alike.
    class_weights: Vec<f64>,
    /// Of the last batch, in the order of the parameters.
    gradients: Vec<f32>,
    /// Of the batches since the last step that are computed here.
    sum: TreeSum,
}

/// What a batch came to.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct StepStats {
    /// Mean loss over the images, as the recipe defines it.
    pub loss: f64,
    /// How many images there were, and how many of them were classified correctly.
    pub counts: Counts,
    /// Euclidean norm of the mean gradient before clipping, if the batch completed an optimizer
    /// step.
    pub gradient_norm: Option<f64>,
}

impl StepStats {
    /// Whether the batch completed an optimizer step. With gradient accumulation, only some do.
    pub fn stepped(&self) -> bool {
        self.gradient_norm.is_some()
    }
}

impl Learner {
    /// A learner that starts from `weights`, for images and batches of the recipe's first phase.
    ///
    /// Of the recipe, it uses `accumulate`, `clip`, `ema`, `loss`, `optimizer`, `precision`, `seed`,
    /// `sizes` and `statistics`.
    ///
    /// # Errors
    /// When the net breaks a rule or cannot be trained at this size.
    pub fn new(
        net: &Net,
        weights: &NetWeights,
        recipe: &Recipe,
        machine: &Machine,
    ) -> Result<Self, TrainError> {
        let memory = Memory::new(net, weights, recipe)?;
        Self::resume(net, memory, recipe, recipe.phase(0, net.input_size), machine)
    }

    /// A learner that continues from `memory`.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn resume(
        net: &Net,
        memory: Memory,
        recipe: &Recipe,
        phase: Phase,
        machine: &Machine,
    ) -> Result<Self, TrainError> {
        let parameters = memory.state.parameters.len();
        Ok(Self {
            train_net: train_net(net, recipe, phase, machine)?,
            net: net.clone(),
            recipe: recipe.clone(),
            machine: machine.clone(),
            phase,
            memory,
            teacher: None,
            class_weights: Vec::new(),
            gradients: vec![0.0; parameters],
            sum: TreeSum::new(parameters, Wire::F32),
        })
    }

    /// The same, which sends gradients to other ranks like that.
    #[must_use]
    pub(crate) fn with_wire(mut self, wire: Wire) -> Self {
        self.sum = TreeSum::new(self.memory.state.parameters.len(), wire);
        self
    }

    /// The same, with a weight for the images of each class; see [`Loss`]. The recipe's
    /// [`ClassWeights`](crate::recipe::ClassWeights) become such weights once the images are counted.
    ///
    /// # Panics
    /// When there is not a weight for each class.
    #[must_use]
    pub fn with_class_weights(mut self, weights: Vec<f64>) -> Self {
        assert_eq!(weights.len(), self.net.classes, "a weight for each class");
        self.class_weights = weights;
        self
    }

    /// The same, learning from a teacher's logits as well.
    ///
    /// # Errors
    /// When the teacher's net breaks a rule or cannot run at this size.
    pub fn with_teacher(mut self, model: TeacherModel) -> Result<Self, TrainError> {
        let plan = self.compile_teacher(&model)?;
        self.teacher = Some((model, plan));
        Ok(self)
    }

    /// Changes the size of images and batches, and keeps everything that was learned.
    ///
    /// # Errors
    /// When the net or the teacher cannot run at this size.
    pub fn set_phase(&mut self, phase: Phase) -> Result<(), TrainError> {
        if self.phase == phase {
            return Ok(());
        }
        self.train_net = train_net(&self.net, &self.recipe, phase, &self.machine)?;
        self.phase = phase;
        if let Some((model, _)) = self.teacher.take() {
            let plan = self.compile_teacher(&model)?;
            self.teacher = Some((model, plan));
        }
        Ok(())
    }

    /// The teacher for validation images of this size, if it is their labels' source.
    pub(crate) fn labeling_teacher(&self, size: usize) -> Result<Option<TeacherPlan>, TrainError> {
        let teacher = self.teacher.as_ref().filter(|(_, plan)| plan.labels_images);
        let mut recipe = self.recipe.clone();
        (recipe.loss.teacher_size, recipe.loss.features) = (None, None);
        let phase = Phase { size, ..self.phase };
        teacher
            .map(|(model, _)| model.compile(&self.net, &recipe, phase, &self.machine))
            .transpose()
    }

    fn compile_teacher(&self, model: &TeacherModel) -> Result<TeacherPlan, TrainError> {
        model.compile(&self.net, &self.recipe, self.phase, &self.machine)
    }

    /// Learns from a batch: a forward pass, a backward pass, and a step of the optimizer once the
    /// recipe's `accumulate` batches have been seen since the last one.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] when the loss or the gradient explodes; when the batch has more
    /// images or images of another size than the [phase](Self::phase).
    ///
    /// # Panics
    /// When a label is not a class of the net.
    pub fn step(&mut self, batch: &Batch, rate: f64) -> Result<StepStats, TrainError> {
        let (loss, counts) = self.accumulate(batch, rate)?;
        let due = self.accumulated() >= self.recipe.accumulate;
        let gradient_norm = due.then(|| self.apply(rate)).transpose()?;
        Ok(StepStats { loss, counts, gradient_norm })
    }

    /// Makes a step of what is left in the accumulator, such as at the end of an epoch; the norm of
    /// its gradient, or `None` if nothing is left.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] when the gradient is not finite.
    pub fn finish_step(&mut self, rate: f64) -> Result<Option<f64>, TrainError> {
        (self.accumulated() > 0).then(|| self.apply(rate)).transpose()
    }

    /// Adds the gradient of a batch to the sum; the mean loss, and how many images were classified
    /// correctly.
    fn accumulate(&mut self, batch: &Batch, rate: f64) -> Result<(f64, Counts), TrainError> {
        let (loss, counts) = self.compute(batch, self.memory.batches)?;
        self.check_loss(loss, rate)?;
        self.sum.push(self.sum.vectors(), &mut self.gradients);
        self.memory.state.follow(self.train_net.batch_statistics());
        self.memory.batches += 1;
        Ok((loss, counts))
    }

    fn check_loss(&self, loss: f64, rate: f64) -> Result<(), TrainError> {
        if !loss.is_finite() || loss > EXPLODED {
            return Err(self.memory.diverged(Divergence::Loss(loss), rate));
        }
        Ok(())
    }

    /// Computes the gradient of a batch, which is that number of the training; changes nothing that has
    /// been learned.
    fn compute(&mut self, batch: &Batch, number: u64) -> Result<(f64, Counts), TrainError> {
        self.check(batch)?;
        let (spec, classes) = (&self.recipe.loss, self.net.classes);
        let lesson = self.lesson(batch)?;
        let teacher = lesson.as_ref().map(|lesson| Teacher {
            logits: &lesson.logits,
            temperature: spec.temperature,
            share: spec.teacher_share,
        });
        let labels = self.labels(batch, lesson.as_ref());
        let mixed = batch.mixed.as_ref().filter(|_| matches!(labels, Cow::Borrowed(_)));
        let mixed = mixed.map(|m| (m.labels.as_slice(), m.share.as_slice()));
        let targets = Targets { labels: &labels, mixed };
        let function = Loss { smoothing: spec.smoothing, class_weights: &self.class_weights };
        let mut counts = Counts::default();
        let input = StepInput {
            images: &batch.images,
            dropout_seed: self.dropout_seed(number),
            features: lesson.as_ref().and_then(|lesson| lesson.features.as_ref()),
        };
        let loss = self.train_net.passes(
            &self.memory.state,
            input,
            |logits, gradient| {
                counts = Counts::from_logits(logits, classes, &targets);
                function.run(logits, classes, &targets, teacher.as_ref(), gradient)
            },
            &mut self.gradients,
        )?;
        Ok((loss, counts))
    }

    /// What the teacher says of a batch, if there is one.
    fn lesson(&self, batch: &Batch) -> Result<Option<Lesson>, TrainError> {
        let steps = self.memory.optimizer.steps();
        self.teacher.as_ref().map(|(_, plan)| plan.teach(&batch.images, steps)).transpose()
    }

    /// The classes of a batch: those of the data, or what the teacher sees if the data have none.
    fn labels<'a>(&self, batch: &'a Batch, lesson: Option<&Lesson>) -> Cow<'a, [u32]> {
        let teaches = self.teacher.as_ref().is_some_and(|(_, plan)| plan.labels_images);
        match lesson {
            Some(lesson) if teaches => top_classes(&lesson.logits, self.net.classes).into(),
            _ => batch.labels.as_slice().into(),
        }
    }

    fn check(&self, batch: &Batch) -> Result<(), TrainError> {
        let (images, size) = (batch.len(), self.phase.size);
        if batch.images.len() == images * 3 * size * size {
            return Ok(());
        }
        Err(TrainError::BatchLength { values: batch.images.len(), images, size })
    }

    /// Moves the weights by the mean of the accumulated gradients; its norm.
    fn apply(&mut self, rate: f64) -> Result<f64, TrainError> {
        let batches = self.sum.vectors();
        let gradients = self.sum.total();
        average(gradients, batches);
        self.memory.update(gradients, self.recipe.clip, rate, &self.machine)
    }

    /// A seed for each batch. Seeds that differ in few bits are no problem: they are mixed before
    /// use.
    fn dropout_seed(&self, batch: u64) -> u64 {
        let seed = self.recipe.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        seed.wrapping_add(batch)
    }

    /// Batches whose gradients wait for a step.
    pub fn accumulated(&self) -> usize {
        self.sum.vectors()
    }

    /// The size of images and batches.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// What has been learned: all that a checkpoint has to keep.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The numbers to validate and to keep: the running mean where the recipe has one, else those
    /// of the last step.
    pub fn state(&self) -> &State {
        self.memory.ema.as_ref().map_or(&self.memory.state, |ema| ema.state())
    }

    /// [`Self::state`] as the weights of the net.
    pub fn weights(&self) -> NetWeights {
        let mut weights = NetWeights::zeros(&self.net).expect("a net that is in training is valid");
        self.state().write_to(&mut weights);
        weights
    }

    /// The time that all steps of this phase have spent in each layer.
    pub fn times(&self) -> &[LayerTime] {
        self.train_net.times()
    }
}

/// The mean, from the sum over so many batches.
fn average(sum: &mut [f32], batches: usize) {
    if batches > 1 {
        let share = 1.0 / batches as f32;
        sum.iter_mut().for_each(|sum| *sum *= share);
    }
}

fn train_net(
    net: &Net,
    recipe: &Recipe,
    phase: Phase,
    machine: &Machine,
) -> Result<TrainNet, TrainError> {
    let options = NetOptions::new(net)
        .input_size(phase.size)
        .batch(phase.batch)
        .precision(recipe.precision)
        .statistics(recipe.statistics)
        .frozen(recipe.optimizer.frozen);
    TrainNet::new(net, &options, machine)
}
