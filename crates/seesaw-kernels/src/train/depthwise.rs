//! A depthwise convolution, 3x3 or 5x5, whose weights change: forward, and backward to inputs and weights.
//!
//! Everything works on one block of 8 channels at a time, whose planes fit the first caches. The
//! backward pass at stride 2 is one at stride 1 on a gradient with zeros between its pixels.

use std::marker::PhantomData;

use crate::{
    depthwise::Depthwise,
    error::KernelError,
    isa::IsaToken,
    layout::{Size, cblocks},
    simd::{CBLOCK, InstructionSet, Kernel, Vector},
    window::Window,
};

/// The arguments of [`Taps`]: it adds to the taps the products of an input and a gradient. Both
/// planes must be readable with their padding.
pub(crate) struct TapsTask<'a> {
    /// The padded input.
    x: *const f32,
    /// The padded gradient.
    gradient: *const f32,
    /// Without the padding.
    size: Size,
    /// 8 lanes for each tap.
    taps: &'a mut [f32],
}

/// [`Taps`] compiled for an instruction set.
///
/// # Safety
/// The instruction set must be present; otherwise as [`TapsTask`] says.
type TapsFn = unsafe fn(TapsTask<'_>);

/// The kernels of one instruction set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TapsFns {
    /// For 3x3 windows.
    three: TapsFn,
    /// For 5x5 windows.
    five: TapsFn,
}

impl TapsFns {
    /// Of 3x3 windows all 9 sums fit 16 registers, with a tile of 4 gradients and the vectors that are
    /// multiplied. Of 5x5 windows one row of sums does, with a tile of 8: the maps are read once for
    /// each row.
    pub const fn new<I: InstructionSet, V: Vector>() -> Self {
        Self { three: I::run::<Taps<V, 3, 3, 4>>, five: I::run::<Taps<V, 5, 1, 8>> }
    }
}

/// A depthwise convolution in training.
#[derive(Debug, Clone)]
pub struct DepthwiseTraining {
    forward: Depthwise,
    backward: Depthwise,
    taps: TapsFn,
}

impl DepthwiseTraining {
    /// A convolution of `channels` channels; all weights are 0 until [`Self::set`].
    ///
    /// # Errors
    /// [`KernelError::Shape`] when the window is neither 3x3 nor 5x5, or its stride is not 1 or 2.
    pub fn new(token: IsaToken, channels: usize, window: Window) -> Result<Self, KernelError> {
        let (weights, bias) = (vec![0.0; window.taps() * channels], vec![0.0; channels]);
        let kernels = token.kernels().taps;
        Ok(Self {
            forward: Depthwise::new(token, &weights, &bias, window, false)?,
            backward: Depthwise::new(token, &weights, &bias, window.everywhere(), false)?,
            taps: if window.kernel == 3 { kernels.three } else { kernels.five },
        })
    }

    /// The windows.
    pub fn window(&self) -> Window {
        self.forward.window()
    }

    /// Takes new weights `[channels][kernel][kernel]`; channel `c` has place `places[c]`.
    ///
    /// # Panics
    /// When there are not as many weights as the windows have pixels, or a place is not below the number of channels.
    pub fn set(&mut self, weights: &[f32], places: &[usize]) {
        assert_eq!(places.len(), self.forward.channels(), "a place for each channel");
        let count = self.window().taps();
        assert_eq!(weights.len(), count * places.len(), "a window of weights a channel");
        for (taps, place) in weights.chunks_exact(count).zip(places) {
            for (tap, weight) in taps.iter().enumerate() {
                self.forward.set_tap(*place, tap, *weight);
                self.backward.set_tap(*place, count - 1 - tap, *weight);
            }
        }
    }

    /// Convolves block `block` of a map of `size`, with a [border](Window::border) of zeros, to a dense
    /// plane.
    ///
    /// # Panics
    /// When a slice has another length than its shape, or there is no such block.
    pub fn forward(&self, block: usize, padded: &[f32], size: Size, out: &mut [f32]) {
        convolve(&self.forward, block, padded, size, out);
    }

    /// The gradient of block `block`'s inputs, `[rows][cols][8]`, from that of its outputs, which
    /// has the same border and `stride - 1` zeros between its pixels: output `(y, x)` is pixel
    /// `(stride * y + top, stride * x + left)` of a plane of the input's size, where `top` and `left`
    /// are the [offsets](Window::offset) for its rows and columns.
    ///
    /// # Panics
    /// As [`Self::forward`].
    pub fn backward(&self, block: usize, padded: &[f32], size: Size, dx: &mut [f32]) {
        convolve(&self.backward, block, padded, size, dx);
    }

