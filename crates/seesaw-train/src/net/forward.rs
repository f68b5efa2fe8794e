//! Forward passes over a batch: each reads a map once, normalizes it where it reads it, and sums up
//! what it writes for the batch norm that follows.

use seesaw_kernels::{
    CBLOCK,
    train::{Grid, Sums},
};

use super::{
    batch::{BatchRunner, MapKernels, total},
    conv::DepthwiseConv,
    map::{Activation, ConvInput, LayerOutput, PreNorm, map_len, zero_sums},
    pointwise::{PointwiseConv, StripBuffers},
    strip::Strip,
};

/// A part of the batch in the forward pass of a pointwise convolution.
pub(super) struct ForwardPart<'a> {
    pub input: LayerOutput<'a>,
    /// Where the normalized input is saved, if the backward pass needs it.
    pub saved: Option<&'a mut [f32]>,
    output: &'a mut [f32],
    sums: Vec<Sums>,
}

/// The parts of a layer's output.
fn split<'a>(
    runner: &BatchRunner<'_>,
    whole: LayerOutput<'a>,
) -> impl Iterator<Item = LayerOutput<'a>> + use<'a> {
    let pre_norm = whole.pre_norm;
    let len = map_len(pre_norm.channels(), pre_norm.size.pixels());
    runner
        .split(pre_norm.map, pre_norm.image_len())
        .zip(runner.split_optional(whole.residual, len))
        .map(move |(map, residual)| LayerOutput { pre_norm: PreNorm { map, ..pre_norm }, residual })
}

/// A pointwise convolution of a normalized map, which is saved where `saved` is given. Returns the
/// sums over the outputs.
pub(super) fn pointwise(
    runner: &mut BatchRunner<'_>,
    conv: &PointwiseConv,
    input: LayerOutput<'_>,
    saved: Option<&mut [f32]>,
    output: &mut Activation,
) -> Vec<Sums> {
    let (plane, kernels) = (output.size.pixels(), runner.kernels);
    let (storage, in_len) = (output.storage, input.pre_norm.image_len());
    let out_len = output.pre_norm().image_len();
    let mut saved = saved.map(|map| runner.split_mut(map, map_len(conv.inputs, plane)));
    let mut parts: Vec<ForwardPart<'_>> = split(runner, input)
        .zip(runner.split_mut(&mut output.map, out_len))
        .map(|(input, output)| ForwardPart {
            input,
            saved: saved.as_mut().and_then(Iterator::next),
            output,
            sums: zero_sums(conv.outputs),
        })
        .collect();
    runner.run(&mut parts, |part, scratch| {
        let pixels = part.input.pre_norm.map.len() / in_len * plane;
        for strip in Strip::cut(pixels, conv.inputs + conv.outputs) {
            let count = strip.count;
            let (x, y) = scratch.pair(map_len(conv.inputs, count), map_len(conv.outputs, count));
            let buffers = StripBuffers { input: x, output: &mut *y };
            conv.forward_strip(&kernels, part, strip, buffers);
            let blocks = y.chunks_exact(count * CBLOCK).zip(&mut part.sums);
            for (block, (y, sums)) in blocks.enumerate() {
                let output = &mut part.output[strip.range(block, storage)];
                kernels.norm(storage).moments(y, output, sums);
            }
        }
    });
    total(parts.iter().map(|part| &part.sums))
}

/// Normalizes a map and saves it.
pub(super) fn normalize(runner: &mut BatchRunner<'_>, input: LayerOutput<'_>, saved: &mut [f32]) {
    let pre_norm = input.pre_norm;
    let kernels = *runner.kernels.norm(pre_norm.storage);
    let len = map_len(pre_norm.channels(), pre_norm.size.pixels());
    let mut parts: Vec<_> = split(runner, input).zip(runner.split_mut(saved, len)).collect();
    runner.run(&mut parts, |(input, saved), _| {
        let LayerOutput { pre_norm, residual } = *input;
        let len = pre_norm.map.len() / pre_norm.norm.affine.len();
        let planes = pre_norm.map.chunks_exact(len).zip(saved.chunks_exact_mut(len));
        for (block, (raw, saved)) in planes.enumerate() {
            let residual = residual.map(|map| &map[block * len..]);
            kernels.affine(raw, &pre_norm.norm.affine[block], residual, saved, Grid::LINE);
        }
    });
}

/// A depthwise convolution. Returns the sums over the outputs.
pub(super) fn depthwise(
    runner: &mut BatchRunner<'_>,
    conv: &DepthwiseConv,
    input: ConvInput<'_>,
    output: &mut Activation,
) -> Vec<Sums> {
    let (size, small, storage) = (input.pre_norm.size, output.size, output.storage);
    let (in_len, plane) = (input.pre_norm.image_len(), input.pre_norm.plane_len());
    let (out_len, small_plane) = (output.pre_norm().image_len(), output.pre_norm().plane_len());
    let (channels, kernels) = (input.pre_norm.channels(), runner.kernels);
    let mut parts: Vec<_> = runner
        .split(input.map(), in_len)
        .zip(runner.split_mut(&mut output.map, out_len))
        .map(|(map, output)| (map, output, zero_sums(channels)))
        .collect();
    runner.run(&mut parts, |(map, output, sums), scratch| {
        let images = map.len() / in_len;
        let (padded, y) = scratch.pair(padded_len(conv, input), small.pixels() * CBLOCK);
        padded.fill(0.0);
        let planes = map.chunks_exact(plane).zip(output.chunks_exact_mut(small_plane));
        for (i, (map, output)) in planes.enumerate() {
            let block = i / images;
            let to = BorderedPlane { plane: &mut *padded, border: conv.kernel.window().border() };
            pad(&kernels, input, block, map, to);
            conv.kernel.forward(block, padded, size, y);
            kernels.norm(storage).moments(y, output, &mut sums[block]);
        }
    });
    total(parts.iter().map(|(.., sums)| sums))
}

/// f32 of a plane of `input` with the border of the windows of `conv`.
pub(super) fn padded_len(conv: &DepthwiseConv, input: ConvInput<'_>) -> usize {
    conv.kernel.window().bordered(input.pre_norm.size).pixels() * CBLOCK
}

/// A plane of one channel block with a border of so many pixels.
pub(super) struct BorderedPlane<'a> {
    pub plane: &'a mut [f32],
    pub border: usize,
}

/// Writes `plane`, which is one image of channel block `block` of `input`, normalized into a plane
/// whose border is left as it is.
pub(super) fn pad(
    kernels: &MapKernels,
    input: ConvInput<'_>,
    block: usize,
    plane: &[f32],
    to: BorderedPlane<'_>,
) {
    let (pre_norm, cols) = (input.pre_norm, input.pre_norm.size.cols);
    let BorderedPlane { plane: padded, border } = to;
    let width = cols + 2 * border;
    let inner = &mut padded[border * (width + 1) * CBLOCK..];
    if input.saved.is_some() {
        let rows = plane.chunks_exact(cols * CBLOCK).zip(inner.chunks_mut(width * CBLOCK));
        rows.for_each(|(row, padded)| padded[..row.len()].copy_from_slice(row));
    } else {
        let grid = Grid { cols, step: 1, row: width };
        let affine = &pre_norm.norm.affine[block];
        kernels.norm(pre_norm.storage).affine(plane, affine, None, inner, grid);
    }
}
