//! The layer on the images: the stem as a pointwise convolution of windows.
//!
//! Each output pixel's 27 inputs are laid out next to each other, a strip at a time; from there on it
//! is a convolution like the others. It is about a hundredth of a net's work.

use seesaw_arch::Step;
use seesaw_engine::window;
use seesaw_kernels::{
    CBLOCK, KernelError, Window,
    layout::Size,
    train::{Grid, GroupPlaces, PointwiseShape, PointwiseTraining, Prefetch, Storage, Sums},
};

use super::{
    Layer,
    batch::{BatchRunner, total},
    context::{StepContext, Workspace, WorkspaceLen},
    conv::{ConvKernel, ConvNorm, LayerBuilder},
    map::{Activation, LayerOutput, OutputGrad, map_len, zero_sums},
    pointwise::{whole, whole_mut},
    strip::Strip,
};

/// Inputs of an output: three colors of a 3x3 window.
const WINDOW: usize = 27;

/// The stem, and what a step saves of it for the backward pass.
#[derive(Debug)]
pub(super) struct Stem {
    pub conv: ConvNorm<StemConv>,
}

impl Stem {
    /// The stem of `step`, on images of `size`. It is small, and always in f32.
    pub fn new(builder: LayerBuilder<'_>, step: &Step, size: Size) -> Result<Self, KernelError> {
        let inputs: Vec<usize> = (0..WINDOW).collect();
        let groups = &[GroupPlaces { inputs: &inputs, outputs: &step.outputs }];
        let shape = PointwiseShape { inputs: WINDOW, outputs: step.outputs.len(), groups };
        let kernel = PointwiseTraining::new(builder.token, &shape, false)?;
        let window = window(step);
        let windows = window.output_size(size);
        let conv = StemConv { kernel, size, window, windows };
        Ok(Self { conv: ConvNorm::new(builder, step, conv, Storage::F32, windows) })
    }

    /// Size of the images.
    pub fn image_size(&self) -> Size {
        self.conv.kernel.size
    }

    /// The output of the last forward pass.
    pub fn output(&self) -> LayerOutput<'_> {
        LayerOutput { pre_norm: self.conv.output.pre_norm(), residual: None }
    }

    /// The forward pass of `images`, `[n][3][rows][cols]`.
    pub fn forward(&mut self, cx: &mut StepContext<'_>, images: &[f32]) -> LayerOutput<'_> {
        let ConvNorm { kernel, output, .. } = &mut self.conv;
        let sums = kernel.forward(&mut cx.runner, images, output);
        self.conv.end_forward(cx, &sums);
        self.output()
    }

    /// The backward pass: `workspace.trunk[0]` is the gradient of the output, with these sums.
    pub fn backward(&mut self, cx: &mut StepContext<'_>, images: &[f32], sums: &[Sums]) {
        self.conv.begin_backward(cx, sums);
        let Workspace { trunk: [grad, _], weight_grads, .. } = &mut *cx.workspace;
        let grad = self.conv.output.output_grad(grad);
        self.conv.kernel.backward(&mut cx.runner, images, grad, weight_grads);
        self.conv.end_backward(cx);
    }
}

impl Layer for Stem {
    fn load(&mut self, parameters: &[f32]) {
        self.conv.load(parameters);
    }

    fn fit(&mut self, images: usize) -> WorkspaceLen {
        self.conv.output.fit(images);
        WorkspaceLen {
            trunk: self.conv.output.pre_norm().image_len(),
            expanded: 0,
            weight_grads: self.conv.kernel.packed_len(),
        }
    }
}

/// The stem's convolution of 3x3 windows.
#[derive(Debug)]
pub(super) struct StemConv {
    kernel: PointwiseTraining,
    /// Of the images.
    size: Size,
    window: Window,
    /// How many windows there are in either direction.
    windows: Size,
}

impl StemConv {
    fn image_len(&self) -> usize {
        3 * self.size.pixels()
    }

