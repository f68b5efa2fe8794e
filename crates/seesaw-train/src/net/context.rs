//! What all layers of a net share during a step.

use seesaw_kernels::train::MapBuffer;

use super::{
    batch::{BatchRunner, parts},
    clock::Clock,
};
use crate::layout::State;

/// What all layers share during a step.
pub(super) struct StepContext<'a> {
    pub runner: BatchRunner<'a>,
    pub clock: &'a mut Clock,
    pub state: &'a State,
    /// The statistics of the batch, in the order of the state's; empty where the batch norms use the
    /// running ones.
    pub statistics: &'a mut [f64],
    /// Gradients of the parameters, in their order, which the backward passes write.
    pub gradients: &'a mut [f32],
    pub workspace: &'a mut Workspace,
    /// Decides which features are dropped.
    pub dropout_seed: u64,
}

/// Buffers that the layers use in turn during the backward pass.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    /// Gradients of maps between blocks: of a layer's output, and of its input.
    pub trunk: [MapBuffer; 2],
    /// Gradients of expanded maps: of the depthwise convolution's output, and of its input.
    pub expanded: [MapBuffer; 2],
    /// Gradients of a convolution's weights in the order of its kernel, one after another for each
    /// part of the batch.
    pub weight_grads: MapBuffer,
}

/// What a layer needs of a [`Workspace`].
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct WorkspaceLen {
    /// f32 of a map between blocks, for each image.
    pub trunk: usize,
    /// f32, or pairs of bf16 in their place, of an expanded map, for each image.
    pub expanded: usize,
    /// f32 of a convolution's weights, for each part.
    pub weight_grads: usize,
}

impl WorkspaceLen {
    /// Enough for both.
    pub fn max(self, other: Self) -> Self {
        Self {
            trunk: self.trunk.max(other.trunk),
            expanded: self.expanded.max(other.expanded),
            weight_grads: self.weight_grads.max(other.weight_grads),
        }
    }
}

impl Workspace {
    /// Makes room for a batch of `images`.
    pub fn fit(&mut self, len: WorkspaceLen, images: usize) {
        self.trunk.iter_mut().for_each(|map| map.resize(images * len.trunk));
        self.expanded.iter_mut().for_each(|map| map.resize(images * len.expanded));
        self.weight_grads.resize(parts(images) * len.weight_grads);
    }
}
