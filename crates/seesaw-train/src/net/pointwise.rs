//! A pointwise convolution in either precision, one strip of pixels at a time.

use seesaw_arch::{Op, Step};
use seesaw_kernels::{
    Bf16Token, CBLOCK, IsaToken, KernelError,
    train::{
        Affine, Combined, Grid, GroupPlaces, Normalized, PixelSpan, PixelSpanMut, PointwiseShape,
        PointwiseTraining, PointwiseTrainingBf16, Prefetch, Slot, Storage, channel_pairs,
        pixel_pairs,
    },
};

use super::{
    backward::BackwardPart,
    batch::MapKernels,
    conv::{ConvKernel, LayerBuilder},
    forward::ForwardPart,
    map::{LayerOutput, map_len},
    precision::Precision,
    strip::Strip,
};

/// A pointwise convolution in either precision.
#[derive(Debug)]
pub(super) struct PointwiseConv {
    kernel: Kernel,
    pub inputs: usize,
    pub outputs: usize,
}

#[derive(Debug)]
enum Kernel {
    F32(PointwiseTraining),
    Bf16(PointwiseTrainingBf16),
}

/// Buffers for the maps of one strip, in f32.
pub(super) struct StripBuffers<'a> {
    /// For the input, and in the backward pass for its gradient.
    pub input: &'a mut [f32],
    /// For the output, in the backward pass for its gradient.
    pub output: &'a mut [f32],
}

impl PointwiseConv {
    /// The convolution of `step`, in the builder's precision.
    pub fn new(builder: LayerBuilder<'_>, step: &Step) -> Result<Self, KernelError> {
        let Op::Pointwise { shares } = &step.op else {
            unreachable!("{} is no pointwise convolution", step.id)
        };
        let groups: Vec<_> = shares
            .iter()
            .map(|share| GroupPlaces {
                inputs: &step.inputs[share.inputs.clone()],
                outputs: &step.outputs[share.outputs.clone()],
            })
            .collect();
        let (inputs, outputs) = (step.inputs.len(), step.outputs.len());
        let (token, shape) = (builder.token, PointwiseShape { inputs, outputs, groups: &groups });
        let kernel = match builder.precision {
            Precision::F32 => Kernel::F32(PointwiseTraining::new(token, &shape, false)?),
            Precision::Bf16 => {
                Kernel::Bf16(PointwiseTrainingBf16::new(bf16_token(token), &shape, false)?)
            }
        };
        Ok(Self { kernel, inputs, outputs })
    }

    /// f32 of the buffer for the gradient of the output of a strip of `count` pixels.
    pub fn output_grad_len(&self, count: usize) -> usize {
        match &self.kernel {
            Kernel::F32(_) => map_len(self.outputs, count),
            // In pairs of channels and in pairs of pixels; with one more where pixels are odd.
            Kernel::Bf16(_) => map_len(self.outputs, count + 1),
        }
    }

    /// Normalizes a strip of the input and convolves it to `buffers.output`.
    pub fn forward_strip(
        &self,
        kernels: &MapKernels,
        part: &mut ForwardPart<'_>,
        strip: Strip,
        buffers: StripBuffers<'_>,
    ) {
        match &self.kernel {
            Kernel::F32(conv) => forward_f32(conv, kernels, part, strip, buffers),
            Kernel::Bf16(conv) => forward_bf16(conv, kernels, part, strip, buffers),
        }
    }

    /// Computes the gradients of a strip: adds that of the weights to the part's, and leaves that of
    /// the input in `buffers.input`.
    pub fn backward_strip(
        &self,
        kernels: &MapKernels,
        part: &mut BackwardPart<'_>,
        strip: Strip,
        buffers: StripBuffers<'_>,
    ) {
        match &self.kernel {
            Kernel::F32(conv) => backward_f32(conv, kernels, part, strip, buffers),
            Kernel::Bf16(conv) => backward_bf16(conv, kernels, part, strip, buffers),
        }
    }
}

impl ConvKernel for PointwiseConv {
    fn set(&mut self, weights: &[f32]) {
        match &mut self.kernel {
            Kernel::F32(conv) => conv.set(weights),
            Kernel::Bf16(conv) => conv.set(weights),
        }
    }

    fn packed_len(&self) -> usize {
        match &self.kernel {
            Kernel::F32(conv) => conv.packed_len(),
            Kernel::Bf16(conv) => conv.packed_len(),
        }
    }

    fn unpack(&self, packed: &[f32], gradient: &mut [f32]) {
        match &self.kernel {
            Kernel::F32(conv) => conv.unpack(packed, gradient),
            Kernel::Bf16(conv) => conv.unpack(packed, gradient),
        }
    }
}

/// The bf16 kernels that go with an instruction set, or the portable ones.
pub(super) fn bf16_token(token: IsaToken) -> Bf16Token {
    token.bf16().unwrap_or_else(Bf16Token::portable)
}

/// A map that consists of the strip alone.
pub(super) fn whole<T>(map: &[T], pixels: usize) -> PixelSpan<'_, T> {
    PixelSpan { map, pixels, first: 0 }
}

/// As [`whole`], to be written.
pub(super) fn whole_mut(map: &mut [f32], pixels: usize) -> PixelSpanMut<'_> {
    PixelSpanMut { map, pixels, first: 0 }
}

