//! Optimizers over flat vectors; their arithmetic is PyTorch's.

mod accumulate;
mod muon;
mod spec;
#[cfg(test)]
mod tests;

use std::ops::Range;

use seesaw_kernels::{IsaToken, Team};

use crate::layout::{Layout, Role};

pub use accumulate::Accumulator;
pub use spec::{OptimizerKind, OptimizerSpec};

/// An optimizer and what it remembers of a net's gradients.
///
/// Tensors that are frozen (a rate multiplier of 0) keep their values and everything that is
/// remembered of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Optimizer {
    spec: OptimizerSpec,
    segments: Vec<Segment>,
    slots: Vec<Vec<f32>>,
    steps: u64,
}

/// Who computes a step.
#[derive(Debug, Clone, Copy)]
pub struct Workers<'a> {
    /// The threads.
    pub team: &'a Team,
    /// Their instruction set.
    pub isa: IsaToken,
}

/// Parameters that are treated alike.
#[derive(Debug, Clone, PartialEq)]
struct Segment {
    range: Range<usize>,
    /// Factor of the learning rate; never 0.
    multiplier: f64,
    weight_decay: f64,
    /// Shapes of the matrices that Muon moves; none where the parameters have no such.
    matrices: Vec<(usize, usize)>,
}

impl Optimizer {
    /// An optimizer that has seen nothing yet.
    pub fn new(spec: &OptimizerSpec, layout: &Layout) -> Self {
        let segment = |entry: &crate::layout::Entry| Segment {
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

    /// What is remembered of each parameter, by name, in the parameters' order: `momentum` for SGD
    /// and Muon, `mean` and `square` for AdamW.
    pub fn slots(&self) -> impl Iterator<Item = (&'static str, &[f32])> {
        self.spec.kind.slots().iter().copied().zip(self.slots.iter().map(Vec::as_slice))
    }

    /// Puts back what [`Self::slots`] and [`Self::steps`] told; `slots` in the same order.
    ///
    /// # Panics
    /// When `slots` are of another optimizer or of another net.
    pub fn restore(&mut self, steps: u64, slots: Vec<Vec<f32>>) {
        let lens = |slots: &[Vec<f32>]| slots.iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(lens(&slots), lens(&self.slots), "slots of the same optimizer and net");
        self.steps = steps;
        self.slots = slots;
    }

    /// Euclidean norm of the gradients of all tensors that are not frozen.
    pub fn norm(&self, gradients: &[f32]) -> f64 {
        // Always summed in the same order, so that it is the same number on every run.
        let squares = |s: &Segment| -> f64 {
            gradients[s.range.clone()].iter().map(|g| f64::from(*g) * f64::from(*g)).sum()
        };
        self.segments.iter().map(squares).sum::<f64>().sqrt()
    }

    /// Scales the gradients so that their norm, which is `norm`, becomes at most `limit`.
    pub fn clip(gradients: &mut [f32], norm: f64, limit: f64) {
        // The small number is PyTorch's.
        let factor = limit / (norm + 1e-6);
        if factor < 1.0 {
            gradients.iter_mut().for_each(|g| *g *= factor as f32);
        }
    }

    /// Moves the parameters by one step at learning rate `rate`.
    ///
    /// # Panics
    /// When a slice has another length than the net has parameters.
    pub fn step(
        &mut self,
        parameters: &mut [f32],
        gradients: &[f32],
        rate: f64,
        workers: Workers<'_>,
    ) {
        self.steps += 1;
        for segment in &self.segments {
            let Segment { range, multiplier, weight_decay, .. } = segment;
            let (p, g) = (&mut parameters[range.clone()], &gradients[range.clone()]);
            let (rate, decay) = (rate * multiplier, *weight_decay);
            match (self.spec.kind, self.slots.as_mut_slice()) {
                (OptimizerKind::Muon, _) if !segment.matrices.is_empty() => {}
                (OptimizerKind::Sgd | OptimizerKind::Muon, [momentum]) => {
                    let slot = &mut momentum[range.clone()];
                    momentum_step(p, g, slot, rate as f32, decay as f32, &self.spec);
                }
                (OptimizerKind::AdamW, [mean, square]) => {
                    let slots = (&mut mean[range.clone()], &mut square[range.clone()]);
                    adamw_step(p, g, slots, AdamW::new(&self.spec, rate, decay, self.steps));
                }
                // As many slots as a kind has were made in `new`.
                _ => {}
            }
        }
        if let (OptimizerKind::Muon, [momentum]) = (self.spec.kind, self.slots.as_mut_slice()) {
            let rate = rate / self.spec.rate * self.spec.matrix_rate;
            let items = matrices(&self.segments, parameters, gradients, momentum, rate);
            muon::step(&self.spec, items, workers);
        }
    }
}

/// The segments' matrices; `rate` is that of a segment whose multiplier is 1.
fn matrices<'a>(
    segments: &[Segment],
    mut parameters: &'a mut [f32],
    gradients: &'a [f32],
    mut momentum: &'a mut [f32],
    rate: f64,
) -> Vec<muon::Item<'a>> {
    let (mut items, mut at) = (Vec::new(), 0);
    for segment in segments {
        let mut start = segment.range.start;
        for &shape in &segment.matrices {
            let (skipped, end) = (start - at, start + shape.0 * shape.1);
            items.push(muon::Item {
                shape,
                parameters: cut(&mut parameters, skipped, end - start),
                gradients: &gradients[start..end],
                momentum: cut(&mut momentum, skipped, end - start),
                rate: rate * segment.multiplier,
            });
            (start, at) = (end, end);
        }
    }
    items
}

