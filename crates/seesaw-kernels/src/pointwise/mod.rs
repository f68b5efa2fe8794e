//! Pointwise (1x1) convolution in groups of any size.
//!
//! A group reads the places `inputs` and writes the places `outputs`. A channel permutation or a
//! concatenation is therefore a choice of places, made once when weights are packed; nothing is
//! moved at run time.

mod isa;
pub(crate) mod kernel;
mod pack;
#[cfg(test)]
mod tests;

use std::{mem, ops::Range};

pub(crate) use isa::{paired, planar, planar_stride_2};
use kernel::{Source, Target};
pub(crate) use pack::{Packed, Panel, pack};

use crate::{
    error::KernelError,
    isa::IsaToken,
    layout::{Plane, cblocks},
    parallel::{SendPtr, Team},
};

/// One group of a convolution.
#[derive(Debug, Clone, Copy)]
pub struct Group<'a> {
    /// GroupPlaces of its input channels, each once, in the order of the weights' columns.
    pub inputs: &'a [usize],
    /// GroupPlaces of its output channels: the output row map.
    pub outputs: &'a [usize],
    /// `[outputs][inputs]`, row-major.
    pub weights: &'a [f32],
}

impl<'a> Group<'a> {
    /// The weights of an output.
    fn row(&self, row: usize) -> &'a [f32] {
        &self.weights[row * self.inputs.len()..][..self.inputs.len()]
    }
}

/// A pointwise convolution with bias and optional ReLU6, its weights packed for one instruction
/// set.
#[derive(Debug, Clone)]
pub struct Pointwise {
    inputs: usize,
    outputs: usize,
    relu6: bool,
    packed: Packed,
}

impl Pointwise {
    /// Packs the weights of a convolution from `inputs` to `outputs` channels.
    ///
    /// Every output must belong to one group; `bias` has a value for each output's place.
    ///
    /// # Errors
    /// [`KernelError::Shape`] when groups, weights and channels do not fit together.
    pub fn new(
        token: IsaToken,
        inputs: usize,
        outputs: usize,
        groups: &[Group<'_>],
        bias: &[f32],
        relu6: bool,
    ) -> Result<Self, KernelError> {
        Self::scaled(token, (inputs, outputs), groups, None, bias, relu6)
    }

    /// As [`Self::new`], with each output's weights multiplied by its place's value in `scale`: what
    /// folding a batch norm takes, without a copy of the weights.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn scaled(
        token: IsaToken,
        (inputs, outputs): (usize, usize),
        groups: &[Group<'_>],
        scale: Option<&[f64]>,
        bias: &[f32],
        relu6: bool,
    ) -> Result<Self, KernelError> {
        if bias.len() != outputs || scale.is_some_and(|scale| scale.len() != outputs) {
            let scales = scale.map_or(String::new(), |s| format!(" and {} scales", s.len()));
            return Err(pack::shape(format!(
                "{} biases{scales} for {outputs} outputs",
                bias.len()
            )));
        }
        for group in groups {
            let mut read = vec![false; inputs];
            let once = |input: &usize| read.get_mut(*input).is_some_and(|r| !mem::replace(r, true));
            if group.inputs.is_empty() || !group.inputs.iter().all(once) {
                return Err(pack::shape(format!(
                    "a group's inputs are not below {inputs} and each there once"
                )));
            }
            if group.weights.len() != group.inputs.len() * group.outputs.len() {
                return Err(pack::shape(format!(
                    "{} weights for {} inputs and {} outputs",
                    group.weights.len(),
                    group.inputs.len(),
                    group.outputs.len()
                )));
            }
        }
        let packed = pack(outputs, groups, scale, bias, isa::blocked(token))?;
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
            // SAFETY: the lengths were checked, and no two threads write the same panel.
            unsafe { self.run_panels(panels, x.as_ptr(), plane.block_stride, target, 0, pixels) };
        });
    }

    /// The packed weights.
    pub(crate) fn packed(&self) -> &Packed {
        &self.packed
    }

    /// The packed weights, whose values may change while their layout stays.
    pub(crate) fn packed_mut(&mut self) -> &mut Packed {
        &mut self.packed
    }

    /// A target in a map of geometry `plane` that begins at `data`.
    pub(crate) fn target(&self, data: *mut f32, plane: Plane, residual: Option<&[f32]>) -> Target {
        Target {
            data,
            block_stride: plane.block_stride,
            cols: plane.cols.max(1),
            row_gap: plane.row_stride - plane.cols * crate::simd::CBLOCK,
            residual: residual.map_or(std::ptr::null(), <[f32]>::as_ptr),
            relu6: self.relu6,
        }
    }

    /// All panels.
    pub(crate) fn panels(&self) -> Range<usize> {
        0..self.packed.panels.len()
    }

    /// The panels that thread `index` of `threads` takes, so that each thread has about as many
    /// multiply-adds, counting `extra` more for each output channel.
    pub(crate) fn panel_share(&self, threads: usize, index: usize, extra: usize) -> Range<usize> {
        let cost = |p: &Panel| p.madds + extra * p.width * crate::simd::CBLOCK;
        let total: usize = self.packed.panels.iter().map(cost).sum();
        // A panel belongs to the thread in whose share of the total its middle lies.
        let edge = |index: usize| {
            let mut before = 0;
            let middles = self.packed.panels.iter().map(|panel| {
                before += cost(panel);
                2 * before - cost(panel)
            });
            middles.take_while(|middle| middle * threads < 2 * total * index).count()
        };
        edge(index)..if index + 1 == threads { self.packed.panels.len() } else { edge(index + 1) }
    }

    /// The blocks of output channels that `panels` write.
    pub(crate) fn blocks_of(&self, panels: Range<usize>) -> Range<usize> {
        let start = |p: usize| self.packed.panels.get(p).map_or(cblocks(self.outputs), |p| p.block);
        start(panels.start)..start(panels.end)
    }

    /// Computes some panels for `pixels` pixels, of which the first has number `first` in `target`.
    ///
    /// # Safety
    /// `x` must be readable as `[blocks][pixels][8]` with `block_stride` from block to block, and
    /// `target` writable for the panels' blocks and the pixels `first..first + pixels`. No other
    /// thread may write there.
    pub(crate) unsafe fn run_panels(
        &self,
        panels: Range<usize>,
        x: *const f32,
        block_stride: usize,
        target: Target,
        first: usize,
        pixels: usize,
    ) {
        for panel in &self.packed.panels[panels] {
            let runs = &self.packed.runs[panel.runs.clone()];
            let source = Source { data: x, block_stride, runs };
            // SAFETY: the token given to `new` proved the kernel's instruction set; packing keeps
            // runs within the inputs and panels within the outputs; the rest is this contract.
            unsafe { run_panel(&self.packed, panel, source, target, first, pixels) };
        }
    }
}

/// Computes one panel from the inputs that `runs` name; see [`Pointwise::run_panels`].
///
/// # Safety
/// As [`Pointwise::run_panels`].
pub(crate) unsafe fn run_panel(
    packed: &Packed,
    panel: &Panel,
    source: Source<'_>,
    target: Target,
    first: usize,
    pixels: usize,
) {
    let weights = packed.weights[panel.weights..].as_ptr();
    let offset = panel.block * target.block_stride;
    // SAFETY: the caller's contract; the offset leads to the panel's first block.
    unsafe {
        let data = target.data.add(offset);
        let residual = match target.residual {
            none if none.is_null() => none,
            map => map.add(offset),
        };
        (panel.kernel)(source, weights, Target { data, residual, ..target }, first, pixels);
    }
}
