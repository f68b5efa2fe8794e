//! The gradient microkernel: outer products of some inputs and a panel of output channels, summed
//! over pixels.
//!
//! The gradient of a pointwise convolution's weights is a product of two maps. It is laid out as the
//! forward microkernel has its weights: for each panel a row for each input. A tile is the inputs of
//! one block times a panel's vectors; its sums stay in registers while it walks over the pixels.

use std::marker::PhantomData;

use super::prefetch::{Prefetch, Upcoming};
use crate::{
    element::Element,
    pointwise::kernel::Source,
    simd::{CBLOCK, Factors, Kernel, Vector, with_const},
};

/// The arguments of [`PanelGradient`]: it adds to the rows of one panel the products of its inputs and
/// its outputs' gradients.
///
/// Elements of more than one number hold neighboring pixels, so runs count channels. Both maps must
/// be readable for all the panel's blocks and all pixels, and a row writable for each input.
pub(crate) struct GradientTask<'a, T> {
    pub source: Source<'a, T>,
    /// The outputs' gradients of pixel 0.
    pub dy: *const T,
    /// Elements from one block of those to the next.
    pub dy_stride: usize,
    /// The panel's first row.
    pub rows: *mut f32,
    /// Elements of a channel.
    pub pixels: usize,
    /// What to fetch at the same time.
    pub ahead: &'a Prefetch<'a>,
}

/// A [`PanelGradient`] compiled for an instruction set.
///
/// # Safety
/// The instruction set must be present; otherwise as [`GradientTask`] says.
pub(crate) type GradientFn<T> = unsafe fn(GradientTask<'_, T>);

/// The gradient microkernel for `NR` vectors, which takes up to `MAX` inputs of a block at a time.
pub(crate) struct PanelGradient<D, const NR: usize, const MAX: usize>(PhantomData<D>);

impl<D: Factors, const NR: usize, const MAX: usize> Kernel for PanelGradient<D, NR, MAX> {
    type Args<'a> = GradientTask<'a, D::Element>;

    #[inline(always)]
    unsafe fn run(task: GradientTask<'_, D::Element>) {
        let source = task.source;
        let mut rows = task.rows;
        for run in source.runs {
            let first = run.lane as usize;
            let lanes = first + run.full as usize * CBLOCK + run.rest as usize;
            let mut lane = first;
            while lane < lanes {
                let in_block = (CBLOCK - lane % CBLOCK).min(lanes - lane);
                let size = in_block.min(MAX);
                // SAFETY: `GradientTask`'s contract, for the inputs from `lane` on.
                unsafe {
                    let block = run.block as usize + lane / CBLOCK;
                    let x = source.data.add(block * source.block_stride + lane % CBLOCK);
                    let ahead = task.ahead.next_or(x.cast());
                    with_const!(MR = size, up to MAX => {
                        products::<D, MR, NR>(&task, x, rows, ahead);
                    });
                    rows = rows.add(size * NR * D::Sums::LANES);
                }
                lane += size;
            }
        }
    }
}

/// One tile: `MR` inputs of a block, from `x` on, times `NR` vectors.
///
/// # Safety
/// As [`GradientTask`], for `MR` inputs, where `D`'s instruction set is enabled.
#[inline(always)]
unsafe fn products<D: Factors, const MR: usize, const NR: usize>(
    task: &GradientTask<'_, D::Element>,
    x: *const D::Element,
    rows: *mut f32,
    ahead: Upcoming,
) {
    let &GradientTask { dy, dy_stride: stride, pixels, .. } = task;
    let lanes = D::Sums::LANES;
    // SAFETY: the caller's contract gives `MR` rows, and both maps at all pixels.
    unsafe {
        let mut sums = [[D::Sums::splat(0.0); NR]; MR];
        for (i, row) in sums.iter_mut().enumerate() {
            for (j, sum) in row.iter_mut().enumerate() {
                *sum = D::Sums::load(rows.add((i * NR + j) * lanes));
            }
        }
        for pixel in 0..pixels {
            ahead.fetch(pixel * D::Element::DEPTH);
            let (x, dy) = (x.add(pixel * CBLOCK), dy.add(pixel * CBLOCK));
            let mut gradient = [D::broadcast(D::Element::default()); NR];
            for (j, g) in gradient.iter_mut().enumerate() {
                *g = D::load_element_cblocks(dy.add(j * D::Sums::CBLOCKS * stride), stride);
            }
            for (i, row) in sums.iter_mut().enumerate() {
                let value = D::broadcast(*x.add(i));
                for (sum, g) in row.iter_mut().zip(gradient) {
                    *sum = D::add_products(value, g, *sum);
                }
            }
        }
        for (i, row) in sums.iter().enumerate() {
            for (j, sum) in row.iter().enumerate() {
                // Rows are consecutive: blocks of a vector lie 8 values apart.
                sum.store_cblocks(rows.add((i * NR + j) * lanes), CBLOCK);
            }
        }
    }
}
