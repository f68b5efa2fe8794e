//! What each kernel computes, in plain loops on planar maps `[c][h][w]`.
//!
//! Sums are taken in f64 and every output shape is computed independently, so that a mistake in a
//! kernel cannot hide in its own reference.

use crate::{
    layout::Size,
    pointwise::PointwiseShape,
    window::{Padding, Window},
};

/// `x` clipped to 0..=6; NaN stays NaN.
pub fn relu6(x: f32) -> f32 {
    x.clamp(0.0, 6.0)
}

/// Rows or columns of zeros before an input of `n`, and all before and after it.
///
/// "same" is TensorFlow's rule, word by word.
fn zeros(n: usize, window: Window) -> (usize, usize) {
    let Window { kernel, stride, padding } = window;
    match padding {
        Padding::Symmetric => (kernel / 2, kernel / 2 * 2),
        Padding::Same => {
            let outputs = n.div_ceil(stride);
            let all = ((outputs - 1) * stride + kernel).saturating_sub(n);
            (all / 2, all)
        }
    }
}

/// Rows or columns that windows leave of `n`.
fn shrunk(n: usize, window: Window) -> usize {
    (n + zeros(n, window).1 - window.kernel) / window.stride + 1
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

/// Depthwise convolution of `[channels][rows][cols]`; weights `[channels][kernel][kernel]`.
pub fn depthwise(weights: &[f32], bias: &[f32], x: &[f32], size: Size, window: Window) -> Vec<f32> {
    let (mut out, Size { rows, cols }) = (Vec::new(), size);
    let taps = window.kernel * window.kernel;
    for (c, bias) in bias.iter().enumerate() {
        let plane = &x[c * rows * cols..][..rows * cols];
        for oy in 0..shrunk(rows, window) {
            for ox in 0..shrunk(cols, window) {
                let pixels = pixels(plane, size, window, [oy, ox]);
                let taps = &weights[c * taps..][..taps];
                let products = taps.iter().zip(pixels).map(|(w, x)| f64::from(*w) * f64::from(x));
                out.push((f64::from(*bias) + products.sum::<f64>()) as f32);
            }
        }
    }
    out
}

/// Dense 3x3 convolution of `[3][rows][cols]`; weights `[outputs][3][3][3]`.
pub fn stem(weights: &[f32], bias: &[f32], x: &[f32], size: Size, window: Window) -> Vec<f32> {
    let (mut out, Size { rows, cols }) = (Vec::new(), size);
    for (o, bias) in bias.iter().enumerate() {
        for oy in 0..shrunk(rows, window) {
            for ox in 0..shrunk(cols, window) {
                let mut sum = f64::from(*bias);
                for c in 0..3 {
                    let plane = &x[c * rows * cols..][..rows * cols];
                    let pixels = pixels(plane, size, window, [oy, ox]);
                    let taps = &weights[(o * 3 + c) * 9..][..9];
                    let products = taps.iter().zip(pixels);
                    sum += products.map(|(w, x)| f64::from(*w) * f64::from(x)).sum::<f64>();
                }
                out.push(sum as f32);
            }
        }
    }
    out
}

/// Where pixel `tap` of the window of an output lies in an input of `size`; `None` in the padding.
fn place(
    Size { rows, cols }: Size,
    window: Window,
    output: [usize; 2],
    tap: usize,
) -> Option<usize> {
    let Window { kernel, stride, .. } = window;
    let row = (output[0] * stride + tap / kernel).checked_sub(zeros(rows, window).0)?;
    let col = (output[1] * stride + tap % kernel).checked_sub(zeros(cols, window).0)?;
    (row < rows && col < cols).then_some(row * cols + col)
}

/// The pixels of the window of an output, with zeros outside the plane.
fn pixels(plane: &[f32], size: Size, window: Window, output: [usize; 2]) -> Vec<f32> {
    let taps = 0..window.kernel * window.kernel;
    taps.map(|tap| place(size, window, output, tap).map_or(0.0, |at| plane[at])).collect()
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
    window: Window,
) -> (Vec<f32>, Vec<f32>) {
    let Size { rows, cols } = size;
    let (high, wide) = (shrunk(rows, window), shrunk(cols, window));
    let taps = window.kernel * window.kernel;
    let mut dx = vec![0.0f64; x.len()];
    let mut dw = vec![0.0f64; weights.len()];
    for (at, dy) in dy.iter().enumerate() {
        let (c, oy, ox) = (at / (high * wide), at / wide % high, at % wide);
        for tap in 0..taps {
            if let Some(at) = place(size, window, [oy, ox], tap) {
                let input = c * rows * cols + at;
                dx[input] += f64::from(weights[c * taps + tap]) * f64::from(*dy);
                dw[c * taps + tap] += f64::from(x[input]) * f64::from(*dy);
            }
        }
    }
    let narrow = |values: Vec<f64>| values.into_iter().map(|x| x as f32).collect();
    (narrow(dx), narrow(dw))
}
