//! The ways back: each pass reads the gradient behind a batch norm and the norm's input, combines
//! them to the gradient behind the convolution, and from it takes the gradients of weights and
//! inputs, and the sums that the batch norm in front needs.

use seesaw_kernels::{
    CBLOCK,
    layout::cblocks,
    train::{
        Affine, Combined, DepthwiseTraining, Grid, Masked, Normalized, PixelSpan, PixelSpanMut,
        PointwiseTraining, PointwiseTrainingBf16, Prefetch, PrefetchMap, Slot, Storage, Sums,
        channel_pairs, pixel_pairs,
    },
};

use super::{
    forward::{PreNorm, Source},
    norm::Norm,
    parts::{Context, Loops, split, split_mut, total},
    pointwise::Pointwise,
    shape::{Size, behind, map_len, stored_len},
    strip::Strip,
};

/// The gradient in front of a batch norm: of the map that the norm's outputs are.
#[derive(Clone, Copy)]
pub(super) struct OutputGrad<'a> {
    /// Gradient of the normalized map, where ReLU6 clips already 0.
    pub gradient: &'a [f32],
    /// The convolution's outputs.
    pub raw: &'a [f32],
    /// Of both maps.
    pub storage: Storage,
    pub norm: &'a Norm,
}

/// What lies around a convolution on the way back.
#[derive(Clone, Copy)]
pub(super) struct BackwardArgs<'a> {
    /// Input and output channels.
    pub channels: (usize, usize),
    /// Of the inputs.
    pub size: Size,
    pub behind: OutputGrad<'a>,
    /// What the convolution read.
    pub input: Source<'a>,
    /// The map and the batch norm that this came from. The input and the gradient of the inputs are
    /// in the storage of this map.
    pub front: PreNorm<'a>,
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

impl<'a> BackwardArgs<'a> {
    /// Cuts maps of `in_len` and `out_len` values an image into the batch's parts, each with a
    /// gradient of `len` weights of its own.
    fn cut(
        &self,
        part: usize,
        (in_len, out_len): (usize, usize),
        dx: &'a mut [f32],
        (weights, len): (&'a mut [f32], usize),
    ) -> Vec<Item<'a>> {
        let OutputGrad { gradient, raw, .. } = self.behind;
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
                sums: vec![[[0.0; CBLOCK]; 2]; cblocks(self.channels.0)],
            })
            .collect()
    }
}

