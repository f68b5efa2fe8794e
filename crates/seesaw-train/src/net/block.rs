//! An inverted residual in training.

use std::ops::Range;

use seesaw_arch::{Block, ChannelOrder};
use seesaw_kernels::{
    CBLOCK, IsaToken, KernelError,
    train::{DepthwiseTraining, MapBuffer, Storage},
};

use super::{
    Precision,
    backward::{self, BackwardArgs, OutputGrad},
    forward::{self, ForwardArgs, PreNorm, Source},
    norm::Norm,
    parts::Context,
    pointwise::Pointwise,
    shape::{Size, behind, map_len, places, stored_len},
};
use crate::layout::{Layout, State};

/// Outputs of a convolution, and its batch norm.
#[derive(Debug)]
pub(super) struct Activation {
    pub raw: MapBuffer,
    pub storage: Storage,
    pub norm: Norm,
}

impl Activation {
    pub fn new(norm: Norm, storage: Storage) -> Self {
        Self { raw: MapBuffer::default(), storage, norm }
    }

    pub fn as_raw(&self) -> PreNorm<'_> {
        PreNorm { map: &self.raw, storage: self.storage, norm: &self.norm }
    }

    pub fn behind<'a>(&'a self, gradient: &'a [f32]) -> OutputGrad<'a> {
        OutputGrad { gradient, raw: &self.raw, storage: self.storage, norm: &self.norm }
    }
}

/// A convolution and where its weights lie among the parameters.
#[derive(Debug, Clone)]
pub(super) struct Weighted<T> {
    pub conv: T,
    pub weights: Range<usize>,
}

/// Hands out the layout's tensors in order.
pub(super) struct Tensors<'a> {
    entries: std::slice::Iter<'a, crate::layout::Entry>,
    statistics: usize,
}

impl<'a> Tensors<'a> {
    pub fn new(layout: &'a Layout) -> Self {
        Self { entries: layout.entries().iter(), statistics: 0 }
    }

    /// The next tensor's place.
    pub fn next(&mut self) -> Range<usize> {
        self.entries.next().map_or(0..0, |entry| entry.range.clone())
    }

    /// The batch norm that comes next, of channels at `places`.
    pub fn norm(&mut self, places: Vec<usize>, relu6: bool) -> Norm {
        let (gamma, _beta) = (self.next(), self.next());
        let first = self.statistics;
        self.statistics += 2 * places.len();
        Norm::new(places, gamma.start, first, relu6)
    }
}

/// A block, and what a step keeps of it for the way back.
#[derive(Debug)]
pub(super) struct TrainBlock {
    pub shape: Block,
    pub size: Size,
    /// Number of its first convolution among the net's.
    first_layer: usize,
    pub expand: Option<(Weighted<Pointwise>, Activation)>,
    pub depthwise: Weighted<DepthwiseTraining>,
    /// The place of each depthwise channel.
    pub places: Vec<usize>,
    pub middle: Activation,
    pub project: Weighted<Pointwise>,
}

/// Buffers that every block uses in turn on the way back.
#[derive(Debug, Default)]
pub(super) struct Gradients {
    /// Of a block's output, and then of its input.
    pub narrow: [MapBuffer; 2],
    /// Of the depthwise convolution's outputs and inputs.
    pub wide: [MapBuffer; 2],
    /// Of weights in packed order, one after another for each part of a batch.
    pub packed: MapBuffer,
}

impl TrainBlock {
    /// The block on maps of `size`, and the batch norm behind it; its first convolution is number
    /// `first_layer` of the net's.
    pub fn new(
        (token, precision): (IsaToken, Precision),
        block: &Block,
        size: Size,
        first_layer: usize,
        tensors: &mut Tensors<'_>,
    ) -> Result<(Self, Activation), KernelError> {
        let middle = ChannelOrder::new(block);
        let inputs: Vec<usize> = (0..block.input).collect();
        let expand = match &block.expand {
            None => None,
            Some(groups) => {
                let groups = places(groups, &inputs, &middle.before_flow);
                let channels = (block.input, block.expanded);
                let conv = Pointwise::new(token, precision, channels, &groups)?;
                let weights = tensors.next();
                let norm = tensors.norm(middle.before_flow.clone(), block.activate_expand);
                Some((Weighted { conv, weights }, Activation::new(norm, precision.wide())))
            }
        };
        let conv = DepthwiseTraining::new(token, block.expanded, block.stride)?;
        let depthwise = Weighted { conv, weights: tensors.next() };
        let depthwise_norm = tensors.norm(middle.after_flow.clone(), true);
        let outputs = block.output_flow.destinations(block.output);
        let groups = places(&block.project, &middle.after_flow, &outputs);
        let channels = (block.expanded, block.output);
        let conv = Pointwise::new(token, precision, channels, &groups)?;
        let project = Weighted { conv, weights: tensors.next() };
        let norm = tensors.norm(outputs.clone(), false);
        let new = Self {
            shape: block.clone(),
            size,
            first_layer,
            expand,
            depthwise,
            places: middle.after_flow,
            middle: Activation::new(depthwise_norm, precision.wide()),
            project,
        };
        Ok((new, Activation::new(norm, Storage::F32)))
    }

