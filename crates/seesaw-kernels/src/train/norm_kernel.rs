//! Batch norm's loops over vectors.

use std::marker::PhantomData;

use super::{
    norm::{Affine, Grid, Lanes, Masked, NormGrad},
    prefetch::fetch_ahead,
    storage::{Storage, Stored},
};
use crate::simd::{CBLOCK, InstructionSet, Kernel, Vector};

/// The arguments of [`ApplyAffine`]: `pixels` pixels of `x`, and of `residual` unless it is null, must
/// be readable, and the grid's places on `out` writable.
pub(crate) struct AffineTask<'a> {
    pub x: *const f32,
    pub pixels: usize,
    pub by: &'a Affine,
    pub residual: *const f32,
    pub out: *mut f32,
    pub grid: &'a Grid,
}

/// The arguments of [`Combine`], with the contract of [`AffineTask`].
pub(crate) struct CombineTask<'a> {
    pub gradient: *const f32,
    pub raw: *const f32,
    pub pixels: usize,
    pub by: &'a NormGrad,
    pub out: *mut f32,
    pub grid: &'a Grid,
}

/// The arguments of [`Moments`]: `pixels` pixels of `x` must be readable, and of `out` writable and
/// aligned.
pub(crate) struct MomentsTask<'a> {
    pub x: *const f32,
    pub pixels: usize,
    pub out: *mut f32,
    pub part: &'a mut [Lanes; 2],
}

/// The arguments of [`Mask`]: all maps must be readable for `pixels` pixels from `first` on, and
/// `out` writable and aligned for as many from its own first.
pub(crate) struct MaskTask<'a> {
    pub masked: &'a Masked<'a>,
    pub first: usize,
    pub pixels: usize,
    pub out: *mut f32,
    pub part: &'a mut [Lanes; 2],
}

