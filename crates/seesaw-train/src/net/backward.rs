//! The ways back: each pass reads the gradient behind a batch norm and the norm's input, combines
//! them to the gradient behind the convolution, and from it takes the gradients of weights and
//! inputs, and the sums that the batch norm in front needs.

use seesaw_kernels::{
    BLOCK,
    layout::blocks,
    train::{DepthwiseTraining, PointwiseTraining, Span, SpanMut, Sums},
};

use super::{
    forward::{Raw, Source, strip},
    norm::Norm,
    parts::{Context, split, split_mut, total},
    shape::{Size, behind, map_len},
};

/// The gradient in front of a batch norm: of the map that the norm's outputs are.
#[derive(Clone, Copy)]
pub(super) struct Behind<'a> {
    /// Gradient of the normalised map, where ReLU6 clips already 0.
    pub gradient: &'a [f32],
    /// The convolution's outputs.
    pub raw: &'a [f32],
    pub norm: &'a Norm,
}

/// What lies around a convolution on the way back.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    /// Input and output channels.
    pub channels: (usize, usize),
    /// Of the inputs.
    pub size: Size,
    pub behind: Behind<'a>,
    /// What the convolution read.
    pub input: Source<'a>,
    /// The map and the batch norm that this came from.
    pub front: Raw<'a>,
    /// What is added to the gradient of the inputs.
    pub residual: Option<&'a [f32]>,
}

/// A part of the batch.
struct Item<'a> {
    gradient: &'a [f32],
    raw: &'a [f32],
    input: &'a [f32],
    front: &'a [f32],
    residual: Option<&'a [f32]>,
    dx: &'a mut [f32],
    weights: &'a mut [f32],
    sums: Vec<Sums>,
}

impl<'a> Around<'a> {
    /// Cuts maps of `in_len` and `out_len` values an image into the batch's parts, each with a
    /// gradient of `len` weights of its own.
    fn cut(
        &self,
        part: usize,
        (in_len, out_len): (usize, usize),
        dx: &'a mut [f32],
        (weights, len): (&'a mut [f32], usize),
    ) -> Vec<Item<'a>> {
        let Behind { gradient, raw, .. } = self.behind;
        let mut residual = self.residual.map(|map| split(map, part, in_len));
        let ins = split(self.input.map(), part, in_len).zip(split(self.front.map, part, in_len));
        let outs = split(gradient, part, out_len).zip(split(raw, part, out_len));
        let written = split_mut(dx, part, in_len).zip(weights.chunks_mut(len));
        ins.zip(outs)
            .zip(written)
            .map(|(((input, front), (gradient, raw)), (dx, weights))| Item {
                gradient,
                raw,
                input,
                front,
                residual: residual.as_mut().and_then(Iterator::next),
                dx,
                weights,
                sums: vec![[[0.0; BLOCK]; 2]; blocks(self.channels.0)],
            })
            .collect()
    }
}

