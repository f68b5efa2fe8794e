//! NEON: 32 registers of 4 lanes, taken in pairs.

use std::arch::aarch64::{
    float32x4_t, vaddq_f32, vandq_u32, vcgtq_f32, vcltq_f32, vdupq_n_f32, vfmaq_f32, vld1q_f32,
    vmaxq_f32, vminq_f32, vreinterpretq_f32_u32, vreinterpretq_u32_f32, vst1q_f32,
};

use super::{Isa, KernelTable, PanelKernels, PlanarKernels, features};
use crate::{
    depthwise::DepthwiseKernels,
    peak::BurnKernel,
    simd::{InstructionSet, Vector},
    train::{NormFns, Plain, Product, TapsFns},
};

features! {
    /// What [`Neon`] needs.
    NeonFeatures = is_aarch64_feature_detected("neon")
}

pub(super) static KERNELS: KernelTable = KernelTable {
    isa: Isa::Neon,
    is_present: NeonFeatures::is_present,
    panels: &[
        PanelKernels::new::<NeonFeatures, Neon, 2, 6, 4>(),
        PanelKernels::new::<NeonFeatures, Neon, 1, 12, 8>(),
    ],
    planar: &[
        PlanarKernels::new::<NeonFeatures, Neon, 2, 6>(),
        PlanarKernels::new::<NeonFeatures, Neon, 1, 12>(),
    ],
    depthwise: DepthwiseKernels::new::<NeonFeatures, Neon, 4, 4, 8>(),
    taps: TapsFns::new::<NeonFeatures, Neon>(),
    norm: NormFns::new::<NeonFeatures, Plain<Neon>>(),
    product: NeonFeatures::run::<Product<Neon, 8>>,
    burn: BurnKernel::new::<NeonFeatures, Neon>(),
    bf16: None,
};

/// Two 128-bit registers.
#[derive(Clone, Copy)]
pub(super) struct Neon([float32x4_t; 2]);

impl Vector for Neon {
    const CBLOCKS: usize = 1;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: the caller runs where NEON is enabled.
        Self([unsafe { vdupq_n_f32(x) }; 2])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: NEON is enabled, and the caller guarantees 8 readable values.
        Self(unsafe { [vld1q_f32(from), vld1q_f32(from.add(4))] })
    }

    #[inline(always)]
    unsafe fn load_cblocks(from: *const f32, _stride: usize) -> Self {
        // SAFETY: as for `load`.
        unsafe { Self::load(from) }
    }

    #[inline(always)]
    unsafe fn store_cblocks(self, to: *mut f32, _stride: usize) {
        // SAFETY: NEON is enabled, and the caller guarantees 8 writable values.
        unsafe {
            vst1q_f32(to, self.0[0]);
            vst1q_f32(to.add(4), self.0[1]);
        }
    }

    #[inline(always)]
    unsafe fn stream(self, to: *mut f32) {
        // SAFETY: the caller guarantees 8 writable values.
        unsafe { self.store_cblocks(to, 0) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: the caller runs where NEON is enabled.
        Self(unsafe { [vaddq_f32(self.0[0], other.0[0]), vaddq_f32(self.0[1], other.0[1])] })
    }

    #[inline(always)]
    unsafe fn mul_add(self, a: Self, b: Self) -> Self {
        // SAFETY: the caller runs where NEON is enabled.
        Self(unsafe {
            [vfmaq_f32(self.0[0], a.0[0], b.0[0]), vfmaq_f32(self.0[1], a.0[1], b.0[1])]
        })
    }

    #[inline(always)]
    unsafe fn relu6(self) -> Self {
        // SAFETY: the caller runs where NEON is enabled. NaN stays NaN.
        let clip = |v| unsafe { vminq_f32(vmaxq_f32(v, vdupq_n_f32(0.0)), vdupq_n_f32(6.0)) };
        Self([clip(self.0[0]), clip(self.0[1])])
    }

    #[inline(always)]
    unsafe fn where_relu6_passes(self, x: Self) -> Self {
        let pass = |g: float32x4_t, x: float32x4_t| {
            // SAFETY: the caller runs where NEON is enabled.
            unsafe {
                let (above, below) =
                    (vcgtq_f32(x, vdupq_n_f32(0.0)), vcltq_f32(x, vdupq_n_f32(6.0)));
                let both = vandq_u32(above, below);
                vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(g), both))
            }
        };
        Self([pass(self.0[0], x.0[0]), pass(self.0[1], x.0[1])])
    }
}
