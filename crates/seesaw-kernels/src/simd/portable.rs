//! Arrays that any compiler can turn into what the processor has.

use super::{CBLOCK, Vector};

/// Eight lanes as an array.
#[derive(Clone, Copy)]
pub(crate) struct Portable(pub(super) [f32; CBLOCK]);

// SAFETY: the methods need no instruction set; the trait's contract covers the pointers.
impl Vector for Portable {
    const CBLOCKS: usize = 1;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self([x; CBLOCK])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for 8 readable values.
        Self(unsafe { from.cast::<[f32; CBLOCK]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn load_cblocks(from: *const f32, _stride: usize) -> Self {
        // SAFETY: as for `load`.
        unsafe { Self::load(from) }
    }

    #[inline(always)]
    unsafe fn store_cblocks(self, to: *mut f32, _stride: usize) {
        // SAFETY: the caller vouches for 8 writable values.
        unsafe { to.cast::<[f32; CBLOCK]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn stream(self, to: *mut f32) {
        // SAFETY: the caller vouches for 8 writable values.
        unsafe { self.store_cblocks(to, 0) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] + other.0[i]))
    }

    #[inline(always)]
    unsafe fn mul_add(self, a: Self, b: Self) -> Self {
        // Not `f32::mul_add`, which is a library call where the processor has no FMA.
        Self(std::array::from_fn(|i| self.0[i] + a.0[i] * b.0[i]))
    }

    #[inline(always)]
    unsafe fn relu6(self) -> Self {
        Self(self.0.map(crate::reference::relu6))
    }

    #[inline(always)]
    unsafe fn where_relu6_passes(self, x: Self) -> Self {
        let pass = |i: usize| if x.0[i] > 0.0 && x.0[i] < 6.0 { self.0[i] } else { 0.0 };
        Self(std::array::from_fn(pass))
    }
}
