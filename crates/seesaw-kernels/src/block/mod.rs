//! The inverted residual as one kernel.
//!
//! The expanded map is six times wider than the input and the output. Where it is larger than the
//! cache, the block runs in bands of one or two output rows: expand the input rows that the band
//! needs and that are not there yet, convolve them depthwise, project; a ring holds the few expanded
//! rows. Where it is small, each step runs over the whole map, which gives the microkernels longer
//! loops and the threads equal shares.

mod banded;
mod parts;
#[cfg(test)]
mod tests;
mod whole;

use std::ops::Range;

pub use parts::PartTimes;

use crate::{
    Depthwise, Pointwise,
    error::KernelError,
    layout::{Plane, Size, cblocks},
    parallel::Team,
};

/// A block whose expanded map has more bytes runs in bands: three quarters of a small second-level
/// cache, the rest of which is for weights and the narrow maps.
const BANDED_FROM: usize = 384 << 10;

/// Expand, depthwise, project, and the addition of the input.
#[derive(Debug, Clone)]
pub struct InvertedResidual {
    expand: Option<Pointwise>,
    depthwise: Depthwise,
    project: Pointwise,
    residual: bool,
}

/// The maps of one run.
#[derive(Debug)]
pub struct BlockMaps<'a> {
    /// The input, blocked without gaps.
    pub x: &'a [f32],
    /// Rows and columns of the input.
    pub size: Size,
    /// At least [`InvertedResidual::scratch_len`] values, whatever they are.
    pub scratch: &'a mut [f32],
    /// The output, blocked without gaps.
    pub out: &'a mut [f32],
}

/// One run of a block, all lengths checked.
#[derive(Clone, Copy)]
struct Pass<'a> {
    block: &'a InvertedResidual,
    x: &'a [f32],
    shape: Shape,
    times: Option<&'a PartTimes>,
}

/// Geometry of one run.
#[derive(Debug, Clone, Copy)]
struct Shape {
    /// The block's input.
    input: Plane,
    /// Rows and columns of the output.
    output: Plane,
    /// Whether to run in bands.
    banded: bool,
}

impl InvertedResidual {
    /// Joins the three layers; without `expand` the depthwise convolution reads the input.
    ///
    /// # Errors
    /// [`KernelError::Shape`] when their channels differ, or `residual` is set where input and
    /// output have different shapes.
    pub fn new(
        expand: Option<Pointwise>,
        depthwise: Depthwise,
        project: Pointwise,
        residual: bool,
    ) -> Result<Self, KernelError> {
        let error = |what: &str| KernelError::Shape { kernel: "block", what: what.to_owned() };
        let wide = depthwise.channels();
        if expand.as_ref().is_some_and(|e| e.outputs() != wide) || project.inputs() != wide {
            return Err(error("the layers' channels differ"));
        }
        let block = Self { expand, depthwise, project, residual };
        if residual && (block.depthwise.window().stride != 1 || block.inputs() != block.outputs()) {
            return Err(error("only input and output of one shape can be added"));
        }
        Ok(block)
    }

    /// Input channels.
    pub fn inputs(&self) -> usize {
        self.expand.as_ref().map_or(self.depthwise.channels(), Pointwise::inputs)
    }

    /// Output channels.
    pub fn outputs(&self) -> usize {
        self.project.outputs()
    }

    /// Rows or columns of the output for `n` of the input.
    pub fn output_side(&self, n: usize) -> usize {
        self.depthwise.window().output_side(n)
    }

    /// f32 of scratch that a run on a map of `size` with `threads` threads needs.
    pub fn scratch_len(&self, size: Size, threads: usize) -> usize {
        let shape = self.shape(size);
        if shape.banded {
            threads * banded::scratch_len(self, shape)
        } else {
            whole::scratch_len(self, shape)
        }
    }

    /// Runs the block. The result does not depend on the number of threads.
    ///
    /// # Panics
    /// When a map has another length than its shape, or `scratch` is shorter than
    /// [`Self::scratch_len`].
    pub fn run(&self, team: &Team, maps: BlockMaps<'_>) {
        self.run_timed(team, maps, None);
    }

    /// As [`Self::run`], adding the time of the three layers to `times`.
    ///
    /// # Panics
    /// As [`Self::run`].
    pub fn run_timed(&self, team: &Team, maps: BlockMaps<'_>, times: Option<&PartTimes>) {
        let BlockMaps { x, size, scratch, out } = maps;
        let shape = self.shape(size);
        assert_eq!(x.len(), shape.input.len(self.inputs()), "input of {} channels", self.inputs());
        assert_eq!(out.len(), shape.output.len(self.outputs()), "output");
        assert!(scratch.len() >= self.scratch_len(size, team.threads()), "scratch");
        let pass = Pass { block: self, x, shape, times };
        let run = if shape.banded { banded::run } else { whole::run };
        run(pass, team, scratch, out);
    }

    fn shape(&self, size: Size) -> Shape {
        let wide = self.depthwise.channels() * size.pixels() * size_of::<f32>();
        Shape {
            input: size.dense(),
            output: self.depthwise.window().output_size(size).dense(),
            banded: wide > BANDED_FROM,
        }
    }

    /// Blocks of the expanded map.
    fn wide_cblocks(&self) -> usize {
        cblocks(self.depthwise.channels())
    }
}

impl Pass<'_> {
    /// Copies rows of the input into an expanded map, in place of an expand convolution: `count` rows
    /// of some blocks, from `x` to `to`, which has the strides of `padded`.
    ///
    /// # Safety
    /// `x` must be the first row in the input's first block, and `to` writable for the rows of all
    /// `blocks`.
    unsafe fn copy_rows(
        &self,
        x: *const f32,
        to: *mut f32,
        blocks: Range<usize>,
        count: usize,
        padded: Plane,
    ) {
        let input = self.shape.input;
        for block in blocks {
            for row in 0..count {
                // SAFETY: the caller's contract.
                unsafe {
                    let from = x.add(block * input.block_stride + row * input.row_stride);
                    let to = to.add(block * padded.block_stride + row * padded.row_stride);
                    std::ptr::copy_nonoverlapping(from, to, input.row_stride);
                }
            }
        }
    }
}
