//! The first convolution: dense 3x3 on RGB, stride 1 or 2.

#[cfg(test)]
mod tests;

use crate::{
    element::Element,
    error::KernelError,
    isa::IsaToken,
    layout::{Plane, Size},
    parallel::{SendPtr, Team, share},
    pointwise::{
        GroupPlaces, PackPlan, Packed, PointwiseShape,
        kernel::{Run, Source, Target},
    },
    window::Window,
};

/// Inputs of one output pixel: 3 channels of 3x3.
const TAPS: usize = 27;

/// A dense 3x3 convolution from RGB with bias and ReLU6.
///
/// It runs on the pointwise microkernel, whose inputs are here the 27 neighbors of a pixel.
#[derive(Debug, Clone)]
pub struct Stem {
    outputs: usize,
    window: Window,
    packed: Packed<f32>,
}

impl Stem {
    /// Packs weights `[outputs][3][3][3]` (output, channel, row, column) and a bias each.
    ///
    /// # Errors
    /// [`KernelError::Shape`] when they do not fit together, the window is not 3x3, or its stride is not
    /// 1 or 2.
    pub fn new(
        token: IsaToken,
        weights: &[f32],
        bias: &[f32],
        window: Window,
    ) -> Result<Self, KernelError> {
        let outputs = bias.len();
        let Window { kernel, stride, .. } = window;
        if weights.len() != outputs * TAPS || kernel != 3 || !(1..=2).contains(&stride) {
            let what = format!(
                "{} weights for {outputs} outputs of {kernel}x{kernel} windows at stride {stride}; each needs 27, the window must be 3x3, and the stride 1 or 2",
                weights.len()
            );
            return Err(KernelError::Shape { kernel: "stem convolution", what });
        }
        let inputs: Vec<usize> = (0..TAPS).collect();
        let places: Vec<usize> = (0..outputs).collect();
        let groups = [GroupPlaces { inputs: &inputs, outputs: &places }];
        let shape = PointwiseShape { inputs: TAPS, outputs, groups: &groups };
        let kernels = token.kernels().planar;
        let widths: Vec<usize> = kernels.iter().map(|kernels| kernels.width).collect();
        let plan = PackPlan::forward(&shape, f32::DEPTH, &widths)?;
        let weights = plan.gather(weights, None);
        let mut packed = Packed::new(plan.layout, weights, outputs, |width| {
            let kernels = kernels.iter().find(|kernels| kernels.width == width);
            let kernels = kernels.expect("panels are planned with the widths of the kernels");
            if stride == 1 { kernels.stride_1 } else { kernels.stride_2 }
        });
        packed.set_biases(bias);
        Ok(Self { outputs, window, packed })
    }

    /// Rows or columns of the output for `n` of the image.
    pub fn output_side(&self, n: usize) -> usize {
        self.window.output_side(n)
    }

    fn output_plane(&self, size: Size) -> Plane {
        self.window.output_size(size).dense()
    }

    /// f32 of scratch that an image needs: the image with its padding.
    pub fn scratch_len(&self, size: Size) -> usize {
        3 * self.window.bordered(size).pixels()
    }

    /// Convolves a planar image `[3][rows][cols]` of `size` to a blocked map; each thread takes a share of
    /// the output rows.
    ///
    /// # Panics
    /// When a slice has another length than its shape, or `scratch` is shorter than
    /// [`Self::scratch_len`].
    pub fn run(
        &self,
        team: &Team,
        image: &[f32],
        size: Size,
        scratch: &mut [f32],
        out: &mut [f32],
    ) {
        let plane = self.output_plane(size);
        assert_eq!(image.len(), 3 * size.pixels(), "image");
        assert_eq!(out.len(), plane.len(self.outputs), "output");
        let padded = &mut scratch[..self.scratch_len(size)];
        pad(image, size, padded);
        let padded = &*padded;
        let out = SendPtr(out.as_mut_ptr());
        team.run(&|index| {
            for row in share(plane.rows, team.threads(), index) {
                // SAFETY: the lengths were checked, and no two threads have a row in common.
                unsafe { self.run_row(padded, size, row, out.get()) };
            }
        });
    }

    /// Computes one output row.
    ///
    /// # Safety
    /// `padded` must be a padded image of `size`, `out` writable as the map that belongs to it, whose
    /// row `row` no other thread writes.
    unsafe fn run_row(&self, padded: &[f32], size: Size, row: usize, out: *mut f32) {
        let (plane, padded_size) = (self.output_plane(size), self.window.bordered(size));
        let width = padded_size.cols;
        let (top, left) = (self.window.offset(size.rows), self.window.offset(size.cols));
        let start = (row * self.window.stride + top) * width + left;
        // The microkernel counts rows of the padded image as blocks; a run is three neighbors.
        let runs: [Run; 9] = std::array::from_fn(|i| Run {
            block: (i / 3 * padded_size.rows + i % 3) as u32,
            lane: 0,
            full: 0,
            rest: 3,
        });
        let target = Target {
            data: out,
            block_stride: plane.block_stride,
            cols: plane.cols,
            row_gap: 0,
            first: row * plane.cols,
            residual: std::ptr::null(),
            relu6: true,
        };
        for panel in self.packed.panels() {
            // SAFETY: windows of the row stay within the padded image, as `start` and `runs` do;
            // the output is covered by this contract, and the token
            // given to `new` proved the instruction set.
            unsafe {
                let data = padded.as_ptr().add(start);
                let source = Source { data, block_stride: width, runs: &runs };
                self.packed.run_panel(panel, source, target, plane.cols);
            }
        }
    }
}

/// Copies a planar image into the middle of zeros.
fn pad(image: &[f32], Size { rows, cols }: Size, padded: &mut [f32]) {
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
