//! AVX2 and FMA: 16 registers of 8 lanes.

use std::arch::x86_64::{
    __m256, _CMP_GT_OQ, _CMP_LT_OQ, _mm256_add_ps, _mm256_and_ps, _mm256_cmp_ps, _mm256_fmadd_ps,
    _mm256_loadu_ps, _mm256_max_ps, _mm256_min_ps, _mm256_set1_ps, _mm256_setzero_ps,
    _mm256_storeu_ps, _mm256_stream_ps,
};

use super::{Isa, KernelTable, PanelKernels, PlanarKernels, features};
use crate::{
    depthwise::DepthwiseKernels,
    peak::BurnKernel,
    simd::{InstructionSet, Vector},
    train::{NormFns, Plain, Product, TapsFns},
};

features! {
    /// What [`Avx2`] needs.
    Avx2Features = is_x86_feature_detected("avx2", "fma")
}

pub(super) static KERNELS: KernelTable = KernelTable {
    isa: Isa::Avx2,
    is_present: Avx2Features::is_present,
    panels: &[
        PanelKernels::new::<Avx2Features, Avx2, 2, 6, 4>(),
        PanelKernels::new::<Avx2Features, Avx2, 1, 12, 8>(),
    ],
    planar: &[
        PlanarKernels::new::<Avx2Features, Avx2, 2, 6>(),
        PlanarKernels::new::<Avx2Features, Avx2, 1, 12>(),
    ],
    depthwise: DepthwiseKernels::new::<Avx2Features, Avx2, 4, 4, 8>(),
    taps: TapsFns::new::<Avx2Features, Avx2>(),
    norm: NormFns::new::<Avx2Features, Plain<Avx2>>(),
    product: Avx2Features::run::<Product<Avx2, 4>>,
    burn: BurnKernel::new::<Avx2Features, Avx2>(),
    bf16: None,
};

/// One 256-bit register.
#[derive(Clone, Copy)]
pub(super) struct Avx2(pub __m256);

impl Vector for Avx2 {
    const CBLOCKS: usize = 1;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: the caller runs where AVX2 is enabled.
        Self(unsafe { _mm256_set1_ps(x) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: AVX2 is enabled, and the caller guarantees 8 readable values.
        Self(unsafe { _mm256_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn load_cblocks(from: *const f32, _stride: usize) -> Self {
        // SAFETY: as for `load`.
        unsafe { Self::load(from) }
    }

    #[inline(always)]
    unsafe fn store_cblocks(self, to: *mut f32, _stride: usize) {
        // SAFETY: AVX2 is enabled, and the caller guarantees 8 writable values.
        unsafe { _mm256_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn stream(self, to: *mut f32) {
        // SAFETY: AVX2 is enabled, and the caller guarantees 8 writable, aligned values.
        unsafe { _mm256_stream_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: the caller runs where AVX2 is enabled.
        Self(unsafe { _mm256_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul_add(self, a: Self, b: Self) -> Self {
        // SAFETY: the caller runs where FMA is enabled.
        Self(unsafe { _mm256_fmadd_ps(a.0, b.0, self.0) })
    }

    #[inline(always)]
    unsafe fn relu6(self) -> Self {
        // SAFETY: the caller runs where AVX2 is enabled. `max` and `min` return the second
        // operand where one is NaN.
        Self(unsafe {
            _mm256_min_ps(_mm256_set1_ps(6.0), _mm256_max_ps(_mm256_setzero_ps(), self.0))
        })
    }

    #[inline(always)]
    unsafe fn where_relu6_passes(self, x: Self) -> Self {
        // SAFETY: the caller runs where AVX2 is enabled.
        Self(unsafe {
            let above = _mm256_cmp_ps::<_CMP_GT_OQ>(x.0, _mm256_setzero_ps());
            let below = _mm256_cmp_ps::<_CMP_LT_OQ>(x.0, _mm256_set1_ps(6.0));
            _mm256_and_ps(self.0, _mm256_and_ps(above, below))
        })
    }
}