    /// Adds to `taps` the gradient of a block's weights, for each tap 8 channels: `padded` is the
    /// block of the inputs, `gradient` that of the outputs as [`Self::backward`] takes it.
    ///
    /// # Panics
    /// When a slice has another length than its shape.
    pub fn accumulate(&self, padded: &[f32], gradient: &[f32], size: Size, taps: &mut [f32]) {
        let len = self.window().bordered(size).dense().len(CBLOCK);
        assert!(padded.len() == len && gradient.len() == len, "padded planes");
        assert_eq!(taps.len(), self.window().taps() * CBLOCK, "8 lanes for each tap");
        // SAFETY: the token given to `new` proved the instruction set; the lengths were checked.
        unsafe {
            let (x, gradient) = (padded.as_ptr(), gradient.as_ptr());
            (self.taps)(TapsTask { x, gradient, size, taps });
        }
    }
}

fn convolve(conv: &Depthwise, block: usize, padded: &[f32], size: Size, out: &mut [f32]) {
    let window = conv.window();
    let (from, to) = (window.bordered(size).dense(), window.output_size(size).dense());
    assert!(block < cblocks(conv.channels()), "block {block}");
    assert_eq!(padded.len(), from.len(CBLOCK), "padded input");
    assert_eq!(out.len(), to.len(CBLOCK), "output");
    // SAFETY: the lengths were checked, and `out` is borrowed mutably.
    unsafe { conv.run_blocks(block..block + 1, padded.as_ptr(), from, out.as_mut_ptr(), to) };
}

/// The gradient of a block's weights in `K` x `K` windows, `ROWS` rows of taps at a time, in tiles of
/// `COLS` columns.
struct Taps<V, const K: usize, const ROWS: usize, const COLS: usize>(PhantomData<V>);

impl<V: Vector, const K: usize, const ROWS: usize, const COLS: usize> Kernel
    for Taps<V, K, ROWS, COLS>
{
    type Args<'a> = TapsTask<'a>;

    #[inline(always)]
    unsafe fn run(TapsTask { x, gradient, size, taps }: TapsTask<'_>) {
        const { assert!(K.is_multiple_of(ROWS)) }
        let Size { rows, cols } = size;
        let (border, stride) = (K / 2, (cols + K / 2 * 2) * CBLOCK);
        for first in (0..K).step_by(ROWS) {
            // SAFETY: the task's contract gives both planes; a tile ends at the last column.
            unsafe {
                let taps = taps.as_mut_ptr().add(first * K * CBLOCK);
                let mut sums = [[V::splat(0.0); K]; ROWS];
                for (tap, sum) in sums.iter_mut().flatten().enumerate() {
                    *sum = V::load(taps.add(tap * CBLOCK));
                }
                for row in 0..rows {
                    let x = x.add((row + first) * stride);
                    let g = gradient.add((row + border) * stride + border * CBLOCK);
                    let mut col = 0;
                    while col + COLS <= cols {
                        let (x, g) = (x.add(col * CBLOCK), g.add(col * CBLOCK));
                        tile::<V, K, ROWS, COLS>(x, g, stride, &mut sums);
                        col += COLS;
                    }
                    while col < cols {
                        let (x, g) = (x.add(col * CBLOCK), g.add(col * CBLOCK));
                        tile::<V, K, ROWS, 1>(x, g, stride, &mut sums);
                        col += 1;
                    }
                }
                for (tap, sum) in sums.iter().flatten().enumerate() {
                    sum.store_cblocks(taps.add(tap * CBLOCK), 0);
                }
            }
        }
    }
}

/// The products of `N` neighboring gradients with `ROWS` rows of the windows around them.
///
/// # Safety
/// `x` must be readable for `ROWS` rows of `N + K - 1` pixels, `gradient` for `N`.
#[inline(always)]
unsafe fn tile<V: Vector, const K: usize, const ROWS: usize, const N: usize>(
    x: *const f32,
    gradient: *const f32,
    stride: usize,
    sums: &mut [[V; K]; ROWS],
) {
    // SAFETY: the caller's contract.
    unsafe {
        let mut g = [V::splat(0.0); N];
        for (col, g) in g.iter_mut().enumerate() {
            *g = V::load(gradient.add(col * CBLOCK));
        }
        for (ky, sums) in sums.iter_mut().enumerate() {
            for col in 0..N + K - 1 {
                let value = V::load(x.add(ky * stride + col * CBLOCK));
                for (kx, sum) in sums.iter_mut().enumerate() {
                    if col >= kx && col < kx + N {
                        *sum = sum.mul_add(value, g[col - kx]);
                    }
                }
            }
        }
    }
}