fn forward_f32(
    conv: &PointwiseTraining,
    kernels: &MapKernels,
    part: &mut ForwardPart<'_>,
    strip: Strip,
    buffers: StripBuffers<'_>,
) {
    let LayerOutput { pre_norm, residual } = part.input;
    let StripBuffers { input: x, output: y } = buffers;
    let kernels = kernels.norm(Storage::F32);
    let blocks = x.chunks_exact_mut(strip.count * CBLOCK).zip(&pre_norm.norm.affine);
    for (block, (x, affine)) in blocks.enumerate() {
        let range = strip.range(block, Storage::F32);
        let residual = residual.map(|map| &map[range.clone()]);
        kernels.affine(&pre_norm.map[range.clone()], affine, residual, x, Grid::LINE);
        if let Some(saved) = &mut part.saved {
            saved[range].copy_from_slice(x);
        }
    }
    conv.forward(whole(x, strip.count), whole_mut(y, strip.count), strip.count);
}

fn forward_bf16(
    conv: &PointwiseTrainingBf16,
    kernels: &MapKernels,
    part: &mut ForwardPart<'_>,
    strip: Strip,
    buffers: StripBuffers<'_>,
) {
    let LayerOutput { pre_norm, residual } = part.input;
    let StripBuffers { input: x, output: y } = buffers;
    let kernels = &kernels.stored(pre_norm.storage).bf16;
    let slots = channel_pairs(strip.count);
    let x = &mut Slot::reuse(x)[..pre_norm.norm.affine.len() * slots];
    let blocks = x.chunks_exact_mut(slots).zip(&pre_norm.norm.affine);
    for (block, (x, affine)) in blocks.enumerate() {
        let range = strip.range(block, Storage::F32);
        let residual = residual.map(|map| &map[range.clone()]);
        let raw = &pre_norm.map[strip.range(block, pre_norm.storage)];
        let saved = part.saved.as_mut().map(|saved| &mut saved[range]);
        kernels.channels(&Normalized { raw, affine, residual }, saved, x);
    }
    conv.forward(whole(x, strip.count), whole_mut(y, strip.count), strip.count);
}

fn backward_f32(
    conv: &PointwiseTraining,
    kernels: &MapKernels,
    part: &mut BackwardPart<'_>,
    strip: Strip,
    buffers: StripBuffers<'_>,
) {
    let (count, kernels) = (strip.count, kernels.norm(Storage::F32));
    let StripBuffers { input: x, output: dy } = buffers;
    let output = part.output;
    let blocks = dy.chunks_exact_mut(count * CBLOCK).zip(&output.pre_norm.norm.grad);
    for (block, (dy, by)) in blocks.enumerate() {
        let range = strip.range(block, Storage::F32);
        let (grad, raw) = (&output.grad[range.clone()], &output.pre_norm.map[range]);
        kernels.combine(grad, raw, by, dy, Grid::LINE);
    }
    let dy = whole(dy, count);
    let maps = part.prefetch(strip);
    let input = part.input;
    let read = if let Some(saved) = input.saved {
        PixelSpan { map: saved, pixels: strip.pixels, first: strip.first }
    } else {
        let blocks = x.chunks_exact_mut(count * CBLOCK).zip(&input.pre_norm.norm.affine);
        for (block, (x, affine)) in blocks.enumerate() {
            let raw = &input.pre_norm.map[strip.range(block, Storage::F32)];
            kernels.affine(raw, affine, None, x, Grid::LINE);
        }
        whole(x, count)
    };
    conv.accumulate(read, dy, part.weight_grad, count, &Prefetch::new(&maps));
    // The input is not needed any more: its gradient takes its place.
    conv.backward(dy, whole_mut(x, count), count);
}

fn backward_bf16(
    conv: &PointwiseTrainingBf16,
    kernels: &MapKernels,
    part: &mut BackwardPart<'_>,
    strip: Strip,
    buffers: StripBuffers<'_>,
) {
    let count = strip.count;
    let (channels, pixels) = (channel_pairs(count), pixel_pairs(count));
    let StripBuffers { input: x, output: dy } = buffers;
    let (output, storage) = (part.output, part.output.pre_norm.storage);
    let norm_grads = &output.pre_norm.norm.grad;
    let (dy_channels, dy_pixels) = Slot::reuse(dy).split_at_mut(norm_grads.len() * channels);
    let dy_pixels = &mut dy_pixels[..norm_grads.len() * pixels];
    let slots = dy_channels.chunks_exact_mut(channels).zip(dy_pixels.chunks_exact_mut(pixels));
    for (block, ((dy_channels, dy_pixels), by)) in slots.zip(norm_grads).enumerate() {
        let range = strip.range(block, storage);
        let (gradient, raw) = (&output.grad[range.clone()], &output.pre_norm.map[range]);
        let combined = Combined { gradient, raw, by };
        kernels.stored(storage).bf16.combine(&combined, dy_channels, dy_pixels);
    }
    let (input, storage) = (part.input, part.input.pre_norm.storage);
    let x_pixels = &mut Slot::reuse(x)[..input.pre_norm.norm.affine.len() * pixels];
    for (block, x) in x_pixels.chunks_exact_mut(pixels).enumerate() {
        let affine = match input.saved {
            Some(_) => &Affine::IDENTITY,
            None => &input.pre_norm.norm.affine[block],
        };
        let raw = &input.map()[strip.range(block, storage)];
        let map = Normalized { raw, affine, residual: None };
        kernels.stored(storage).bf16.pixels(&map, x);
    }
    let (pairs, maps) = (count.div_ceil(2), part.prefetch(strip));
    let (x_pixels, dy_pixels) = (whole(x_pixels, pairs), whole(dy_pixels, pairs));
    conv.accumulate(x_pixels, dy_pixels, part.weight_grad, pairs, &Prefetch::new(&maps));
    conv.backward(whole(dy_channels, count), whole_mut(x, count), count);
}
