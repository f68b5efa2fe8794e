//! AVX-512: 32 registers of 16 lanes.
//!
//! Where 8 lanes are enough, AVX2's vector is used: compiled with AVX-512 VL it has 32 registers too.

use std::arch::x86_64::{
    __m512, __m512d, _CMP_GT_OQ, _CMP_LT_OQ, _mm256_castpd_ps, _mm256_castps_pd, _mm256_loadu_ps,
    _mm256_storeu_ps, _mm512_add_ps, _mm512_castpd_ps, _mm512_castps_pd, _mm512_castps256_ps512,
    _mm512_castps512_ps256, _mm512_cmp_ps_mask, _mm512_extractf64x4_pd, _mm512_fmadd_ps,
    _mm512_insertf64x4, _mm512_loadu_ps, _mm512_mask_cmp_ps_mask, _mm512_maskz_mov_ps,
    _mm512_max_ps, _mm512_min_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_stream_ps,
};

use super::{
    Isa, KernelTable, PanelKernels, PlanarKernels,
    avx2::{Avx2, Avx2Features},
    avx512_bf16, features,
};
use crate::{
    depthwise::DepthwiseKernels,
    peak::BurnKernel,
    simd::{CBLOCK, InstructionSet, Vector},
    train::{NormFns, Plain, Product, TapsFns},
};

features! {
    /// What [`Avx512`] needs; the compiler adds [`Avx2Features`] to it.
    Avx512Features: Avx2Features = is_x86_feature_detected("avx512f", "avx512vl")
}

pub(super) static KERNELS: KernelTable = KernelTable {
    isa: Isa::Avx512,
    is_present: Avx512Features::is_present,
    panels: &[
        PanelKernels::new::<Avx512Features, Avx512, 2, 14, 8>(),
        PanelKernels::new::<Avx512Features, Avx512, 1, 14, 8>(),
        PanelKernels::new::<Avx512Features, Avx2, 1, 14, 8>(),
    ],
    planar: &[
        PlanarKernels::new::<Avx512Features, Avx512, 2, 14>(),
        PlanarKernels::new::<Avx512Features, Avx2, 1, 14>(),
    ],
    depthwise: DepthwiseKernels::new::<Avx512Features, Avx2, 7, 4, 7>(),
    taps: TapsFns::new::<Avx512Features, Avx2>(),
    norm: NormFns::new::<Avx512Features, Plain<Avx2>>(),
    product: Avx512Features::run::<Product<Avx512, 8>>,
    burn: BurnKernel::new::<Avx512Features, Avx512>(),
    bf16: Some(&avx512_bf16::EXTENSION),
};

/// One 512-bit register: two blocks of channels.
#[derive(Clone, Copy)]
pub(super) struct Avx512(pub __m512);

impl Vector for Avx512 {
    const CBLOCKS: usize = 2;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: the caller runs where AVX-512 is enabled.
        Self(unsafe { _mm512_set1_ps(x) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: AVX-512 is enabled, and the caller guarantees 16 readable values.
        Self(unsafe { _mm512_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn load_cblocks(from: *const f32, stride: usize) -> Self {
        // SAFETY: AVX-512 is enabled, and the caller guarantees 8 readable values in each block.
        Self(unsafe {
            let low = _mm512_castps256_ps512(_mm256_loadu_ps(from));
            let high = _mm256_castps_pd(_mm256_loadu_ps(from.add(stride)));
            _mm512_castpd_ps(_mm512_insertf64x4::<1>(_mm512_castps_pd(low), high))
        })
    }

    #[inline(always)]
    unsafe fn store_cblocks(self, to: *mut f32, stride: usize) {
        const { assert!(Self::LANES == 2 * CBLOCK) };
        // SAFETY: AVX-512 is enabled, and the caller guarantees 8 writable values in each block.
        unsafe {
            let both: __m512d = _mm512_castps_pd(self.0);
            _mm256_storeu_ps(to, _mm512_castps512_ps256(self.0));
            _mm256_storeu_ps(to.add(stride), _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(both)));
        }
    }

    #[inline(always)]
    unsafe fn stream(self, to: *mut f32) {
        // SAFETY: AVX-512 is enabled, and the caller guarantees 16 writable, aligned values.
        unsafe { _mm512_stream_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: the caller runs where AVX-512 is enabled.
        Self(unsafe { _mm512_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul_add(self, a: Self, b: Self) -> Self {
        // SAFETY: the caller runs where AVX-512 is enabled.
        Self(unsafe { _mm512_fmadd_ps(a.0, b.0, self.0) })
    }

    #[inline(always)]
    unsafe fn relu6(self) -> Self {
        // SAFETY: the caller runs where AVX-512 is enabled. `max` and `min` return the
        // second operand where one is NaN.
        Self(unsafe {
            _mm512_min_ps(_mm512_set1_ps(6.0), _mm512_max_ps(_mm512_setzero_ps(), self.0))
        })
    }

    #[inline(always)]
    unsafe fn where_relu6_passes(self, x: Self) -> Self {
        // SAFETY: the caller runs where AVX-512 is enabled.
        Self(unsafe {
            let above = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(x.0, _mm512_setzero_ps());
            let both = _mm512_mask_cmp_ps_mask::<_CMP_LT_OQ>(above, x.0, _mm512_set1_ps(6.0));
            _mm512_maskz_mov_ps(both, self.0)
        })
    }
}
