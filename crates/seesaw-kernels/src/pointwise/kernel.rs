//! The microkernel: a tile of pixels times a panel of output channels.
//!
//! The stem, every pointwise convolution and the linear layer are this one loop. For each input
//! channel it broadcasts the value of each pixel of the tile and multiplies it by the panel's
//! weights, with all sums staying in registers.
//!
//! The sizes of tiles follow from the registers: with 16, 6 pixels of two vectors leave room for the
//! weights and one broadcast; AVX-512's 32 take 14 pixels of two double vectors. A wide panel needs
//! fewer loads for each multiplication; narrow ones take what is left of a group.

use std::{hint::black_box, marker::PhantomData};

use crate::{
    element::Element,
    simd::{CBLOCK, Factors, Kernel, Vector, with_const},
};

/// Consecutive inputs that a panel reads: `full` whole blocks starting at `block`, then `rest` lanes;
/// a run that starts inside a block (`lane > 0`), or in planar inputs, has no whole blocks. Lanes
/// count elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub block: u32,
    pub lane: u32,
    pub full: u32,
    pub rest: u32,
}

/// Where a panel's inputs come from.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a, T> {
    /// First input of the first pixel.
    pub data: *const T,
    /// Elements from one block of inputs to the next.
    pub block_stride: usize,
    /// Which inputs, in the order of the weights.
    pub runs: &'a [Run],
}

/// Where a panel's outputs go.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    /// First output of the map's first pixel.
    pub data: *mut f32,
    /// f32 from one block of outputs to the next.
    pub block_stride: usize,
    /// Pixels in a row.
    pub cols: usize,
    /// f32 from the end of a row's last pixel to the first pixel of the next row.
    pub row_gap: usize,
    /// Number of the first pixel that is computed.
    pub first: usize,
    /// A map of the output's geometry that is added, or null.
    pub residual: *const f32,
    /// Whether the sum goes through ReLU6.
    pub relu6: bool,
}

/// All pixels of one panel: the arguments of [`Panel`].
///
/// The source must be readable, and the target writable, for all the panel's blocks and all pixels.
pub(crate) struct PanelTask<'a, T> {
    pub source: Source<'a, T>,
    /// The panel's biases.
    pub biases: *const f32,
    /// A row of the panel's weights for each of the source's elements.
    pub weights: *const T,
    pub target: Target,
    /// How many pixels.
    pub pixels: usize,
}

/// A [`Panel`] compiled for an instruction set.
///
/// # Safety
/// The instruction set must be present; otherwise as [`PanelTask`] says.
pub(crate) type PanelFn<T> = unsafe fn(&PanelTask<'_, T>);

/// The `STEP` of inputs in the blocked layout.
pub(crate) const BLOCKED: usize = 0;

/// The microkernel for `NR` vectors in tiles of up to `MAX` pixels, all of nearly the same size: 49
/// pixels are four tiles of 12 and 13 rather than three of 14 and one of 7. The source's pixels lie
/// `STEP` values apart, or the elements of a block where it is [`BLOCKED`].
pub(crate) struct Panel<D, const NR: usize, const STEP: usize, const MAX: usize>(PhantomData<D>);

impl<D: Factors, const NR: usize, const STEP: usize, const MAX: usize> Kernel
    for Panel<D, NR, STEP, MAX>
{
    type Args<'a> = &'a PanelTask<'a, D::Element>;

    #[inline(always)]
    unsafe fn run(task: &PanelTask<'_, D::Element>) {
        let &PanelTask { source, biases, weights, ref target, pixels } = task;
        let tiles = pixels.div_ceil(MAX);
        let (mut source, mut at) = (source, target.first);
        for tile in 0..tiles {
            let size = pixels / tiles + usize::from(tile < pixels % tiles);
            // SAFETY: `PanelTask`'s contract, for `size` pixels from `at` on.
            unsafe {
                with_const!(MR = size, up to MAX => {
                    sums::<D, MR, NR, STEP>(source, biases, weights, target, at);
                });
            }
            source.data = source.data.wrapping_add(size * step::<D>(STEP));
            at += size;
        }
    }
}

/// Elements from one pixel to the next.
const fn step<D: Factors>(step: usize) -> usize {
    if step == BLOCKED { CBLOCK / D::Element::DEPTH } else { step }
}

/// One tile: `MR` pixels of `NR` vectors, of which the first has the number `at` in the output.
///
/// # Safety
/// As [`PanelTask`], for `MR` pixels, where `D`'s instruction set is enabled.
#[inline(always)]
unsafe fn sums<D: Factors, const MR: usize, const NR: usize, const STEP: usize>(
    source: Source<'_, D::Element>,
    biases: *const f32,
    weights: *const D::Element,
    target: &Target,
    at: usize,
) {
    let (step, width) = (step::<D>(STEP), NR * D::Sums::LANES);
    // SAFETY: each run is within the inputs, and there is a row of weights for each input, so all
    // reads are covered by the caller's contract; `store` has the same one.
    unsafe {
        let mut row = weights;
        let mut sums = [[D::Sums::splat(0.0); NR]; MR];
        for pixel in &mut sums {
            for (j, sum) in pixel.iter_mut().enumerate() {
                *sum = D::Sums::load(biases.add(j * D::Sums::LANES));
            }
        }
        let lanes = if D::Sums::ROLLED { black_box(step) } else { step };
        for run in source.runs {
            let mut x =
                source.data.add(run.block as usize * source.block_stride + run.lane as usize);
            // Planar inputs have no whole blocks; with a loop for them the sums would not stay in
            // AVX2's registers.
            if STEP == BLOCKED {
                for _ in 0..run.full {
                    let mut lane = x;
                    for _ in 0..lanes {
                        multiply::<D, MR, NR, STEP>(lane, row, &mut sums);
                        (lane, row) = (lane.add(1), row.add(width));
                    }
                    x = x.add(source.block_stride);
                }
            }
            for _ in 0..run.rest {
                multiply::<D, MR, NR, STEP>(x, row, &mut sums);
                (x, row) = (x.add(1), row.add(width));
            }
        }
        store(sums, target, at);
    }
}

/// Adds one element's products to the tile.
///
/// # Safety
/// `x` must be readable at `MR` pixels, `row` for `NR` vectors.
#[inline(always)]
unsafe fn multiply<D: Factors, const MR: usize, const NR: usize, const STEP: usize>(
    x: *const D::Element,
    row: *const D::Element,
    sums: &mut [[D::Sums; NR]; MR],
) {
    // SAFETY: the caller's contract.
    unsafe {
        let mut weight = [D::broadcast(D::Element::default()); NR];
        for (j, w) in weight.iter_mut().enumerate() {
            *w = D::load_elements(row.add(j * D::Sums::LANES));
        }
        for (i, pixel) in sums.iter_mut().enumerate() {
            let value = D::broadcast(*x.add(i * step::<D>(STEP)));
            for (sum, w) in pixel.iter_mut().zip(weight) {
                *sum = D::add_products(value, w, *sum);
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
    target: &Target,
    at: usize,
) {
    let row = at / target.cols;
    let col = at - row * target.cols;
    let offset = at * CBLOCK + row * target.row_gap;
    // SAFETY: the caller's contract.
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
    target: &Target,
    offset: impl Fn(usize) -> usize,
) {
    let stride = target.block_stride;
    // SAFETY: the caller's contract.
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
