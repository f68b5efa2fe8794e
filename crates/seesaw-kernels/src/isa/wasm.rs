//! WebAssembly: registers of 4 lanes, taken in pairs.
//!
//! A module with instructions that an engine does not know is refused as a whole, so there is nothing
//! to detect at run time: what the module was compiled with is there. With relaxed SIMD, a product is
//! added in one instruction, which engines round once or twice as their processor can.

use std::arch::wasm32::{
    f32x4_add, f32x4_gt, f32x4_lt, f32x4_splat, v128, v128_and, v128_load, v128_store,
};
#[cfg(target_feature = "relaxed-simd")]
use std::arch::wasm32::{f32x4_max, f32x4_min, f32x4_relaxed_madd};
#[cfg(not(target_feature = "relaxed-simd"))]
use std::arch::wasm32::{f32x4_mul, f32x4_pmax, f32x4_pmin};

use super::{Isa, KernelTable, PanelKernels, PlanarKernels};
use crate::{
    depthwise::DepthwiseKernels,
    peak::BurnKernel,
    simd::{InstructionSet, Kernel, Vector},
    train::{NormFns, Plain, Product, TapsFns},
};

/// What the module was compiled with.
struct Compiled;

impl InstructionSet for Compiled {
    unsafe fn run<K: Kernel>(args: K::Args<'_>) {
        // SAFETY: the caller's contract; the features are enabled in the whole module.
        unsafe { K::run(args) }
    }
}

pub(super) static KERNELS: KernelTable = KernelTable {
    isa: Isa::Simd128,
    is_present: || true,
    panels: &[PanelKernels::new::<Compiled, Simd128, 1, 4, 4>()],
    planar: &[PlanarKernels::new::<Compiled, Simd128, 1, 4>()],
    depthwise: DepthwiseKernels::new::<Compiled, Simd128, 2, 4, 4>(),
    taps: TapsFns::new::<Compiled, Simd128>(),
    norm: NormFns::new::<Compiled, Plain<Simd128>>(),
    product: Compiled::run::<Product<Simd128, 4>>,
    burn: BurnKernel::new::<Compiled, Simd128>(),
    bf16: None,
};

/// Two 128-bit registers.
#[derive(Clone, Copy)]
struct Simd128([v128; 2]);

impl Vector for Simd128 {
    const CBLOCKS: usize = 1;
    const ROLLED: bool = true;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self([f32x4_splat(x); 2])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller guarantees 8 readable values; these loads need no alignment.
        Self(unsafe { [v128_load(from.cast()), v128_load(from.add(4).cast())] })
    }

    #[inline(always)]
    unsafe fn load_cblocks(from: *const f32, _stride: usize) -> Self {
        // SAFETY: as for `load`.
        unsafe { Self::load(from) }
    }

    #[inline(always)]
    unsafe fn store_cblocks(self, to: *mut f32, _stride: usize) {
        // SAFETY: the caller guarantees 8 writable values; these stores need no alignment.
        unsafe {
            v128_store(to.cast(), self.0[0]);
            v128_store(to.add(4).cast(), self.0[1]);
        }
    }

    #[inline(always)]
    unsafe fn stream(self, to: *mut f32) {
        // SAFETY: the caller guarantees 8 writable values.
        unsafe { self.store_cblocks(to, 0) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self([f32x4_add(self.0[0], other.0[0]), f32x4_add(self.0[1], other.0[1])])
    }

    #[inline(always)]
    unsafe fn mul_add(self, a: Self, b: Self) -> Self {
        Self([madd(self.0[0], a.0[0], b.0[0]), madd(self.0[1], a.0[1], b.0[1])])
    }

    #[inline(always)]
    unsafe fn relu6(self) -> Self {
        Self([clip(self.0[0]), clip(self.0[1])])
    }

    #[inline(always)]
    unsafe fn where_relu6_passes(self, x: Self) -> Self {
        let pass = |g, x| {
            let both = v128_and(f32x4_gt(x, f32x4_splat(0.0)), f32x4_lt(x, f32x4_splat(6.0)));
            v128_and(g, both)
        };
        Self([pass(self.0[0], x.0[0]), pass(self.0[1], x.0[1])])
    }
}

/// `min(max(v, 0), 6)`; NaN stays NaN.
#[cfg(not(target_feature = "relaxed-simd"))]
#[inline(always)]
fn clip(v: v128) -> v128 {
    // Each is one instruction on most processors, and returns the first operand where one is NaN.
    f32x4_pmin(f32x4_pmax(v, f32x4_splat(0.0)), f32x4_splat(6.0))
}

/// `min(max(v, 0), 6)`; NaN stays NaN. With relaxed SIMD, the compiler replaces the minimum and maximum of
/// the other version by ones that may lose NaN.
#[cfg(target_feature = "relaxed-simd")]
#[inline(always)]
fn clip(v: v128) -> v128 {
    f32x4_min(f32x4_max(v, f32x4_splat(0.0)), f32x4_splat(6.0))
}

/// `sum + a * b`, rounded once where engine and processor can.
#[cfg(target_feature = "relaxed-simd")]
#[inline(always)]
fn madd(sum: v128, a: v128, b: v128) -> v128 {
    f32x4_relaxed_madd(a, b, sum)
}

/// `sum + a * b`.
#[cfg(not(target_feature = "relaxed-simd"))]
#[inline(always)]
fn madd(sum: v128, a: v128, b: v128) -> v128 {
    f32x4_add(sum, f32x4_mul(a, b))
}
