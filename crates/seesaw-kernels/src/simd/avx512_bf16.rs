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

use super::{Avx2, Avx512, Bf16Vector, Vector, pairs_over};

pairs_over!(Pairs512, Avx512, 2, |sum, a, b| {
    // SAFETY: the caller runs where AVX-512 BF16 is enabled; the types are the same 512 bits.
    Avx512(unsafe {
        let (a, b) = (transmute::<__m512, __m512bh>(a.0), transmute::<__m512, __m512bh>(b.0));
        _mm512_dpbf16_ps(sum.0, a, b)
    })
});

pairs_over!(Pairs256, Avx2, 1, |sum, a, b| {
    // SAFETY: the caller runs where AVX-512 BF16 and VL are enabled; the types are the same 256 bits.
    Avx2(unsafe {
        let (a, b) = (transmute::<__m256, __m256bh>(a.0), transmute::<__m256, __m256bh>(b.0));
        _mm256_dpbf16_ps(sum.0, a, b)
    })
});

/// Both pixels rounded, the second's 8 values behind the first's.
///
/// # Safety
/// AVX-512 BF16 and VL must be enabled.
#[inline(always)]
unsafe fn round(first: Avx2, second: Avx2) -> __m256i {
    // SAFETY: the caller's contract; the types are the same 256 bits.
    unsafe { transmute::<__m256bh, __m256i>(_mm256_cvtne2ps_pbh(second.0, first.0)) }
}

// For code that is compiled with AVX-512 BF16, BW and VL.
impl Bf16Vector for Avx2 {
    #[inline(always)]
    unsafe fn store_channel_pairs(first: Self, second: Self, to: *mut f32) {
        // SAFETY: the caller runs where the features are enabled and vouches for 8 writable slots.
        unsafe { _mm256_storeu_si256(to.cast(), round(first, second)) }
    }

    #[inline(always)]
    unsafe fn store_pixel_pairs(first: Self, second: Self, to: *mut f32) {
        // SAFETY: as for `store_channel_pairs`.
        unsafe {
            let by_turns = _mm256_setr_epi16(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
            let slots = _mm256_permutexvar_epi16(by_turns, round(first, second));
            _mm256_storeu_si256(to.cast(), slots);
        }
    }

    #[inline(always)]
    unsafe fn load_narrow(from: *const f32) -> Self {
        // SAFETY: the caller runs where the features are enabled and vouches for 4 readable slots.
        unsafe {
            let lanes = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast()));
            Self(_mm256_castsi256_ps(_mm256_slli_epi32::<16>(lanes)))
        }
    }

    #[inline(always)]
    unsafe fn store_narrow(self, to: *mut f32) {
        // SAFETY: the caller runs where the features are enabled and vouches for 4 writable slots;
        // the types are the same 128 bits.
        unsafe {
            let slots = transmute::<__m128bh, __m128i>(_mm256_cvtneps_pbh(self.0));
            _mm_storeu_si128(to.cast(), slots);
        }
    }
}