    /// Of the outputs.
    pub fn out(&self) -> Size {
        behind(self.size, self.shape.stride)
    }

    /// Number of the project convolution among the net's.
    pub fn project_layer(&self) -> usize {
        self.first_layer + if self.expand.is_some() { 2 } else { 1 }
    }

    /// Makes room for a batch.
    pub fn fit(&mut self, images: usize) {
        if let Some((_, stage)) = &mut self.expand {
            let len = stored_len(stage.storage, self.shape.expanded, self.size);
            stage.raw.resize(images * len);
        }
        let out = stored_len(self.middle.storage, self.shape.expanded, self.out());
        self.middle.raw.resize(images * out);
    }

    /// f32, or pairs in their place, of an image's expanded map.
    pub fn wide_len(&self) -> usize {
        stored_len(self.middle.storage, self.shape.expanded, self.size)
    }

    /// Runs the block on what `front` normalizes, `residual` added, which goes to `kept`.
    pub fn forward(
        &mut self,
        context: &mut Context<'_>,
        state: &mut State,
        (front, residual): (&Activation, Option<&[f32]>),
        kept: &mut [f32],
        out: &mut Activation,
    ) {
        let (inputs, expanded, outputs) = self.channels();
        let (size, small) = (self.size, self.out());
        let (images, project_layer) = (context.images, self.project_layer());
        let count = |size: Size| images * size.0 * size.1;
        let source = match &mut self.expand {
            Some((expand, stage)) => {
                let channels = (inputs, expanded);
                let ahead = ForwardArgs { channels, size, input: front.as_raw(), residual };
                let map = (&mut stage.raw[..], stage.storage);
                let sums = forward::pointwise(context, &expand.conv, ahead, Some(kept), map);
                stage.norm.observe(&sums, count(size), state);
                context.clock.forward(self.first_layer);
                Source::PreNorm(stage.as_raw())
            }
            None => {
                forward::normalize(context, inputs, size, front.as_raw(), residual, kept);
                Source::Kept(kept)
            }
        };
        let (conv, map) = (&self.depthwise.conv, (&mut self.middle.raw[..], self.middle.storage));
        let sums = forward::depthwise(context, conv, expanded, size, source, map);
        self.middle.norm.observe(&sums, count(small), state);
        context.clock.forward(project_layer - 1);

        let (channels, input) = ((expanded, outputs), self.middle.as_raw());
        let ahead = ForwardArgs { channels, size: small, input, residual: None };
        let map = (&mut out.raw[..], out.storage);
        let sums = forward::pointwise(context, &self.project.conv, ahead, None, map);
        out.norm.observe(&sums, count(small), state);
        context.clock.forward(project_layer);
    }

    /// The way back: `work.narrow[0]` is the gradient behind `out`, and then behind `front`.
    pub fn backward(
        &mut self,
        context: &mut Context<'_>,
        parameters: &[f32],
        (front, kept, out): (&mut Activation, &[f32], &Activation),
        work: &mut Gradients,
        gradients: &mut [f32],
    ) {
        self.backward_project(context, parameters, out, work, gradients);
        self.backward_depthwise(context, parameters, (front, kept), work, gradients);
        self.backward_expand(context, parameters, (front, kept), work, gradients);
        work.narrow.swap(0, 1);
    }

    /// From `work.narrow[0]` to `work.wide[0]`.
    fn backward_project(
        &mut self,
        context: &mut Context<'_>,
        parameters: &[f32],
        out: &Activation,
        work: &mut Gradients,
        gradients: &mut [f32],
    ) {
        let (_, expanded, outputs) = self.channels();
        let (small, images) = (self.out(), context.images);
        let (conv, raw) = (&self.project.conv, self.middle.as_raw());
        let around = BackwardArgs {
            channels: (expanded, outputs),
            size: small,
            behind: out.behind(&work.narrow[0][..images * map_len(outputs, small)]),
            input: Source::PreNorm(raw),
            front: raw,
            residual: None,
        };
        let len = images * stored_len(self.middle.storage, expanded, small);
        let packed = &mut work.packed;
        let sums = backward::pointwise(context, conv, around, &mut work.wide[0][..len], packed);
        conv.unpack(&packed[..conv.packed_len()], &mut gradients[self.project.weights.clone()]);
        let count = images * small.0 * small.1;
        self.middle.norm.observe_backward(&sums, count, parameters, gradients);
        context.clock.backward(self.project_layer());
    }

