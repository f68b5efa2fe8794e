//! The inverted residual as one kernel.
//!
//! The expanded map is six times wider than what goes in and out. Where it is larger than the
//! cache, the block runs in bands of one or two output rows: expand the input rows that the band
//! needs and that are not there yet, convolve them depthwise, project; the wide rows live in a ring
//! of a few. Where it is small, each step runs over the whole map, which gives the microkernels
//! longer loops and the threads equal shares.

mod banded;
mod parts;
#[cfg(test)]
mod tests;
mod whole;

pub use parts::PartTimes;

use crate::{
    Depthwise, Pointwise,
    error::KernelError,
    layout::{Plane, cblocks},
    parallel::Team,
    simd::CBLOCK,
};

/// Bytes of expanded map from which on a block runs in bands: three quarters of a small second-level
/// cache, whose rest is for weights and the narrow maps.
const BANDED_FROM: usize = 384 << 10;

/// Expand, depthwise, project, and the addition of the input.
#[derive(Debug, Clone)]
pub struct InvertedResidual {
    expand: Option<Pointwise>,
    depthwise: Depthwise,
    project: Pointwise,
    residual: bool,
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
        if residual && (block.depthwise.stride() != 1 || block.inputs() != block.outputs()) {
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
        self.depthwise.output_side(n)
    }

    /// f32 of scratch that a run with `threads` threads needs.
    pub fn scratch_len(&self, size: (usize, usize), threads: usize) -> usize {
        let shape = self.shape(size);
        if shape.banded {
            threads * banded::scratch_len(self, shape)
        } else {
            whole::scratch_len(self, shape)
        }
    }

    /// Runs the block on a blocked map of `size` (rows, columns) without gaps.
    ///
    /// The result does not depend on the number of threads.
    ///
    /// # Panics
    /// When a map has another length than its shape, or `scratch` is shorter than
    /// [`Self::scratch_len`].
    pub fn run(
        &self,
        team: &Team,
        x: &[f32],
        size: (usize, usize),
        scratch: &mut [f32],
        out: &mut [f32],
    ) {
        self.run_timed(team, x, size, scratch, out, None);
    }

    /// As [`Self::run`], adding the time of the three layers to `times`.
    ///
    /// # Panics
    /// As [`Self::run`].
    pub fn run_timed(
        &self,
        team: &Team,
        x: &[f32],
        size: (usize, usize),
        scratch: &mut [f32],
        out: &mut [f32],
        times: Option<&PartTimes>,
    ) {
        let shape = self.shape(size);
        assert_eq!(x.len(), shape.input.len(self.inputs()), "input of {} channels", self.inputs());
        assert_eq!(out.len(), shape.output.len(self.outputs()), "output");
        assert!(scratch.len() >= self.scratch_len(size, team.threads()), "scratch");
        if shape.banded {
            banded::run(self, team, x, shape, scratch, out, times);
        } else {
            whole::run(self, team, x, shape, scratch, out, times);
        }
    }

    fn shape(&self, (rows, cols): (usize, usize)) -> Shape {
        let side = |n| self.depthwise.output_side(n);
        let wide = self.depthwise.channels() * rows * cols * size_of::<f32>();
        Shape {
            input: Plane::dense(rows, cols),
            output: Plane::dense(side(rows), side(cols)),
            banded: wide > BANDED_FROM,
        }
    }

    /// Blocks of the expanded map.
    fn wide_cblocks(&self) -> usize {
        cblocks(self.depthwise.channels())
    }
}

/// Copies rows of a map without gaps into a padded one: for blocks without an expand convolution.
///
/// # Safety
/// `x` must be readable, and `to` writable, for `blocks` blocks of `rows` rows of `cols` pixels in
/// their geometries.
unsafe fn copy_rows(
    x: *const f32,
    to: *mut f32,
    blocks: std::ops::Range<usize>,
    (rows, cols): (usize, usize),
    from_stride: usize,
    padded: Plane,
) {
    for block in blocks {
        for row in 0..rows {
            // SAFETY: the caller's contract.
            unsafe {
                let from = x.add(block * from_stride + row * cols * CBLOCK);
                let to = to.add(block * padded.block_stride + row * padded.row_stride);
                std::ptr::copy_nonoverlapping(from, to, cols * CBLOCK);
            }
        }
    }
}
