//! A depthwise 3x3 convolution whose weights change: forward, and backward to inputs and weights.
//!
//! Everything works on one block of 8 channels at a time, whose planes fit the first caches. Stride
//! 2 backward is stride 1 on a gradient with zeros between its pixels.

use crate::{
    depthwise::Depthwise,
    error::KernelError,
    isa::{Isa, IsaToken},
    layout::{Plane, cblocks},
    simd::{self, CBLOCK, Vector},
};

/// Sums for each tap of a block.
type Taps = [f32; 9 * CBLOCK];

/// Adds to the taps the products of an input and a gradient. The arguments: padded input and padded
/// gradient; rows and columns without the padding; the taps.
type TapsFn = unsafe fn(*const f32, *const f32, usize, usize, &mut Taps);

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
        let taps: TapsFn = match token.isa() {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => avx512,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => avx2,
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => neon,
            _ => portable,
        };
        Ok(Self {
            forward: Depthwise::new(token, &weights, &bias, stride, false)?,
            backward: Depthwise::new(token, &weights, &bias, 1, false)?,
            taps,
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

    /// Convolves block `block` of a padded map, `[rows + 2][cols + 2][8]`, to a dense plane.
    ///
    /// # Panics
    /// When a slice has another length than its shape, or there is no such block.
    pub fn forward(
        &self,
        block: usize,
        padded: &[f32],
        (rows, cols): (usize, usize),
        out: &mut [f32],
    ) {
        convolve(&self.forward, block, padded, (rows, cols), out);
    }

    /// The gradient of block `block`'s inputs, `[rows][cols][8]`, from that of its outputs, which
    /// lies padded and with `stride - 1` zeros between its pixels: output `(y, x)` is pixel
    /// `(stride * y, stride * x)` of a plane of the input's size.
    ///
    /// # Panics
    /// As [`Self::forward`].
    pub fn backward(
        &self,
        block: usize,
        padded: &[f32],
        (rows, cols): (usize, usize),
        dx: &mut [f32],
    ) {
        convolve(&self.backward, block, padded, (rows, cols), dx);
    }

    /// Adds to `taps` the gradient of a block's weights, for each tap 8 channels: `padded` is the
    /// block of the inputs, `gradient` that of the outputs as [`Self::backward`] takes it.
    ///
    /// # Panics
    /// When a slice has another length than its shape.
    pub fn accumulate(
        &self,
        padded: &[f32],
        gradient: &[f32],
        (rows, cols): (usize, usize),
        taps: &mut [f32],
    ) {
        let len = Plane::dense(rows + 2, cols + 2).len(CBLOCK);
        assert!(padded.len() == len && gradient.len() == len, "padded planes");
        let taps: &mut Taps = taps.try_into().expect("8 lanes for each of 9 taps");
        // SAFETY: the token given to `new` proved the instruction set; the lengths were checked.
        unsafe { (self.taps)(padded.as_ptr(), gradient.as_ptr(), rows, cols, taps) }
    }
}

fn convolve(
    conv: &Depthwise,
    block: usize,
    padded: &[f32],
    (rows, cols): (usize, usize),
    out: &mut [f32],
) {
    let from = Plane::dense(rows + 2, cols + 2);
    let to = Plane::dense(conv.output_side(rows), conv.output_side(cols));
    assert!(block < cblocks(conv.channels()), "block {block}");
    assert_eq!(padded.len(), from.len(CBLOCK), "padded input");
    assert_eq!(out.len(), to.len(CBLOCK), "output");
    // SAFETY: the lengths were checked, and `out` is borrowed mutably.
    unsafe { conv.run_blocks(block..block + 1, padded.as_ptr(), from, out.as_mut_ptr(), to) };
}

/// Columns of a tile: with two rows of gradients more, the 9 sums still fit 16 registers.
const COLS: usize = 4;

/// # Safety
/// Both planes must be readable with their padding, where `V`'s instruction set is enabled.
#[inline(always)]
unsafe fn accumulate<V: Vector>(
    x: *const f32,
    gradient: *const f32,
    rows: usize,
    cols: usize,
    taps: &mut Taps,
) {
    let stride = (cols + 2) * CBLOCK;
    // SAFETY: the caller vouches for the planes; a tile ends at the last column.
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
    // SAFETY: the caller vouches for both.
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

/// Defines a [`TapsFn`].
macro_rules! taps_fn {
    ($name:ident, $vector:ty, $(#[$feature:meta])?) => {
        $(#[$feature])?
        unsafe fn $name(x: *const f32, g: *const f32, rows: usize, cols: usize, taps: &mut Taps) {
            // SAFETY: the caller's contract.
            unsafe { accumulate::<$vector>(x, g, rows, cols, taps) }
        }
    };
}

#[cfg(target_arch = "x86_64")]
taps_fn!(avx512, simd::Avx2, #[target_feature(enable = "avx512f,avx512vl,avx2,fma")]);
#[cfg(target_arch = "x86_64")]
taps_fn!(avx2, simd::Avx2, #[target_feature(enable = "avx2,fma")]);
#[cfg(target_arch = "aarch64")]
taps_fn!(neon, simd::Neon, #[target_feature(enable = "neon")]);
taps_fn!(portable, simd::Portable,);
