//! Batch norm's loops that write pairs of bf16, for the microkernels that multiply them.
//!
//! A *slot* is such a pair in the place of an f32. A convolution sums over channels, so it reads pairs
//! of channels, `[pixels][4]` slots of a block; the gradient of its weights sums over pixels and
//! reads pairs of pixels, `[pixels / 2][8]` slots, the last with 0 where pixels are odd.

use crate::{
    isa::{Isa, IsaToken},
    simd::{self, Bf16Vector, CBLOCK},
};

use super::{
    norm::{Affine, NormGrad},
    prefetch::fetch_ahead,
    storage::{Plain, Rounded, SLOTS, Storage, Stored},
};

type AffineFn = unsafe fn(&Normalized<'_>, *mut f32, *mut f32);
type PixelsFn = unsafe fn(&Normalized<'_>, *mut f32);
type CombineFn = unsafe fn(&Combined<'_>, *mut f32, *mut f32);

/// The loops of one instruction set.
#[derive(Debug, Clone, Copy)]
pub struct Bf16Kernels {
    storage: Storage,
    channels: AffineFn,
    pixels: PixelsFn,
    combine: CombineFn,
}

/// A map that is normalized where it is read.
#[derive(Debug, Clone, Copy)]
pub struct Normalized<'a> {
    /// The batch norm's input, in the loops' storage.
    pub raw: &'a [f32],
    /// The batch norm.
    pub affine: &'a Affine,
    /// What is added, `[pixels][8]`.
    pub residual: Option<&'a [f32]>,
}

/// The gradient behind a batch norm, as it is put together; both maps are in the loops' storage.
#[derive(Debug, Clone, Copy)]
pub struct Combined<'a> {
    /// The gradient in front.
    pub gradient: &'a [f32],
    /// The batch norm's input.
    pub raw: &'a [f32],
    /// How.
    pub by: &'a NormGrad,
}

/// Slots of a block of `pixels` pixels in pairs of pixels.
pub fn pixel_pairs(pixels: usize) -> usize {
    pixels.div_ceil(2) * CBLOCK
}

/// Slots of a block of `pixels` pixels in pairs of channels.
pub fn channel_pairs(pixels: usize) -> usize {
    pixels * SLOTS
}

impl Bf16Kernels {
    /// The loops that `token` opens, for maps in that storage.
    pub fn new(token: IsaToken, storage: Storage) -> Self {
        match (token.for_bf16().isa(), storage) {
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx512, Storage::F32) => AVX512,
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx512, Storage::Bf16) => AVX512_ROUNDED,
            (_, Storage::F32) => PORTABLE,
            (_, Storage::Bf16) => PORTABLE_ROUNDED,
        }
    }

    /// Writes `map` in pairs of channels, and as it is to `kept` if that is wanted.
    ///
    /// # Panics
    /// When slices do not fit each other.
    pub fn channels(&self, map: &Normalized<'_>, kept: Option<&mut [f32]>, out: &mut [f32]) {
        let pixels = map.check(self.storage);
        assert_eq!(out.len(), channel_pairs(pixels), "slots of {pixels} pixels");
        assert!(kept.as_ref().is_none_or(|kept| kept.len() == pixels * CBLOCK), "what is kept");
        let kept = kept.map_or(std::ptr::null_mut(), <[f32]>::as_mut_ptr);
        // SAFETY: the token proved the instruction set, and the lengths were checked.
        unsafe { (self.channels)(map, kept, out.as_mut_ptr()) }
    }

    /// Writes `map` in pairs of pixels.
    ///
    /// # Panics
    /// When slices do not fit each other.
    pub fn pixels(&self, map: &Normalized<'_>, out: &mut [f32]) {
        let pixels = map.check(self.storage);
        assert_eq!(out.len(), pixel_pairs(pixels), "slots of {pixels} pixels");
        // SAFETY: the token proved the instruction set, and the lengths were checked.
        unsafe { (self.pixels)(map, out.as_mut_ptr()) }
    }

    /// Writes `map` in pairs of channels and in pairs of pixels.
    ///
    /// # Panics
    /// When slices do not fit each other.
    pub fn combine(&self, map: &Combined<'_>, channels: &mut [f32], pixels: &mut [f32]) {
        let pixel = self.storage.pixel();
        let count = map.raw.len() / pixel;
        assert_eq!(map.raw.len(), count * pixel, "whole pixels");
        assert_eq!(map.gradient.len(), map.raw.len(), "a gradient of {count} pixels");
        assert_eq!(channels.len(), channel_pairs(count), "slots of {count} pixels");
        assert_eq!(pixels.len(), pixel_pairs(count), "slots of {count} pixels");
        // SAFETY: the token proved the instruction set, and the lengths were checked.
        unsafe { (self.combine)(map, channels.as_mut_ptr(), pixels.as_mut_ptr()) }
    }
}