    /// Lays the windows of `count` output pixels from `first` on next to each other, as
    /// `[cblocks][count][8]`.
    fn gather(&self, image: &[f32], first: usize, count: usize, out: &mut [f32]) {
        let (Size { rows, cols }, width) = (self.size, self.windows.cols);
        let stride = self.window.stride;
        // Where the first window begins in the image with its border of one pixel.
        let (top, left) = (self.window.offset(rows), self.window.offset(cols));
        out.fill(0.0);
        let mut pixel = 0;
        while pixel < count {
            // The rest of this row of outputs.
            let (oy, ox) = ((first + pixel) / width, (first + pixel) % width);
            let len = (width - ox).min(count - pixel);
            for input in 0..WINDOW {
                let (color, ky, kx) = (input / 9, input % 9 / 3, input % 3);
                let row = (oy * stride + top + ky).wrapping_sub(1);
                if row >= rows {
                    continue;
                }
                // Only at the left edge of the image does a window lack its first column.
                let skip = usize::from(ox == 0 && left + kx == 0);
                let from = (ox + skip) * stride + left + kx - 1;
                let row = &image[(color * rows + row) * cols..][..cols];
                let to = &mut out[(input / CBLOCK * count + pixel + skip) * CBLOCK..];
                let lanes = to.chunks_exact_mut(CBLOCK).take(len - skip);
                for (lanes, value) in lanes.zip(row[from.min(cols)..].iter().step_by(stride)) {
                    lanes[input % CBLOCK] = *value;
                }
            }
            pixel += len;
        }
    }

    /// The convolution of a batch. Returns the sums over the outputs.
    fn forward(
        &self,
        runner: &mut BatchRunner<'_>,
        images: &[f32],
        output: &mut Activation,
    ) -> Vec<Sums> {
        let kernels = *runner.kernels.norm(Storage::F32);
        let (pixels, channels) = (output.size.pixels(), output.norm.channels());
        let (image_len, len) = (self.image_len(), output.pre_norm().image_len());
        let mut parts: Vec<_> = runner
            .split(images, image_len)
            .zip(runner.split_mut(&mut output.map, len))
            .map(|(images, output)| (images, output, zero_sums(channels)))
            .collect();
        runner.run(&mut parts, |(images, output, sums), scratch| {
            let all = output.len() / len * pixels;
            for (image, planes) in images.chunks_exact(image_len).enumerate() {
                for Strip { first, count, .. } in Strip::cut(pixels, WINDOW + channels) {
                    let (x, y) = scratch.pair(map_len(WINDOW, count), map_len(channels, count));
                    self.gather(planes, first, count, x);
                    self.kernel.forward(whole(x, count), whole_mut(y, count), count);
                    let blocks = y.chunks_exact(count * CBLOCK).zip(sums.iter_mut());
                    for (block, (y, sums)) in blocks.enumerate() {
                        let at = (block * all + image * pixels + first) * CBLOCK;
                        kernels.moments(y, &mut output[at..][..y.len()], sums);
                    }
                }
            }
        });
        total(parts.iter().map(|(.., sums)| sums))
    }

    /// The gradient of the weights, in the order of the kernel, which goes to the front of
    /// `weight_grads`.
    fn backward(
        &self,
        runner: &mut BatchRunner<'_>,
        images: &[f32],
        OutputGrad { grad, pre_norm }: OutputGrad<'_>,
        weight_grads: &mut [f32],
    ) {
        let kernels = *runner.kernels.norm(Storage::F32);
        let (pixels, channels) = (pre_norm.size.pixels(), pre_norm.channels());
        let (image_len, len) = (self.image_len(), pre_norm.image_len());
        let maps = runner.split(grad, len).zip(runner.split(pre_norm.map, len));
        let mut parts: Vec<_> = runner
            .split(images, image_len)
            .zip(maps)
            .zip(weight_grads.chunks_mut(self.kernel.packed_len()))
            .collect();
        runner.run(&mut parts, |((images, (grad, raw)), weight_grad), scratch| {
            weight_grad.fill(0.0);
            let all = raw.len() / len * pixels;
            for (image, planes) in images.chunks_exact(image_len).enumerate() {
                for Strip { first, count, .. } in Strip::cut(pixels, WINDOW + channels) {
                    let (x, dy) = scratch.pair(map_len(WINDOW, count), map_len(channels, count));
                    self.gather(planes, first, count, x);
                    let blocks = dy.chunks_exact_mut(count * CBLOCK).zip(&pre_norm.norm.grad);
                    for (block, (dy, by)) in blocks.enumerate() {
                        let at = (block * all + image * pixels + first) * CBLOCK..;
                        let grad = &grad[at.clone()][..dy.len()];
                        kernels.combine(grad, &raw[at], by, dy, Grid::LINE);
                    }
                    let (x, dy) = (whole(x, count), whole(dy, count));
                    self.kernel.accumulate(x, dy, weight_grad, count, &Prefetch::default());
                }
            }
        });
        runner.reduce(weight_grads, self.kernel.packed_len());
    }
}

impl ConvKernel for StemConv {
    fn set(&mut self, weights: &[f32]) {
        self.kernel.set(weights);
    }

    fn packed_len(&self) -> usize {
        self.kernel.packed_len()
    }

    fn unpack(&self, packed: &[f32], gradient: &mut [f32]) {
        self.kernel.unpack(packed, gradient);
    }
}
