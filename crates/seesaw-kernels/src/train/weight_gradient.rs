//! The microkernel of weight gradients: inputs times a panel of output channels, summed over pixels.
//!
//! The gradient of a pointwise convolution's weights is a product of two maps. It is laid out as the
//! forward microkernel has its weights: for each panel a row for each input. A tile is the inputs of
//! one block times a panel's vectors, its sums staying in registers while it walks over the pixels.

use crate::{
    isa::{Isa, IsaToken},
    pointwise::kernel::Source,
    simd::{self, CBLOCK, Vector},
};

use super::prefetch::{Prefetch, fetch};

/// Adds to the rows of one panel the products of its inputs and its outputs' gradients.
///
/// The arguments: the inputs of pixel 0; the outputs' gradients of pixel 0; f32 from one block of
/// those to the next; the panel's first row; how many pixels; what to fetch meanwhile.
///
/// # Safety
/// The instruction set it was compiled for must be present; both maps readable for all the panel's
/// blocks and all pixels; a row writable for each input.
pub(crate) type GradientFn =
    unsafe fn(Source<'_>, *const f32, usize, *mut f32, usize, &mut Prefetch<'_>);

/// Defines a [`GradientFn`] for vectors `$vector`, `$nr` of them wide, that takes `$mr` inputs of a
/// block at a time and what is left of it in one smaller tile.
macro_rules! gradient_fn {
    ($name:ident, $(#[$feature:meta])?, $vector:ty, $nr:literal, $mr:literal: $($rest:literal)*) => {
        $(#[$feature])?
        pub(crate) unsafe fn $name(
            source: Source<'_>,
            dy: *const f32,
            stride: usize,
            mut rows: *mut f32,
            pixels: usize,
            ahead: &mut Prefetch<'_>,
        ) {
            for run in source.runs {
                let first = run.lane as usize;
                let lanes = first + run.full as usize * CBLOCK + run.rest as usize;
                let mut lane = first;
                while lane < lanes {
                    let in_block = (CBLOCK - lane % CBLOCK).min(lanes - lane);
                    // SAFETY: `GradientFn`'s contract, for the inputs from `lane` on.
                    unsafe {
                        let block = run.block as usize + lane / CBLOCK;
                        let x = source.data.add(block * source.block_stride + lane % CBLOCK);
                        let fetch = ahead.next_or(x);
                        let size = match in_block {
                            $($rest => {
                                products::<$vector, $rest, $nr>(x, dy, stride, rows, pixels, fetch);
                                $rest
                            })*
                            _ => {
                                products::<$vector, $mr, $nr>(x, dy, stride, rows, pixels, fetch);
                                $mr
                            }
                        };
                        rows = rows.add(size * $nr * <$vector>::LANES);
                        lane += size;
                    }
                }
            }
        }
    };
}

/// One tile: `MR` inputs of a block times `NR` vectors.
///
/// # Safety
/// As [`GradientFn`], for `MR` inputs, where `V`'s instruction set is enabled.
#[inline(always)]
unsafe fn products<V: Vector, const MR: usize, const NR: usize>(
    x: *const f32,
    dy: *const f32,
    stride: usize,
    rows: *mut f32,
    pixels: usize,
    (ahead, step): (*const f32, usize),
) {
    // SAFETY: the caller vouches for `MR` rows, and for both maps at all pixels.
    unsafe {
        let mut sums = [[V::splat(0.0); NR]; MR];
        for (i, row) in sums.iter_mut().enumerate() {
            for (j, sum) in row.iter_mut().enumerate() {
                *sum = V::load(rows.add((i * NR + j) * V::LANES));
            }
        }
        for pixel in 0..pixels {
            fetch(ahead.wrapping_add(pixel * V::DEPTH * step));
            let (x, dy) = (x.add(pixel * CBLOCK), dy.add(pixel * CBLOCK));
            let mut gradient = [V::splat(0.0); NR];
            for (j, g) in gradient.iter_mut().enumerate() {
                *g = V::load_cblocks(dy.add(j * V::CBLOCKS * stride), stride);
            }
            for (i, row) in sums.iter_mut().enumerate() {
                let value = V::splat(*x.add(i));
                for (sum, g) in row.iter_mut().zip(gradient) {
                    *sum = sum.mul_add(value, g);
                }
            }
        }
        for (i, row) in sums.iter().enumerate() {
            for (j, sum) in row.iter().enumerate() {
                // Rows are consecutive: blocks of a vector lie 8 values apart.
                sum.store_cblocks(rows.add((i * NR + j) * V::LANES), CBLOCK);
            }
        }
    }
}

/// The gradient kernel for panels of `width` blocks.
///
/// # Panics
/// When the forward microkernels have no panel of that width.
pub(crate) fn gradient(token: IsaToken, width: usize) -> GradientFn {
    match (token.isa(), width) {
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512, 4) => avx512_x4,
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512, 2) => avx512_x2,
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512, 1) => avx512_x1,
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2, 2) => avx2_x2,
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2, 1) => avx2_x1,
        #[cfg(target_arch = "aarch64")]
        (Isa::Neon, 2) => neon_x2,
        #[cfg(target_arch = "aarch64")]
        (Isa::Neon, 1) => neon_x1,
        (_, 1) => portable_x1,
        _ => unreachable!("no panel is {width} blocks wide"),
    }
}

