//! Vectors of f32, one file an instruction set.
//!
//! Kernels are written once over [`Vector`] and compiled for each instruction set by `dispatch!`,
//! inside a function that enables its features. Every method is `inline(always)`, so that nothing
//! is left of the trait in the machine code.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx512_bf16;
#[cfg(target_arch = "aarch64")]
mod neon;
mod pairs;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512_bf16::{Pairs256, Pairs512};
#[cfg(target_arch = "aarch64")]
pub(crate) use neon::Neon;
pub(crate) use pairs::{Bf16Vector, PortablePairs, pair, pairs_over};
pub(crate) use portable::Portable;

/// Channels in a block of the layout, and the fewest lanes of a vector.
pub const CBLOCK: usize = 8;

/// A vector of f32 that covers one or two blocks of channels.
///
/// # Safety
/// Methods may only be called where the vector's instruction set is enabled; pointers must be valid
/// for what the method reads or writes. There is no alignment to keep.
pub(crate) trait Vector: Copy {
    /// Blocks of 8 lanes.
    const CBLOCKS: usize;
    /// Lanes: 8 for each block.
    const LANES: usize = Self::CBLOCKS * CBLOCK;
    /// Values that are multiplied in each lane at once.
    const DEPTH: usize = 1;

    /// All lanes `x`.
    unsafe fn splat(x: f32) -> Self;
    /// `LANES` consecutive values.
    unsafe fn load(from: *const f32) -> Self;
    /// 8 consecutive values from each of `CBLOCKS` blocks that lie `stride` values apart.
    unsafe fn load_cblocks(from: *const f32, stride: usize) -> Self;
    /// Counterpart of [`Self::load_cblocks`].
    unsafe fn store_cblocks(self, to: *mut f32, stride: usize);
    /// As a store of `LANES` consecutive values, past the caches where the instruction set can; `to`
    /// must be aligned to the vector.
    unsafe fn stream(self, to: *mut f32);
    /// `self + other`.
    unsafe fn add(self, other: Self) -> Self;
    /// `self + a * b`, rounded once where the instruction set can.
    unsafe fn mul_add(self, a: Self, b: Self) -> Self;
    /// Lanes clipped to 0..=6; NaN stays NaN, so that a broken net shows.
    unsafe fn relu6(self) -> Self;
    /// Lanes of `self` where `0 < x < 6`, else 0: what ReLU6 lets through of a gradient.
    unsafe fn where_relu6_passes(self, x: Self) -> Self;
}
