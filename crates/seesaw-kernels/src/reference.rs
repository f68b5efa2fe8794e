//! What each kernel computes, in plain loops on planar maps `[c][h][w]`.
//!
//! Sums are taken in f64 and every output shape is computed here anew, so that a mistake in a kernel
//! cannot hide in its own reference.

use crate::pointwise::Group;

/// `x` clipped to 0..=6; NaN stays NaN.
pub fn relu6(x: f32) -> f32 {
    x.clamp(0.0, 6.0)
}

/// Rows or columns that a 3x3 window with padding 1 leaves of `n` at `stride`.
fn shrunk(n: usize, stride: usize) -> usize {
    (n + 2 - 3) / stride + 1
}

/// Pointwise convolution of `[inputs][pixels]` to `[outputs][pixels]`.
pub fn pointwise(groups: &[Group<'_>], bias: &[f32], x: &[f32], pixels: usize) -> Vec<f32> {
    let mut out = vec![f32::NAN; bias.len() * pixels];
    for group in groups {
        for (row, &o) in group.outputs.iter().enumerate() {
            for p in 0..pixels {
                let mut sum = f64::from(bias[o]);
                for (column, &i) in group.inputs.iter().enumerate() {
                    let weight = group.weights[row * group.inputs.len() + column];
                    sum += f64::from(weight) * f64::from(x[i * pixels + p]);
                }
                out[o * pixels + p] = sum as f32;
            }
        }
    }
    out
}

/// Depthwise 3x3 convolution of `[channels][rows][cols]` with padding 1; weights `[channels][3][3]`.
pub fn depthwise(
    weights: &[f32],
    bias: &[f32],
    x: &[f32],
    (rows, cols): (usize, usize),
    stride: usize,
) -> Vec<f32> {
    let mut out = Vec::new();
    for (c, bias) in bias.iter().enumerate() {
        let plane = &x[c * rows * cols..][..rows * cols];
        for oy in 0..shrunk(rows, stride) {
            for ox in 0..shrunk(cols, stride) {
                let window = window(plane, (rows, cols), (oy * stride, ox * stride));
                let taps = &weights[c * 9..][..9];
                let products = taps.iter().zip(window).map(|(w, x)| f64::from(*w) * f64::from(x));
                out.push((f64::from(*bias) + products.sum::<f64>()) as f32);
            }
        }
    }
    out
}

/// Dense 3x3 convolution of `[3][rows][cols]` with padding 1; weights `[outputs][3][3][3]`.
pub fn stem(
    weights: &[f32],
    bias: &[f32],
    x: &[f32],
    (rows, cols): (usize, usize),
    stride: usize,
) -> Vec<f32> {
    let mut out = Vec::new();
    for (o, bias) in bias.iter().enumerate() {
        for oy in 0..shrunk(rows, stride) {
            for ox in 0..shrunk(cols, stride) {
                let mut sum = f64::from(*bias);
                for c in 0..3 {
                    let plane = &x[c * rows * cols..][..rows * cols];
                    let window = window(plane, (rows, cols), (oy * stride, ox * stride));
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

/// The 3x3 window centered at `(y, x)`, with zeros outside the plane.
fn window(plane: &[f32], (rows, cols): (usize, usize), (y, x): (usize, usize)) -> [f32; 9] {
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

/// Gradients of [`pointwise`] for `dy`: of its inputs, and for each group of its weights.
pub fn pointwise_backward(
    groups: &[Group<'_>],
    inputs: usize,
    x: &[f32],
    dy: &[f32],
    pixels: usize,
) -> (Vec<f32>, Vec<Vec<f32>>) {
    let mut dx = vec![0.0f64; inputs * pixels];
    let mut weights = Vec::new();
    for group in groups {
        let mut gradient = Vec::new();
        for (row, &o) in group.outputs.iter().enumerate() {
            for (column, &i) in group.inputs.iter().enumerate() {
                let weight = f64::from(group.weights[row * group.inputs.len() + column]);
                let mut sum = 0.0;
                for p in 0..pixels {
                    let dy = f64::from(dy[o * pixels + p]);
                    dx[i * pixels + p] += weight * dy;
                    sum += dy * f64::from(x[i * pixels + p]);
                }
                gradient.push(sum as f32);
            }
        }
        weights.push(gradient);
    }
    (dx.into_iter().map(|x| x as f32).collect(), weights)
}

/// Gradients of [`depthwise`] for `dy`: of its inputs and of its weights.
pub fn depthwise_backward(
    weights: &[f32],
    x: &[f32],
    dy: &[f32],
    (rows, cols): (usize, usize),
    stride: usize,
) -> (Vec<f32>, Vec<f32>) {
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