impl Normalized<'_> {
    /// Pixels.
    ///
    /// # Panics
    /// When the maps differ in length.
    fn check(&self, storage: Storage) -> usize {
        let pixels = self.raw.len() / storage.pixel();
        assert_eq!(self.raw.len(), pixels * storage.pixel(), "whole pixels");
        assert!(self.residual.is_none_or(|r| r.len() == pixels * CBLOCK), "residual");
        pixels
    }

    /// A pixel.
    ///
    /// # Safety
    /// There must be that pixel, and `V`'s instruction set must be enabled.
    #[inline(always)]
    unsafe fn at<V: Bf16Vector, S: Stored<V>>(&self, pixel: usize) -> V {
        // SAFETY: the caller's contract.
        unsafe {
            let x = self.raw.as_ptr().add(pixel * S::PIXEL);
            fetch_ahead(x);
            let (scale, shift) = (&self.affine.scale, &self.affine.shift);
            let mut y = V::load(shift.as_ptr()).mul_add(S::load(x), V::load(scale.as_ptr()));
            if self.affine.relu6 {
                y = y.relu6();
            }
            match self.residual {
                Some(residual) => y.add(V::load(residual.as_ptr().add(pixel * CBLOCK))),
                None => y,
            }
        }
    }
}

impl Combined<'_> {
    /// As [`Normalized::at`].
    #[inline(always)]
    unsafe fn at<V: Bf16Vector, S: Stored<V>>(&self, pixel: usize) -> V {
        let at = pixel * S::PIXEL;
        // SAFETY: the caller's contract.
        unsafe {
            let (g, y) = (self.gradient.as_ptr().add(at), self.raw.as_ptr().add(at));
            fetch_ahead(g);
            fetch_ahead(y);
            let by = self.by;
            let constant = V::load(by.constant.as_ptr());
            let sum = constant.mul_add(S::load(y), V::load(by.of_raw.as_ptr()));
            sum.mul_add(S::load(g), V::load(by.of_gradient.as_ptr()))
        }
    }
}

/// # Safety
/// `kept` must be null or writable for the map, `out` for its slots.
#[inline(always)]
unsafe fn channels<V: Bf16Vector, S: Stored<V>>(
    map: &Normalized<'_>,
    kept: *mut f32,
    out: *mut f32,
) {
    let pixels = map.raw.len() / S::PIXEL;
    // SAFETY: the caller's contract.
    unsafe {
        for pixel in (0..pixels - pixels % 2).step_by(2) {
            let (first, second) = (map.at::<V, S>(pixel), map.at::<V, S>(pixel + 1));
            if !kept.is_null() {
                first.store_cblocks(kept.add(pixel * CBLOCK), 0);
                second.store_cblocks(kept.add((pixel + 1) * CBLOCK), 0);
            }
            V::store_channel_pairs(first, second, out.add(pixel * SLOTS));
        }
        if pixels % 2 == 1 {
            let last = map.at::<V, S>(pixels - 1);
            if !kept.is_null() {
                last.store_cblocks(kept.add((pixels - 1) * CBLOCK), 0);
            }
            store_last(last, out.add((pixels - 1) * SLOTS));
        }
    }
}

