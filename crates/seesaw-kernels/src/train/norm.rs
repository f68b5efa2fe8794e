//! What batch norm does to a run of pixels of one block of channels, forward and backward.
//!
//! A map is read where the next kernel needs it and its sums are taken where it was just written,
//! so these loops run over maps that are still in the cache.

use crate::{
    isa::{Isa, IsaToken},
    simd::{self, CBLOCK, Vector},
};

use super::{
    prefetch::{fetch_ahead, publish},
    storage::{Plain, Rounded, Storage, Stored},
};

/// A value for each channel of a block.
pub type Lanes = [f32; CBLOCK];

/// Two sums for each channel of a block.
pub type Sums = [[f64; CBLOCK]; 2];

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

impl Affine {
    /// What leaves everything as it is.
    pub const IDENTITY: Self = Self { scale: [1.0; CBLOCK], shift: [0.0; CBLOCK], relu6: false };
}

/// `dy = g * of_gradient + y * of_raw + constant`: the gradient behind a batch norm.
#[derive(Debug, Clone, Copy)]
pub struct NormGrad {
    /// Factor of the gradient in front of the batch norm.
    pub of_gradient: Lanes,
    /// Factor of the batch norm's input.
    pub of_raw: Lanes,
    /// Summand.
    pub constant: Lanes,
}

/// Where consecutive pixels go on a plane.
#[derive(Debug, Clone, Copy)]
pub struct Grid {
    /// Pixels in a row.
    pub cols: usize,
    /// Pixels of the plane from one to the next.
    pub step: usize,
    /// Pixels of the plane from one row to the next.
    pub row: usize,
}

impl Grid {
    /// One behind the other.
    pub const LINE: Self = Self { cols: usize::MAX, step: 1, row: 0 };

    /// f32 from the first to behind the last of `pixels` pixels, or a few more.
    fn len(self, pixels: usize) -> usize {
        let Some(last) = pixels.checked_sub(1) else { return 0 };
        let across = last.min(self.cols - 1).saturating_mul(self.step);
        let down = (last / self.cols).saturating_mul(self.row);
        down.saturating_add(across).saturating_add(1).saturating_mul(CBLOCK)
    }
}

/// What [`NormKernels::mask_and_sum`] reads.
#[derive(Debug, Clone, Copy)]
pub struct Masked<'a> {
    /// The gradient, `[pixels][8]`.
    pub gradient: &'a [f32],
    /// What is added to it, `[pixels][8]`.
    pub residual: Option<&'a [f32]>,
    /// The batch norm's input, in the loops' storage.
    pub raw: &'a [f32],
    /// The batch norm, with the ReLU6 that masks where there is one.
    pub affine: &'a Affine,
    /// The batch norm's means.
    pub mean: &'a Lanes,
}

