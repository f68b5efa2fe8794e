//! The ways back: each pass reads the gradient behind a batch norm and the norm's input, combines
//! them to the gradient behind the convolution, and from it takes the gradients of weights and
//! inputs, and the sums that the batch norm in front needs.

use seesaw_kernels::{
    BLOCK,
    layout::blocks,
    train::{
        Ahead, DepthwiseTraining, Grid, Masked, PointwiseTraining, Span, SpanMut, Sums, Upcoming,
    },
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

/// What a strip from pixel `first` on will read of a map of `pixels` pixels; nothing at its end.
fn upcoming(map: &[f32], (pixels, first): (usize, usize)) -> Upcoming<'_> {
    let map = if first < pixels { &map[first * BLOCK..] } else { &[] };
    Upcoming { map, stride: pixels * BLOCK }
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
    let (part, plane, loops) = (context.part(), size.0 * size.1, context.loops);
    let (in_len, out_len) = (map_len(inputs, size), map_len(outputs, size));
    let mut items = around.cut(part, (in_len, out_len), dx, (packed, conv.packed_len()));
    context.run(&mut items, |item, scratch| {
        item.weights.fill(0.0);
        let pixels = item.raw.len() / out_len * plane;
        let step = strip(pixels, 2 * inputs + outputs);
        for first in (0..pixels).step_by(step) {
            let count = step.min(pixels - first);
            let (dy, x) = scratch.pair(map_len(outputs, (1, count)), map_len(inputs, (1, count)));
            let strip = |block: usize| (block * pixels + first) * BLOCK..;
            let blocks = dy.chunks_exact_mut(count * BLOCK).zip(&behind.norm.combination);
            for (block, (dy, by)) in blocks.enumerate() {
                let gradient = &item.gradient[strip(block)][..dy.len()];
                loops.combine(gradient, &item.raw[strip(block)], by, dy, Grid::LINE);
            }
            let dy = Span { map: dy, pixels: count, first: 0 };
            let next = (pixels, first + count);
            let upcoming =
                [item.gradient, item.raw, item.input, item.front].map(|map| upcoming(map, next));
            // A map that is read twice is fetched once.
            let maps = if let Source::Raw(_) = input { 3 } else { 4 };
            let ahead = Ahead::new(&upcoming[..maps]);
            match input {
                Source::Kept(_) => {
                    let x = Span { map: item.input, pixels, first };
                    conv.accumulate(x, dy, item.weights, count, ahead);
                }
                Source::Raw(raw) => {
                    let blocks = x.chunks_exact_mut(count * BLOCK).zip(&raw.norm.affine);
                    for (block, (x, by)) in blocks.enumerate() {
                        let map = &item.input[strip(block)][..x.len()];
                        loops.affine(map, by, None, x, Grid::LINE);
                    }
                    let x = Span { map: x, pixels: count, first: 0 };
                    conv.accumulate(x, dy, item.weights, count, ahead);
                }
            }
            // What was read is no longer needed: its gradient takes its place.
            conv.backward(dy, SpanMut { map: x, pixels: count, first: 0 }, count);
            let blocks = x.chunks_exact(count * BLOCK).zip(&mut item.sums);
            for (block, (gradient, sums)) in blocks.enumerate() {
                let masked = Masked {
                    gradient,
                    residual: item.residual.map(|map| &map[strip(block)][..gradient.len()]),
                    raw: &item.front[strip(block)][..gradient.len()],
                    affine: &front.norm.affine[block],
                    mean: &front.norm.mean[block],
                };
                loops.mask_and_sum(&masked, &mut item.dx[strip(block)][..gradient.len()], sums);
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
    let (padded, width) = ((size.0 + 2) * (size.1 + 2) * BLOCK, size.1 + 2);
    context.run(&mut items, |item, scratch| {
        let images = item.input.len() / in_len;
        let (both, gradient) = scratch.pair(2 * padded, plane);
        let (x, dy) = both.split_at_mut(padded);
        x.fill(0.0);
        dy.fill(0.0);
        item.weights.fill(0.0);
        let grid = Grid { cols: small.1, step: stride, row: stride * width };
        let planes = item.input.chunks_exact(plane).zip(item.dx.chunks_exact_mut(plane));
        for (i, (map, dx)) in planes.enumerate() {
            let block = i / images;
            input.pad(&loops, block, map, size.1, x);
            let behind = i * small_plane..(i + 1) * small_plane;
            let (by, inner) = (&after.norm.combination[block], &mut dy[(width + 1) * BLOCK..]);
            loops.combine(&item.gradient[behind.clone()], &item.raw[behind], by, inner, grid);
            conv.accumulate(x, dy, size, &mut item.weights[block * 9 * BLOCK..][..9 * BLOCK]);
            conv.backward(block, dy, size, gradient);
            let masked = Masked {
                gradient,
                residual: item.residual.map(|map| &map[i * plane..][..plane]),
                raw: &item.front[i * plane..][..plane],
                affine: &front.norm.affine[block],
                mean: &front.norm.mean[block],
            };
            loops.mask_and_sum(&masked, dx, &mut item.sums[block]);
        }
    });
    let sums = total(items.iter().map(|item| &item.sums));
    context.reduce(taps, taps_len);
    sums
}
