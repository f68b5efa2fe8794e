//! Feature maps in training: how large they are, and which batch norm belongs to them.

use seesaw_kernels::{
    CBLOCK,
    layout::{Size, cblocks},
    train::{MapBuffer, Storage, Sums},
};

use super::norm::Norm;
use crate::layout::State;

/// f32 of `pixels` pixels of a map in f32.
pub(super) fn map_len(channels: usize, pixels: usize) -> usize {
    stored_len(Storage::F32, channels, pixels)
}

/// f32, or pairs of bf16 in their place, of `pixels` pixels of a map.
pub(super) fn stored_len(storage: Storage, channels: usize, pixels: usize) -> usize {
    cblocks(channels) * pixels * storage.pixel()
}

/// Sums of 0 for each channel of a map.
pub(super) fn zero_sums(channels: usize) -> Vec<Sums> {
    vec![[[0.0; CBLOCK]; 2]; cblocks(channels)]
}

/// The saved outputs of a convolution, and the batch norm after it.
#[derive(Debug)]
pub(super) struct Activation {
    pub map: MapBuffer,
    pub storage: Storage,
    pub size: Size,
    pub norm: Norm,
}

impl Activation {
    pub fn new(norm: Norm, storage: Storage, size: Size) -> Self {
        Self { map: MapBuffer::default(), storage, size, norm }
    }

    /// Makes room for a batch.
    pub fn fit(&mut self, images: usize) {
        self.map.resize(images * self.pre_norm().image_len());
    }

    pub fn pre_norm(&self) -> PreNorm<'_> {
        let Self { map, storage, size, norm } = self;
        PreNorm { map, storage: *storage, size: *size, norm }
    }

    /// The gradient of the normalized map; `grad` may be longer than the map.
    pub fn output_grad<'a>(&'a self, grad: &'a [f32]) -> OutputGrad<'a> {
        OutputGrad { grad: &grad[..self.map.len()], pre_norm: self.pre_norm() }
    }

    /// Takes the sums over the map, which is that of `images` images; see [`Norm::forward`].
    pub fn norm_forward(&mut self, sums: &[Sums], images: usize, state: &State, batch: &mut [f64]) {
        self.norm.forward(sums, images * self.size.pixels(), state, batch);
    }
}

/// The outputs of a convolution, and the batch norm that is applied where they are read.
#[derive(Clone, Copy)]
pub(super) struct PreNorm<'a> {
    /// For each part of the batch `[cblocks][images][pixels][8]`.
    pub map: &'a [f32],
    pub storage: Storage,
    pub size: Size,
    pub norm: &'a Norm,
}

impl PreNorm<'_> {
    pub fn channels(&self) -> usize {
        self.norm.channels()
    }

    /// f32 of an image, or pairs of bf16 in their place.
    pub fn image_len(&self) -> usize {
        stored_len(self.storage, self.channels(), self.size.pixels())
    }

    /// f32 of a channel block of one image, or pairs of bf16 in their place.
    pub fn plane_len(&self) -> usize {
        self.size.pixels() * self.storage.pixel()
    }
}

/// What a layer hands to the next one in the forward pass.
#[derive(Clone, Copy)]
pub(super) struct LayerOutput<'a> {
    /// What is normalized where it is read.
    pub pre_norm: PreNorm<'a>,
    /// What is added to the normalized map, in f32.
    pub residual: Option<&'a [f32]>,
}

/// What a convolution read in the forward pass.
///
/// Its gradient has the shape and the storage of `pre_norm`.
#[derive(Clone, Copy)]
pub(super) struct ConvInput<'a> {
    /// The map before its batch norm.
    pub pre_norm: PreNorm<'a>,
    /// The normalized map with its residual, where the forward pass saved it; it is in f32, as is
    /// `pre_norm` then. Elsewhere the map is normalized again.
    pub saved: Option<&'a [f32]>,
}

impl<'a> ConvInput<'a> {
    /// The map that is read.
    pub fn map(self) -> &'a [f32] {
        self.saved.unwrap_or(self.pre_norm.map)
    }
}

/// The gradient of a normalized map, and what turns it into that of the convolution's output.
#[derive(Clone, Copy)]
pub(super) struct OutputGrad<'a> {
    /// Gradient of the normalized map, already 0 where ReLU6 clips; in the storage of `pre_norm`.
    pub grad: &'a [f32],
    /// The convolution's outputs.
    pub pre_norm: PreNorm<'a>,
}
