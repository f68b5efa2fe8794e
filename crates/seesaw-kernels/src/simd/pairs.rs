//! Pairs of bf16 in the place of one f32 each, a *slot*.
//!
//! bf16 is the upper half of an f32: all of its range, 8 bits of its precision. A product of slots is
//! the sum of two products, taken in f32, so the microkernels do twice the work with each
//! multiplication and are otherwise the same.

use super::{CBLOCK, Portable, Vector};

/// A vector of f32 that can be rounded to bf16.
pub(crate) trait Bf16Vector: Vector {
    /// Rounds two pixels of a block and writes them one behind the other, 4 slots each: a slot is
    /// two neighboring channels of a pixel.
    ///
    /// # Safety
    /// As for [`Vector`]; `to` must be writable for 8 slots.
    unsafe fn store_channel_pairs(first: Self, second: Self, to: *mut f32);

    /// Rounds two pixels of a block and writes 8 slots: a slot is one channel of both pixels.
    ///
    /// # Safety
    /// As for [`Self::store_channel_pairs`].
    unsafe fn store_pixel_pairs(first: Self, second: Self, to: *mut f32);

    /// The 8 channels of a pixel from 4 slots.
    ///
    /// # Safety
    /// As for [`Vector`]; `from` must be readable for 4 slots.
    unsafe fn load_narrow(from: *const f32) -> Self;

    /// Rounds the 8 channels of a pixel and writes 4 slots.
    ///
    /// # Safety
    /// As for [`Vector`]; `to` must be writable for 4 slots.
    unsafe fn store_narrow(self, to: *mut f32);
}

/// A slot that holds `low` and `high`, each rounded to the nearest bf16.
pub(crate) fn pair(low: f32, high: f32) -> f32 {
    f32::from_bits(u32::from(round(high)) << 16 | u32::from(round(low)))
}

/// The bits of the nearest bf16, of two equally near the even one.
fn round(x: f32) -> u16 {
    let bits = x.to_bits();
    if x.is_nan() {
        // Rounding might carry a NaN's bits into an infinity.
        return (bits >> 16) as u16 | 0x40;
    }
    ((bits + 0x7fff + (bits >> 16 & 1)) >> 16) as u16
}

/// Both halves of a slot.
fn halves(slot: f32) -> [f32; 2] {
    let bits = slot.to_bits();
    [f32::from_bits(bits << 16), f32::from_bits(bits & 0xffff_0000)]
}

/// Defines a vector of slots: `$vector` in everything but multiplication.
macro_rules! pairs_over {
    ($name:ident, $vector:ty, $blocks:literal, |$sum:ident, $a:ident, $b:ident| $product:expr) => {
        /// Slots where it is multiplied, sums in f32 everywhere else.
        #[derive(Clone, Copy)]
        pub(crate) struct $name($vector);

        // SAFETY: each method has the contract of the one that it calls.
        impl Vector for $name {
            const CBLOCKS: usize = $blocks;
            const DEPTH: usize = 2;

            #[inline(always)]
            unsafe fn splat(x: f32) -> Self {
                // SAFETY: the same contract.
                Self(unsafe { <$vector>::splat(x) })
            }
            #[inline(always)]
            unsafe fn load(from: *const f32) -> Self {
                // SAFETY: the same contract.
                Self(unsafe { <$vector>::load(from) })
            }
            #[inline(always)]
            unsafe fn load_cblocks(from: *const f32, stride: usize) -> Self {
                // SAFETY: the same contract.
                Self(unsafe { <$vector>::load_cblocks(from, stride) })
            }
            #[inline(always)]
            unsafe fn store_cblocks(self, to: *mut f32, stride: usize) {
                // SAFETY: the same contract.
                unsafe { self.0.store_cblocks(to, stride) }
            }
            #[inline(always)]
            unsafe fn stream(self, to: *mut f32) {
                // SAFETY: the same contract.
                unsafe { self.0.stream(to) }
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                // SAFETY: the same contract.
                Self(unsafe { self.0.add(other.0) })
            }
            #[inline(always)]
            unsafe fn mul_add(self, a: Self, b: Self) -> Self {
                let ($sum, $a, $b) = (self.0, a.0, b.0);
                Self($product)
            }
            #[inline(always)]
            unsafe fn relu6(self) -> Self {
                // SAFETY: the same contract.
                Self(unsafe { self.0.relu6() })
            }
            #[inline(always)]
            unsafe fn where_relu6_passes(self, x: Self) -> Self {
                // SAFETY: the same contract.
                Self(unsafe { self.0.where_relu6_passes(x.0) })
            }
        }
    };
}
pub(crate) use pairs_over;

pairs_over!(PortablePairs, Portable, 1, |sum, a, b| {
    Portable(std::array::from_fn(|i| {
        let ([a_low, a_high], [b_low, b_high]) = (halves(a.0[i]), halves(b.0[i]));
        sum.0[i] + a_low * b_low + a_high * b_high
    }))
});

impl Bf16Vector for Portable {
    #[inline(always)]
    unsafe fn store_channel_pairs(first: Self, second: Self, to: *mut f32) {
        let both = [first.0, second.0].concat();
        let slots: [f32; CBLOCK] = std::array::from_fn(|i| pair(both[2 * i], both[2 * i + 1]));
        // SAFETY: the caller vouches for 8 writable slots.
        unsafe { to.cast::<[f32; CBLOCK]>().write_unaligned(slots) }
    }

    #[inline(always)]
    unsafe fn store_pixel_pairs(first: Self, second: Self, to: *mut f32) {
        let slots: [f32; CBLOCK] = std::array::from_fn(|i| pair(first.0[i], second.0[i]));
        // SAFETY: the caller vouches for 8 writable slots.
        unsafe { to.cast::<[f32; CBLOCK]>().write_unaligned(slots) }
    }

    #[inline(always)]
    unsafe fn load_narrow(from: *const f32) -> Self {
        // SAFETY: the caller vouches for 4 readable slots.
        let slots = unsafe { from.cast::<[f32; CBLOCK / 2]>().read_unaligned() };
        Self(std::array::from_fn(|i| halves(slots[i / 2])[i % 2]))
    }

    #[inline(always)]
    unsafe fn store_narrow(self, to: *mut f32) {
        let slots: [f32; CBLOCK / 2] =
            std::array::from_fn(|i| pair(self.0[2 * i], self.0[2 * i + 1]));
        // SAFETY: the caller vouches for 4 writable slots.
        unsafe { to.cast::<[f32; CBLOCK / 2]>().write_unaligned(slots) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_goes_to_the_nearest_and_keeps_what_is_no_number() {
        for (x, expected) in [
            (1.0, 1.0),
            (-3.0, -3.0),
            (256.0, 256.0),
            // Between 256 and 258: to the even one of the two.
            (257.0, 256.0),
            (259.0, 260.0),
            (257.1, 258.0),
            (f32::INFINITY, f32::INFINITY),
            (f32::MAX, f32::INFINITY),
        ] {
            assert_eq!(halves(pair(x, -x)), [expected, -expected]);
        }
        let nan = f32::from_bits(0x7f80_0001);
        assert!(halves(pair(nan, 1.0))[0].is_nan());
    }
}
