//! The microkernel: a tile of pixels times a panel of output channels.
//!
//! The stem, every pointwise convolution and the linear layer are this one loop. For each input
//! channel it broadcasts the value of each pixel of the tile and multiplies it with the panel's
//! weights, all sums staying in registers.

use crate::simd::{CBLOCK, Vector};

/// Consecutive inputs that a panel reads: `full` whole blocks from `block` on, then `rest` lanes;
/// a run that starts inside a block (`lane > 0`), or in planar inputs, has no whole blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub block: u32,
    pub lane: u32,
    pub full: u32,
    pub rest: u32,
}

/// Where a panel's inputs come from.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    /// First input of the first pixel.
    pub data: *const f32,
    /// f32 from one block of inputs to the next.
    pub block_stride: usize,
    /// Which inputs, in the order of the weights.
    pub runs: &'a [Run],
}

/// Where a panel's outputs go.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    /// First output of the first pixel.
    pub data: *mut f32,
    /// f32 from one block of outputs to the next.
    pub block_stride: usize,
    /// Pixels in a row.
    pub cols: usize,
    /// f32 from the last pixel's end of a row to the first of the next.
    pub row_gap: usize,
    /// A map of the output's geometry that is added, or null.
    pub residual: *const f32,
    /// Whether ReLU6 ends the sum.
    pub relu6: bool,
}

