//! The linear layer, on one thread: it is small.

use std::ops::Range;

use seesaw_arch::{LayerId, Step};
use seesaw_kernels::{
    CBLOCK, KernelError,
    layout::{to_cblocks, to_planar},
    train::{GroupPlaces, PointwiseShape, PointwiseTraining, Prefetch},
};

use super::{
    conv::LayerBuilder,
    map::map_len,
    pointwise::{whole, whole_mut},
};

/// The linear layer, and what a step saves of it for the backward pass.
#[derive(Debug)]
pub(super) struct Linear {
    pub id: LayerId,
    pub kernel: PointwiseTraining,
    /// Where its weights and biases lie among the parameters.
    pub weights: Range<usize>,
    inputs: usize,
    classes: usize,
    /// The features `[cblocks][images][8]`.
    saved_input: Vec<f32>,
}

impl Linear {
    /// The layer of `step`; it is always in f32.
    pub fn new(builder: LayerBuilder<'_>, step: &Step) -> Result<Self, KernelError> {
        let (inputs, classes) = (step.inputs.len(), step.outputs.len());
        let groups = &[GroupPlaces { inputs: &step.inputs, outputs: &step.outputs }];
        let shape = PointwiseShape { inputs, outputs: classes, groups };
        Ok(Self {
            id: step.id,
            kernel: PointwiseTraining::new(builder.token, &shape, true)?,
            weights: builder.layout.weights(step.id),
            inputs,
            classes,
            saved_input: Vec::new(),
        })
    }

    /// Logits `[images][classes]` of features `[images][cblocks][8]`.
    pub fn forward(&mut self, features: &[f32]) -> Vec<f32> {
        let width = map_len(self.inputs, 1);
        let images = features.len() / width;
        self.saved_input = exchange(features, images, width / CBLOCK);
        let mut out = vec![0.0; map_len(self.classes, images)];
        self.kernel.forward(whole(&self.saved_input, images), whole_mut(&mut out, images), images);
        let mut planar = vec![0.0; self.classes * images];
        to_planar(&out, self.classes, &mut planar);
        transpose(&planar, self.classes, images)
    }

    /// The gradient of the features from that of the logits. That of weights and biases goes to
    /// `weight_grad`, in the order of the kernel.
    pub fn backward(&self, grad_logits: &[f32], weight_grad: &mut [f32]) -> Vec<f32> {
        let (x, images) = (&self.saved_input, grad_logits.len() / self.classes);
        let mut dy = vec![0.0; map_len(self.classes, images)];
        to_cblocks(&transpose(grad_logits, images, self.classes), self.classes, &mut dy);
        weight_grad.fill(0.0);
        let dy = whole(&dy, images);
        self.kernel.accumulate(whole(x, images), dy, weight_grad, images, &Prefetch::default());
        let mut dx = vec![0.0; x.len()];
        self.kernel.backward(dy, whole_mut(&mut dx, images), images);
        exchange(&dx, map_len(self.inputs, 1) / CBLOCK, images)
    }
}

/// `[rows][columns][8]` to `[columns][rows][8]`.
fn exchange(x: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let at = |column: usize, row: usize| &x[(row * columns + column) * CBLOCK..][..CBLOCK];
    (0..columns).flat_map(|c| (0..rows).flat_map(move |r| at(c, r))).copied().collect()
}

/// `[rows][columns]` to `[columns][rows]`.
fn transpose(x: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|c| (0..rows).map(move |r| x[r * columns + c])).collect()
}
