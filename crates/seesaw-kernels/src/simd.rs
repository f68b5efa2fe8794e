//! Vectors that kernels are written over, and how kernels are compiled for an instruction set.
//!
//! A kernel is a [`Kernel`], generic over [`Vector`] or [`Factors`]. Each instruction set compiles it
//! through the one function that enables its features, [`InstructionSet::run`]. Everything below that
//! function is `inline(always)`, so that nothing is left of the traits in the machine code.

use crate::element::{Element, Slot};

/// Channels in a block of the layout, and the fewest lanes of a vector.
pub const CBLOCK: usize = 8;

/// Code that is compiled for each instruction set.
pub(crate) trait Kernel {
    /// What it works on.
    type Args<'a>;

    /// Runs the kernel. Implementations must be `inline(always)`.
    ///
    /// # Safety
    /// The instruction set of the kernel's vectors must be enabled; what else must hold is said where
    /// the arguments are defined.
    unsafe fn run(args: Self::Args<'_>);
}

/// An instruction set as the compiler knows it: a list of target features.
pub(crate) trait InstructionSet {
    /// Runs `K` compiled with the features.
    ///
    /// # Safety
    /// The processor must have the features; otherwise as for [`Kernel::run`].
    unsafe fn run<K: Kernel>(args: K::Args<'_>);
}

/// A vector of f32 that covers one or two blocks of channels.
///
/// # Safety
/// Methods may only be called where the vector's instruction set is enabled; pointers must be valid
/// for what the method reads or writes. They need no alignment.
pub(crate) trait Vector: Copy {
    /// Blocks of 8 lanes.
    const CBLOCKS: usize;
    /// Lanes: 8 for each block.
    const LANES: usize = Self::CBLOCKS * CBLOCK;

    /// Whether the loop over the inputs of a block stays a loop.
    const ROLLED: bool = false;

    /// All lanes `x`.
    unsafe fn splat(x: f32) -> Self;
    /// `LANES` consecutive values.
    unsafe fn load(from: *const f32) -> Self;
    /// 8 consecutive values from each of `CBLOCKS` blocks that lie `stride` values apart.
    unsafe fn load_cblocks(from: *const f32, stride: usize) -> Self;
    /// Counterpart of [`Self::load_cblocks`].
    unsafe fn store_cblocks(self, to: *mut f32, stride: usize);
    /// Stores `LANES` consecutive values, bypassing the caches where the instruction set can; `to`
    /// must be aligned to the vector.
    unsafe fn stream(self, to: *mut f32);
    /// `self + other`.
    unsafe fn add(self, other: Self) -> Self;
    /// `self + a * b`, rounded once where the instruction set can.
    unsafe fn mul_add(self, a: Self, b: Self) -> Self;
    /// Lanes clipped to 0..=6; NaN stays NaN, so that a broken net shows.
    unsafe fn relu6(self) -> Self;
    /// Lanes of `self` where `0 < x < 6`, else 0: the part of a gradient that ReLU6 lets through.
    unsafe fn where_relu6_passes(self, x: Self) -> Self;
}

/// A vector of elements whose products are summed in f32.
///
/// # Safety
/// As for [`Vector`].
pub(crate) trait Factors: Copy {
    /// What a lane holds.
    type Element: Element;
    /// The sums: a lane for each of the elements.
    type Sums: Vector;

    /// All lanes `x`.
    unsafe fn broadcast(x: Self::Element) -> Self;
    /// Consecutive elements.
    unsafe fn load_elements(from: *const Self::Element) -> Self;
    /// 8 consecutive elements from each block; blocks lie `stride` elements apart.
    unsafe fn load_element_cblocks(from: *const Self::Element, stride: usize) -> Self;
    /// `sums` plus, in each lane, the products of the numbers of `a` and `b`.
    unsafe fn add_products(a: Self, b: Self, sums: Self::Sums) -> Self::Sums;
}

impl<V: Vector> Factors for V {
    type Element = f32;
    type Sums = V;

    #[inline(always)]
    unsafe fn broadcast(x: f32) -> Self {
        // SAFETY: the same contract.
        unsafe { V::splat(x) }
    }

    #[inline(always)]
    unsafe fn load_elements(from: *const f32) -> Self {
        // SAFETY: the same contract.
        unsafe { V::load(from) }
    }

    #[inline(always)]
    unsafe fn load_element_cblocks(from: *const f32, stride: usize) -> Self {
        // SAFETY: the same contract.
        unsafe { V::load_cblocks(from, stride) }
    }

    #[inline(always)]
    unsafe fn add_products(a: Self, b: Self, sums: Self) -> Self {
        // SAFETY: the same contract.
        unsafe { sums.mul_add(a, b) }
    }
}

/// Conversion between a vector of one block of channels and bf16.
///
/// # Safety
/// As for [`Vector`].
pub(crate) trait Bf16Conversion {
    /// The vector in f32.
    type Vector: Vector;

    /// Rounds two pixels of a block and writes them one after the other, 4 slots each: a slot is two
    /// neighboring channels of a pixel. `to` must be writable for 8 slots.
    unsafe fn store_channel_pairs(first: Self::Vector, second: Self::Vector, to: *mut Slot);

    /// Rounds two pixels of a block and writes 8 slots: a slot is one channel of both pixels. `to`
    /// must be writable for 8 slots.
    unsafe fn store_pixel_pairs(first: Self::Vector, second: Self::Vector, to: *mut Slot);

    /// The 8 channels of a pixel from 4 slots.
    unsafe fn load_pixel(from: *const Slot) -> Self::Vector;

    /// Rounds the 8 channels of a pixel and writes 4 slots.
    unsafe fn store_pixel(pixel: Self::Vector, to: *mut Slot);
}

/// Evaluates `$body` with the constant `$name` equal to `$value`, which is from 1 to the constant
/// `$max`; code for larger values is not compiled.
macro_rules! with_const {
    ($name:ident = $value:expr, up to $max:expr => $body:expr) => {
        $crate::simd::with_const!(@ $name = $value, $max, $body; 1 2 3 4 5 6 7 8 9 10 11 12 13 14)
    };
    (@ $name:ident = $value:expr, $max:expr, $body:expr; $($literal:literal)+) => {
        match $value {
            $($literal if const { $literal <= $max } => {
                const $name: usize = $literal;
                $body
            })+
            _ => unreachable!("tiles are cut to the size of their kernel"),
        }
    };
}
pub(crate) use with_const;