    /// From `work.wide[0]` to `work.wide[1]`; without an expand convolution to `work.narrow[1]`.
    fn backward_depthwise(
        &mut self,
        context: &mut Context<'_>,
        parameters: &[f32],
        (front, kept): (&mut Activation, &[f32]),
        work: &mut Gradients,
        gradients: &mut [f32],
    ) {
        let (inputs, expanded, _) = self.channels();
        let (size, images) = (self.size, context.images);
        let [dz, dx] = &mut work.narrow;
        let [behind, before] = &mut work.wide;
        let len = images * stored_len(self.middle.storage, expanded, self.out());
        let around = BackwardArgs {
            channels: (expanded, expanded),
            size,
            behind: self.middle.behind(&behind[..len]),
            input: Source::Kept(kept),
            front: front.as_raw(),
            residual: self.residual(dz, images),
        };
        let (conv, packed) = (&self.depthwise.conv, &mut work.packed);
        let sums = match &self.expand {
            Some((_, stage)) => {
                let raw = stage.as_raw();
                let around = BackwardArgs {
                    input: Source::PreNorm(raw),
                    front: raw,
                    residual: None,
                    ..around
                };
                let len = images * stored_len(stage.storage, expanded, size);
                backward::depthwise(context, conv, around, &mut before[..len], packed)
            }
            None => {
                let dx = &mut dx[..images * map_len(inputs, size)];
                backward::depthwise(context, conv, around, dx, packed)
            }
        };
        let norm = self.expand.as_mut().map_or(&mut front.norm, |(_, stage)| &mut stage.norm);
        norm.observe_backward(&sums, images * size.0 * size.1, parameters, gradients);
        unpack_taps(packed, &self.places, &mut gradients[self.depthwise.weights.clone()]);
        context.clock.backward(self.project_layer() - 1);
    }

    /// From `work.wide[1]` to `work.narrow[1]`, where there is an expand convolution.
    fn backward_expand(
        &mut self,
        context: &mut Context<'_>,
        parameters: &[f32],
        (front, kept): (&mut Activation, &[f32]),
        work: &mut Gradients,
        gradients: &mut [f32],
    ) {
        let Some((expand, stage)) = &self.expand else { return };
        let (inputs, expanded, _) = self.channels();
        let (size, images) = (self.size, context.images);
        let [dz, dx] = &mut work.narrow;
        let len = images * stored_len(stage.storage, expanded, size);
        let around = BackwardArgs {
            channels: (inputs, expanded),
            size,
            behind: stage.behind(&work.wide[1][..len]),
            input: Source::Kept(kept),
            front: front.as_raw(),
            residual: self.residual(dz, images),
        };
        let (conv, packed) = (&expand.conv, &mut work.packed);
        let dx = &mut dx[..images * map_len(inputs, size)];
        let sums = backward::pointwise(context, conv, around, dx, packed);
        front.norm.observe_backward(&sums, images * size.0 * size.1, parameters, gradients);
        conv.unpack(&packed[..conv.packed_len()], &mut gradients[expand.weights.clone()]);
        context.clock.backward(self.first_layer);
    }

    /// The gradient behind the block that goes around it, where it has a residual.
    fn residual<'a>(&self, dz: &'a [f32], images: usize) -> Option<&'a [f32]> {
        self.shape.is_residual().then(|| &dz[..images * map_len(self.shape.output, self.out())])
    }

    /// Input, expanded and output channels.
    fn channels(&self) -> (usize, usize, usize) {
        (self.shape.input, self.shape.expanded, self.shape.output)
    }
}

/// Writes gradients of taps, `[blocks][9][8]`, into the order of the weights.
fn unpack_taps(taps: &[f32], places: &[usize], gradient: &mut [f32]) {
    for (weights, place) in gradient.chunks_exact_mut(9).zip(places) {
        for (tap, weight) in weights.iter_mut().enumerate() {
            *weight = taps[(place / CBLOCK * 9 + tap) * CBLOCK + place % CBLOCK];
        }
    }
}
