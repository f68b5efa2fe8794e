//! A pointwise convolution whose weights change: forward, and backward to inputs and weights.

use std::sync::Arc;

use super::{
    gradient_kernel::{GradientFn, GradientTask},
    prefetch::Prefetch,
};
use crate::{
    Aligned,
    element::{Element, Slot},
    error::KernelError,
    isa::PanelKernels,
    layout::cblocks,
    pointwise::{
        Input, PackPlan, Packed, PointwiseShape,
        kernel::{Source, Target},
    },
    simd::CBLOCK,
};

/// Some neighboring pixels of a map `[blocks][pixels][lanes]` of f32 or slots.
#[derive(Debug, Clone, Copy)]
pub struct PixelSpan<'a, T = f32> {
    /// The map.
    pub map: &'a [T],
    /// Pixels of the whole map.
    pub pixels: usize,
    /// The first pixel.
    pub first: usize,
}

/// Some neighboring pixels of a map `[blocks][pixels][8]` that is written.
#[derive(Debug)]
pub struct PixelSpanMut<'a> {
    /// The map.
    pub map: &'a mut [f32],
    /// Pixels of the whole map.
    pub pixels: usize,
    /// The first pixel.
    pub first: usize,
}

/// A pointwise convolution in training.
///
/// Maps and weights are multiplied as elements `T`, f32 or pairs of bf16, and summed in f32. A pair
/// holds two numbers of those that a sum runs over: neighboring channels, `[blocks][pixels][4]`, where
/// maps are convolved; neighboring pixels, `[blocks][pixels / 2][8]`, for the gradient of the weights.
#[derive(Debug, Clone)]
pub struct PointwiseTraining<T: Element = f32> {
    inputs: usize,
    outputs: usize,
    /// Weights without the biases.
    weights: usize,
    biased: bool,
    forward: Direction<T>,
    backward: Direction<T>,
    gradient: Gradient<T>,
}

/// A [`PointwiseTraining`] that multiplies pairs of bf16.
pub type PointwiseTrainingBf16 = PointwiseTraining<Slot>;

/// The weights in the order in which one direction reads them.
#[derive(Debug, Clone)]
struct Direction<T: Element> {
    plan: Arc<PackPlan>,
    packed: Packed<T>,
}

/// The weights' gradient in memory: the rows of the forward panels in f32, then the biases.
#[derive(Debug, Clone)]
struct Gradient<T: 'static> {
    plan: Arc<PackPlan>,
    /// The microkernel of each panel.
    kernels: Vec<GradientFn<T>>,
}

impl<T: Element> PointwiseTraining<T> {
    /// A convolution of `shape`, each input of which belongs to one group. Where `biased`, a bias for
    /// each output's place follows the weights. All are 0 until [`Self::set`].
    ///
    /// # Errors
    /// [`KernelError::Shape`] when groups and channels do not fit together.
    pub fn new(
        token: T::Token,
        shape: &PointwiseShape<'_>,
        biased: bool,
    ) -> Result<Self, KernelError> {
        let kernels = T::panels(token);
        let widths = PanelKernels::widths(kernels);
        let forward = Arc::new(PackPlan::forward(shape, T::DEPTH, &widths)?);
        let backward = Arc::new(PackPlan::backward(shape, T::DEPTH, &widths)?);
        let plan = match T::DEPTH {
            1 => Arc::clone(&forward),
            _ => Arc::new(PackPlan::forward(shape, 1, &widths)?),
        };
        let panels = plan.layout.panels.iter();
        let kernel = |width| PanelKernels::with_width(kernels, width);
        let gradient =
            Gradient { kernels: panels.map(|panel| kernel(panel.width).gradient).collect(), plan };
        Ok(Self {
            inputs: shape.inputs,
            outputs: shape.outputs,
            weights: shape.weights(),
            biased,
            forward: Direction::new(forward, shape.outputs, kernels),
            backward: Direction::new(backward, shape.inputs, kernels),
            gradient,
        })
    }

    /// Number of weights, and of biases where there are any.
    pub fn weights(&self) -> usize {
        self.weights + if self.biased { self.outputs } else { 0 }
    }

    /// f32 of a gradient in packed order.
    pub fn packed_len(&self) -> usize {
        let biases = if self.biased { cblocks(self.outputs) * CBLOCK } else { 0 };
        self.gradient.plan.layout.len() + biases
    }

    /// Takes new weights in the order of the shape, then the biases.
    ///
    /// # Panics
    /// When there are not [`Self::weights`] of them.
    pub fn set(&mut self, weights: &[f32]) {
        assert_eq!(weights.len(), self.weights(), "weights");
        let (weights, biases) = weights.split_at(self.weights);
        for Direction { plan, packed } in [&mut self.forward, &mut self.backward] {
            plan.gather_into(weights, &mut packed.weights);
        }
        self.forward.packed.set_biases(biases);
    }

    /// Convolves `count` pixels.
    ///
    /// # Panics
    /// When a map has other channels than the convolution, or fewer pixels.
    pub fn forward(&self, x: PixelSpan<'_, T>, mut out: PixelSpanMut<'_>, count: usize) {
        x.check(self.inputs, CBLOCK / T::DEPTH, count);
        out.check(self.outputs, count);
        // SAFETY: the maps were checked, and the token given to `new` proved the instruction set.
        unsafe { self.forward.run(x, &mut out, count) };
    }