/// Takes `len` values behind `skipped` ones off the front of `from`.
fn cut<'a>(from: &mut &'a mut [f32], skipped: usize, len: usize) -> &'a mut [f32] {
    let (_, rest) = std::mem::take(from).split_at_mut(skipped);
    let (taken, rest) = rest.split_at_mut(len);
    *from = rest;
    taken
}

/// SGD with momentum as PyTorch's: coupled weight decay, no dampening.
fn momentum_step(
    parameters: &mut [f32],
    gradients: &[f32],
    momentum: &mut [f32],
    rate: f32,
    decay: f32,
    spec: &OptimizerSpec,
) {
    let factor = spec.momentum as f32;
    for ((p, g), m) in parameters.iter_mut().zip(gradients).zip(momentum) {
        let g = g + decay * *p;
        *m = factor * *m + g;
        *p -= rate * if spec.nesterov { g + factor * *m } else { *m };
    }
}

/// The numbers of an AdamW step that all parameters share.
#[derive(Clone, Copy)]
struct AdamW {
    keep: f32,
    mean: f32,
    square: f32,
    step: f32,
    root: f32,
    epsilon: f32,
}

impl AdamW {
    fn new(spec: &OptimizerSpec, rate: f64, decay: f64, steps: u64) -> Self {
        let steps = steps as f64;
        let [beta1, beta2] = spec.betas;
        Self {
            keep: (1.0 - rate * decay) as f32,
            mean: (1.0 - beta1) as f32,
            square: beta2 as f32,
            step: (rate / (1.0 - beta1.powf(steps))) as f32,
            root: (1.0 - beta2.powf(steps)).sqrt() as f32,
            epsilon: spec.epsilon as f32,
        }
    }
}

/// AdamW as PyTorch's (Loshchilov and Hutter, arXiv 1711.05101).
fn adamw_step(
    parameters: &mut [f32],
    gradients: &[f32],
    (means, squares): (&mut [f32], &mut [f32]),
    with: AdamW,
) {
    let slots = means.iter_mut().zip(squares);
    for ((p, g), (mean, square)) in parameters.iter_mut().zip(gradients).zip(slots) {
        *p *= with.keep;
        *mean += with.mean * (g - *mean);
        *square = with.square * *square + (1.0 - with.square) * g * g;
        *p -= with.step * *mean / (square.sqrt() / with.root + with.epsilon);
    }
}
