//! Depthwise convolution, 3x3 or 5x5, stride 1 or 2.

mod kernel;
#[cfg(test)]
mod tests;

pub(crate) use kernel::DepthwiseKernels;
use kernel::{MAX_ROWS, Task, WindowKernels, taps_len};

use crate::{
    Aligned,
    error::KernelError,
    isa::IsaToken,
    layout::{Plane, Size, cblocks},
    parallel::{SendPtr, Team, share},
    simd::CBLOCK,
    window::Window,
};

/// A depthwise convolution, 3x3 or 5x5, with bias and optional ReLU6.
#[derive(Debug, Clone)]
pub struct Depthwise {
    channels: usize,
    window: Window,
    relu6: bool,
    taps: Aligned,
    kernels: WindowKernels,
}

/// Rows of a padded input that an output row or two need, and where the output goes.
#[derive(Clone, Copy)]
pub(crate) struct Band {
    /// First block of the padded input, at the first column of the first window.
    pub input: *const f32,
    /// f32 from block to block.
    pub input_stride: usize,
    /// Offsets of the rows in a block, starting with the first one of the first output row's windows.
    pub rows: [usize; MAX_ROWS],
    /// First pixel of the first output row in the first block.
    pub output: *mut f32,
    /// f32 from block to block.
    pub output_stride: usize,
    /// Output pixels in a row; the second row follows the first.
    pub cols: usize,
}

impl Depthwise {
    /// Packs weights `[channels][kernel][kernel]` and a bias for each channel.
    ///
    /// # Errors
    /// [`KernelError::Shape`] when they do not fit together, the window is neither 3x3 nor 5x5, or its
    /// stride is not 1 or 2.
    pub fn new(
        token: IsaToken,
        weights: &[f32],
        bias: &[f32],
        window: Window,
        relu6: bool,
    ) -> Result<Self, KernelError> {
        let channels = bias.len();
        let Window { kernel, stride, .. } = window;
        let error = |what| KernelError::Shape { kernel: "depthwise convolution", what };
        let kernels = match kernel {
            3 => token.kernels().depthwise.three,
            5 => token.kernels().depthwise.five,
            _ => return Err(error(format!("a {kernel}x{kernel} window; it must be 3x3 or 5x5"))),
        };
        let count = window.taps();
        if weights.len() != count * channels || !(1..=2).contains(&stride) {
            return Err(error(format!(
                "{} weights for {channels} channels at stride {stride}; each needs {count}, and the stride must be 1 or 2",
                weights.len()
            )));
        }
        let len = taps_len(kernel);
        let mut taps = Aligned::zeros(cblocks(channels) * len);
        for (c, (bias, weights)) in bias.iter().zip(weights.chunks_exact(count)).enumerate() {
            let lanes = &mut taps[c / CBLOCK * len + c % CBLOCK..];
            lanes[0] = *bias;
            for (tap, weight) in weights.iter().enumerate() {
                lanes[(tap + 1) * CBLOCK] = *weight;
            }
        }
        Ok(Self { channels, window, relu6, taps, kernels })
    }

    /// Channels.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The windows.
    pub fn window(&self) -> Window {
        self.window
    }

    /// The most output rows that one call of [`Self::run_band`] computes.
    pub(crate) fn band_rows(&self) -> usize {
        if self.window.stride == 1 { 2 } else { 1 }
    }

    /// Convolves a map of `size` whose [border](Window::border) holds the padding.
    ///
    /// `x` is blocked, with a border of 1 or 2 pixels: `[blocks][rows + 2 * border][cols + 2 * border]
    /// [8]`; `out` is `[blocks][out rows][out cols][8]`.
    /// Each thread takes a share of the blocks.
    ///
    /// # Panics
    /// When a map has another length than its shape.
    pub fn run(&self, team: &Team, x: &[f32], size: Size, out: &mut [f32]) {
        let (padded, plane) =
            (self.window.bordered(size).dense(), self.window.output_size(size).dense());
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
        let border = 2 * self.window.border();
        let top = self.window.offset(padded.rows - border);
        let left = self.window.offset(padded.cols - border);
        let mut row = 0;
        while row < plane.rows {
            let count = self.band_rows().min(plane.rows - row);
            let first = row * self.window.stride + top;
            // SAFETY: the rows and columns of all windows are in the padded map; offsets of further
            // rows are used only where two rows are computed.
            unsafe {
                let band = Band {
                    input: x.add(left * CBLOCK),
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
        let (len, taps) = (taps_len(self.window.kernel), self.window.taps());
        assert!(place < self.channels && tap < taps, "tap {tap} of channel {place}");
        self.taps[place / CBLOCK * len + (tap + 1) * CBLOCK + place % CBLOCK] = weight;
    }

    /// Computes `count` output rows of some blocks; `band` begins at the first of them.
    ///
    /// # Safety
    /// The band's rows must be readable, its output writable, for all the blocks, and `count` from
    /// 1 to [`Self::band_rows`].
    pub(crate) unsafe fn run_band(&self, blocks: std::ops::Range<usize>, band: Band, count: usize) {
        let kernel = match (self.window.stride, count) {
            (1, 2) => self.kernels.two,
            (1, _) => self.kernels.one,
            _ => self.kernels.stride_2,
        };
        let len = taps_len(self.window.kernel);
        let task = Task {
            input: band.input,
            input_stride: band.input_stride,
            rows: band.rows,
            taps: &self.taps[blocks.start * len..blocks.end * len],
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