    /// The gradient of the inputs from that of the outputs, for `count` pixels.
    ///
    /// # Panics
    /// As [`Self::forward`].
    pub fn backward(&self, dy: PixelSpan<'_, T>, mut dx: PixelSpanMut<'_>, count: usize) {
        dy.check(self.outputs, CBLOCK / T::DEPTH, count);
        dx.check(self.inputs, count);
        // SAFETY: the maps were checked, and the token given to `new` proved the instruction set.
        unsafe { self.backward.run(dy, &mut dx, count) };
    }

    /// Adds the gradient of the weights and biases over `count` pixels, or pairs of pixels, to
    /// `packed`, and fetches `ahead` at the same time.
    ///
    /// # Panics
    /// When a map has other channels than the convolution or fewer pixels, or `packed` is not
    /// [`Self::packed_len`] long.
    pub fn accumulate(
        &self,
        x: PixelSpan<'_, T>,
        dy: PixelSpan<'_, T>,
        packed: &mut [f32],
        count: usize,
        ahead: &Prefetch<'_>,
    ) {
        assert_eq!(packed.len(), self.packed_len(), "gradient in packed order");
        x.check(self.inputs, CBLOCK, count);
        dy.check(self.outputs, CBLOCK, count);
        let layout = &self.gradient.plan.layout;
        let (rows, biases) = packed.split_at_mut(layout.len());
        if self.biased {
            sum_pixels(dy, biases, count);
        }
        let stride = dy.pixels * CBLOCK;
        for (panel, kernel) in layout.panels.iter().zip(&self.gradient.kernels) {
            let source = Source {
                data: x.map[x.first * CBLOCK..].as_ptr(),
                block_stride: x.pixels * CBLOCK,
                runs: &layout.runs[panel.runs.clone()],
            };
            let task = GradientTask {
                source,
                dy: dy.map[panel.block * stride + dy.first * CBLOCK..].as_ptr(),
                dy_stride: stride,
                rows: rows[panel.range()].as_mut_ptr(),
                pixels: count,
                ahead,
            };
            // SAFETY: the token given to `new` proved the instruction set; the maps were checked to
            // have all blocks and pixels, and the panel has a row for each input of its runs.
            unsafe { kernel(task) };
        }
    }

    /// Writes a gradient in packed order into the order of the weights.
    ///
    /// # Panics
    /// When a slice has another length than its shape.
    pub fn unpack(&self, packed: &[f32], gradient: &mut [f32]) {
        assert_eq!(packed.len(), self.packed_len(), "gradient in packed order");
        assert_eq!(gradient.len(), self.weights(), "gradient");
        let (rows, sums) = packed.split_at(self.gradient.plan.layout.len());
        let (weights, biases) = gradient.split_at_mut(self.weights);
        self.gradient.plan.scatter(rows, weights);
        biases.copy_from_slice(&sums[..biases.len()]);
    }
}

impl<T: Element> Direction<T> {
    fn new(plan: Arc<PackPlan>, outputs: usize, kernels: &[PanelKernels<T>]) -> Self {
        let (layout, kernel) =
            (plan.layout.clone(), |width| PanelKernels::with_width(kernels, width).blocked);
        let weights = Aligned::zeros(layout.len());
        Self { plan, packed: Packed::new(layout, weights, outputs, kernel) }
    }

    /// Convolves `count` pixels.
    ///
    /// # Safety
    /// The maps must have all blocks and the spans' pixels, and the kernels' instruction set must be
    /// present.
    unsafe fn run(&self, x: PixelSpan<'_, T>, out: &mut PixelSpanMut<'_>, count: usize) {
        let lanes = CBLOCK / T::DEPTH;
        let target = Target {
            data: out.map.as_mut_ptr(),
            block_stride: out.pixels * CBLOCK,
            cols: out.pixels,
            row_gap: 0,
            first: out.first,
            residual: std::ptr::null(),
            relu6: false,
        };
        let data = x.map[x.first * lanes..].as_ptr();
        let input = Input { data, block_stride: x.pixels * lanes };
        // SAFETY: the caller's contract, and `out` is borrowed mutably.
        unsafe { self.packed.run_panels(self.packed.panels(), input, target, count) };
    }
}

impl<T> PixelSpan<'_, T> {
    /// # Panics
    /// Unless the map has `channels` channels in blocks of `lanes` elements, and the span `count`
    /// pixels.
    fn check(&self, channels: usize, lanes: usize, count: usize) {
        let (pixels, first) = (self.pixels, self.first);
        assert_eq!(
            self.map.len(),
            cblocks(channels) * pixels * lanes,
            "a map of {channels} channels"
        );
        assert!(first + count <= pixels, "pixels {first} to {first} + {count} of {pixels}");
    }
}

impl PixelSpanMut<'_> {
    /// # Panics
    /// Unless the map has `channels` channels and the span `count` pixels.
    fn check(&self, channels: usize, count: usize) {
        let Self { pixels, first, .. } = *self;
        PixelSpan { map: &*self.map, pixels, first }.check(channels, CBLOCK, count);
    }
}

/// Adds the sums over `count` pixels of all channels.
fn sum_pixels<T: Element>(dy: PixelSpan<'_, T>, sums: &mut [f32], count: usize) {
    let blocks = dy.map.chunks_exact(dy.pixels * CBLOCK).zip(sums.chunks_exact_mut(CBLOCK));
    for (block, sums) in blocks {
        for pixel in block[dy.first * CBLOCK..][..count * CBLOCK].chunks_exact(CBLOCK) {
            for (sum, value) in sums.iter_mut().zip(pixel) {
                *sum += value.sum();
            }
        }
    }
}
