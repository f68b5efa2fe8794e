//! A depthwise 3x3 convolution whose weights change: forward, and backward to inputs and weights.
//!
//! Everything works on one block of 8 channels at a time, whose planes fit the first caches. The
//! backward pass at stride 2 is one at stride 1 on a gradient with zeros between its pixels.

use std::marker::PhantomData;

use crate::{
    depthwise::Depthwise,
    error::KernelError,
    isa::IsaToken,
    layout::{Size, cblocks},
    simd::{CBLOCK, Kernel, Vector},
};

/// Sums for each tap of a block.
type TapSums = [f32; 9 * CBLOCK];

/// The arguments of [`Taps`]: it adds to the taps the products of an input and a gradient. Both
/// planes must be readable with their padding.
pub(crate) struct TapsTask<'a> {
    /// The padded input.
    x: *const f32,
    /// The padded gradient.
    gradient: *const f32,
    /// Without the padding.
    size: Size,
    taps: &'a mut TapSums,
}

/// [`Taps`] compiled for an instruction set.
///
/// # Safety
/// The instruction set must be present; otherwise as [`TapsTask`] says.
pub(crate) type TapsFn = unsafe fn(TapsTask<'_>);

/// A depthwise convolution in training.
#[derive(Debug, Clone)]
pub struct DepthwiseTraining {
    forward: Depthwise,
    backward: Depthwise,
    taps: TapsFn,
}

impl DepthwiseTraining {
    /// A convolution of `channels` channels at `stride` 1 or 2; all weights are 0 until
    /// [`Self::set`].
    ///
    /// # Errors
    /// [`KernelError::Shape`] for any other stride.
    pub fn new(token: IsaToken, channels: usize, stride: usize) -> Result<Self, KernelError> {
        let (weights, bias) = (vec![0.0; 9 * channels], vec![0.0; channels]);
        Ok(Self {
            forward: Depthwise::new(token, &weights, &bias, stride, false)?,
            backward: Depthwise::new(token, &weights, &bias, 1, false)?,
            taps: token.kernels().taps,
        })
    }

    /// Stride, 1 or 2.
    pub fn stride(&self) -> usize {
        self.forward.stride()
    }

    /// Takes new weights `[channels][3][3]`; channel `c` has place `places[c]`.
    ///
    /// # Panics
    /// When there are not 9 weights a channel, or a place is not below the number of channels.
    pub fn set(&mut self, weights: &[f32], places: &[usize]) {
        assert_eq!(places.len(), self.forward.channels(), "a place for each channel");
        assert_eq!(weights.len(), 9 * places.len(), "9 weights a channel");
        for (taps, place) in weights.chunks_exact(9).zip(places) {
            for (tap, weight) in taps.iter().enumerate() {
                self.forward.set_tap(*place, tap, *weight);
                self.backward.set_tap(*place, 8 - tap, *weight);
            }
        }
    }

    /// Convolves block `block` of a map of `size`, padded to `[rows + 2][cols + 2][8]`, to a dense
    /// plane.
    ///
    /// # Panics
    /// When a slice has another length than its shape, or there is no such block.
    pub fn forward(&self, block: usize, padded: &[f32], size: Size, out: &mut [f32]) {
        convolve(&self.forward, block, padded, size, out);
    }

    /// The gradient of block `block`'s inputs, `[rows][cols][8]`, from that of its outputs, which
    /// is padded and has `stride - 1` zeros between its pixels: output `(y, x)` is pixel
    /// `(stride * y, stride * x)` of a plane of the input's size.
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
        let len = size.padded().dense().len(CBLOCK);
        assert!(padded.len() == len && gradient.len() == len, "padded planes");
        let taps: &mut TapSums = taps.try_into().expect("8 lanes for each of 9 taps");
        // SAFETY: the token given to `new` proved the instruction set; the lengths were checked.
        unsafe {
            let (x, gradient) = (padded.as_ptr(), gradient.as_ptr());
            (self.taps)(TapsTask { x, gradient, size, taps });
        }
    }
}

fn convolve(conv: &Depthwise, block: usize, padded: &[f32], size: Size, out: &mut [f32]) {
    let (from, to) = (size.padded().dense(), conv.output_size(size).dense());
    assert!(block < cblocks(conv.channels()), "block {block}");
    assert_eq!(padded.len(), from.len(CBLOCK), "padded input");
    assert_eq!(out.len(), to.len(CBLOCK), "output");
    // SAFETY: the lengths were checked, and `out` is borrowed mutably.
    unsafe { conv.run_blocks(block..block + 1, padded.as_ptr(), from, out.as_mut_ptr(), to) };
}

/// Columns of a tile: with two rows of gradients more, the 9 sums still fit 16 registers.
const COLS: usize = 4;

/// The gradient of a block's weights.
pub(crate) struct Taps<V>(PhantomData<V>);

impl<V: Vector> Kernel for Taps<V> {
    type Args<'a> = TapsTask<'a>;

    #[inline(always)]
    unsafe fn run(TapsTask { x, gradient, size, taps }: TapsTask<'_>) {
        let Size { rows, cols } = size;
        let stride = (cols + 2) * CBLOCK;
        // SAFETY: the task's contract gives both planes; a tile ends at the last column.
        unsafe {
            let mut sums = [[V::splat(0.0); 3]; 3];
            for (tap, sum) in sums.iter_mut().flatten().enumerate() {
                *sum = V::load(taps.as_ptr().add(tap * CBLOCK));
            }
            for row in 0..rows {
                let (x, g) = (x.add(row * stride), gradient.add((row + 1) * stride + CBLOCK));
                let mut col = 0;
                while col + COLS <= cols {
                    tile::<V, COLS>(x.add(col * CBLOCK), g.add(col * CBLOCK), stride, &mut sums);
                    col += COLS;
                }
                while col < cols {
                    tile::<V, 1>(x.add(col * CBLOCK), g.add(col * CBLOCK), stride, &mut sums);
                    col += 1;
                }
            }
            for (tap, sum) in sums.iter().flatten().enumerate() {
                sum.store_cblocks(taps.as_mut_ptr().add(tap * CBLOCK), 0);
            }
        }
    }
}

/// The products of `N` neighboring gradients with the windows around them.
///
/// # Safety
/// `x` must be readable for three rows of `N + 2` pixels, `gradient` for `N`.
#[inline(always)]
unsafe fn tile<V: Vector, const N: usize>(
    x: *const f32,
    gradient: *const f32,
    stride: usize,
    sums: &mut [[V; 3]; 3],
) {
    // SAFETY: the caller's contract.
    unsafe {
        let mut g = [V::splat(0.0); N];
        for (col, g) in g.iter_mut().enumerate() {
            *g = V::load(gradient.add(col * CBLOCK));
        }
        for (ky, sums) in sums.iter_mut().enumerate() {
            for col in 0..N + 2 {
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