/// The same for maps whose values are pairs of bf16, each of one channel of two pixels; `token` has
/// bf16 or is portable.
///
/// # Panics
/// As [`gradient`].
pub(crate) fn paired(token: IsaToken, width: usize) -> GradientFn {
    match (token.isa(), width) {
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512, 4) => avx512_paired_x4,
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512, 2) => avx512_paired_x2,
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512, 1) => avx512_paired_x1,
        (_, 1) => portable_paired_x1,
        _ => unreachable!("no panel is {width} blocks wide"),
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{CBLOCK, Prefetch, Source, Vector, products, simd};
    use simd::{Avx2, Avx512, Pairs256, Pairs512};

    gradient_fn!(avx512_paired_x4, #[target_feature(enable = "avx512f,avx512bf16,avx512vl,avx2,fma")], Pairs512, 2, 8: 1 2 3 4 5 6 7);
    gradient_fn!(avx512_paired_x2, #[target_feature(enable = "avx512f,avx512bf16,avx512vl,avx2,fma")], Pairs512, 1, 8: 1 2 3 4 5 6 7);
    gradient_fn!(avx512_paired_x1, #[target_feature(enable = "avx512f,avx512bf16,avx512vl,avx2,fma")], Pairs256, 1, 8: 1 2 3 4 5 6 7);

    gradient_fn!(avx512_x4, #[target_feature(enable = "avx512f,avx512vl,avx2,fma")], Avx512, 2, 8: 1 2 3 4 5 6 7);
    gradient_fn!(avx512_x2, #[target_feature(enable = "avx512f,avx512vl,avx2,fma")], Avx512, 1, 8: 1 2 3 4 5 6 7);
    gradient_fn!(avx512_x1, #[target_feature(enable = "avx512f,avx512vl,avx2,fma")], Avx2, 1, 8: 1 2 3 4 5 6 7);
    gradient_fn!(avx2_x2, #[target_feature(enable = "avx2,fma")], Avx2, 2, 4: 1 2 3);
    gradient_fn!(avx2_x1, #[target_feature(enable = "avx2,fma")], Avx2, 1, 8: 1 2 3 4 5 6 7);
}
#[cfg(target_arch = "x86_64")]
use x86::*;

#[cfg(target_arch = "aarch64")]
mod arm {
    use super::{CBLOCK, Prefetch, Source, Vector, products, simd};
    use simd::Neon;

    gradient_fn!(neon_x2, #[target_feature(enable = "neon")], Neon, 2, 4: 1 2 3);
    gradient_fn!(neon_x1, #[target_feature(enable = "neon")], Neon, 1, 8: 1 2 3 4 5 6 7);
}
#[cfg(target_arch = "aarch64")]
use arm::*;

gradient_fn!(portable_x1, , simd::Portable, 1, 4: 1 2 3);
gradient_fn!(portable_paired_x1, , simd::PortablePairs, 1, 4: 1 2 3);