impl<'a> Item<'a> {
    /// What the strip behind `strip` will read; a map that is read twice, where the input is
    /// [`Source::PreNorm`], is there once.
    fn upcoming(
        &self,
        strip: Strip,
        behind: Storage,
        input: Source<'_>,
    ) -> impl Iterator<Item = PrefetchMap<'a>> {
        let first = strip.first + strip.count;
        let front = input.storage();
        let maps =
            [(self.gradient, behind), (self.raw, behind), (self.input, front), (self.front, front)];
        let distinct = if let Source::PreNorm(_) = input { 3 } else { 4 };
        maps.into_iter().take(distinct).map(move |(map, storage)| {
            let pixel = storage.pixel();
            let map = if first < strip.pixels { &map[first * pixel..] } else { &[] };
            PrefetchMap { map, stride: strip.pixels * pixel, pixel }
        })
    }

    /// Takes a strip's gradients of the weights and, which is left in `x`, of the inputs; `dy` is
    /// for the gradient of the outputs.
    fn take_back(
        &mut self,
        loops: &Loops,
        conv: &PointwiseTraining,
        (behind, input): (OutputGrad<'_>, Source<'_>),
        strip: Strip,
        (dy, x): (&mut [f32], &mut [f32]),
    ) {
        let (count, loops) = (strip.count, loops.of(Storage::F32));
        let blocks = dy.chunks_exact_mut(count * CBLOCK).zip(&behind.norm.combination);
        for (block, (dy, by)) in blocks.enumerate() {
            let place = strip.of(block, Storage::F32);
            let (gradient, raw) = (&self.gradient[place.clone()], &self.raw[place]);
            loops.combine(gradient, raw, by, dy, Grid::LINE);
        }
        let dy = PixelSpan { map: dy, pixels: count, first: 0 };
        let upcoming: Vec<_> = self.upcoming(strip, behind.storage, input).collect();
        let ahead = Prefetch::new(&upcoming);
        match input {
            Source::Kept(_) => {
                let x = PixelSpan { map: self.input, pixels: strip.pixels, first: strip.first };
                conv.accumulate(x, dy, self.weights, count, &ahead);
            }
            Source::PreNorm(raw) => {
                let blocks = x.chunks_exact_mut(count * CBLOCK).zip(&raw.norm.affine);
                for (block, (x, by)) in blocks.enumerate() {
                    let input = &self.input[strip.of(block, Storage::F32)];
                    loops.affine(input, by, None, x, Grid::LINE);
                }
                let x = PixelSpan { map: x, pixels: count, first: 0 };
                conv.accumulate(x, dy, self.weights, count, &ahead);
            }
        }
        // What was read is no longer needed: its gradient takes its place.
        conv.backward(dy, PixelSpanMut { map: x, pixels: count, first: 0 }, count);
    }

    /// The same for a convolution in pairs.
    fn take_back_pairs(
        &mut self,
        loops: &Loops,
        conv: &PointwiseTrainingBf16,
        (behind, input): (OutputGrad<'_>, Source<'_>),
        strip: Strip,
        (dy, x): (&mut [f32], &mut [f32]),
    ) {
        let count = strip.count;
        let (channels, pixels) = (channel_pairs(count), pixel_pairs(count));
        let outputs = behind.norm.combination.len();
        let (dy_channels, dy_pixels) = Slot::reuse(dy).split_at_mut(outputs * channels);
        let dy_pixels = &mut dy_pixels[..outputs * pixels];
        let slots = dy_channels.chunks_exact_mut(channels).zip(dy_pixels.chunks_exact_mut(pixels));
        for (block, ((dy_channels, dy_pixels), by)) in
            slots.zip(&behind.norm.combination).enumerate()
        {
            let place = strip.of(block, behind.storage);
            let (gradient, raw) = (&self.gradient[place.clone()], &self.raw[place]);
            let combined = Combined { gradient, raw, by };
            loops.narrowing(behind.storage).combine(&combined, dy_channels, dy_pixels);
        }
        let inputs = x.len() / (count * CBLOCK);
        let x_pixels = &mut Slot::reuse(x)[..inputs * pixels];
        for (block, x) in x_pixels.chunks_exact_mut(pixels).enumerate() {
            let affine = match input {
                Source::Kept(_) => &Affine::IDENTITY,
                Source::PreNorm(raw) => &raw.norm.affine[block],
            };
            let raw = &self.input[strip.of(block, input.storage())];
            let map = Normalized { raw, affine, residual: None };
            loops.narrowing(input.storage()).pixels(&map, x);
        }
        let pairs = count.div_ceil(2);
        let of = |map, pixels| PixelSpan { map, pixels, first: 0 };
        let upcoming: Vec<_> = self.upcoming(strip, behind.storage, input).collect();
        let ahead = Prefetch::new(&upcoming);
        let (x_pixels, dy_pixels) = (of(x_pixels, pairs), of(dy_pixels, pairs));
        conv.accumulate(x_pixels, dy_pixels, self.weights, pairs, &ahead);
        let dx = PixelSpanMut { map: x, pixels: count, first: 0 };
        let dy = PixelSpan { map: &*dy_channels, pixels: count, first: 0 };
        conv.backward(dy, dx, count);
    }
}

