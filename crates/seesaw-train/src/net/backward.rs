//! Backward passes over a batch.
//!
//! Each reads the gradient of a normalized map and the map before its batch norm, and combines them
//! to the gradient of the convolution's output. From that it computes the gradients of the weights
//! and of the input, and the sums that the input's batch norm needs.

use seesaw_kernels::{
    CBLOCK,
    train::{Grid, Masked, PrefetchMap, Storage, Sums},
};

use super::{
    batch::{BatchRunner, MapKernels, Scratch, total},
    conv::{ConvKernel, DepthwiseConv},
    forward::{BorderedPlane, pad, padded_len},
    map::{ConvInput, OutputGrad, PreNorm, map_len, zero_sums},
    pointwise::{PointwiseConv, StripBuffers},
    strip::Strip,
};

/// The maps and gradients around a convolution. All may be longer than the batch, except for those
/// that the forward pass saved.
pub(super) struct BackwardArgs<'a> {
    pub output: OutputGrad<'a>,
    pub input: ConvInput<'a>,
    /// What is added to the gradient of the input, in f32.
    pub residual: Option<&'a [f32]>,
    /// The gradient of the input's normalized map, to be written; 0 where its ReLU6 clips.
    pub grad_input: &'a mut [f32],
}

/// A part of the batch in the backward pass of a convolution.
pub(super) struct BackwardPart<'a> {
    pub output: OutputGrad<'a>,
    pub input: ConvInput<'a>,
    residual: Option<&'a [f32]>,
    grad_input: &'a mut [f32],
    pub weight_grad: &'a mut [f32],
    sums: Vec<Sums>,
}

/// The parts of the batch, each with a gradient of `len` weights of its own.
fn split<'a>(
    runner: &BatchRunner<'_>,
    args: BackwardArgs<'a>,
    weight_grads: &'a mut [f32],
    len: usize,
) -> Vec<BackwardPart<'a>> {
    let BackwardArgs { output, input, residual, grad_input } = args;
    let (in_len, out_len) = (input.pre_norm.image_len(), output.pre_norm.image_len());
    let inputs = runner
        .split(input.pre_norm.map, in_len)
        .zip(runner.split_optional(input.saved, in_len))
        .map(|(map, saved)| ConvInput { pre_norm: PreNorm { map, ..input.pre_norm }, saved });
    let outputs = runner
        .split(output.grad, out_len)
        .zip(runner.split(output.pre_norm.map, out_len))
        .map(|(grad, map)| OutputGrad { grad, pre_norm: PreNorm { map, ..output.pre_norm } });
    let residuals = runner.split_optional(residual, in_len);
    let written = runner.split_mut(grad_input, in_len).zip(weight_grads.chunks_mut(len));
    inputs
        .zip(outputs)
        .zip(residuals)
        .zip(written)
        .map(|(((input, output), residual), (grad_input, weight_grad))| BackwardPart {
            output,
            input,
            residual,
            grad_input,
            weight_grad,
            sums: zero_sums(input.pre_norm.channels()),
        })
        .collect()
}

impl<'a> BackwardPart<'a> {
    /// What the strip after `strip` will read.
    pub fn prefetch(&self, strip: Strip) -> [PrefetchMap<'a>; 4] {
        let first = strip.first + strip.count;
        let (output, input) = (self.output, self.input);
        // Without a saved map, the input is the map before its batch norm.
        let saved = input.saved.unwrap_or(&[]);
        let maps = [
            (output.grad, output.pre_norm.storage),
            (output.pre_norm.map, output.pre_norm.storage),
            (saved, input.pre_norm.storage),
            (input.pre_norm.map, input.pre_norm.storage),
        ];
        maps.map(|(map, storage)| {
            let pixel = storage.pixel();
            let is_last = first == strip.pixels;
            let map = if is_last || map.is_empty() { &[] } else { &map[first * pixel..] };
            PrefetchMap { map, stride: strip.pixels * pixel, pixel }
        })
    }

    /// Writes the gradient of a strip of the input, `[cblocks][pixels][8]`, where its ReLU6 lets it
    /// through.
    fn write_strip(&mut self, kernels: &MapKernels, strip: Strip, grad: &[f32]) {
        let pre_norm = self.input.pre_norm;
        let blocks = grad.chunks_exact(strip.count * CBLOCK).zip(&mut self.sums);
        for (block, (gradient, sums)) in blocks.enumerate() {
            let range = strip.range(block, pre_norm.storage);
            let residual = self.residual.map(|map| &map[strip.range(block, Storage::F32)]);
            let masked = Masked {
                gradient,
                residual,
                raw: &pre_norm.map[range.clone()],
                affine: &pre_norm.norm.affine[block],
                mean: &pre_norm.norm.mean[block],
            };
            kernels.norm(pre_norm.storage).mask_and_sum(&masked, &mut self.grad_input[range], sums);
        }
    }
}

