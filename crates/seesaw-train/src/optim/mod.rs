//! Optimizers over flat vectors, with PyTorch's arithmetic.

mod adamw;
mod muon;
mod sgd;
mod spec;
#[cfg(test)]
mod tests;

use std::ops::Range;

use seesaw_kernels::Machine;

use self::{
    adamw::{AdamW, Moments},
    sgd::Sgd,
};
use crate::layout::{Entry, Layout, MatrixShape, Role};

pub use spec::{OptimizerKind, OptimizerSpec};

/// An optimizer and its state.
///
/// Frozen tensors, those with a rate multiplier of 0, keep their values and their state.
#[derive(Debug, Clone, PartialEq)]
pub struct Optimizer {
    spec: OptimizerSpec,
    segments: Vec<Segment>,
    slots: Vec<Vec<f32>>,
    steps: u64,
}

/// Parameters that are treated alike.
#[derive(Debug, Clone, PartialEq)]
struct Segment {
    range: Range<usize>,
    /// Factor of the learning rate; never 0.
    multiplier: f64,
    weight_decay: f64,
    /// Shapes of the matrices that Muon moves; empty for parameters that it leaves to SGD.
    matrices: Vec<MatrixShape>,
}

impl Optimizer {
    /// An optimizer before its first step.
    pub fn new(spec: &OptimizerSpec, layout: &Layout) -> Self {
        let segment = |entry: &Entry| Segment {
            range: entry.range.clone(),
            multiplier: spec.multiplier(entry.depth, layout.depth()),
            weight_decay: match entry.role {
                Role::Weight => spec.weight_decay,
                Role::Gamma | Role::Beta | Role::Bias if spec.decay_norms => spec.weight_decay,
                Role::Gamma | Role::Beta | Role::Bias => 0.0,
            },
            matrices: entry.matrices.clone(),
        };
        let segments = layout.entries().iter().map(segment).filter(|s| s.multiplier > 0.0);
        let slots = spec.kind.slots().iter().map(|_| vec![0.0; layout.parameters()]);
        Self { spec: spec.clone(), segments: segments.collect(), slots: slots.collect(), steps: 0 }
    }

    /// Steps taken so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The optimizer's state by name, each with a value for every parameter: `momentum` for SGD and
    /// Muon, `mean` and `square` for AdamW.
    pub fn slots(&self) -> impl Iterator<Item = (&'static str, &[f32])> {
        self.spec.kind.slots().iter().copied().zip(self.slots.iter().map(Vec::as_slice))
    }

    /// Restores what [`Self::steps`] and [`Self::slots`] returned; `slots` in the same order.
    ///
    /// # Panics
    /// When `slots` belong to another kind of optimizer or another net.
    pub fn restore(&mut self, steps: u64, slots: Vec<Vec<f32>>) {
        let lens = |slots: &[Vec<f32>]| slots.iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(lens(&slots), lens(&self.slots), "slots of the same optimizer and net");
        self.steps = steps;
        self.slots = slots;
    }

    /// Euclidean norm of the gradients of all tensors that are not frozen.
    pub fn norm(&self, gradients: &[f32]) -> f64 {
        // Summed in a fixed order, so that every run gets the same number.
        let squares = |s: &Segment| -> f64 {
            gradients[s.range.clone()].iter().map(|g| f64::from(*g) * f64::from(*g)).sum()
        };
        self.segments.iter().map(squares).sum::<f64>().sqrt()
    }

    /// Scales the gradients so that their norm, which is `norm`, becomes at most `limit`.
    pub fn clip(gradients: &mut [f32], norm: f64, limit: f64) {
        // PyTorch adds this small number too.
        let factor = limit / (norm + 1e-6);
        if factor < 1.0 {
            gradients.iter_mut().for_each(|g| *g *= factor as f32);
        }
    }

    /// Moves the parameters by one step at learning rate `rate`. Results do not depend on the number
    /// of threads.
    ///
    /// # Panics
    /// When a slice has another length than the net has parameters.
    pub fn step(
        &mut self,
        parameters: &mut [f32],
        gradients: &[f32],
        rate: f64,
        machine: &Machine,
    ) {
        let lens = [parameters.len(), gradients.len()];
        assert!(self.slots.iter().all(|slot| lens == [slot.len(); 2]), "parameters of this net");
        self.steps += 1;
        match self.spec.kind {
            OptimizerKind::Sgd => self.sgd_step(parameters, gradients, rate),
            OptimizerKind::AdamW => self.adamw_step(parameters, gradients, rate),
            OptimizerKind::Muon => {
                self.sgd_step(parameters, gradients, rate);
                let rate = rate / self.spec.rate * self.spec.matrix_rate;
                let [momentum] = exactly(&mut self.slots);
                let tensors = muon::Tensors { parameters, gradients, momentum };
                let matrices = matrices(&self.segments, tensors, rate);
                muon::step(&self.spec, matrices, machine);
            }
        }
    }

    /// Moves all parameters, or those that Muon leaves to SGD.
    fn sgd_step(&mut self, parameters: &mut [f32], gradients: &[f32], rate: f64) {
        let is_muon = self.spec.kind == OptimizerKind::Muon;
        let [momentum] = exactly(&mut self.slots);
        for segment in &self.segments {
            if is_muon && !segment.matrices.is_empty() {
                continue;
            }
            let range = segment.range.clone();
            let momentum = &mut momentum[range.clone()];
            Sgd::new(&self.spec, rate * segment.multiplier, segment.weight_decay).step(
                &mut parameters[range.clone()],
                &gradients[range],
                momentum,
            );
        }
    }

    fn adamw_step(&mut self, parameters: &mut [f32], gradients: &[f32], rate: f64) {
        let [mean, square] = exactly(&mut self.slots);
        for segment in &self.segments {
            let range = segment.range.clone();
            let (rate, decay) = (rate * segment.multiplier, segment.weight_decay);
            let moments =
                Moments { mean: &mut mean[range.clone()], square: &mut square[range.clone()] };
            AdamW::new(&self.spec, rate, decay, self.steps).step(
                &mut parameters[range.clone()],
                &gradients[range],
                moments,
            );
        }
    }
}

/// The slots of an optimizer that has `N` of them.
fn exactly<const N: usize>(slots: &mut [Vec<f32>]) -> &mut [Vec<f32>; N] {
    slots.try_into().expect("an optimizer has the slots of its kind")
}

/// The segments' matrices; `rate` is that of a segment whose multiplier is 1.
fn matrices<'a>(
    segments: &[Segment],
    tensors: muon::Tensors<'a>,
    rate: f64,
) -> Vec<muon::MatrixStep<'a>> {
    let muon::Tensors { mut parameters, gradients, mut momentum } = tensors;
    let (mut steps, mut at) = (Vec::new(), 0);
    for segment in segments {
        let mut start = segment.range.start;
        for &shape in &segment.matrices {
            let (skipped, end) = (start - at, start + shape.values());
            let tensors = muon::Tensors {
                parameters: take(&mut parameters, skipped, shape.values()),
                gradients: &gradients[start..end],
                momentum: take(&mut momentum, skipped, shape.values()),
            };
            steps.push(muon::MatrixStep { shape, tensors, rate: rate * segment.multiplier });
            (start, at) = (end, end);
        }
    }
    steps
}

/// Removes `skipped` values from the front of `from`, and then `len` more, which are returned.
fn take<'a>(from: &mut &'a mut [f32], skipped: usize, len: usize) -> &'a mut [f32] {
    let (_, rest) = std::mem::take(from).split_at_mut(skipped);
    let (taken, rest) = rest.split_at_mut(len);
    *from = rest;
    taken
}
