//! Batch norm's loops that write pairs of bf16, for the microkernels that multiply them.
//!
//! A convolution sums over channels, so it reads pairs of channels, `[pixels][4]` slots of a block;
//! the gradient of its weights sums over pixels and reads pairs of pixels, `[pixels / 2][8]` slots, the
//! last with 0 if the number of pixels is odd.

use super::{
    bf16_kernel::{Bf16Fns, ChannelsTask, CombineSlotsTask, PixelsTask},
    norm::{Affine, NormGrad},
    storage::{SLOTS, Storage},
};
use crate::{element::Slot, isa::Bf16Token, simd::CBLOCK};

/// The loops of one instruction set, for maps in one storage.
#[derive(Debug, Clone, Copy)]
pub struct Bf16Kernels(&'static Bf16Fns);

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

/// The gradient of a batch norm's input, as it is put together; both maps are in the loops' storage.
#[derive(Debug, Clone, Copy)]
pub struct Combined<'a> {
    /// The gradient of the batch norm's output.
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
    /// The loops for maps in `storage`.
    pub fn new(token: Bf16Token, storage: Storage) -> Self {
        Self(match storage {
            Storage::F32 => &token.kernels().from_f32,
            Storage::Bf16 => &token.kernels().from_bf16,
        })
    }

    /// Writes `map` in pairs of channels, and in f32 to `kept` if there is one.
    ///
    /// # Panics
    /// When slices do not fit each other.
    pub fn channels(&self, map: &Normalized<'_>, kept: Option<&mut [f32]>, out: &mut [Slot]) {
        let pixels = map.check(self.0.storage);
        assert_eq!(out.len(), channel_pairs(pixels), "slots of {pixels} pixels");
        assert!(kept.as_ref().is_none_or(|kept| kept.len() == pixels * CBLOCK), "kept map");
        let kept = kept.map_or(std::ptr::null_mut(), <[f32]>::as_mut_ptr);
        // SAFETY: the token proved the instruction set, and the lengths were checked.
        unsafe { (self.0.channels)(ChannelsTask { map, kept, out: out.as_mut_ptr() }) }
    }

    /// Writes `map` in pairs of pixels.
    ///
    /// # Panics
    /// When slices do not fit each other.
    pub fn pixels(&self, map: &Normalized<'_>, out: &mut [Slot]) {
        let pixels = map.check(self.0.storage);
        assert_eq!(out.len(), pixel_pairs(pixels), "slots of {pixels} pixels");
        // SAFETY: the token proved the instruction set, and the lengths were checked.
        unsafe { (self.0.pixels)(PixelsTask { map, out: out.as_mut_ptr() }) }
    }

    /// Writes `map` in pairs of channels and in pairs of pixels.
    ///
    /// # Panics
    /// When slices do not fit each other.
    pub fn combine(&self, map: &Combined<'_>, channels: &mut [Slot], pixels: &mut [Slot]) {
        let pixel = self.0.storage.pixel();
        let count = map.raw.len() / pixel;
        assert_eq!(map.raw.len(), count * pixel, "whole pixels");
        assert_eq!(map.gradient.len(), map.raw.len(), "a gradient of {count} pixels");
        assert_eq!(channels.len(), channel_pairs(count), "slots of {count} pixels");
        assert_eq!(pixels.len(), pixel_pairs(count), "slots of {count} pixels");
        // SAFETY: the token proved the instruction set, and the lengths were checked.
        unsafe {
            let (channels, pixels) = (channels.as_mut_ptr(), pixels.as_mut_ptr());
            (self.0.combine)(CombineSlotsTask { map, channels, pixels });
        }
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
}
