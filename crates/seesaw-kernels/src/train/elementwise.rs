//! What batch norm does to a run of pixels of one block of channels, forward and backward.
//!
//! A map is read where the next kernel needs it and its sums are taken where it was just written,
//! so these loops run over maps that are still in the cache.

use crate::{
    isa::{Isa, IsaToken},
    simd::{self, BLOCK, Vector},
};

/// A value for each channel of a block.
pub type Lanes = [f32; BLOCK];

/// Two sums for each channel of a block.
pub type Sums = [[f64; BLOCK]; 2];

/// Pixels whose sums are taken in f32 before they are added up in f64.
const RUN: usize = 128;

/// `y = x * scale + shift`, clipped by ReLU6 where `relu6` says so.
#[derive(Debug, Clone, Copy)]
pub struct Affine {
    /// Factor of each channel.
    pub scale: Lanes,
    /// Summand of each channel.
    pub shift: Lanes,
    /// Whether ReLU6 follows.
    pub relu6: bool,
}

/// `dy = g * of_gradient + y * of_raw + constant`: the gradient behind a batch norm.
#[derive(Debug, Clone, Copy)]
pub struct Combination {
    /// Factor of the gradient in front of the batch norm.
    pub of_gradient: Lanes,
    /// Factor of the batch norm's input.
    pub of_raw: Lanes,
    /// Summand.
    pub constant: Lanes,
}

type AffineFn = unsafe fn(*const f32, usize, &Affine, *const f32, *mut f32, usize);
type CombineFn = unsafe fn(*const f32, *const f32, usize, &Combination, *mut f32, usize);
type MomentsFn = unsafe fn(*const f32, usize, &mut [Lanes; 2]);
type MaskFn = unsafe fn(*mut f32, *const f32, usize, &Affine, &Lanes, &mut [Lanes; 2]);

/// The loops of one instruction set.
#[derive(Debug, Clone, Copy)]
pub struct Elementwise {
    affine: AffineFn,
    combine: CombineFn,
    moments: MomentsFn,
    mask: MaskFn,
}

impl Elementwise {
    /// The loops that `token` opens.
    pub fn new(token: IsaToken) -> Self {
        match token.isa() {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => AVX512,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => AVX2,
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => NEON,
            _ => PORTABLE,
        }
    }

    /// Applies `affine` to the pixels of `x` and adds those of `residual`; outputs lie `step` pixels
    /// apart. All slices are `[pixels][8]`.
    ///
    /// # Panics
    /// When `out` or `residual` is too short.
    pub fn affine(
        &self,
        x: &[f32],
        affine: &Affine,
        residual: Option<&[f32]>,
        out: &mut [f32],
        step: usize,
    ) {
        let pixels = x.len() / BLOCK;
        assert!(spread(pixels, step) <= out.len(), "output of {pixels} pixels");
        assert!(residual.is_none_or(|r| r.len() >= x.len()), "residual of {pixels} pixels");
        let residual = residual.map_or(std::ptr::null(), <[f32]>::as_ptr);
        // SAFETY: the token proved the instruction set, and the lengths were checked.
        unsafe { (self.affine)(x.as_ptr(), pixels, affine, residual, out.as_mut_ptr(), step) }
    }

    /// Combines a gradient and a batch norm's input, both `[pixels][8]`; outputs lie `step` pixels
    /// apart.
    ///
    /// # Panics
    /// When `raw` or `out` is too short.
    pub fn combine(
        &self,
        gradient: &[f32],
        raw: &[f32],
        combination: &Combination,
        out: &mut [f32],
        step: usize,
    ) {
        let pixels = gradient.len() / BLOCK;
        assert!(spread(pixels, step) <= out.len(), "output of {pixels} pixels");
        assert!(raw.len() >= gradient.len(), "batch norm's input of {pixels} pixels");
        let (gradient, raw) = (gradient.as_ptr(), raw.as_ptr());
        // SAFETY: the token proved the instruction set, and the lengths were checked.
        unsafe { (self.combine)(gradient, raw, pixels, combination, out.as_mut_ptr(), step) }
    }

    /// Adds to `sums` the sum and the sum of squares of each channel of `x`, `[pixels][8]`.
    pub fn moments(&self, x: &[f32], sums: &mut Sums) {
        for run in x.chunks(RUN * BLOCK) {
            let mut part = [[0.0; BLOCK]; 2];
            // SAFETY: the token proved the instruction set.
            unsafe { (self.moments)(run.as_ptr(), run.len() / BLOCK, &mut part) }
            add(sums, &part);
        }
    }

