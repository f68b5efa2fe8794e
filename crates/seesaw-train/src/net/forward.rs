//! The ways forward: each pass reads a map once, normalizes it where it reads it, and takes the sums
//! of what it writes.

use seesaw_kernels::{
    CBLOCK,
    layout::cblocks,
    train::{
        DepthwiseTraining, Grid, Normalized, PixelSpan, PixelSpanMut, PointwiseTraining,
        PointwiseTrainingBf16, Slot, Storage, Sums, channel_pairs,
    },
};

use super::{
    norm::Norm,
    parts::{Context, Loops, split, split_mut, total},
    pointwise::Pointwise,
    shape::{Size, behind, map_len, stored_len},
    strip::Strip,
};

/// The outputs of a convolution and the batch norm behind it.
#[derive(Clone, Copy)]
pub(super) struct PreNorm<'a> {
    /// For each part of the batch `[blocks][images][pixels]`.
    pub map: &'a [f32],
    pub storage: Storage,
    pub norm: &'a Norm,
}

/// What a pointwise convolution reads.
#[derive(Clone, Copy)]
pub(super) struct ForwardArgs<'a> {
    /// Input and output channels.
    pub channels: (usize, usize),
    pub size: Size,
    /// What is normalized on the way.
    pub input: PreNorm<'a>,
    /// What is added to the normalized map.
    pub residual: Option<&'a [f32]>,
}

/// A part of the batch in front of a pointwise convolution.
struct Item<'a> {
    raw: &'a [f32],
    residual: Option<&'a [f32]>,
    kept: Option<&'a mut [f32]>,
    out: &'a mut [f32],
    sums: Vec<Sums>,
}

impl Item<'_> {
    /// Normalizes a strip to `x` and convolves it to `y`.
    fn convolve(
        &mut self,
        loops: &Loops,
        conv: &PointwiseTraining,
        norm: &Norm,
        strip: Strip,
        (x, y): (&mut [f32], &mut [f32]),
    ) {
        let loops = loops.of(Storage::F32);
        let blocks = x.chunks_exact_mut(strip.count * CBLOCK).zip(&norm.affine);
        for (block, (x, by)) in blocks.enumerate() {
            let place = strip.of(block, Storage::F32);
            let residual = self.residual.map(|map| &map[place.clone()]);
            loops.affine(&self.raw[place.clone()], by, residual, x, Grid::LINE);
            if let Some(kept) = &mut self.kept {
                kept[place].copy_from_slice(x);
            }
        }
        let of = |map| PixelSpan { map, pixels: strip.count, first: 0 };
        conv.forward(of(x), PixelSpanMut { map: y, pixels: strip.count, first: 0 }, strip.count);
    }

    /// The same for a convolution in pairs.
    fn convolve_pairs(
        &mut self,
        loops: &Loops,
        conv: &PointwiseTrainingBf16,
        (norm, storage): (&Norm, Storage),
        strip: Strip,
        (x, y): (&mut [f32], &mut [f32]),
    ) {
        let slots = channel_pairs(strip.count);
        let x = &mut Slot::reuse(x)[..norm.affine.len() * slots];
        for (block, (x, affine)) in x.chunks_exact_mut(slots).zip(&norm.affine).enumerate() {
            let place = strip.of(block, Storage::F32);
            let residual = self.residual.map(|map| &map[place.clone()]);
            let raw = &self.raw[strip.of(block, storage)];
            let kept = self.kept.as_mut().map(|kept| &mut kept[place]);
            loops.narrowing(storage).channels(&Normalized { raw, affine, residual }, kept, x);
        }
        let (pixels, first) = (strip.count, 0);
        let x = PixelSpan { map: &*x, pixels, first };
        conv.forward(x, PixelSpanMut { map: y, pixels, first }, pixels);
    }
}

/// A pointwise convolution of a normalized map, which goes to `kept` if it is wanted.
pub(super) fn pointwise(
    context: &mut Context<'_>,
    conv: &Pointwise,
    ahead: ForwardArgs<'_>,
    kept: Option<&mut [f32]>,
    (out, out_storage): (&mut [f32], Storage),
) -> Vec<Sums> {
    let ForwardArgs { channels: (inputs, outputs), size, input, residual } = ahead;
    let (part, plane, loops) = (context.part(), size.0 * size.1, context.loops);
    let in_len = stored_len(input.storage, inputs, size);
    let out_len = stored_len(out_storage, outputs, size);
    let mut kept = kept.map(|map| split_mut(map, part, map_len(inputs, size)));
    let mut residual = residual.map(|map| split(map, part, map_len(inputs, size)));
    let mut items: Vec<Item<'_>> = split(input.map, part, in_len)
        .zip(split_mut(out, part, out_len))
        .map(|(raw, out)| Item {
            raw,
            residual: residual.as_mut().and_then(Iterator::next),
            kept: kept.as_mut().and_then(Iterator::next),
            out,
            sums: vec![[[0.0; CBLOCK]; 2]; cblocks(outputs)],
        })
        .collect();
    context.run(&mut items, |item, scratch| {
        let pixels = item.raw.len() / in_len * plane;
        for strip in Strip::cut(pixels, inputs + outputs) {
            let count = strip.count;
            let (x, y) = scratch.pair(map_len(inputs, (1, count)), map_len(outputs, (1, count)));
            if conv.is_bf16() {
                item.convolve_pairs(
                    &loops,
                    conv.bf16(),
                    (input.norm, input.storage),
                    strip,
                    (x, y),
                );
            } else {
                item.convolve(&loops, conv.f32(), input.norm, strip, (x, y));
            }
            let blocks = y.chunks_exact(count * CBLOCK).zip(&mut item.sums);
            for (block, (y, sums)) in blocks.enumerate() {
                let out = &mut item.out[strip.of(block, out_storage)];
                loops.of(out_storage).moments(y, out, sums);
            }
        }
    });
    total(items.iter().map(|item| &item.sums))
}