type AffineFn = unsafe fn(*const f32, usize, &Affine, *const f32, *mut f32, Grid);
type CombineFn = unsafe fn(*const f32, *const f32, usize, &NormGrad, *mut f32, Grid);
type MomentsFn = unsafe fn(*const f32, usize, *mut f32, &mut [Lanes; 2]);
type MaskFn = unsafe fn(&Masked<'_>, usize, usize, *mut f32, &mut [Lanes; 2]);

/// The loops of one instruction set, for maps in one storage.
#[derive(Debug, Clone, Copy)]
pub struct NormKernels {
    storage: Storage,
    affine: AffineFn,
    combine: CombineFn,
    moments: MomentsFn,
    mask: MaskFn,
}

impl NormKernels {
    /// The loops that `token` opens, for maps in that storage.
    pub fn new(token: IsaToken, storage: Storage) -> Self {
        if storage == Storage::Bf16 {
            return match token.for_bf16().isa() {
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 => AVX512_ROUNDED,
                _ => PORTABLE_ROUNDED,
            };
        }
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

    /// Applies `affine` to the pixels of `x`, adds those of `residual`, `[pixels][8]`, and writes
    /// them in f32 to `grid` on the plane `out`.
    ///
    /// # Panics
    /// When `out` or `residual` is too short.
    pub fn affine(
        &self,
        x: &[f32],
        affine: &Affine,
        residual: Option<&[f32]>,
        out: &mut [f32],
        grid: Grid,
    ) {
        let pixels = x.len() / self.storage.pixel();
        assert!(grid.len(pixels) <= out.len(), "output of {pixels} pixels");
        let has_all = |r: &[f32]| r.len() >= pixels * CBLOCK;
        assert!(residual.is_none_or(has_all), "residual of {pixels} pixels");
        let residual = residual.map_or(std::ptr::null(), <[f32]>::as_ptr);
        // SAFETY: the token proved the instruction set, and the lengths were checked.
        unsafe { (self.affine)(x.as_ptr(), pixels, affine, residual, out.as_mut_ptr(), grid) }
    }

    /// Combines a gradient and a batch norm's input and writes the pixels in f32 to `grid` on the
    /// plane `out`.
    ///
    /// # Panics
    /// When `raw` or `out` is too short.
    pub fn combine(
        &self,
        gradient: &[f32],
        raw: &[f32],
        combination: &NormGrad,
        out: &mut [f32],
        grid: Grid,
    ) {
        let pixels = gradient.len() / self.storage.pixel();
        assert!(grid.len(pixels) <= out.len(), "output of {pixels} pixels");
        assert!(raw.len() >= gradient.len(), "batch norm's input of {pixels} pixels");
        let (gradient, raw) = (gradient.as_ptr(), raw.as_ptr());
        // SAFETY: the token proved the instruction set, and the lengths were checked.
        unsafe { (self.combine)(gradient, raw, pixels, combination, out.as_mut_ptr(), grid) }
    }

    /// Adds to `sums` the sum and the sum of squares of each channel of `x`, `[pixels][8]`, which
    /// is copied to `out` in the loops' storage.
    ///
    /// # Panics
    /// When the slices differ in pixels, or `out` begins within a pixel.
    pub fn moments(&self, x: &[f32], out: &mut [f32], sums: &mut Sums) {
        let pixel = self.storage.pixel();
        assert_eq!(out.len() / pixel, x.len() / CBLOCK, "a copy of the map's shape");
        self.check_aligned(out);
        for (x, out) in x.chunks(RUN * CBLOCK).zip(out.chunks_mut(RUN * pixel)) {
            let mut part = [[0.0; CBLOCK]; 2];
            // SAFETY: the token proved the instruction set, and the lengths were checked.
            unsafe { (self.moments)(x.as_ptr(), x.len() / CBLOCK, out.as_mut_ptr(), &mut part) }
            add(sums, &part);
        }
        publish();
    }

    /// Writes to `out`, in the loops' storage, the gradient with its residual, cleared where the ReLU6
    /// clips; adds to `sums` the sums of what is left and of its products with `raw - mean`, for each
    /// channel.
    ///
    /// # Panics
    /// When the slices differ in pixels, or `out` begins within a pixel.
    pub fn mask_and_sum(&self, masked: &Masked<'_>, out: &mut [f32], sums: &mut Sums) {
        let (pixel, len) = (self.storage.pixel(), masked.gradient.len());
        let stored = len / CBLOCK * pixel;
        assert!(masked.raw.len() == stored && out.len() == stored, "maps of one shape");
        assert!(masked.residual.is_none_or(|r| r.len() == len), "residual of that shape");
        self.check_aligned(out);
        for (run, out) in out.chunks_mut(RUN * pixel).enumerate() {
            let (mut part, pixels) = ([[0.0; CBLOCK]; 2], out.len() / pixel);
            // SAFETY: the token proved the instruction set, and the lengths were checked.
            unsafe { (self.mask)(masked, run * RUN, pixels, out.as_mut_ptr(), &mut part) }
            add(sums, &part);
        }
        publish();
    }

    /// # Panics
    /// When `out` begins within a pixel.
    fn check_aligned(&self, out: &[f32]) {
        let pixel = self.storage.pixel() * size_of::<f32>();
        assert!(out.as_ptr().addr().is_multiple_of(pixel), "output out of line");
    }
}

fn add(sums: &mut Sums, part: &[Lanes; 2]) {
    for (sum, part) in sums.iter_mut().flatten().zip(part.iter().flatten()) {
        *sum += f64::from(*part);
    }
}

#[inline(always)]
unsafe fn affine<V: Vector, S: Stored<V>>(
    x: *const f32,
    pixels: usize,
    by: &Affine,
    residual: *const f32,
    out: *mut f32,
    grid: Grid,
) {
    // SAFETY: the caller vouches for `pixels` pixels of each map.
    unsafe {
        let (scale, shift) = (V::load(by.scale.as_ptr()), V::load(by.shift.as_ptr()));
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
                    y = y.add(V::load(residual.add(pixel * CBLOCK)));
                }
                y.store_cblocks(row.add(col * grid.step * CBLOCK), 0);
            }
            first += cols;
            row = row.wrapping_add(grid.row * CBLOCK);
        }
    }
}