    /// Clears `gradient` where ReLU6 behind `affine` clips `raw` (if there is one), and adds to
    /// `sums` the sums of what is left and of its products with `raw - mean`, for each channel. Both
    /// slices are `[pixels][8]`.
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn mask_and_sum(
        &self,
        gradient: &mut [f32],
        raw: &[f32],
        affine: &Affine,
        mean: &Lanes,
        sums: &mut Sums,
    ) {
        assert_eq!(gradient.len(), raw.len(), "a gradient of the batch norm's shape");
        let parts = gradient.chunks_mut(RUN * BLOCK).zip(raw.chunks(RUN * BLOCK));
        for (gradient, raw) in parts {
            let (mut part, pixels) = ([[0.0; BLOCK]; 2], raw.len() / BLOCK);
            let (g, y) = (gradient.as_mut_ptr(), raw.as_ptr());
            // SAFETY: the token proved the instruction set, and the lengths were checked.
            unsafe { (self.mask)(g, y, pixels, affine, mean, &mut part) }
            add(sums, &part);
        }
    }
}

/// f32 from the first to behind the last of `pixels` pixels that lie `step` apart.
fn spread(pixels: usize, step: usize) -> usize {
    pixels.checked_sub(1).map_or(0, |gaps| (gaps * step + 1) * BLOCK)
}

fn add(sums: &mut Sums, part: &[Lanes; 2]) {
    for (sum, part) in sums.iter_mut().flatten().zip(part.iter().flatten()) {
        *sum += f64::from(*part);
    }
}

#[inline(always)]
unsafe fn affine<V: Vector>(
    x: *const f32,
    pixels: usize,
    by: &Affine,
    residual: *const f32,
    out: *mut f32,
    step: usize,
) {
    // SAFETY: the caller vouches for `pixels` pixels of each map.
    unsafe {
        let (scale, shift) = (V::load(by.scale.as_ptr()), V::load(by.shift.as_ptr()));
        for pixel in 0..pixels {
            let mut y = shift.mul_add(V::load(x.add(pixel * BLOCK)), scale);
            if by.relu6 {
                y = y.relu6();
            }
            if !residual.is_null() {
                y = y.add(V::load(residual.add(pixel * BLOCK)));
            }
            y.store_blocks(out.add(pixel * step * BLOCK), 0);
        }
    }
}

#[inline(always)]
unsafe fn combine<V: Vector>(
    gradient: *const f32,
    raw: *const f32,
    pixels: usize,
    by: &Combination,
    out: *mut f32,
    step: usize,
) {
    // SAFETY: the caller vouches for `pixels` pixels of each map.
    unsafe {
        let (of_g, of_y) = (V::load(by.of_gradient.as_ptr()), V::load(by.of_raw.as_ptr()));
        let constant = V::load(by.constant.as_ptr());
        for pixel in 0..pixels {
            let y = V::load(raw.add(pixel * BLOCK));
            let g = V::load(gradient.add(pixel * BLOCK));
            let sum = constant.mul_add(y, of_y).mul_add(g, of_g);
            sum.store_blocks(out.add(pixel * step * BLOCK), 0);
        }
    }
}

/// Sums that run side by side, so that no addition waits for the one before.
const CHAINS: usize = 4;

#[inline(always)]
unsafe fn moments<V: Vector>(x: *const f32, pixels: usize, out: &mut [Lanes; 2]) {
    // SAFETY: the caller vouches for `pixels` pixels.
    unsafe {
        let mut sums = [[V::splat(0.0); 2]; CHAINS];
        let whole = pixels - pixels % CHAINS;
        for pixel in (0..whole).step_by(CHAINS) {
            for (i, [sum, squares]) in sums.iter_mut().enumerate() {
                let value = V::load(x.add((pixel + i) * BLOCK));
                *sum = sum.add(value);
                *squares = squares.mul_add(value, value);
            }
        }
        for pixel in whole..pixels {
            let [sum, squares] = &mut sums[0];
            let value = V::load(x.add(pixel * BLOCK));
            *sum = sum.add(value);
            *squares = squares.mul_add(value, value);
        }
        collect(&sums, out);
    }
}

