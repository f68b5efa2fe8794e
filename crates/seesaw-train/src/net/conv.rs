//! A convolution and its batch norm, of which stem, blocks and head are made.

use std::ops::Range;

use seesaw_arch::{LayerId, Step};
use seesaw_engine::window;
use seesaw_kernels::{
    CBLOCK, IsaToken, KernelError,
    layout::{Size, cblocks},
    train::{DepthwiseTraining, Storage, Sums},
};

use super::{
    context::StepContext, map::Activation, norm::Norm, precision::Precision, statistics::Statistics,
};
use crate::layout::Layout;

/// What layers are made from.
#[derive(Clone, Copy)]
pub(super) struct LayerBuilder<'a> {
    pub token: IsaToken,
    pub precision: Precision,
    pub statistics: Statistics,
    pub layout: &'a Layout,
    /// What batch norms add to the variance.
    pub eps: f64,
}

/// The kernels of a convolution.
pub(super) trait ConvKernel {
    /// Takes new weights, in the order of the net's file.
    fn set(&mut self, weights: &[f32]);

    /// f32 of the weights' gradient in the order of the kernel.
    fn packed_len(&self) -> usize;

    /// Copies the weights' gradient from the order of the kernel to that of the net's file.
    fn unpack(&self, packed: &[f32], gradient: &mut [f32]);
}

/// A convolution, the batch norm after it, and the outputs that a step saves.
#[derive(Debug)]
pub(super) struct ConvNorm<K> {
    pub id: LayerId,
    pub kernel: K,
    /// Where its weights lie among the parameters.
    weights: Range<usize>,
    pub output: Activation,
}

impl<K: ConvKernel> ConvNorm<K> {
    /// The layer of `step`, with outputs of `size` in `storage`.
    pub fn new(
        builder: LayerBuilder<'_>,
        step: &Step,
        kernel: K,
        storage: Storage,
        size: Size,
    ) -> Self {
        let norm = Norm::new(builder, step);
        let layout = builder.layout;
        let output = Activation::new(norm, storage, size);
        Self { id: step.id, kernel, weights: layout.weights(step.id), output }
    }

    /// Takes new weights.
    pub fn load(&mut self, parameters: &[f32]) {
        self.kernel.set(&parameters[self.weights.clone()]);
    }

    /// Ends the forward pass: `sums` are those over the outputs.
    pub fn end_forward(&mut self, cx: &mut StepContext<'_>, sums: &[Sums]) {
        self.output.norm_forward(sums, cx.runner.images, cx.state, cx.statistics);
        cx.clock.forward(self.id);
    }

    /// Begins the backward pass: `sums` are those of the gradient of the normalized outputs.
    pub fn begin_backward(&mut self, cx: &mut StepContext<'_>, sums: &[Sums]) {
        let count = cx.runner.images * self.output.size.pixels();
        self.output.norm.backward(sums, count, &cx.state.parameters, cx.gradients);
    }

    /// Ends the backward pass: the gradient of the weights is in the workspace.
    pub fn end_backward(&self, cx: &mut StepContext<'_>) {
        let packed = &cx.workspace.weight_grads[..self.kernel.packed_len()];
        self.kernel.unpack(packed, &mut cx.gradients[self.weights.clone()]);
        cx.clock.backward(self.id);
    }
}

/// A depthwise convolution.
#[derive(Debug)]
pub(super) struct DepthwiseConv {
    pub kernel: DepthwiseTraining,
    /// The place in memory of each channel.
    places: Vec<usize>,
}

impl DepthwiseConv {
    pub fn new(token: IsaToken, step: &Step) -> Result<Self, KernelError> {
        let places = step.outputs.clone();
        Ok(Self { kernel: DepthwiseTraining::new(token, places.len(), window(step))?, places })
    }

    /// f32 of the gradient of a channel block's weights: 8 channels for each tap.
    pub fn taps_len(&self) -> usize {
        self.kernel.window().taps() * CBLOCK
    }
}

impl ConvKernel for DepthwiseConv {
    fn set(&mut self, weights: &[f32]) {
        self.kernel.set(weights, &self.places);
    }

    fn packed_len(&self) -> usize {
        cblocks(self.places.len()) * self.taps_len()
    }

    fn unpack(&self, packed: &[f32], gradient: &mut [f32]) {
        let taps = self.kernel.window().taps();
        for (weights, place) in gradient.chunks_exact_mut(taps).zip(&self.places) {
            for (tap, weight) in weights.iter_mut().enumerate() {
                *weight = packed[(place / CBLOCK * taps + tap) * CBLOCK + place % CBLOCK];
            }
        }
    }
}