#[inline(always)]
unsafe fn combine<V: Vector, S: Stored<V>>(
    gradient: *const f32,
    raw: *const f32,
    pixels: usize,
    by: &NormGrad,
    out: *mut f32,
    grid: Grid,
) {
    // SAFETY: the caller vouches for `pixels` pixels of each map.
    unsafe {
        let (of_g, of_y) = (V::load(by.of_gradient.as_ptr()), V::load(by.of_raw.as_ptr()));
        let constant = V::load(by.constant.as_ptr());
        let (mut first, mut row) = (0, out);
        while first < pixels {
            let cols = grid.cols.min(pixels - first);
            for col in 0..cols {
                let at = (first + col) * S::PIXEL;
                let (raw, gradient) = (raw.add(at), gradient.add(at));
                fetch_ahead(raw);
                fetch_ahead(gradient);
                let sum = constant.mul_add(S::load(raw), of_y).mul_add(S::load(gradient), of_g);
                sum.store_cblocks(row.add(col * grid.step * CBLOCK), 0);
            }
            first += cols;
            row = row.wrapping_add(grid.row * CBLOCK);
        }
    }
}

/// Sums that run side by side, so that no addition waits for the one before.
const CHAINS: usize = 4;

#[inline(always)]
unsafe fn moments<V: Vector, S: Stored<V>>(
    x: *const f32,
    pixels: usize,
    out: *mut f32,
    part: &mut [Lanes; 2],
) {
    // SAFETY: the caller vouches for `pixels` pixels of both maps.
    unsafe {
        let mut sums = [[V::splat(0.0); 2]; CHAINS];
        let whole = pixels - pixels % CHAINS;
        for pixel in (0..whole).step_by(CHAINS) {
            for (i, sums) in sums.iter_mut().enumerate() {
                moments_pixel::<V, S>(x, out, pixel + i, sums);
            }
        }
        for pixel in whole..pixels {
            moments_pixel::<V, S>(x, out, pixel, &mut sums[0]);
        }
        collect(&sums, part);
    }
}

/// One pixel of [`moments`]. Not a closure: those do not inherit the instruction set.
#[inline(always)]
unsafe fn moments_pixel<V: Vector, S: Stored<V>>(
    x: *const f32,
    out: *mut f32,
    pixel: usize,
    [sum, squares]: &mut [V; 2],
) {
    // SAFETY: the caller vouches for the pixel in both maps.
    unsafe {
        let value = V::load(x.add(pixel * CBLOCK));
        *sum = sum.add(value);
        *squares = squares.mul_add(value, value);
        S::write(value, out.add(pixel * S::PIXEL));
    }
}

#[inline(always)]
unsafe fn mask<V: Vector, S: Stored<V>>(
    masked: &Masked<'_>,
    first: usize,
    pixels: usize,
    out: *mut f32,
    part: &mut [Lanes; 2],
) {
    // SAFETY: the caller vouches for `pixels` pixels of all maps from `first` on.
    unsafe {
        let by = masked.affine;
        let constants = Constants {
            scale: V::load(by.scale.as_ptr()),
            shift: V::load(by.shift.as_ptr()),
            below: V::load(masked.mean.map(|mean| -mean).as_ptr()),
        };
        let maps = Maps {
            gradient: masked.gradient.as_ptr().add(first * CBLOCK),
            residual: masked
                .residual
                .map_or(std::ptr::null(), |residual| residual.as_ptr().add(first * CBLOCK)),
            raw: masked.raw.as_ptr().add(first * S::PIXEL),
            out,
        };
        let mut sums = [[V::splat(0.0); 2]; CHAINS];
        let whole = pixels - pixels % CHAINS;
        for pixel in (0..whole).step_by(CHAINS) {
            for (i, sums) in sums.iter_mut().enumerate() {
                mask_pixel::<V, S>(&maps, pixel + i, by.relu6, &constants, sums);
            }
        }
        for pixel in whole..pixels {
            mask_pixel::<V, S>(&maps, pixel, by.relu6, &constants, &mut sums[0]);
        }
        collect(&sums, part);
    }
}

/// What [`mask_pixel`] needs for every pixel.
struct Constants<V> {
    scale: V,
    shift: V,
    below: V,
}