#[inline(always)]
unsafe fn mask<V: Vector>(
    gradient: *mut f32,
    raw: *const f32,
    pixels: usize,
    by: &Affine,
    mean: &Lanes,
    out: &mut [Lanes; 2],
) {
    // SAFETY: the caller vouches for `pixels` pixels of both maps.
    unsafe {
        let constants = Constants {
            scale: V::load(by.scale.as_ptr()),
            shift: V::load(by.shift.as_ptr()),
            below: V::load(mean.map(|mean| -mean).as_ptr()),
        };
        let mut sums = [[V::splat(0.0); 2]; CHAINS];
        let whole = pixels - pixels % CHAINS;
        for pixel in (0..whole).step_by(CHAINS) {
            for (i, sums) in sums.iter_mut().enumerate() {
                let at = (pixel + i) * BLOCK;
                mask_pixel(gradient.add(at), raw.add(at), by.relu6, &constants, sums);
            }
        }
        for pixel in whole..pixels {
            let at = pixel * BLOCK;
            mask_pixel(gradient.add(at), raw.add(at), by.relu6, &constants, &mut sums[0]);
        }
        collect(&sums, out);
    }
}

/// What [`mask_pixel`] needs for every pixel.
struct Constants<V> {
    scale: V,
    shift: V,
    below: V,
}

/// One pixel of [`mask`]. Not a closure: those do not inherit the instruction set.
#[inline(always)]
unsafe fn mask_pixel<V: Vector>(
    gradient: *mut f32,
    raw: *const f32,
    relu6: bool,
    constants: &Constants<V>,
    [sum, products]: &mut [V; 2],
) {
    // SAFETY: the caller vouches for the pixel in both maps.
    unsafe {
        let (mut g, y) = (V::load(gradient), V::load(raw));
        if relu6 {
            g = g.where_relu6_passes(constants.shift.mul_add(y, constants.scale));
            g.store_blocks(gradient, 0);
        }
        *sum = sum.add(g);
        *products = products.mul_add(g, y.add(constants.below));
    }
}

/// Adds the chains up, in a fixed order.
#[inline(always)]
unsafe fn collect<V: Vector>(sums: &[[V; 2]; CHAINS], out: &mut [Lanes; 2]) {
    for (i, out) in out.iter_mut().enumerate() {
        // SAFETY: the caller runs where `V`'s instruction set is enabled; `out` has 8 lanes.
        unsafe {
            let pairs = [sums[0][i].add(sums[1][i]), sums[2][i].add(sums[3][i])];
            pairs[0].add(pairs[1]).store_blocks(out.as_mut_ptr(), 0);
        }
    }
}

/// Defines the loops for one instruction set.
macro_rules! loops {
    ($set:ident, $module:ident, $vector:ty, $(#[$feature:meta])?) => {
        mod $module {
            use super::{Affine, Combination, Lanes, simd};

            $(#[$feature])?
            pub(super) unsafe fn affine(x: *const f32, n: usize, by: &Affine, residual: *const f32, out: *mut f32, step: usize) {
                // SAFETY: the caller's contract.
                unsafe { super::affine::<$vector>(x, n, by, residual, out, step) }
            }
            $(#[$feature])?
            pub(super) unsafe fn combine(g: *const f32, y: *const f32, n: usize, by: &Combination, out: *mut f32, step: usize) {
                // SAFETY: the caller's contract.
                unsafe { super::combine::<$vector>(g, y, n, by, out, step) }
            }
            $(#[$feature])?
            pub(super) unsafe fn moments(x: *const f32, n: usize, out: &mut [Lanes; 2]) {
                // SAFETY: the caller's contract.
                unsafe { super::moments::<$vector>(x, n, out) }
            }
            $(#[$feature])?
            pub(super) unsafe fn mask(g: *mut f32, y: *const f32, n: usize, by: &Affine, mean: &Lanes, out: &mut [Lanes; 2]) {
                // SAFETY: the caller's contract.
                unsafe { super::mask::<$vector>(g, y, n, by, mean, out) }
            }
        }
        const $set: Elementwise = Elementwise {
            affine: $module::affine,
            combine: $module::combine,
            moments: $module::moments,
            mask: $module::mask,
        };
    };
}

#[cfg(target_arch = "x86_64")]
loops!(AVX512, avx512, simd::Avx2, #[target_feature(enable = "avx512f,avx512vl,avx2,fma")]);
#[cfg(target_arch = "x86_64")]
loops!(AVX2, avx2, simd::Avx2, #[target_feature(enable = "avx2,fma")]);
#[cfg(target_arch = "aarch64")]
loops!(NEON, neon, simd::Neon, #[target_feature(enable = "neon")]);
loops!(PORTABLE, portable, simd::Portable,);