/// Normalizes a map.
pub(super) fn normalize(
    context: &mut Context<'_>,
    channels: usize,
    size: Size,
    input: PreNorm<'_>,
    residual: Option<&[f32]>,
    out: &mut [f32],
) {
    let (part, len, loops) = (context.part(), map_len(channels, size), context.loops);
    let mut residual = residual.map(|map| split(map, part, len));
    let mut items: Vec<_> = split(input.map, part, len)
        .zip(split_mut(out, part, len))
        .map(|(raw, out)| (raw, residual.as_mut().and_then(Iterator::next), out))
        .collect();
    context.run(&mut items, |(raw, residual, out), _| {
        let len = raw.len() / cblocks(channels);
        let planes = raw.chunks_exact(len).zip(out.chunks_exact_mut(len));
        for (block, (raw, out)) in planes.enumerate() {
            let residual = residual.map(|map| &map[block * len..]);
            let affine = &input.norm.affine[block];
            loops.of(input.storage).affine(raw, affine, residual, out, Grid::LINE);
        }
    });
}

/// What a depthwise convolution reads.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    /// A map that is normalized on the way.
    PreNorm(PreNorm<'a>),
    /// A map as it is.
    Kept(&'a [f32]),
}

impl<'a> Source<'a> {
    pub fn map(self) -> &'a [f32] {
        match self {
            Source::PreNorm(raw) => raw.map,
            Source::Kept(map) => map,
        }
    }

    pub fn storage(self) -> Storage {
        match self {
            Source::PreNorm(raw) => raw.storage,
            Source::Kept(_) => Storage::F32,
        }
    }

    /// Writes block `block` of an image's plane into a plane with a border, which is left alone.
    pub fn pad(self, loops: &Loops, block: usize, plane: &[f32], cols: usize, padded: &mut [f32]) {
        let width = cols + 2;
        let inner = &mut padded[(width + 1) * CBLOCK..];
        match self {
            Source::PreNorm(raw) => {
                let grid = Grid { cols, step: 1, row: width };
                let affine = &raw.norm.affine[block];
                loops.of(raw.storage).affine(plane, affine, None, inner, grid);
            }
            Source::Kept(_) => {
                let rows = plane.chunks_exact(cols * CBLOCK).zip(inner.chunks_mut(width * CBLOCK));
                rows.for_each(|(row, padded)| padded[..row.len()].copy_from_slice(row));
            }
        }
    }
}

/// A depthwise convolution.
pub(super) fn depthwise(
    context: &mut Context<'_>,
    conv: &DepthwiseTraining,
    channels: usize,
    size: Size,
    input: Source<'_>,
    (out, out_storage): (&mut [f32], Storage),
) -> Vec<Sums> {
    let small = behind(size, conv.stride());
    let in_len = stored_len(input.storage(), channels, size);
    let out_len = stored_len(out_storage, channels, small);
    let (part, loops) = (context.part(), context.loops);
    let mut items: Vec<_> = split(input.map(), part, in_len)
        .zip(split_mut(out, part, out_len))
        .map(|(map, out)| (map, out, vec![[[0.0; CBLOCK]; 2]; cblocks(channels)]))
        .collect();
    let plane = size.0 * size.1 * input.storage().pixel();
    let small_plane = small.0 * small.1 * out_storage.pixel();
    context.run(&mut items, |(map, out, sums), scratch| {
        let images = map.len() / in_len;
        let y_len = small.0 * small.1 * CBLOCK;
        let (padded, y) = scratch.pair((size.0 + 2) * (size.1 + 2) * CBLOCK, y_len);
        padded.fill(0.0);
        let planes = map.chunks_exact(plane).zip(out.chunks_exact_mut(small_plane));
        for (i, (map, out)) in planes.enumerate() {
            let block = i / images;
            input.pad(&loops, block, map, size.1, padded);
            conv.forward(block, padded, size.into(), y);
            loops.of(out_storage).moments(y, out, &mut sums[block]);
        }
    });
    total(items.iter().map(|(.., sums)| sums))
}
