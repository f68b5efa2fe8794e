//! How maps hold their values between two passes.

use crate::simd::{Bf16Vector, CBLOCK, Vector};

/// Slots of a pixel of a block: pairs of neighboring channels.
pub(super) const SLOTS: usize = CBLOCK / 2;

/// How a map holds its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// As f32, `[blocks][pixels][8]`.
    F32,
    /// As bf16 in pairs of channels, each in the place of an f32: `[blocks][pixels][4]`.
    Bf16,
}

impl Storage {
    /// f32, or pairs in their place, of a pixel of a block.
    pub fn pixel(self) -> usize {
        match self {
            Self::F32 => CBLOCK,
            Self::Bf16 => SLOTS,
        }
    }
}

/// Reads and writes the 8 channels of a pixel.
pub(super) trait Stored<V> {
    /// As [`Storage::pixel`].
    const PIXEL: usize;

    /// # Safety
    /// As for [`Vector`]; the pixel must be readable.
    unsafe fn load(from: *const f32) -> V;

    /// # Safety
    /// As for [`Vector::stream`]; the pixel must be writable and aligned to its size.
    unsafe fn write(value: V, to: *mut f32);
}

/// [`Storage::F32`], written past the caches: the next pass finds little of such a map there.
pub(super) struct Plain;

impl<V: Vector> Stored<V> for Plain {
    const PIXEL: usize = CBLOCK;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> V {
        // SAFETY: the caller's contract.
        unsafe { V::load(from) }
    }

    #[inline(always)]
    unsafe fn write(value: V, to: *mut f32) {
        // SAFETY: the caller's contract.
        unsafe { value.stream(to) }
    }
}

/// [`Storage::Bf16`], written to the caches: half as large, much of a map is still in the last one
/// when the next pass reads it.
pub(super) struct Rounded;

impl<V: Bf16Vector> Stored<V> for Rounded {
    const PIXEL: usize = SLOTS;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> V {
        // SAFETY: the caller's contract.
        unsafe { V::load_narrow(from) }
    }

    #[inline(always)]
    unsafe fn write(value: V, to: *mut f32) {
        // SAFETY: the caller's contract.
        unsafe { value.store_narrow(to) }
    }
}
