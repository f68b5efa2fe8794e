//! Plain Rust: arrays that the compiler turns into whatever vectors the target has.

use std::array::from_fn;

use super::{Bf16Table, Isa, KernelTable, PanelKernels, PlanarKernels};
use crate::{
    depthwise::DepthwiseKernels,
    element::Slot,
    peak::BurnKernel,
    reference,
    simd::{Bf16Conversion, CBLOCK, Factors, InstructionSet, Kernel, Vector},
    train::{Bf16Fns, NormFns, Plain, Product, Rounded, TapsFns},
};

/// No features.
struct AnyProcessor;

impl InstructionSet for AnyProcessor {
    unsafe fn run<K: Kernel>(args: K::Args<'_>) {
        // SAFETY: the caller's contract; nothing has to be enabled.
        unsafe { K::run(args) }
    }
}

#[allow(dead_code, reason = "WebAssembly modules with SIMD are spared them")]
pub(super) static KERNELS: KernelTable = KernelTable {
    isa: Isa::Portable,
    is_present: || true,
    panels: &[PanelKernels::new::<AnyProcessor, Portable, 1, 4, 4>()],
    planar: &[PlanarKernels::new::<AnyProcessor, Portable, 1, 4>()],
    depthwise: DepthwiseKernels::new::<AnyProcessor, Portable, 4, 4, 4>(),
    taps: TapsFns::new::<AnyProcessor, Portable>(),
    norm: NormFns::new::<AnyProcessor, Plain<Portable>>(),
    product: AnyProcessor::run::<Product<Portable, 4>>,
    burn: BurnKernel::new::<AnyProcessor, Portable>(),
    bf16: None,
};

/// What runs where no extension multiplies bf16.
pub(super) static BF16_KERNELS: Bf16Table = Bf16Table {
    name: "portable",
    panels: &[PanelKernels::new::<AnyProcessor, Pairs, 1, 4, 4>()],
    norm: NormFns::new::<AnyProcessor, Rounded<Conversion>>(),
    from_f32: Bf16Fns::new::<AnyProcessor, Conversion, Plain<Portable>>(),
    from_bf16: Bf16Fns::new::<AnyProcessor, Conversion, Rounded<Conversion>>(),
};

/// Eight lanes as an array.
#[derive(Clone, Copy)]
struct Portable([f32; CBLOCK]);

impl Vector for Portable {
    const CBLOCKS: usize = 1;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self([x; CBLOCK])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller guarantees 8 readable values.
        Self(unsafe { from.cast::<[f32; CBLOCK]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn load_cblocks(from: *const f32, _stride: usize) -> Self {
        // SAFETY: as for `load`.
        unsafe { Self::load(from) }
    }

    #[inline(always)]
    unsafe fn store_cblocks(self, to: *mut f32, _stride: usize) {
        // SAFETY: the caller guarantees 8 writable values.
        unsafe { to.cast::<[f32; CBLOCK]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn stream(self, to: *mut f32) {
        // SAFETY: the caller guarantees 8 writable values.
        unsafe { self.store_cblocks(to, 0) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(from_fn(|i| self.0[i] + other.0[i]))
    }

    #[inline(always)]
    unsafe fn mul_add(self, a: Self, b: Self) -> Self {
        // Not `f32::mul_add`, which is a library call where the processor has no FMA.
        Self(from_fn(|i| self.0[i] + a.0[i] * b.0[i]))
    }

    #[inline(always)]
    unsafe fn relu6(self) -> Self {
        Self(self.0.map(reference::relu6))
    }

    #[inline(always)]
    unsafe fn where_relu6_passes(self, x: Self) -> Self {
        let pass = |i: usize| if x.0[i] > 0.0 && x.0[i] < 6.0 { self.0[i] } else { 0.0 };
        Self(from_fn(pass))
    }
}

/// Eight slots.
#[derive(Clone, Copy)]
struct Pairs([Slot; CBLOCK]);

impl Factors for Pairs {
    type Element = Slot;
    type Sums = Portable;

    #[inline(always)]
    unsafe fn broadcast(x: Slot) -> Self {
        Self([x; CBLOCK])
    }

    #[inline(always)]
    unsafe fn load_elements(from: *const Slot) -> Self {
        // SAFETY: the caller guarantees 8 readable slots.
        Self(unsafe { from.cast::<[Slot; CBLOCK]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn load_element_cblocks(from: *const Slot, _stride: usize) -> Self {
        // SAFETY: as for `load_elements`.
        unsafe { Self::load_elements(from) }
    }

    #[inline(always)]
    unsafe fn add_products(a: Self, b: Self, sums: Portable) -> Portable {
        Portable(from_fn(|i| {
            let ([a_low, a_high], [b_low, b_high]) = (a.0[i].halves(), b.0[i].halves());
            sums.0[i] + a_low * b_low + a_high * b_high
        }))
    }
}

/// Rounding in integers.
struct Conversion;

impl Bf16Conversion for Conversion {
    type Vector = Portable;

    #[inline(always)]
    unsafe fn store_channel_pairs(first: Portable, second: Portable, to: *mut Slot) {
        // SAFETY: the caller guarantees 8 writable slots.
        unsafe {
            Self::store_pixel(first, to);
            Self::store_pixel(second, to.add(CBLOCK / 2));
        }
    }

    #[inline(always)]
    unsafe fn store_pixel_pairs(first: Portable, second: Portable, to: *mut Slot) {
        let slots: [Slot; CBLOCK] = from_fn(|i| Slot::new(first.0[i], second.0[i]));
        // SAFETY: the caller guarantees 8 writable slots.
        unsafe { to.cast::<[Slot; CBLOCK]>().write_unaligned(slots) }
    }

    #[inline(always)]
    unsafe fn load_pixel(from: *const Slot) -> Portable {
        // SAFETY: the caller guarantees 4 readable slots.
        let slots = unsafe { from.cast::<[Slot; CBLOCK / 2]>().read_unaligned() };
        Portable(from_fn(|i| slots[i / 2].halves()[i % 2]))
    }

    #[inline(always)]
    unsafe fn store_pixel(pixel: Portable, to: *mut Slot) {
        let slots: [Slot; CBLOCK / 2] = from_fn(|i| Slot::new(pixel.0[2 * i], pixel.0[2 * i + 1]));
        // SAFETY: the caller guarantees 4 writable slots.
        unsafe { to.cast::<[Slot; CBLOCK / 2]>().write_unaligned(slots) }
    }
}
