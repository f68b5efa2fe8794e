//! Pointwise (1x1) convolution in groups of any size.
//!
//! A group reads the places `inputs` and writes the places `outputs`. A channel permutation or a
//! concatenation is therefore a choice of places, made once when weights are packed; nothing is
//! moved at run time.

pub(crate) mod kernel;
mod packed;
mod plan;
#[cfg(test)]
mod tests;

use std::ops::Range;

use kernel::Target;
pub(crate) use packed::{Input, Packed};
pub(crate) use plan::PackPlan;
use plan::{Panel, shape_error};

use crate::{
    element::{Element, ElementKernels},
    error::KernelError,
    isa::{IsaToken, PanelKernels},
    layout::{Plane, cblocks},
    parallel::{SendPtr, Team},
    simd::CBLOCK,
};

/// The channels of one group.
#[derive(Debug, Clone, Copy)]
pub struct GroupPlaces<'a> {
    /// Places of its input channels, each once, in the order of the weights' columns.
    pub inputs: &'a [usize],
    /// Places of its output channels, in the order of the weights' rows.
    pub outputs: &'a [usize],
}

/// The channels of a pointwise convolution.
///
/// Its weights are each group's `[outputs][inputs]`, row-major, after those of the group before.
#[derive(Debug, Clone, Copy)]
pub struct PointwiseShape<'a> {
    /// Input channels.
    pub inputs: usize,
    /// Output channels, each of which belongs to one group.
    pub outputs: usize,
    /// The groups.
    pub groups: &'a [GroupPlaces<'a>],
}

impl PointwiseShape<'_> {
    /// Number of weights.
    pub fn weights(&self) -> usize {
        self.groups.iter().map(|group| group.inputs.len() * group.outputs.len()).sum()
    }
}

/// What a pointwise convolution multiplies and adds.
#[derive(Debug, Clone, Copy)]
pub struct PointwiseWeights<'a> {
    /// In the order of [`PointwiseShape`].
    pub weights: &'a [f32],
    /// A factor for the weights of each output, by its place; this folds a batch norm without a copy
    /// of the weights.
    pub scale: Option<&'a [f64]>,
    /// What is added to each output, by its place.
    pub bias: &'a [f32],
}

/// A pointwise convolution with bias and optional ReLU6, its weights packed for one instruction
/// set.
#[derive(Debug, Clone)]
pub struct Pointwise {
    inputs: usize,
    outputs: usize,
    relu6: bool,
    packed: Packed<f32>,
}

impl Pointwise {
    /// Packs the weights of a convolution.
    ///
    /// # Errors
    /// [`KernelError::Shape`] when groups, weights and channels do not fit together.
    pub fn new(
        token: IsaToken,
        shape: &PointwiseShape<'_>,
        values: &PointwiseWeights<'_>,
        relu6: bool,
    ) -> Result<Self, KernelError> {
        let (inputs, outputs) = (shape.inputs, shape.outputs);
        let PointwiseWeights { weights, scale, bias } = *values;
        if bias.len() != outputs || scale.is_some_and(|scale| scale.len() != outputs) {
            let scales = scale.map_or(String::new(), |s| format!(" and {} scales", s.len()));
            return Err(shape_error(format!(
                "{} biases{scales} for {outputs} outputs",
                bias.len()
            )));
        }
        if weights.len() != shape.weights() {
            let (got, expected) = (weights.len(), shape.weights());
            return Err(shape_error(format!("{got} weights; the groups have {expected}")));
        }
        let kernels = f32::panels(token);
        let plan = PackPlan::forward(shape, f32::DEPTH, &PanelKernels::widths(kernels))?;
        let weights = plan.gather(weights, scale);
        let kernel = |width| PanelKernels::with_width(kernels, width).blocked;
        let mut packed = Packed::new(plan.layout, weights, outputs, kernel);
        packed.set_biases(bias);
        Ok(Self { inputs, outputs, relu6, packed })
    }

    /// Input channels.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Output channels.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Convolves a map of `pixels` pixels, adding `residual` (of the output's shape) before ReLU6.
    ///
    /// All maps are in blocked layout without gaps: `[blocks][pixels][8]`. Each thread of `team`
    /// takes a share of the output channels.
    ///
    /// # Panics
    /// When a map has another length than its shape.
    pub fn run(
        &self,
        team: &Team,
        x: &[f32],
        pixels: usize,
        residual: Option<&[f32]>,
        out: &mut [f32],
    ) {
        let plane = Plane::dense(1, pixels);
        assert_eq!(x.len(), plane.len(self.inputs), "input of {} channels", self.inputs);
        assert_eq!(out.len(), plane.len(self.outputs), "output of {} channels", self.outputs);
        assert!(residual.is_none_or(|r| r.len() == out.len()), "residual of the output's shape");
        let out = SendPtr(out.as_mut_ptr());
        team.run(&|index| {
            let panels = self.panel_share(team.threads(), index, 0);
            let target = self.target(out.get(), plane, residual);
            let input = Input { data: x.as_ptr(), block_stride: plane.block_stride };
            // SAFETY: the lengths were checked, and no two threads write the same panel.
            unsafe { self.run_panels(panels, input, target, pixels) };
        });
    }

    /// A target in a map of geometry `plane` that begins at `data`, from its first pixel on.
    pub(crate) fn target(&self, data: *mut f32, plane: Plane, residual: Option<&[f32]>) -> Target {
        Target {
            data,
            block_stride: plane.block_stride,
            cols: plane.cols.max(1),
            row_gap: plane.row_stride - plane.cols * CBLOCK,
            first: 0,
            residual: residual.map_or(std::ptr::null(), <[f32]>::as_ptr),
            relu6: self.relu6,
        }
    }

    /// All panels.
    pub(crate) fn panels(&self) -> Range<usize> {
        self.packed.panels()
    }

    /// The panels that thread `index` of `threads` takes, so that each thread has about as many
    /// multiply-adds, counting `extra` more for each output channel.
    pub(crate) fn panel_share(&self, threads: usize, index: usize, extra: usize) -> Range<usize> {
        let panels = &self.packed.layout.panels;
        let cost = |p: &Panel| (p.rows + extra) * p.lanes();
        let total: usize = panels.iter().map(cost).sum();
        // A panel belongs to the thread in whose share of the total its middle lies.
        let edge = |index: usize| {
            let mut before = 0;
            let middles = panels.iter().map(|panel| {
                before += cost(panel);
                2 * before - cost(panel)
            });
            middles.take_while(|middle| middle * threads < 2 * total * index).count()
        };
        edge(index)..if index + 1 == threads { panels.len() } else { edge(index + 1) }
    }

    /// The blocks of output channels that `panels` write.
    pub(crate) fn blocks_of(&self, panels: Range<usize>) -> Range<usize> {
        let panel = |index: usize| self.packed.layout.panels.get(index);
        let start = |index| panel(index).map_or(cblocks(self.outputs), |panel| panel.block);
        start(panels.start)..start(panels.end)
    }

    /// Computes some panels for `pixels` pixels, of which the first has the number `target.first` in
    /// the output.
    ///
    /// # Safety
    /// `input` must be readable for all blocks of inputs and all pixels, and `target` writable for the
    /// panels' blocks and the pixels. No other thread may write there.
    pub(crate) unsafe fn run_panels(
        &self,
        panels: Range<usize>,
        input: Input<f32>,
        target: Target,
        pixels: usize,
    ) {
        // SAFETY: the token given to `new` proved the instruction set; the rest is this contract.
        unsafe { self.packed.run_panels(panels, input, target, pixels) };
    }
}
