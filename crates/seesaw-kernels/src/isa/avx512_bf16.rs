//! AVX-512 BF16: products of pairs of bf16, at twice the rate of f32's.

use std::{
    arch::x86_64::{
        __m128bh, __m128i, __m256, __m256bh, __m256i, __m512, __m512bh, _mm_loadu_si128,
        _mm_storeu_si128, _mm256_castsi256_ps, _mm256_cvtepu16_epi32, _mm256_cvtne2ps_pbh,
        _mm256_cvtneps_pbh, _mm256_dpbf16_ps, _mm256_permutexvar_epi16, _mm256_setr_epi16,
        _mm256_slli_epi32, _mm256_storeu_si256, _mm512_dpbf16_ps,
    },
    mem::transmute,
};

use super::{
    Bf16Table, Extension, PanelKernels,
    avx2::Avx2,
    avx512::{Avx512, Avx512Features},
    features,
};
use crate::{
    element::Slot,
    simd::{Bf16Conversion, Factors, Vector},
    train::{Bf16Fns, NormFns, Plain, Rounded},
};

features! {
    /// What products of bf16 and conversions need; the compiler adds what AVX-512 itself needs.
    Bf16Features: Avx512Features = is_x86_feature_detected("avx512bf16", "avx512bw", "avx512vl")
}

pub(super) static EXTENSION: Extension<Bf16Table> = Extension {
    is_present: Bf16Features::is_present,
    table: &Bf16Table {
        name: "avx512bf16",
        panels: &[
            PanelKernels::new::<Bf16Features, Pairs512, 2, 14, 8>(),
            PanelKernels::new::<Bf16Features, Pairs512, 1, 14, 8>(),
            PanelKernels::new::<Bf16Features, Pairs256, 1, 14, 8>(),
        ],
        norm: NormFns::new::<Bf16Features, Rounded<Conversion>>(),
        from_f32: Bf16Fns::new::<Bf16Features, Conversion, Plain<Avx2>>(),
        from_bf16: Bf16Fns::new::<Bf16Features, Conversion, Rounded<Conversion>>(),
    },
};

/// 16 slots, in the register that [`Avx512`] has for f32.
#[derive(Clone, Copy)]
struct Pairs512(Avx512);

/// 8 slots, in the register that [`Avx2`] has for f32.
#[derive(Clone, Copy)]
struct Pairs256(Avx2);

/// Implements [`Factors`] for slots in the register of `$sums`: they are loaded like f32.
macro_rules! factors {
    ($name:ident, $sums:ident, |$a:ident, $b:ident, $sum:ident| $products:expr) => {
        impl Factors for $name {
            type Element = Slot;
            type Sums = $sums;

            #[inline(always)]
            unsafe fn broadcast(x: Slot) -> Self {
                // SAFETY: the same contract; a slot is any 32 bits.
                Self(unsafe { $sums::splat(transmute::<Slot, f32>(x)) })
            }

            #[inline(always)]
            unsafe fn load_elements(from: *const Slot) -> Self {
                // SAFETY: the same contract.
                Self(unsafe { $sums::load(from.cast()) })
            }

            #[inline(always)]
            unsafe fn load_element_cblocks(from: *const Slot, stride: usize) -> Self {
                // SAFETY: the same contract.
                Self(unsafe { $sums::load_cblocks(from.cast(), stride) })
            }

            #[inline(always)]
            unsafe fn add_products(a: Self, b: Self, sums: $sums) -> $sums {
                let ($a, $b, $sum) = (a.0.0, b.0.0, sums.0);
                // SAFETY: the caller runs where AVX-512 BF16 and VL are enabled; the types have the
                // same size.
                $sums(unsafe { $products })
            }
        }
    };
}

factors!(Pairs512, Avx512, |a, b, sum| {
    let (a, b) = (transmute::<__m512, __m512bh>(a), transmute::<__m512, __m512bh>(b));
    _mm512_dpbf16_ps(sum, a, b)
});

factors!(Pairs256, Avx2, |a, b, sum| {
    let (a, b) = (transmute::<__m256, __m256bh>(a), transmute::<__m256, __m256bh>(b));
    _mm256_dpbf16_ps(sum, a, b)
});

/// Conversions in hardware.
struct Conversion;

/// Both pixels rounded, the second's 8 values after the first's.
///
/// # Safety
/// AVX-512 BF16 and VL must be enabled.
#[inline(always)]
unsafe fn round(first: Avx2, second: Avx2) -> __m256i {
    // SAFETY: the caller's contract; the types are the same 256 bits.
    unsafe { transmute::<__m256bh, __m256i>(_mm256_cvtne2ps_pbh(second.0, first.0)) }
}

impl Bf16Conversion for Conversion {
    type Vector = Avx2;

    #[inline(always)]
    unsafe fn store_channel_pairs(first: Avx2, second: Avx2, to: *mut Slot) {
        // SAFETY: the caller runs where the features are enabled and guarantees 8 writable slots.
        unsafe { _mm256_storeu_si256(to.cast(), round(first, second)) }
    }

    #[inline(always)]
    unsafe fn store_pixel_pairs(first: Avx2, second: Avx2, to: *mut Slot) {
        // SAFETY: as for `store_channel_pairs`.
        unsafe {
            let by_turns = _mm256_setr_epi16(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
            let slots = _mm256_permutexvar_epi16(by_turns, round(first, second));
            _mm256_storeu_si256(to.cast(), slots);
        }
    }

    #[inline(always)]
    unsafe fn load_pixel(from: *const Slot) -> Avx2 {
        // SAFETY: the caller runs where the features are enabled and guarantees 4 readable slots.
        unsafe {
            let lanes = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast()));
            Avx2(_mm256_castsi256_ps(_mm256_slli_epi32::<16>(lanes)))
        }
    }

    #[inline(always)]
    unsafe fn store_pixel(pixel: Avx2, to: *mut Slot) {
        // SAFETY: the caller runs where the features are enabled and guarantees 4 writable slots;
        // the types are the same 128 bits.
        unsafe {
            let slots = transmute::<__m128bh, __m128i>(_mm256_cvtneps_pbh(pixel.0));
            _mm_storeu_si128(to.cast(), slots);
        }
    }
}