/// The backward pass of a pointwise convolution. Returns the sums for the input's batch norm.
///
/// The gradient of the weights, in the order of the kernel, goes to the front of `weight_grads`, which
/// has room for one of each part.
pub(super) fn pointwise(
    runner: &mut BatchRunner<'_>,
    conv: &PointwiseConv,
    args: BackwardArgs<'_>,
    weight_grads: &mut [f32],
) -> Vec<Sums> {
    let (plane, kernels) = (args.input.pre_norm.size.pixels(), runner.kernels);
    let (out_len, len) = (args.output.pre_norm.image_len(), conv.packed_len());
    let mut parts = split(runner, args, weight_grads, len);
    runner.run(&mut parts, |part, scratch| {
        part.weight_grad.fill(0.0);
        let pixels = part.output.grad.len() / out_len * plane;
        for strip in Strip::cut(pixels, 2 * conv.inputs + conv.outputs) {
            let dy_len = conv.output_grad_len(strip.count);
            let (dy, x) = scratch.pair(dy_len, map_len(conv.inputs, strip.count));
            let buffers = StripBuffers { input: &mut *x, output: dy };
            conv.backward_strip(&kernels, part, strip, buffers);
            part.write_strip(&kernels, strip, x);
        }
    });
    let sums = total(parts.iter().map(|part| &part.sums));
    runner.reduce(weight_grads, len);
    sums
}

/// The backward pass of a depthwise convolution, as [`pointwise`].
pub(super) fn depthwise(
    runner: &mut BatchRunner<'_>,
    conv: &DepthwiseConv,
    args: BackwardArgs<'_>,
    weight_grads: &mut [f32],
) -> Vec<Sums> {
    let (kernels, len) = (runner.kernels, conv.packed_len());
    let mut parts = split(runner, args, weight_grads, len);
    runner.run(&mut parts, |part, scratch| depthwise_part(&kernels, conv, part, scratch));
    let sums = total(parts.iter().map(|part| &part.sums));
    runner.reduce(weight_grads, len);
    sums
}

/// One part of the backward pass of a depthwise convolution, plane by plane.
fn depthwise_part(
    kernels: &MapKernels,
    conv: &DepthwiseConv,
    part: &mut BackwardPart<'_>,
    scratch: &mut Scratch,
) {
    let BackwardPart { output, input, residual, grad_input, weight_grad, sums } = part;
    let (pre_norm, size) = (input.pre_norm, input.pre_norm.size);
    let (plane, small_plane) = (pre_norm.plane_len(), output.pre_norm.plane_len());
    let images = pre_norm.map.len() / pre_norm.image_len();
    let (window, padded) = (conv.kernel.window(), padded_len(conv, *input));
    let (both, grad) = scratch.pair(2 * padded, size.pixels() * CBLOCK);
    let (x, dy) = both.split_at_mut(padded);
    x.fill(0.0);
    dy.fill(0.0);
    weight_grad.fill(0.0);
    // The outputs' gradient lies as far apart as the windows that it belongs to.
    let (stride, width) = (window.stride, window.bordered(size).cols);
    let grid = Grid { cols: output.pre_norm.size.cols, step: stride, row: stride * width };
    let top = window.border() + window.offset(size.rows);
    let first = (top * width + window.border() + window.offset(size.cols)) * CBLOCK;
    let planes = input.map().chunks_exact(plane).zip(grad_input.chunks_exact_mut(plane));
    for (i, (map, grad_input)) in planes.enumerate() {
        let block = i / images;
        pad(kernels, *input, block, map, BorderedPlane { plane: &mut *x, border: window.border() });
        let small = i * small_plane..(i + 1) * small_plane;
        let (grad_output, raw) = (&output.grad[small.clone()], &output.pre_norm.map[small]);
        let (by, inner) = (&output.pre_norm.norm.grad[block], &mut dy[first..]);
        kernels.norm(output.pre_norm.storage).combine(grad_output, raw, by, inner, grid);
        let taps = &mut weight_grad[block * conv.taps_len()..][..conv.taps_len()];
        conv.kernel.accumulate(x, dy, size, taps);
        conv.kernel.backward(block, dy, size, grad);
        let masked = Masked {
            gradient: grad,
            residual: residual.map(|map| &map[i * plane..][..plane]),
            raw: &pre_norm.map[i * plane..][..plane],
            affine: &pre_norm.norm.affine[block],
            mean: &pre_norm.norm.mean[block],
        };
        kernels.norm(pre_norm.storage).mask_and_sum(&masked, grad_input, &mut sums[block]);
    }
}
