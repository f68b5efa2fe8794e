//! Depthwise 3x3 convolution with padding 1, stride 1 or 2.

mod kernel;
#[cfg(test)]
mod tests;

pub(crate) use kernel::DepthwiseKernels;
use kernel::{TAPS, Task};

use crate::{
    Aligned,
    error::KernelError,
    isa::IsaToken,
    layout::{Plane, Size, cblocks},
    parallel::{SendPtr, Team, share},
    simd::CBLOCK,
};

/// A depthwise 3x3 convolution with bias and optional ReLU6.
#[derive(Debug, Clone)]
pub struct Depthwise {
    channels: usize,
    stride: usize,
    relu6: bool,
    taps: Aligned,
    kernels: DepthwiseKernels,
}

/// Rows of a padded input that an output row or two need, and where the output goes.
#[derive(Clone, Copy)]
pub(crate) struct Band {
    /// First block of the padded input.
    pub input: *const f32,
    /// f32 from block to block.
    pub input_stride: usize,
    /// Offsets of the rows in a block, starting with the one above the first output row's center.
    pub rows: [usize; 4],
    /// First pixel of the first output row in the first block.
    pub output: *mut f32,
    /// f32 from block to block.
    pub output_stride: usize,
    /// Output pixels in a row; the second row follows the first.
    pub cols: usize,
}

impl Depthwise {
    /// Packs weights `[channels][3][3]` and a bias for each channel.
    ///
    /// # Errors
    /// [`KernelError::Shape`] when they do not fit together or `stride` is not 1 or 2.
    pub fn new(
        token: IsaToken,
        weights: &[f32],
        bias: &[f32],
        stride: usize,
        relu6: bool,
    ) -> Result<Self, KernelError> {
        let channels = bias.len();
        if weights.len() != 9 * channels || !(1..=2).contains(&stride) {
            let what = format!(
                "{} weights for {channels} channels at stride {stride}; each needs 9, and the stride must be 1 or 2",
                weights.len()
            );
            return Err(KernelError::Shape { kernel: "depthwise convolution", what });
        }
        let mut taps = Aligned::zeros(cblocks(channels) * TAPS);
        for (c, bias) in bias.iter().enumerate() {
            let lanes = &mut taps[c / CBLOCK * TAPS + c % CBLOCK..];
            lanes[0] = *bias;
            for tap in 0..9 {
                lanes[(tap + 1) * CBLOCK] = weights[c * 9 + tap];
            }
        }
        Ok(Self { channels, stride, relu6, taps, kernels: token.kernels().depthwise })
    }

    /// Channels.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Stride, 1 or 2.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// The most output rows that one call of [`Self::run_band`] computes.
    pub(crate) fn band_rows(&self) -> usize {
        if self.stride == 1 { 2 } else { 1 }
    }

    /// Rows or columns of the output for `n` of the input.
    pub fn output_side(&self, n: usize) -> usize {
        n.div_ceil(self.stride)
    }

    /// Size of the output for an input of `size`.
    pub(crate) fn output_size(&self, size: Size) -> Size {
        Size { rows: self.output_side(size.rows), cols: self.output_side(size.cols) }
    }

    /// Convolves a map of `size` whose borders of one pixel hold the padding.
    ///
    /// `x` is blocked, `[blocks][rows + 2][cols + 2][8]`; `out` is `[blocks][out rows][out cols][8]`.
    /// Each thread takes a share of the blocks.
    ///
    /// # Panics
    /// When a map has another length than its shape.
    pub fn run(&self, team: &Team, x: &[f32], size: Size, out: &mut [f32]) {
        let (padded, plane) = (size.padded().dense(), self.output_size(size).dense());
        assert_eq!(x.len(), padded.len(self.channels), "padded input");
        assert_eq!(out.len(), plane.len(self.channels), "output");
        let out = SendPtr(out.as_mut_ptr());
        team.run(&|index| {
            let blocks = share(cblocks(self.channels), team.threads(), index);
            // SAFETY: the lengths were checked, and no two threads have a block in common.
            unsafe {
                let x = x.as_ptr().add(blocks.start * padded.block_stride);
                let out = out.get().add(blocks.start * plane.block_stride);
                self.run_blocks(blocks, x, padded, out, plane);
            }
        });
    }

    /// Convolves some blocks of a padded map of geometry `padded` to one of geometry `plane`.
    ///
    /// # Safety
    /// `x` and `out` must be the first of these blocks, readable and writable for all of them; no
    /// other thread may write there.
    pub(crate) unsafe fn run_blocks(
        &self,
        blocks: std::ops::Range<usize>,
        x: *const f32,
        padded: Plane,
        out: *mut f32,
        plane: Plane,
    ) {
        let mut row = 0;
        while row < plane.rows {
            let count = self.band_rows().min(plane.rows - row);
            let first = row * self.stride;
            // SAFETY: rows up to `(plane.rows - 1) * stride + 2` are in the padded map; offsets of
            // further rows are used only where two rows are computed.
            unsafe {
                let band = Band {
                    input: x,
                    input_stride: padded.block_stride,
                    rows: std::array::from_fn(|y| (first + y) * padded.row_stride),
                    output: out.add(row * plane.row_stride),
                    output_stride: plane.block_stride,
                    cols: plane.cols,
                };
                self.run_band(blocks.clone(), band, count);
            }
            row += count;
        }
    }

    /// Changes one tap of the channel at `place`.
    ///
    /// # Panics
    /// When there is no such place or tap.
    pub(crate) fn set_tap(&mut self, place: usize, tap: usize, weight: f32) {
        assert!(place < self.channels && tap < 9, "tap {tap} of channel {place}");
        self.taps[place / CBLOCK * TAPS + (tap + 1) * CBLOCK + place % CBLOCK] = weight;
    }

    /// Computes `count` output rows of some blocks; `band` begins at the first of them.
    ///
    /// # Safety
    /// The band's rows must be readable, its output writable, for all the blocks, and `count` from
    /// 1 to [`Self::band_rows`].
    pub(crate) unsafe fn run_band(&self, blocks: std::ops::Range<usize>, band: Band, count: usize) {
        let kernel = match (self.stride, count) {
            (1, 2) => self.kernels.two,
            (1, _) => self.kernels.one,
            _ => self.kernels.stride_2,
        };
        let task = Task {
            input: band.input,
            input_stride: band.input_stride,
            rows: band.rows,
            taps: &self.taps[blocks.start * TAPS..blocks.end * TAPS],
            output: band.output,
            output_stride: band.output_stride,
            output_row: band.cols * CBLOCK,
            cols: band.cols,
            relu6: self.relu6,
        };
        // SAFETY: the token given to `new` proved the instruction set; the rest is this contract.
        unsafe { kernel(&task) }
    }
}
