//! The elements that microkernels multiply: f32, or pairs of bf16.
//!
//! bf16 is the upper half of an f32: its full range with 8 bits of precision. The product of two pairs
//! is the sum of two products, taken in f32, so the microkernels do twice the work with each
//! multiplication and are otherwise the same.

use std::fmt;

use crate::isa::{Bf16Token, IsaToken, PanelKernels};

/// An element of a map or of packed weights.
///
/// Implemented by f32 and by [`Slot`].
pub trait Element: Copy + Default + fmt::Debug + Send + Sync + ElementKernels + 'static {
    /// Proof that this processor multiplies such elements.
    type Token: Copy + fmt::Debug;

    /// Numbers that an element holds.
    const DEPTH: usize;
}

/// What the kernels need to know about an element; not nameable outside this crate.
pub trait ElementKernels: Sized {
    /// Sets the number `index`, which is below `DEPTH`.
    fn set(&mut self, index: u32, number: f32);

    /// The element of the first `DEPTH` of these numbers.
    fn from_numbers(numbers: [f32; 2]) -> Self;

    /// The sum of its numbers.
    fn sum(self) -> f32;

    /// The microkernels by their width, widest first; the last is one block wide.
    fn panels(token: Self::Token) -> &'static [PanelKernels<Self>]
    where
        Self: Element;
}

impl Element for f32 {
    type Token = IsaToken;
    const DEPTH: usize = 1;
}

impl ElementKernels for f32 {
    #[inline(always)]
    fn set(&mut self, _: u32, number: f32) {
        *self = number;
    }

    #[inline(always)]
    fn from_numbers([number, _]: [f32; 2]) -> Self {
        number
    }

    fn sum(self) -> f32 {
        self
    }

    fn panels(token: IsaToken) -> &'static [PanelKernels<Self>] {
        token.kernels().panels
    }
}

/// Two numbers in bf16, in the space of an f32: the first in the lower half.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Slot(u32);

impl Slot {
    /// Both numbers, each rounded to the nearest bf16.
    #[inline]
    pub fn new(low: f32, high: f32) -> Self {
        Self(u32::from(round(high)) << 16 | u32::from(round(low)))
    }

    /// Both numbers.
    pub fn halves(self) -> [f32; 2] {
        [f32::from_bits(self.0 << 16), f32::from_bits(self.0 & 0xffff_0000)]
    }

    /// A buffer of f32 as one of slots; what it held is meaningless as slots.
    pub fn reuse(buffer: &mut [f32]) -> &mut [Self] {
        // SAFETY: a slot has the size and alignment of an f32, and every bit pattern is valid for both.
        unsafe { std::slice::from_raw_parts_mut(buffer.as_mut_ptr().cast(), buffer.len()) }
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Slot").field(&self.halves()).finish()
    }
}

impl Element for Slot {
    type Token = Bf16Token;
    const DEPTH: usize = 2;
}

impl ElementKernels for Slot {
    #[inline(always)]
    fn set(&mut self, index: u32, number: f32) {
        let shift = 16 * index;
        self.0 = self.0 & !(0xffff << shift) | u32::from(round(number)) << shift;
    }

    #[inline(always)]
    fn from_numbers([low, high]: [f32; 2]) -> Self {
        Self::new(low, high)
    }

    fn sum(self) -> f32 {
        let [low, high] = self.halves();
        low + high
    }

    fn panels(token: Bf16Token) -> &'static [PanelKernels<Self>] {
        token.kernels().panels
    }
}

/// The bits of the nearest bf16, of two equally near the even one.
#[inline]
fn round(x: f32) -> u16 {
    let bits = x.to_bits();
    if x.is_nan() {
        // Rounding might carry a NaN's bits into an infinity.
        return (bits >> 16) as u16 | 0x40;
    }
    ((bits + 0x7fff + (bits >> 16 & 1)) >> 16) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_goes_to_the_nearest_and_keeps_nan() {
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
            assert_eq!(Slot::new(x, -x).halves(), [expected, -expected]);
        }
        let nan = f32::from_bits(0x7f80_0001);
        assert!(Slot::new(nan, 1.0).halves()[0].is_nan());
    }

    #[test]
    fn a_buffer_is_reused_in_place() {
        let mut buffer = [0.0f32; 3];
        Slot::reuse(&mut buffer)[1] = Slot::new(2.0, 3.0);
        assert_eq!(Slot::reuse(&mut buffer)[1].halves(), [2.0, 3.0]);
    }
}
