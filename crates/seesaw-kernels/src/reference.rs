//! What each kernel computes, in plain loops on planar maps `[c][h][w]`.
//!
//! Sums are taken in f64 and every output shape is computed independently, so that a mistake in a
//! kernel cannot hide in its own reference.

use crate::{layout::Size, pointwise::PointwiseShape};

/// `x` clipped to 0..=6; NaN stays NaN.
pub fn relu6(x: f32) -> f32 {
    x.clamp(0.0, 6.0)
}

/// Rows or columns that a 3x3 window with padding 1 leaves of `n` at `stride`.
fn shrunk(n: usize, stride: usize) -> usize {
    (n + 2 - 3) / stride + 1
}

/// Every weight of a convolution: its index, its input and its output.
fn connections<'a>(
    shape: &'a PointwiseShape<'_>,
) -> impl Iterator<Item = (usize, usize, usize)> + 'a {
    let pairs = shape.groups.iter().flat_map(|group| {
        group.outputs.iter().flat_map(|o| group.inputs.iter().map(move |i| (*i, *o)))
    });
    pairs.enumerate().map(|(index, (input, output))| (index, input, output))
}

/// Pointwise convolution of `[inputs][pixels]` to `[outputs][pixels]`.
pub fn pointwise(
    shape: &PointwiseShape<'_>,
    weights: &[f32],
    bias: &[f32],
    x: &[f32],
    pixels: usize,
) -> Vec<f32> {
    let bias = bias.iter().flat_map(|bias| vec![f64::from(*bias); pixels]);
    let mut out: Vec<f64> = bias.collect();
    for (index, input, output) in connections(shape) {
        for p in 0..pixels {
            out[output * pixels + p] +=
                f64::from(weights[index]) * f64::from(x[input * pixels + p]);
        }
    }
    out.into_iter().map(|x| x as f32).collect()
}

/// Depthwise 3x3 convolution of `[channels][rows][cols]` with padding 1; weights `[channels][3][3]`.
pub fn depthwise(weights: &[f32], bias: &[f32], x: &[f32], size: Size, stride: usize) -> Vec<f32> {
    let (mut out, Size { rows, cols }) = (Vec::new(), size);
    for (c, bias) in bias.iter().enumerate() {
        let plane = &x[c * rows * cols..][..rows * cols];
        for oy in 0..shrunk(rows, stride) {
            for ox in 0..shrunk(cols, stride) {
                let window = window(plane, size, oy * stride, ox * stride);
                let taps = &weights[c * 9..][..9];
                let products = taps.iter().zip(window).map(|(w, x)| f64::from(*w) * f64::from(x));
                out.push((f64::from(*bias) + products.sum::<f64>()) as f32);
            }
        }
    }
    out
}

/// Dense 3x3 convolution of `[3][rows][cols]` with padding 1; weights `[outputs][3][3][3]`.
pub fn stem(weights: &[f32], bias: &[f32], x: &[f32], size: Size, stride: usize) -> Vec<f32> {
    let (mut out, Size { rows, cols }) = (Vec::new(), size);
    for (o, bias) in bias.iter().enumerate() {
        for oy in 0..shrunk(rows, stride) {
            for ox in 0..shrunk(cols, stride) {
                let mut sum = f64::from(*bias);
                for c in 0..3 {
                    let plane = &x[c * rows * cols..][..rows * cols];
                    let window = window(plane, size, oy * stride, ox * stride);
                    let taps = &weights[(o * 3 + c) * 9..][..9];
                    let products = taps.iter().zip(window);
                    sum += products.map(|(w, x)| f64::from(*w) * f64::from(x)).sum::<f64>();
                }
                out.push(sum as f32);
            }
        }
    }
    out
}

/// The 3x3 window centered at row `y` and column `x`, with zeros outside the plane.
fn window(plane: &[f32], Size { rows, cols }: Size, y: usize, x: usize) -> [f32; 9] {
    std::array::from_fn(|tap| {
        let (row, col) = ((y + tap / 3).wrapping_sub(1), (x + tap % 3).wrapping_sub(1));
        if row < rows && col < cols { plane[row * cols + col] } else { 0.0 }
    })
}

/// Mean of each channel of `[channels][pixels]`.
pub fn global_average_pool(x: &[f32], channels: usize) -> Vec<f32> {
    let pixels = x.len() / channels;
    let mean = |plane: &[f32]| plane.iter().map(|x| f64::from(*x)).sum::<f64>() / pixels as f64;
    x.chunks(pixels).map(|plane| mean(plane) as f32).collect()
}

/// Gradients of [`pointwise`] for the outputs' gradient `dy`: of its inputs and of its weights.
pub fn pointwise_backward(
    shape: &PointwiseShape<'_>,
    weights: &[f32],
    x: &[f32],
    dy: &[f32],
    pixels: usize,
) -> (Vec<f32>, Vec<f32>) {
    let mut dx = vec![0.0f64; shape.inputs * pixels];
    let mut dw = vec![0.0f64; weights.len()];
    for (index, input, output) in connections(shape) {
        for p in 0..pixels {
            let dy = f64::from(dy[output * pixels + p]);
            dx[input * pixels + p] += f64::from(weights[index]) * dy;
            dw[index] += dy * f64::from(x[input * pixels + p]);
        }
    }
    let narrow = |values: Vec<f64>| values.into_iter().map(|x| x as f32).collect();
    (narrow(dx), narrow(dw))
}

/// Gradients of [`depthwise`] for the outputs' gradient `dy`: of its inputs and of its weights.
pub fn depthwise_backward(
    weights: &[f32],
    x: &[f32],
    dy: &[f32],
    size: Size,
    stride: usize,
) -> (Vec<f32>, Vec<f32>) {
    let Size { rows, cols } = size;
    let (high, wide) = (shrunk(rows, stride), shrunk(cols, stride));
    let mut dx = vec![0.0f64; x.len()];
    let mut dw = vec![0.0f64; weights.len()];
    for (at, dy) in dy.iter().enumerate() {
        let (c, oy, ox) = (at / (high * wide), at / wide % high, at % wide);
        for tap in 0..9 {
            let row = (oy * stride + tap / 3).wrapping_sub(1);
            let col = (ox * stride + tap % 3).wrapping_sub(1);
            if row < rows && col < cols {
                let input = (c * rows + row) * cols + col;
                dx[input] += f64::from(weights[c * 9 + tap]) * f64::from(*dy);
                dw[c * 9 + tap] += f64::from(x[input]) * f64::from(*dy);
            }
        }
    }
    let narrow = |values: Vec<f64>| values.into_iter().map(|x| x as f32).collect();
    (narrow(dx), narrow(dw))
}