/// The loops compiled for an instruction set and a storage.
///
/// # Safety
/// Of each: the instruction set must be present; otherwise as the task says.
#[derive(Debug)]
pub(crate) struct NormFns {
    pub storage: Storage,
    pub affine: unsafe fn(AffineTask<'_>),
    pub combine: unsafe fn(CombineTask<'_>),
    pub moments: unsafe fn(MomentsTask<'_>),
    pub mask: unsafe fn(MaskTask<'_>),
}

impl NormFns {
    pub const fn new<I: InstructionSet, S: Stored>() -> Self {
        Self {
            storage: S::STORAGE,
            affine: I::run::<ApplyAffine<S>>,
            combine: I::run::<Combine<S>>,
            moments: I::run::<Moments<S>>,
            mask: I::run::<Mask<S>>,
        }
    }
}

struct ApplyAffine<S>(PhantomData<S>);
struct Combine<S>(PhantomData<S>);
struct Moments<S>(PhantomData<S>);
struct Mask<S>(PhantomData<S>);

impl<S: Stored> Kernel for ApplyAffine<S> {
    type Args<'a> = AffineTask<'a>;

    #[inline(always)]
    unsafe fn run(task: AffineTask<'_>) {
        let AffineTask { x, pixels, by, residual, out, grid: &grid } = task;
        // SAFETY: the task's contract.
        unsafe {
            let scale = S::Vector::load(by.scale.as_ptr());
            let shift = S::Vector::load(by.shift.as_ptr());
            let (mut first, mut row) = (0, out);
            while first < pixels {
                let cols = grid.cols.min(pixels - first);
                for col in 0..cols {
                    let pixel = first + col;
                    let x = x.add(pixel * S::PIXEL);
                    fetch_ahead(x);
                    let mut y = shift.mul_add(S::load(x), scale);
                    if by.relu6 {
                        y = y.relu6();
                    }
                    if !residual.is_null() {
                        y = y.add(S::Vector::load(residual.add(pixel * CBLOCK)));
                    }
                    y.store_cblocks(row.add(col * grid.step * CBLOCK), 0);
                }
                first += cols;
                row = row.wrapping_add(grid.row * CBLOCK);
            }
        }
    }
}

impl<S: Stored> Kernel for Combine<S> {
    type Args<'a> = CombineTask<'a>;

    #[inline(always)]
    unsafe fn run(task: CombineTask<'_>) {
        let CombineTask { gradient, raw, pixels, by, out, grid: &grid } = task;
        // SAFETY: the task's contract.
        unsafe {
            let of_gradient = S::Vector::load(by.of_gradient.as_ptr());
            let of_raw = S::Vector::load(by.of_raw.as_ptr());
            let constant = S::Vector::load(by.constant.as_ptr());
            let (mut first, mut row) = (0, out);
            while first < pixels {
                let cols = grid.cols.min(pixels - first);
                for col in 0..cols {
                    let at = (first + col) * S::PIXEL;
                    let (raw, gradient) = (raw.add(at), gradient.add(at));
                    fetch_ahead(raw);
                    fetch_ahead(gradient);
                    let sum = constant.mul_add(S::load(raw), of_raw);
                    let sum = sum.mul_add(S::load(gradient), of_gradient);
                    sum.store_cblocks(row.add(col * grid.step * CBLOCK), 0);
                }
                first += cols;
                row = row.wrapping_add(grid.row * CBLOCK);
            }
        }
    }
}

/// Sums that run side by side, so that no addition waits for the one before.
const CHAINS: usize = 4;

impl<S: Stored> Kernel for Moments<S> {
    type Args<'a> = MomentsTask<'a>;

    #[inline(always)]
    unsafe fn run(MomentsTask { x, pixels, out, part }: MomentsTask<'_>) {
        // SAFETY: the task's contract.
        unsafe {
            let mut sums = [[S::Vector::splat(0.0); 2]; CHAINS];
            let whole = pixels - pixels % CHAINS;
            for pixel in (0..whole).step_by(CHAINS) {
                for (i, sums) in sums.iter_mut().enumerate() {
                    moments_pixel::<S>(x, out, pixel + i, sums);
                }
            }
            for pixel in whole..pixels {
                moments_pixel::<S>(x, out, pixel, &mut sums[0]);
            }
            collect(&sums, part);
        }
    }
}

/// One pixel of [`Moments`]. Not a closure: those do not inherit the instruction set.
///
/// # Safety
/// The pixel must be readable in `x` and writable in `out`.
#[inline(always)]
unsafe fn moments_pixel<S: Stored>(
    x: *const f32,
    out: *mut f32,
    pixel: usize,
    [sum, squares]: &mut [S::Vector; 2],
) {
    // SAFETY: the caller's contract.
    unsafe {
        let value = S::Vector::load(x.add(pixel * CBLOCK));
        *sum = sum.add(value);
        *squares = squares.mul_add(value, value);
        S::write(value, out.add(pixel * S::PIXEL));
    }
}

impl<S: Stored> Kernel for Mask<S> {
    type Args<'a> = MaskTask<'a>;

    #[inline(always)]
    unsafe fn run(MaskTask { masked, first, pixels, out, part }: MaskTask<'_>) {
        // SAFETY: the task's contract.
        unsafe {
            let by = masked.affine;
            let constants = Constants {
                scale: S::Vector::load(by.scale.as_ptr()),
                shift: S::Vector::load(by.shift.as_ptr()),
                minus_mean: S::Vector::load(masked.mean.map(|mean| -mean).as_ptr()),
                relu6: by.relu6,
            };
            let maps = Maps {
                gradient: masked.gradient.as_ptr().add(first * CBLOCK),
                residual: masked
                    .residual
                    .map_or(std::ptr::null(), |residual| residual.as_ptr().add(first * CBLOCK)),
                raw: masked.raw.as_ptr().add(first * S::PIXEL),
                out,
            };
            let mut sums = [[S::Vector::splat(0.0); 2]; CHAINS];
            let whole = pixels - pixels % CHAINS;
            for pixel in (0..whole).step_by(CHAINS) {
                for (i, sums) in sums.iter_mut().enumerate() {
                    mask_pixel::<S>(&maps, pixel + i, &constants, sums);
                }
            }
            for pixel in whole..pixels {
                mask_pixel::<S>(&maps, pixel, &constants, &mut sums[0]);
            }
            collect(&sums, part);
        }
    }
}

/// What [`mask_pixel`] needs for every pixel.
struct Constants<V> {
    scale: V,
    shift: V,
    minus_mean: V,
    relu6: bool,
}

/// The maps of [`mask_pixel`]; there may be no residual.
struct Maps {
    gradient: *const f32,
    residual: *const f32,
    raw: *const f32,
    out: *mut f32,
}

/// One pixel of [`Mask`].
///
/// # Safety
/// All maps must have the pixel.
#[inline(always)]
unsafe fn mask_pixel<S: Stored>(
    maps: &Maps,
    pixel: usize,
    constants: &Constants<S::Vector>,
    [sum, products]: &mut [S::Vector; 2],
) {
    let at = pixel * CBLOCK;
    // SAFETY: the caller's contract.
    unsafe {
        let mut g = S::Vector::load(maps.gradient.add(at));
        let y = S::load(maps.raw.add(pixel * S::PIXEL));
        if !maps.residual.is_null() {
            g = g.add(S::Vector::load(maps.residual.add(at)));
        }
        if constants.relu6 {
            g = g.where_relu6_passes(constants.shift.mul_add(y, constants.scale));
        }
        *sum = sum.add(g);
        *products = products.mul_add(g, y.add(constants.minus_mean));
        S::write(g, maps.out.add(pixel * S::PIXEL));
    }
}

/// Adds the chains up, in a fixed order.
///
/// # Safety
/// `V`'s instruction set must be enabled.
#[inline(always)]
unsafe fn collect<V: Vector>(sums: &[[V; 2]; CHAINS], out: &mut [Lanes; 2]) {
    for (i, out) in out.iter_mut().enumerate() {
        // SAFETY: the caller's contract; `out` has 8 lanes.
        unsafe {
            let pairs = [sums[0][i].add(sums[1][i]), sums[2][i].add(sums[3][i])];
            pairs[0].add(pairs[1]).store_cblocks(out.as_mut_ptr(), 0);
        }
    }
}