/// Computes all pixels of one panel.
///
/// The arguments: the inputs of pixel 0; the panel's weights, as a row of biases and then a row an
/// input; the outputs; the number of pixel 0 in the output's geometry; how many pixels.
///
/// # Safety
/// The instruction set it was compiled for must be present; the source readable, and the target
/// writable, for all the panel's blocks and all pixels.
pub(crate) type PanelFn = unsafe fn(Source<'_>, *const f32, Target, usize, usize);

/// Defines a [`PanelFn`] for vectors `$vector`, `$nr` of them wide, in tiles of `$max` pixels or
/// fewer that are all of nearly one size: 49 pixels are four tiles of 12 and 13 rather than three
/// of 14 and one of 7. Pixels of the source lie `$step` values apart.
macro_rules! panel_fn {
    ($name:ident, $(#[$feature:meta])?, $vector:ty, $nr:literal, $step:literal, $max:literal: $($mr:literal)*) => {
        $(#[$feature])?
        pub(crate) unsafe fn $name(
            source: Source<'_>,
            weights: *const f32,
            target: Target,
            first: usize,
            pixels: usize,
        ) {
            let tiles = pixels.div_ceil($max);
            let mut pixel = 0;
            for tile in 0..tiles {
                let size = pixels / tiles + usize::from(tile < pixels % tiles);
                let at = first + pixel;
                // SAFETY: `PanelFn`'s contract, for the pixels from `pixel` to `pixel + size`.
                unsafe {
                    let part = Source { data: source.data.add(pixel * $step), ..source };
                    match size {
                        $($mr => sums::<$vector, $mr, $nr, $step>(part, weights, target, at),)*
                        _ => unreachable!("a tile has 1 to {} pixels", $max),
                    }
                }
                pixel += size;
            }
        }
    };
}
pub(crate) use panel_fn;

/// One tile: `MR` pixels of `NR` vectors.
///
/// # Safety
/// As [`PanelFn`], for `MR` pixels, where `V`'s instruction set is enabled.
#[inline(always)]
pub(crate) unsafe fn sums<V: Vector, const MR: usize, const NR: usize, const STEP: usize>(
    source: Source<'_>,
    weights: *const f32,
    target: Target,
    first: usize,
) {
    // SAFETY: each run is within the inputs, and the weights have a row for each input and one of
    // biases, so all reads are the caller's to vouch for; `store` has the same contract.
    unsafe {
        let mut row = weights;
        let mut sums = [[V::splat(0.0); NR]; MR];
        for pixel in &mut sums {
            for (j, sum) in pixel.iter_mut().enumerate() {
                *sum = V::load(row.add(j * V::LANES));
            }
        }
        row = row.add(NR * V::LANES);
        for run in source.runs {
            let mut x =
                source.data.add(run.block as usize * source.block_stride + run.lane as usize);
            // Of a blocked map, `STEP` is a block's values (or pairs of them). Planar inputs have no
            // whole blocks; with a loop for them here the sums would not stay in AVX2's registers.
            if STEP > 2 {
                for _ in 0..run.full {
                    for lane in 0..STEP {
                        multiply::<V, MR, NR, STEP>(x.add(lane), row, &mut sums);
                        row = row.add(NR * V::LANES);
                    }
                    x = x.add(source.block_stride);
                }
            }
            for lane in 0..run.rest as usize {
                multiply::<V, MR, NR, STEP>(x.add(lane), row, &mut sums);
                row = row.add(NR * V::LANES);
            }
        }
        store(sums, target, first);
    }
}

/// Adds one input's products to the tile.
///
/// # Safety
/// `x` must be readable at `MR` pixels, `row` for `NR` vectors.
#[inline(always)]
unsafe fn multiply<V: Vector, const MR: usize, const NR: usize, const STEP: usize>(
    x: *const f32,
    row: *const f32,
    sums: &mut [[V; NR]; MR],
) {
    // SAFETY: the caller vouches for the pointers.
    unsafe {
        let mut weight = [V::splat(0.0); NR];
        for (j, w) in weight.iter_mut().enumerate() {
            *w = V::load(row.add(j * V::LANES));
        }
        for (i, pixel) in sums.iter_mut().enumerate() {
            let value = V::splat(*x.add(i * STEP));
            for (sum, w) in pixel.iter_mut().zip(weight) {
                *sum = sum.mul_add(value, w);
            }
        }
    }
}

/// Adds the residual, clips and stores a tile.
///
/// # Safety
/// `target` must be writable, and its residual readable, for the tile's pixels and blocks.
#[inline(always)]
unsafe fn store<V: Vector, const MR: usize, const NR: usize>(
    sums: [[V; NR]; MR],
    target: Target,
    first: usize,
) {
    let row = first / target.cols;
    let col = first - row * target.cols;
    let offset = first * CBLOCK + row * target.row_gap;
    // SAFETY: the caller vouches for every block of every pixel of the tile.
    unsafe {
        if col + MR <= target.cols {
            store_at(sums, target, |i| offset + i * CBLOCK);
        } else {
            let row_of = |i: usize| (col + i) / target.cols;
            store_at(sums, target, |i| offset + i * CBLOCK + row_of(i) * target.row_gap);
        }
    }
}

/// Stores a tile whose pixel `i` lies at `offset(i)` in each block.
///
/// Each loop does one simple thing, so that the compiler unrolls it: a loop that it leaves would
/// keep the sums in memory, and every multiplication would store them.
///
/// # Safety
/// As [`store`].
#[inline(always)]
unsafe fn store_at<V: Vector, const MR: usize, const NR: usize>(
    mut sums: [[V; NR]; MR],
    target: Target,
    offset: impl Fn(usize) -> usize,
) {
    let stride = target.block_stride;
    // SAFETY: the caller vouches for every block of every pixel of the tile.
    unsafe {
        if !target.residual.is_null() {
            for (i, pixel) in sums.iter_mut().enumerate() {
                for (j, sum) in pixel.iter_mut().enumerate() {
                    let at = target.residual.add(offset(i) + j * V::CBLOCKS * stride);
                    *sum = sum.add(V::load_cblocks(at, stride));
                }
            }
        }
        if target.relu6 {
            for pixel in &mut sums {
                for sum in pixel {
                    *sum = sum.relu6();
                }
            }
        }
        for (i, pixel) in sums.iter().enumerate() {
            for (j, sum) in pixel.iter().enumerate() {
                let at = target.data.add(offset(i) + j * V::CBLOCKS * stride);
                sum.store_cblocks(at, stride);
            }
        }
    }
}
