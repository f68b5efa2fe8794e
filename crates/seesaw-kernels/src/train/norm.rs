//! Batch norm on a run of pixels of one block of channels, forward and backward.
//!
//! A map is read where the next kernel needs it and its sums are taken where it was just written,
//! so these loops run over maps that are still in the cache.

use super::{
    norm_kernel::{AffineTask, CombineTask, MaskTask, MomentsTask, NormFns},
    prefetch::publish,
    storage::Storage,
};
use crate::{
    isa::{Bf16Token, IsaToken},
    simd::CBLOCK,
};

/// A value for each channel of a block.
pub type Lanes = [f32; CBLOCK];

/// Two sums for each channel of a block.
pub type Sums = [[f64; CBLOCK]; 2];

/// Pixels whose sums are taken in f32 before they are added up in f64.
const RUN: usize = 128;

/// `y = x * scale + shift`, followed by ReLU6 if `relu6` is set.
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
    /// Changes nothing.
    pub const IDENTITY: Self = Self { scale: [1.0; CBLOCK], shift: [0.0; CBLOCK], relu6: false };
}

/// `dy = g * of_gradient + y * of_raw + constant`: the gradient of a batch norm's input `y` from the
/// gradient `g` of its output.
#[derive(Debug, Clone, Copy)]
pub struct NormGrad {
    /// Factor of the gradient of the batch norm's output.
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
    /// One after the other.
    pub const LINE: Self = Self { cols: usize::MAX, step: 1, row: 0 };

    /// f32 from the first to the end of the last of `pixels` pixels, or a few more.
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
    /// The batch norm, with the ReLU6 that masks, if there is one.
    pub affine: &'a Affine,
    /// The batch norm's means.
    pub mean: &'a Lanes,
}

/// The loops of one instruction set, for maps in one storage.
#[derive(Debug, Clone, Copy)]
pub struct NormKernels(&'static NormFns);

impl NormKernels {
    /// The loops for maps stored as f32.
    pub fn new(token: IsaToken) -> Self {
        Self(&token.kernels().norm)
    }

    /// The loops for maps stored as bf16.
    pub fn for_bf16(token: Bf16Token) -> Self {
        Self(&token.kernels().norm)
    }

    /// How maps are stored.
    pub fn storage(&self) -> Storage {
        self.0.storage
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
        let pixels = x.len() / self.storage().pixel();
        assert!(grid.len(pixels) <= out.len(), "output of {pixels} pixels");
        let has_all = |r: &[f32]| r.len() >= pixels * CBLOCK;
        assert!(residual.is_none_or(has_all), "residual of {pixels} pixels");
        let residual = residual.map_or(std::ptr::null(), <[f32]>::as_ptr);
        // SAFETY: the token proved the instruction set, and the lengths were checked.
        unsafe {
            let (x, out) = (x.as_ptr(), out.as_mut_ptr());
            (self.0.affine)(AffineTask { x, pixels, by: affine, residual, out, grid: &grid });
        }
    }

    /// Combines the gradient of a batch norm's output and its input `raw` to the gradient of its input,
    /// and writes the pixels in f32 to `grid` on the plane `out`.
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
        let pixels = gradient.len() / self.storage().pixel();
        assert!(grid.len(pixels) <= out.len(), "output of {pixels} pixels");
        assert!(raw.len() >= gradient.len(), "batch norm's input of {pixels} pixels");
        let (gradient, raw) = (gradient.as_ptr(), raw.as_ptr());
        // SAFETY: the token proved the instruction set, and the lengths were checked.
        unsafe {
            let out = out.as_mut_ptr();
            (self.0.combine)(CombineTask {
                gradient,
                raw,
                pixels,
                by: combination,
                out,
                grid: &grid,
            });
        }
    }

    /// Adds to `sums` the sum and the sum of squares of each channel of `x`, `[pixels][8]`, which
    /// is copied to `out` in the loops' storage.
    ///
    /// # Panics
    /// When the slices differ in pixels, or `out` begins within a pixel.
    pub fn moments(&self, x: &[f32], out: &mut [f32], sums: &mut Sums) {
        let pixel = self.storage().pixel();
        assert_eq!(out.len() / pixel, x.len() / CBLOCK, "a copy of the map's shape");
        self.check_aligned(out);
        for (x, out) in x.chunks(RUN * CBLOCK).zip(out.chunks_mut(RUN * pixel)) {
            let mut part = [[0.0; CBLOCK]; 2];
            // SAFETY: the token proved the instruction set, and the lengths were checked.
            unsafe {
                let (pixels, x, out) = (x.len() / CBLOCK, x.as_ptr(), out.as_mut_ptr());
                (self.0.moments)(MomentsTask { x, pixels, out, part: &mut part });
            }
            add(sums, &part);
        }
        publish();
    }

    /// Writes to `out`, in the loops' storage, the gradient with its residual, cleared where ReLU6
    /// clips; adds to `sums` the sums of the result and of its products with `raw - mean`, for each
    /// channel.
    ///
    /// # Panics
    /// When the slices differ in pixels, or `out` begins within a pixel.
    pub fn mask_and_sum(&self, masked: &Masked<'_>, out: &mut [f32], sums: &mut Sums) {
        let (pixel, len) = (self.storage().pixel(), masked.gradient.len());
        let stored = len / CBLOCK * pixel;
        assert!(masked.raw.len() == stored && out.len() == stored, "maps of one shape");
        assert!(masked.residual.is_none_or(|r| r.len() == len), "residual of that shape");
        self.check_aligned(out);
        for (run, out) in out.chunks_mut(RUN * pixel).enumerate() {
            let (mut part, pixels) = ([[0.0; CBLOCK]; 2], out.len() / pixel);
            // SAFETY: the token proved the instruction set, and the lengths were checked.
            unsafe {
                let (first, out) = (run * RUN, out.as_mut_ptr());
                (self.0.mask)(MaskTask { masked, first, pixels, out, part: &mut part });
            }
            add(sums, &part);
        }
        publish();
    }

    /// # Panics
    /// When `out` begins within a pixel.
    fn check_aligned(&self, out: &[f32]) {
        let pixel = self.storage().pixel() * size_of::<f32>();
        assert!(out.as_ptr().addr().is_multiple_of(pixel), "output aligned to its pixels");
    }
}

fn add(sums: &mut Sums, part: &[Lanes; 2]) {
    for (sum, part) in sums.iter_mut().flatten().zip(part.iter().flatten()) {
        *sum += f64::from(*part);
    }
}
