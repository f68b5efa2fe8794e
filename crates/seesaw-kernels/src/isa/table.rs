//! The kernels of an instruction set.

use super::Isa;
use crate::{
    depthwise::DepthwiseKernels,
    element::Element,
    peak::BurnKernel,
    pointwise::kernel::{BLOCKED, Panel, PanelFn},
    simd::{Factors, InstructionSet},
    train::{Bf16Fns, GradientFn, NormFns, PanelGradient, ProductFn, TapsFns},
};

/// All kernels of an instruction set.
pub(crate) struct KernelTable {
    pub isa: Isa,
    /// Whether this processor has it.
    pub is_present: fn() -> bool,
    /// For pointwise convolutions by width, widest first; the last is one block wide.
    pub panels: &'static [PanelKernels<f32>],
    /// For planar inputs, likewise.
    pub planar: &'static [PlanarKernels],
    pub depthwise: DepthwiseKernels,
    pub taps: TapsFns,
    pub norm: NormFns,
    pub product: ProductFn,
    pub burn: BurnKernel,
    /// An extension that some processors with this instruction set have. Further ones, such as products
    /// of int8 or tiles of matrices, get a field of their own here.
    pub bf16: Option<&'static Extension<Bf16Table>>,
}

/// Kernels for products of bf16.
pub(crate) struct Bf16Table {
    /// For debugging.
    pub name: &'static str,
    /// As [`KernelTable::panels`], and of the same widths.
    pub panels: &'static [PanelKernels<crate::train::Slot>],
    /// Batch norm's loops over maps stored in bf16.
    pub norm: NormFns,
    /// The loops that write bf16 from maps stored in f32.
    pub from_f32: Bf16Fns,
    /// The loops that write bf16 from maps stored in bf16.
    pub from_bf16: Bf16Fns,
}

/// Kernels that need more than the instruction set itself.
pub(crate) struct Extension<T: 'static> {
    /// Whether this processor has it.
    pub is_present: fn() -> bool,
    pub table: &'static T,
}

/// The kernels for panels of one width.
#[derive(Debug, Clone, Copy)]
pub struct PanelKernels<T: 'static> {
    /// Blocks of output channels.
    pub(crate) width: usize,
    /// For inputs in the blocked layout.
    pub(crate) blocked: PanelFn<T>,
    /// For the gradient of the weights.
    pub(crate) gradient: GradientFn<T>,
}

impl<T: Element> PanelKernels<T> {
    /// Panels of `NR` vectors, in tiles of up to `PIXELS` pixels; gradients in tiles of up to `INPUTS`
    /// inputs of a block.
    pub(super) const fn new<I, D, const NR: usize, const PIXELS: usize, const INPUTS: usize>()
    -> Self
    where
        I: InstructionSet,
        D: Factors<Element = T>,
    {
        Self {
            width: NR * width::<D>(),
            blocked: I::run::<Panel<D, NR, BLOCKED, PIXELS>>,
            gradient: I::run::<PanelGradient<D, NR, INPUTS>>,
        }
    }
}

impl<T> PanelKernels<T> {
    /// The widths of some kernels.
    pub(crate) fn widths(all: &[Self]) -> Vec<usize> {
        all.iter().map(|kernels| kernels.width).collect()
    }

    /// The kernels of that width.
    ///
    /// # Panics
    /// When there are none.
    pub(crate) fn with_width(all: &[Self], width: usize) -> &Self {
        let kernels = all.iter().find(|kernels| kernels.width == width);
        kernels.expect("panels are planned with the widths of the kernels")
    }
}

/// The kernels for panels of one width whose inputs are planar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlanarKernels {
    /// Blocks of output channels.
    pub width: usize,
    /// For pixels 1 value apart.
    pub stride_1: PanelFn<f32>,
    /// For every other pixel.
    pub stride_2: PanelFn<f32>,
}

impl PlanarKernels {
    /// Panels of `NR` vectors, in tiles of up to `PIXELS` pixels.
    pub(super) const fn new<I, D, const NR: usize, const PIXELS: usize>() -> Self
    where
        I: InstructionSet,
        D: Factors<Element = f32>,
    {
        Self {
            width: NR * width::<D>(),
            stride_1: I::run::<Panel<D, NR, 1, PIXELS>>,
            stride_2: I::run::<Panel<D, NR, 2, PIXELS>>,
        }
    }
}

/// Blocks that a vector covers.
const fn width<D: Factors>() -> usize {
    <D::Sums as crate::simd::Vector>::CBLOCKS
}