/// The maps of [`mask_pixel`]; there may be no residual.
struct Maps {
    gradient: *const f32,
    residual: *const f32,
    raw: *const f32,
    out: *mut f32,
}

/// One pixel of [`mask`].
#[inline(always)]
unsafe fn mask_pixel<V: Vector, S: Stored<V>>(
    maps: &Maps,
    pixel: usize,
    relu6: bool,
    constants: &Constants<V>,
    [sum, products]: &mut [V; 2],
) {
    let at = pixel * CBLOCK;
    // SAFETY: the caller vouches for the pixel in all maps.
    unsafe {
        let mut g = V::load(maps.gradient.add(at));
        let y = S::load(maps.raw.add(pixel * S::PIXEL));
        if !maps.residual.is_null() {
            g = g.add(V::load(maps.residual.add(at)));
        }
        if relu6 {
            g = g.where_relu6_passes(constants.shift.mul_add(y, constants.scale));
        }
        *sum = sum.add(g);
        *products = products.mul_add(g, y.add(constants.below));
        S::write(g, maps.out.add(pixel * S::PIXEL));
    }
}

/// Adds the chains up, in a fixed order.
#[inline(always)]
unsafe fn collect<V: Vector>(sums: &[[V; 2]; CHAINS], out: &mut [Lanes; 2]) {
    for (i, out) in out.iter_mut().enumerate() {
        // SAFETY: the caller runs where `V`'s instruction set is enabled; `out` has 8 lanes.
        unsafe {
            let pairs = [sums[0][i].add(sums[1][i]), sums[2][i].add(sums[3][i])];
            pairs[0].add(pairs[1]).store_cblocks(out.as_mut_ptr(), 0);
        }
    }
}

/// Defines the loops for one instruction set.
macro_rules! loops {
    ($set:ident, $module:ident, $vector:ty, $stored:ident, $storage:expr, $(#[$feature:meta])?) => {
        mod $module {
            use super::{Affine, NormGrad, Grid, Lanes, Masked, simd};

            $(#[$feature])?
            pub(super) unsafe fn affine(x: *const f32, n: usize, by: &Affine, residual: *const f32, out: *mut f32, grid: Grid) {
                // SAFETY: the caller's contract.
                unsafe { super::affine::<$vector, super::$stored>(x, n, by, residual, out, grid) }
            }
            $(#[$feature])?
            pub(super) unsafe fn combine(g: *const f32, y: *const f32, n: usize, by: &NormGrad, out: *mut f32, grid: Grid) {
                // SAFETY: the caller's contract.
                unsafe { super::combine::<$vector, super::$stored>(g, y, n, by, out, grid) }
            }
            $(#[$feature])?
            pub(super) unsafe fn moments(x: *const f32, n: usize, out: *mut f32, part: &mut [Lanes; 2]) {
                // SAFETY: the caller's contract.
                unsafe { super::moments::<$vector, super::$stored>(x, n, out, part) }
            }
            $(#[$feature])?
            pub(super) unsafe fn mask(masked: &Masked<'_>, first: usize, n: usize, out: *mut f32, part: &mut [Lanes; 2]) {
                // SAFETY: the caller's contract.
                unsafe { super::mask::<$vector, super::$stored>(masked, first, n, out, part) }
            }
        }
        const $set: NormKernels = NormKernels {
            storage: $storage,
            affine: $module::affine,
            combine: $module::combine,
            moments: $module::moments,
            mask: $module::mask,
        };
    };
}

#[cfg(target_arch = "x86_64")]
loops!(AVX512, avx512, simd::Avx2, Plain, Storage::F32, #[target_feature(enable = "avx512f,avx512vl,avx2,fma")]);
#[cfg(target_arch = "x86_64")]
loops!(AVX512_ROUNDED, avx512_rounded, simd::Avx2, Rounded, Storage::Bf16, #[target_feature(enable = "avx512bf16,avx512bw,avx512f,avx512vl,avx2,fma")]);
#[cfg(target_arch = "x86_64")]
loops!(AVX2, avx2, simd::Avx2, Plain, Storage::F32, #[target_feature(enable = "avx2,fma")]);
#[cfg(target_arch = "aarch64")]
loops!(NEON, neon, simd::Neon, Plain, Storage::F32, #[target_feature(enable = "neon")]);
loops!(PORTABLE, portable, simd::Portable, Plain, Storage::F32,);
loops!(PORTABLE_ROUNDED, portable_rounded, simd::Portable, Rounded, Storage::Bf16,);
