//! How maps hold their values between two passes.

use std::marker::PhantomData;

use crate::simd::{Bf16Conversion, CBLOCK, Vector};

/// Slots of a pixel of a block: pairs of neighboring channels.
pub(super) const SLOTS: usize = CBLOCK / 2;

/// How a map holds its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// As f32, `[blocks][pixels][8]`.
    F32,
    /// As bf16 in pairs of channels, each in the space of an f32: `[blocks][pixels][4]`. Buffers are
    /// shared with maps of f32, so such a map is a slice of f32 that only these kernels interpret.
    Bf16,
}

impl Storage {
    /// f32, or pairs in their space, of a pixel of a block.
    pub fn pixel(self) -> usize {
        match self {
            Self::F32 => CBLOCK,
            Self::Bf16 => SLOTS,
        }
    }
}

/// Reads and writes the 8 channels of a pixel in a [`Storage`].
pub(crate) trait Stored {
    /// A pixel in registers.
    type Vector: Vector;

    /// Which storage.
    const STORAGE: Storage;

    /// As [`Storage::pixel`].
    const PIXEL: usize;

    /// # Safety
    /// As for [`Vector`]; the pixel must be readable.
    unsafe fn load(from: *const f32) -> Self::Vector;

    /// # Safety
    /// As for [`Vector::stream`]; the pixel must be writable and aligned to its size.
    unsafe fn write(value: Self::Vector, to: *mut f32);
}

/// [`Storage::F32`], written past the caches: little of such a map would still be there in the next
/// pass.
pub(crate) struct Plain<V>(PhantomData<V>);

impl<V: Vector> Stored for Plain<V> {
    type Vector = V;
    const STORAGE: Storage = Storage::F32;
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
pub(crate) struct Rounded<C>(PhantomData<C>);

impl<C: Bf16Conversion> Stored for Rounded<C> {
    type Vector = C::Vector;
    const STORAGE: Storage = Storage::Bf16;
    const PIXEL: usize = SLOTS;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> C::Vector {
        // SAFETY: the caller's contract; the map holds slots.
        unsafe { C::load_pixel(from.cast()) }
    }

    #[inline(always)]
    unsafe fn write(value: C::Vector, to: *mut f32) {
        // SAFETY: the caller's contract; the map holds slots.
        unsafe { C::store_pixel(value, to.cast()) }
    }
}
