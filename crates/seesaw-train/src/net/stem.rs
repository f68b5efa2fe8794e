//! The stem as a pointwise convolution of windows.
//!
//! Each output pixel's 27 inputs are laid side by side, a strip at a time; from there on it is a
//! convolution like the others. It is about a hundredth of a net's work.

use seesaw_kernels::{
    CBLOCK,
    layout::cblocks,
    train::{Grid, PixelSpan, PixelSpanMut, PointwiseTraining, Prefetch, Storage, Sums},
};

use super::{
    backward::OutputGrad,
    parts::{Context, split, split_mut, total},
    shape::{Size, behind, map_len},
    strip::Strip,
};

/// Inputs of an output: three colors of a 3x3 window.
pub(super) const WINDOW: usize = 27;

/// What is known about the stem besides its weights.
#[derive(Debug, Clone, Copy)]
pub(super) struct StemShape {
    /// Of the images.
    pub size: Size,
    pub stride: usize,
    pub outputs: usize,
}

impl StemShape {
    /// Of the outputs.
    pub fn out(&self) -> Size {
        behind(self.size, self.stride)
    }

    fn image_len(&self) -> usize {
        3 * self.size.0 * self.size.1
    }

    /// Lays the windows of `count` output pixels from `first` on side by side, as
    /// `[blocks][count][8]`.
    fn windows(&self, image: &[f32], first: usize, count: usize, out: &mut [f32]) {
        let ((rows, cols), (_, width), stride) = (self.size, self.out(), self.stride);
        out.fill(0.0);
        let mut pixel = 0;
        while pixel < count {
            // The rest of this row of outputs.
            let (oy, ox) = ((first + pixel) / width, (first + pixel) % width);
            let len = (width - ox).min(count - pixel);
            for input in 0..WINDOW {
                let (color, ky, kx) = (input / 9, input % 9 / 3, input % 3);
                let row = (oy * stride + ky).wrapping_sub(1);
                if row >= rows {
                    continue;
                }
                // Only at the image's left edge is there a window's column that it has not.
                let skip = usize::from(ox == 0 && kx == 0);
                let from = (ox + skip) * stride + kx - 1;
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
}

/// The stem's convolution of `[images][3][rows][cols]`.
pub(super) fn forward(
    context: &mut Context<'_>,
    conv: &PointwiseTraining,
    shape: StemShape,
    images: &[f32],
    out: &mut [f32],
) -> Vec<Sums> {
    let (part, loops) = (context.part(), *context.loops.of(Storage::F32));
    let (size, len) = (shape.out(), map_len(shape.outputs, shape.out()));
    let pixels = size.0 * size.1;
    let mut items: Vec<_> = split(images, part, shape.image_len())
        .zip(split_mut(out, part, len))
        .map(|(images, out)| (images, out, vec![[[0.0; CBLOCK]; 2]; cblocks(shape.outputs)]))
        .collect();
    context.run(&mut items, |(images, out, sums), scratch| {
        let all = out.len() / len * pixels;
        for (image, planes) in images.chunks_exact(shape.image_len()).enumerate() {
            for Strip { first, count, .. } in Strip::cut(pixels, WINDOW + shape.outputs) {
                let (x, y) =
                    scratch.pair(map_len(WINDOW, (1, count)), map_len(shape.outputs, (1, count)));
                shape.windows(planes, first, count, x);
                let of = |map| PixelSpan { map, pixels: count, first: 0 };
                conv.forward(of(x), PixelSpanMut { map: y, pixels: count, first: 0 }, count);
                for (block, (y, sums)) in
                    y.chunks_exact(count * CBLOCK).zip(sums.iter_mut()).enumerate()
                {
                    let at = (block * all + image * pixels + first) * CBLOCK;
                    loops.moments(y, &mut out[at..][..y.len()], sums);
                }
            }
        }
    });
    total(items.iter().map(|(.., sums)| sums))
}

/// The gradient of the stem's weights, left in the first `packed_len` values of `packed`.
pub(super) fn backward(
    context: &mut Context<'_>,
    conv: &PointwiseTraining,
    shape: StemShape,
    behind: OutputGrad<'_>,
    images: &[f32],
    packed: &mut [f32],
) {
    let (part, loops) = (context.part(), *context.loops.of(Storage::F32));
    let (size, len) = (shape.out(), map_len(shape.outputs, shape.out()));
    let pixels = size.0 * size.1;
    let maps = split(behind.gradient, part, len).zip(split(behind.raw, part, len));
    let mut items: Vec<_> = split(images, part, shape.image_len())
        .zip(maps)
        .zip(packed.chunks_mut(conv.packed_len()))
        .collect();
    context.run(&mut items, |((images, (gradient, raw)), packed), scratch| {
        packed.fill(0.0);
        let all = raw.len() / len * pixels;
        for (image, planes) in images.chunks_exact(shape.image_len()).enumerate() {
            for Strip { first, count, .. } in Strip::cut(pixels, WINDOW + shape.outputs) {
                let (x, dy) =
                    scratch.pair(map_len(WINDOW, (1, count)), map_len(shape.outputs, (1, count)));
                shape.windows(planes, first, count, x);
                let blocks = dy.chunks_exact_mut(count * CBLOCK).zip(&behind.norm.combination);
                for (block, (dy, by)) in blocks.enumerate() {
                    let at = (block * all + image * pixels + first) * CBLOCK..;
                    let gradient = &gradient[at.clone()][..dy.len()];
                    loops.combine(gradient, &raw[at], by, dy, Grid::LINE);
                }
                let of = |map| PixelSpan { map, pixels: count, first: 0 };
                conv.accumulate(of(x), of(dy), packed, count, &Prefetch::default());
            }
        }
    });
    context.reduce(packed, conv.packed_len());
}
