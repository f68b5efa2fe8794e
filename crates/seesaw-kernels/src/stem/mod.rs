//! The first convolution: dense 3x3 on RGB, stride 1 or 2, with padding 1.

#[cfg(test)]
mod tests;

use crate::{
    error::KernelError,
    isa::IsaToken,
    layout::Plane,
    parallel::{SendPtr, Team, share},
    pointwise::{
        Group, Packed,
        kernel::{Run, Source, Target},
        pack, planar, planar_stride_2, run_panel,
    },
};

/// Inputs of one output pixel: 3 channels of 3x3.
const TAPS: usize = 27;

/// A dense 3x3 convolution from RGB with bias and ReLU6.
///
/// It runs on the pointwise microkernel, whose inputs are here the 27 neighbors of a pixel.
#[derive(Debug, Clone)]
pub struct Stem {
    outputs: usize,
    stride: usize,
    packed: Packed,
}

impl Stem {
    /// Packs weights `[outputs][3][3][3]` (output, channel, row, column) and a bias each.
    ///
    /// # Errors
    /// [`KernelError::Shape`] when they do not fit together or `stride` is not 1 or 2.
    pub fn new(
        token: IsaToken,
        weights: &[f32],
        bias: &[f32],
        stride: usize,
    ) -> Result<Self, KernelError> {
        let outputs = bias.len();
        if weights.len() != outputs * TAPS || !(1..=2).contains(&stride) {
            let what = format!(
                "{} weights for {outputs} outputs at stride {stride}; 27 each and stride 1 or 2 are needed",
                weights.len()
            );
            return Err(KernelError::Shape { kernel: "stem convolution", what });
        }
        let inputs: Vec<usize> = (0..TAPS).collect();
        let places: Vec<usize> = (0..outputs).collect();
        let group = Group { inputs: &inputs, outputs: &places, weights };
        let panels = if stride == 1 { planar(token) } else { planar_stride_2(token) };
        Ok(Self { outputs, stride, packed: pack(outputs, &[group], None, bias, panels)? })
    }

    /// Rows or columns of the output for `n` of the image.
    pub fn output_side(&self, n: usize) -> usize {
        n.div_ceil(self.stride)
    }

    /// f32 of scratch that an image needs: the image with its padding.
    pub fn scratch_len(&self, (rows, cols): (usize, usize)) -> usize {
        3 * (rows + 2) * (cols + 2)
    }

    /// Convolves a planar image `[3][rows][cols]` to a blocked map; each thread takes a share of
    /// the output rows.
    ///
    /// # Panics
    /// When a slice has another length than its shape, or `scratch` is shorter than
    /// [`Self::scratch_len`].
    pub fn run(
        &self,
        team: &Team,
        image: &[f32],
        (rows, cols): (usize, usize),
        scratch: &mut [f32],
        out: &mut [f32],
    ) {
        let plane = Plane::dense(self.output_side(rows), self.output_side(cols));
        assert_eq!(image.len(), 3 * rows * cols, "image");
        assert_eq!(out.len(), plane.len(self.outputs), "output");
        let padded = &mut scratch[..self.scratch_len((rows, cols))];
        pad(image, (rows, cols), padded);
        let padded = &*padded;
        let out = SendPtr(out.as_mut_ptr());
        team.run(&|index| {
            for row in share(plane.rows, team.threads(), index) {
                // SAFETY: the lengths were checked, and no two threads have a row in common.
                unsafe { self.run_row(padded, (rows, cols), row, out.get(), plane) };
            }
        });
    }

    /// Computes one output row.
    ///
    /// # Safety
    /// `padded` must be a padded image, `out` a map of geometry `plane`, whose row `row` no other
    /// thread writes.
    unsafe fn run_row(
        &self,
        padded: &[f32],
        (rows, cols): (usize, usize),
        row: usize,
        out: *mut f32,
        plane: Plane,
    ) {
        let width = cols + 2;
        let start = row * self.stride * width;
        // The microkernel counts rows of the padded image as blocks; a run is three neighbors.
        let runs: [Run; 9] = std::array::from_fn(|i| Run {
            block: (i / 3 * (rows + 2) + i % 3) as u32,
            lane: 0,
            full: 0,
            rest: 3,
        });
        let target = Target {
            data: out,
            block_stride: plane.block_stride,
            cols: plane.cols,
            row_gap: 0,
            residual: std::ptr::null(),
            relu6: true,
        };
        let first = row * plane.cols;
        for panel in &self.packed.panels {
            // SAFETY: windows of the row stay within the padded image, as `start` and `runs` do;
            // the output is this contract's.
            unsafe {
                let data = padded.as_ptr().add(start);
                let source = Source { data, block_stride: width, runs: &runs };
                run_panel(&self.packed, panel, source, target, first, plane.cols);
            }
        }
    }
}

/// Copies a planar image into the middle of zeros.
fn pad(image: &[f32], (rows, cols): (usize, usize), padded: &mut [f32]) {
    let width = cols + 2;
    let planes = padded.chunks_exact_mut((rows + 2) * width).zip(image.chunks_exact(rows * cols));
    for (to, from) in planes {
        to[..width].fill(0.0);
        to[(rows + 1) * width..].fill(0.0);
        let lines = to[width..].chunks_exact_mut(width).zip(from.chunks_exact(cols));
        for (to, from) in lines {
            to[0] = 0.0;
            to[1..=cols].copy_from_slice(from);
            to[cols + 1] = 0.0;
        }
    }
}