/// A pointwise convolution backward.
///
/// The gradient of the inputs goes to `dx`, masked by the ReLU6 in front; the weights' is left in
/// the first `packed_len` values of `packed`. Returned are the sums for the batch norm in front.
pub(super) fn pointwise(
    context: &mut Context<'_>,
    conv: &Pointwise,
    around: BackwardArgs<'_>,
    dx: &mut [f32],
    packed: &mut [f32],
) -> Vec<Sums> {
    let BackwardArgs { channels: (inputs, outputs), size, behind, input, front, .. } = around;
    let (part, plane, loops) = (context.part(), size.0 * size.1, context.loops);
    let in_len = stored_len(front.storage, inputs, size);
    let out_len = stored_len(behind.storage, outputs, size);
    let mut items = around.cut(part, (in_len, out_len), dx, (packed, conv.packed_len()));
    context.run(&mut items, |item, scratch| {
        item.weights.fill(0.0);
        let pixels = item.raw.len() / out_len * plane;
        for strip in Strip::cut(pixels, 2 * inputs + outputs) {
            let count = strip.count;
            let x_len = map_len(inputs, (1, count));
            if conv.is_bf16() {
                // Both kinds of pairs; one pixel more where pixels are odd.
                let maps = scratch.pair(map_len(outputs, (1, count + 1)), x_len);
                item.take_back_pairs(&loops, conv.bf16(), (behind, input), strip, maps);
            } else {
                let maps = scratch.pair(map_len(outputs, (1, count)), x_len);
                item.take_back(&loops, conv.f32(), (behind, input), strip, maps);
            }
            let (_, x) = scratch.pair(0, x_len);
            let blocks = x.chunks_exact(count * CBLOCK).zip(&mut item.sums);
            for (block, (gradient, sums)) in blocks.enumerate() {
                let place = strip.of(block, front.storage);
                let masked = Masked {
                    gradient,
                    residual: item.residual.map(|map| &map[strip.of(block, Storage::F32)]),
                    raw: &item.front[place.clone()],
                    affine: &front.norm.affine[block],
                    mean: &front.norm.mean[block],
                };
                loops.of(front.storage).mask_and_sum(&masked, &mut item.dx[place], sums);
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
    around: BackwardArgs<'_>,
    dx: &mut [f32],
    taps: &mut [f32],
) -> Vec<Sums> {
    let BackwardArgs { channels: (channels, _), size, behind: after, input, front, .. } = around;
    let (stride, loops, part) = (conv.stride(), context.loops, context.part());
    let small = behind(size, stride);
    let in_len = stored_len(front.storage, channels, size);
    let out_len = stored_len(after.storage, channels, small);
    let taps_len = cblocks(channels) * 9 * CBLOCK;
    let mut items = around.cut(part, (in_len, out_len), dx, (taps, taps_len));
    let plane = size.0 * size.1 * front.storage.pixel();
    let small_plane = small.0 * small.1 * after.storage.pixel();
    let (padded, width) = ((size.0 + 2) * (size.1 + 2) * CBLOCK, size.1 + 2);
    context.run(&mut items, |item, scratch| {
        let images = item.input.len() / in_len;
        let (both, back) = scratch.pair(2 * padded, size.0 * size.1 * CBLOCK);
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
            let (by, inner) = (&after.norm.combination[block], &mut dy[(width + 1) * CBLOCK..]);
            let (gradient, raw) = (&item.gradient[behind.clone()], &item.raw[behind]);
            loops.of(after.storage).combine(gradient, raw, by, inner, grid);
            let taps = &mut item.weights[block * 9 * CBLOCK..][..9 * CBLOCK];
            conv.accumulate(x, dy, size.into(), taps);
            conv.backward(block, dy, size.into(), back);
            let masked = Masked {
                gradient: back,
                residual: item.residual.map(|map| &map[i * plane..][..plane]),
                raw: &item.front[i * plane..][..plane],
                affine: &front.norm.affine[block],
                mean: &front.norm.mean[block],
            };
            loops.of(front.storage).mask_and_sum(&masked, dx, &mut item.sums[block]);
        }
    });
    let sums = total(items.iter().map(|item| &item.sums));
    context.reduce(taps, taps_len);
    sums
}