/// A pointwise convolution backward.
///
/// The gradient of the inputs goes to `dx`, masked by the ReLU6 in front; the weights' is left in
/// the first `packed_len` values of `packed`. Returned are the sums for the batch norm in front.
pub(super) fn pointwise(
    context: &mut Context<'_>,
    conv: &PointwiseTraining,
    around: Around<'_>,
    dx: &mut [f32],
    packed: &mut [f32],
) -> Vec<Sums> {
    let Around { channels: (inputs, outputs), size, behind, input, front, .. } = around;
    let (part, pixels, loops) = (context.part(), size.0 * size.1, context.loops);
    let (in_len, out_len) = (map_len(inputs, size), map_len(outputs, size));
    let mut items = around.cut(part, (in_len, out_len), dx, (packed, conv.packed_len()));
    let step = strip(pixels, 2 * inputs + outputs);
    context.run(&mut items, |item, scratch| {
        item.weights.fill(0.0);
        for image in 0..item.raw.len() / out_len {
            let (gradient, raw) =
                (&item.gradient[image * out_len..][..out_len], &item.raw[image * out_len..]);
            let map = &item.input[image * in_len..][..in_len];
            let front_map = &item.front[image * in_len..][..in_len];
            let residual = item.residual.map(|map| &map[image * in_len..][..in_len]);
            let dx = &mut item.dx[image * in_len..][..in_len];
            for first in (0..pixels).step_by(step) {
                let count = step.min(pixels - first);
                let (dy, x) =
                    scratch.pair(map_len(outputs, (1, count)), map_len(inputs, (1, count)));
                for (block, by) in behind.norm.combination.iter().enumerate() {
                    let from = (block * pixels + first) * BLOCK;
                    let gradient = &gradient[from..][..count * BLOCK];
                    loops.combine(gradient, &raw[from..], by, &mut dy[block * count * BLOCK..], 1);
                }
                let x = match input {
                    Source::Kept(_) => Span { map, pixels, first },
                    Source::Raw(raw) => {
                        for (block, by) in raw.norm.affine.iter().enumerate() {
                            let from = (block * pixels + first) * BLOCK;
                            let map = &map[from..][..count * BLOCK];
                            loops.affine(map, by, None, &mut x[block * count * BLOCK..], 1);
                        }
                        Span { map: x, pixels: count, first: 0 }
                    }
                };
                let dy = Span { map: dy, pixels: count, first: 0 };
                conv.accumulate(x, dy, item.weights, count);
                conv.backward(dy, residual, SpanMut { map: dx, pixels, first }, count);
                for (block, sums) in item.sums.iter_mut().enumerate() {
                    let range = (block * pixels + first) * BLOCK..;
                    let (dx, raw) = (
                        &mut dx[range.clone()][..count * BLOCK],
                        &front_map[range][..count * BLOCK],
                    );
                    let norm = front.norm;
                    loops.mask_and_sum(dx, raw, &norm.affine[block], &norm.mean[block], sums);
                }
            }
        }
    });
    let sums = total(items.iter().map(|item| &item.sums));
    context.reduce(packed, conv.packed_len());
    sums
}

/// A depthwise convolution backward, like [`pointwise`]. The weights' gradient is left at the
/// beginning of `taps`, 9 times 8 values a block.
pub(super) fn depthwise(
    context: &mut Context<'_>,
    conv: &DepthwiseTraining,
    around: Around<'_>,
    dx: &mut [f32],
    taps: &mut [f32],
) -> Vec<Sums> {
    let Around { channels: (channels, _), size, behind: after, input, front, .. } = around;
    let (stride, loops, part) = (conv.stride(), context.loops, context.part());
    let small = behind(size, stride);
    let (in_len, out_len) = (map_len(channels, size), map_len(channels, small));
    let taps_len = blocks(channels) * 9 * BLOCK;
    let mut items = around.cut(part, (in_len, out_len), dx, (taps, taps_len));
    let (plane, small_plane) = (size.0 * size.1 * BLOCK, small.0 * small.1 * BLOCK);
    let (padded, width) = ((size.0 + 2) * (size.1 + 2) * BLOCK, (size.1 + 2) * BLOCK);
    context.run(&mut items, |item, scratch| {
        let (x, dy) = scratch.pair(padded, padded);
        x.fill(0.0);
        dy.fill(0.0);
        item.weights.fill(0.0);
        let planes = item.input.chunks_exact(plane).zip(item.dx.chunks_exact_mut(plane));
        for (i, (map, dx)) in planes.enumerate() {
            let block = i % blocks(channels);
            input.pad(&loops, block, map, size.1, x);
            let rows = item.gradient[i * small_plane..][..small_plane]
                .chunks_exact(small.1 * BLOCK)
                .zip(item.raw[i * small_plane..].chunks_exact(small.1 * BLOCK));
            for (row, (gradient, raw)) in rows.enumerate() {
                let to = &mut dy[(row * stride + 1) * width + BLOCK..];
                loops.combine(gradient, raw, &after.norm.combination[block], to, stride);
            }
            conv.accumulate(x, dy, size, &mut item.weights[block * 9 * BLOCK..][..9 * BLOCK]);
            conv.backward(block, dy, size, dx);
            if let Some(residual) = item.residual {
                for (dx, value) in dx.iter_mut().zip(&residual[i * plane..]) {
                    *dx += value;
                }
            }
            let (norm, sums) = (front.norm, &mut item.sums[block]);
            let raw = &item.front[i * plane..][..plane];
            loops.mask_and_sum(dx, raw, &norm.affine[block], &norm.mean[block], sums);
        }
    });
    let sums = total(items.iter().map(|item| &item.sums));
    context.reduce(taps, taps_len);
    sums
}