/// # Safety
/// `out` must be writable for the map's slots.
#[inline(always)]
unsafe fn pixels<V: Bf16Vector, S: Stored<V>>(map: &Normalized<'_>, out: *mut f32) {
    let pixels = map.raw.len() / S::PIXEL;
    // SAFETY: the caller's contract.
    unsafe {
        for pixel in (0..pixels - pixels % 2).step_by(2) {
            let (first, second) = (map.at::<V, S>(pixel), map.at::<V, S>(pixel + 1));
            V::store_pixel_pairs(first, second, out.add(pixel * SLOTS));
        }
        if pixels % 2 == 1 {
            let (last, none) = (map.at::<V, S>(pixels - 1), V::splat(0.0));
            V::store_pixel_pairs(last, none, out.add((pixels - 1) * SLOTS));
        }
    }
}

/// # Safety
/// Both outputs must be writable for the map's slots.
#[inline(always)]
unsafe fn combine<V: Bf16Vector, S: Stored<V>>(
    map: &Combined<'_>,
    channels: *mut f32,
    pixels: *mut f32,
) {
    let count = map.raw.len() / S::PIXEL;
    // SAFETY: the caller's contract.
    unsafe {
        for pixel in (0..count - count % 2).step_by(2) {
            let (first, second) = (map.at::<V, S>(pixel), map.at::<V, S>(pixel + 1));
            V::store_channel_pairs(first, second, channels.add(pixel * SLOTS));
            V::store_pixel_pairs(first, second, pixels.add(pixel * SLOTS));
        }
        if count % 2 == 1 {
            let (last, none) = (map.at::<V, S>(count - 1), V::splat(0.0));
            store_last(last, channels.add((count - 1) * SLOTS));
            V::store_pixel_pairs(last, none, pixels.add((count - 1) * SLOTS));
        }
    }
}

/// The channel pairs of a last pixel that has no second one.
///
/// # Safety
/// `to` must be writable for one pixel.
#[inline(always)]
unsafe fn store_last<V: Bf16Vector>(last: V, to: *mut f32) {
    let mut both = [0.0; CBLOCK];
    // SAFETY: the caller's contract.
    unsafe {
        V::store_channel_pairs(last, V::splat(0.0), both.as_mut_ptr());
        to.copy_from_nonoverlapping(both.as_ptr(), SLOTS);
    }
}

/// Defines the loops for one instruction set.
macro_rules! loops {
    ($set:ident, $module:ident, $vector:ty, $stored:ident, $storage:expr, $(#[$feature:meta])?) => {
        mod $module {
            use super::{Combined, Normalized, simd};

            $(#[$feature])?
            pub(super) unsafe fn channels(map: &Normalized<'_>, kept: *mut f32, out: *mut f32) {
                // SAFETY: the caller's contract.
                unsafe { super::channels::<$vector, super::$stored>(map, kept, out) }
            }
            $(#[$feature])?
            pub(super) unsafe fn pixels(map: &Normalized<'_>, out: *mut f32) {
                // SAFETY: the caller's contract.
                unsafe { super::pixels::<$vector, super::$stored>(map, out) }
            }
            $(#[$feature])?
            pub(super) unsafe fn combine(map: &Combined<'_>, channels: *mut f32, pixels: *mut f32) {
                // SAFETY: the caller's contract.
                unsafe { super::combine::<$vector, super::$stored>(map, channels, pixels) }
            }
        }
        const $set: Bf16Kernels = Bf16Kernels {
            storage: $storage,
            channels: $module::channels,
            pixels: $module::pixels,
            combine: $module::combine,
        };
    };
}

#[cfg(target_arch = "x86_64")]
loops!(AVX512, avx512, simd::Avx2, Plain, Storage::F32, #[target_feature(enable = "avx512bf16,avx512bw,avx512f,avx512vl,avx2,fma")]);
#[cfg(target_arch = "x86_64")]
loops!(AVX512_ROUNDED, avx512_rounded, simd::Avx2, Rounded, Storage::Bf16, #[target_feature(enable = "avx512bf16,avx512bw,avx512f,avx512vl,avx2,fma")]);
loops!(PORTABLE, portable, simd::Portable, Plain, Storage::F32,);
loops!(PORTABLE_ROUNDED, portable_rounded, simd::Portable, Rounded, Storage::Bf16,);
