//! A linear classifier of fixed features, fitted by logistic regression.
//!
//! The loss is the mean cross entropy plus an L2 penalty, which is convex: Nesterov's accelerated
//! gradient reaches its minimum from any start, with a step length that follows from the data.

use seesaw_format::Linear;
use seesaw_kernels::{
    IsaToken,
    train::{Matrix, MatrixProduct},
};

/// Steps of the gradient.
const ITERATIONS: usize = 300;
/// Steps of the power iteration that finds the features' largest variance.
const POWER_STEPS: usize = 30;
/// Weight of the L2 penalty, for features whose mean squared distance from their mean is 1.
const PENALTY: f64 = 1e-3;

/// Features with their labels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Examples<'a> {
    /// `[n][width]`.
    pub features: &'a [f32],
    /// Values of an example.
    pub width: usize,
    /// The class of each example.
    pub labels: &'a [u32],
    /// How many classes there are.
    pub classes: usize,
    /// Share of a label that is spread evenly over all classes.
    pub smoothing: f64,
}

/// Features relative to their mean, as rows and as columns; their mean squared norm is 1.
struct Centered {
    rows: Matrix,
    columns: Matrix,
    mean: Vec<f64>,
    scale: f64,
}

/// The linear layer that classifies the examples best. It depends on the instruction set, whose
/// products round in their own way, and on nothing else.
///
/// # Panics
/// When there is no example, or a label is not a class.
pub(crate) fn fit(examples: &Examples<'_>, token: IsaToken) -> Linear {
    let Examples { width, classes, labels, .. } = *examples;
    let product = MatrixProduct::new(token);
    let centered = Centered::new(examples);
    let count = labels.len() as f64;
    // The cross entropy's second derivative is at most half that of the logits' squares.
    let rate = 1.0 / (0.5 * centered.largest_variance(product) / count + PENALTY);
    let mut fitted = Matrix::zeros(width, classes);
    let mut before = fitted.clone();
    let (mut bias, mut bias_before) = (vec![0.0f64; classes], vec![0.0f64; classes]);
    for step in 0..ITERATIONS {
        let momentum = step as f64 / (step + 3) as f64;
        let ahead = extrapolated(&fitted, &before, momentum);
        let bias_ahead: Vec<f64> =
            bias.iter().zip(&bias_before).map(|(b, old)| b + momentum * (b - old)).collect();
        let errors = errors(examples, &centered, &ahead, &bias_ahead, product);
        let mut gradient = Matrix::zeros(width, classes);
        product.add(&centered.columns, &errors, &mut gradient);
        before = fitted;
        fitted = moved(&ahead, &gradient, rate);
        bias_before = bias;
        bias = bias_ahead;
        for errors in errors.rows() {
            bias.iter_mut().zip(errors).for_each(|(b, error)| *b -= 2.0 * f64::from(*error));
        }
    }
    centered.unscaled(&fitted, &bias)
}

impl Centered {
    fn new(examples: &Examples<'_>) -> Self {
        let Examples { features, width, labels, .. } = *examples;
        let count = labels.len() as f64;
        let mut mean = vec![0.0; width];
        for row in features.chunks_exact(width) {
            mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += f64::from(*x) / count);
        }
        let distances = |row: &[f32]| -> f64 {
            row.iter().zip(&mean).map(|(x, mean)| (f64::from(*x) - mean).powi(2)).sum()
        };
        let squares: f64 = features.chunks_exact(width).map(distances).sum();
        // Features that are all the same tell nothing, at any scale.
        let scale = Some((squares / count).sqrt()).filter(|scale| *scale > 0.0).unwrap_or(1.0);
        let mut rows = Matrix::zeros(labels.len(), width);
        for (row, features) in rows.rows_mut().zip(features.chunks_exact(width)) {
            for ((to, x), mean) in row.iter_mut().zip(features).zip(&mean) {
                *to = ((f64::from(*x) - mean) / scale) as f32;
            }
        }
        Self { columns: rows.transposed(), rows, mean, scale }
    }

    /// The sum of squares of the features along the direction where it is largest.
    fn largest_variance(&self, product: MatrixProduct) -> f64 {
        let (count, width) = self.rows.shape();
        let mut direction = Matrix::zeros(width, 1);
        for (i, row) in direction.rows_mut().enumerate() {
            row[0] = 1.0 + (i % 7) as f32 / 7.0;
        }
        let mut largest = 0.0;
        for _ in 0..POWER_STEPS {
            let length = direction.rows().map(|row| f64::from(row[0]).powi(2)).sum::<f64>().sqrt();
            if length == 0.0 {
                return 0.0;
            }
            largest = length;
            let mut along = Matrix::zeros(count, 1);
            product.add(&self.rows, &direction.scaled((1.0 / length) as f32), &mut along);
            direction = Matrix::zeros(width, 1);
            product.add(&self.columns, &along, &mut direction);
        }
        // The iteration approaches the largest variance from below.
        1.05 * largest
    }

    /// The layer for features as they were.
    fn unscaled(&self, fitted: &Matrix, bias: &[f64]) -> Linear {
        let mut weight = Vec::new();
        let mut biases = Vec::new();
        for (row, bias) in fitted.transposed().rows().zip(bias) {
            let row: Vec<f64> = row.iter().map(|w| f64::from(*w) / self.scale).collect();
            let offset: f64 = row.iter().zip(&self.mean).map(|(w, mean)| w * mean).sum();
            biases.push((bias - offset) as f32);
            weight.extend(row.iter().map(|w| *w as f32));
        }
        Linear { weight, bias: biases }
    }
}

/// The gradient of the mean cross entropy by the logits, `[n][classes]`.
fn errors(
    examples: &Examples<'_>,
    centered: &Centered,
    weights: &Matrix,
    bias: &[f64],
    product: MatrixProduct,
) -> Matrix {
    let Examples { labels, classes, smoothing, .. } = *examples;
    let count = labels.len() as f64;
    let mut errors = Matrix::zeros(labels.len(), classes);
    product.add(&centered.rows, weights, &mut errors);
    for (row, label) in errors.rows_mut().zip(labels) {
        let logits: Vec<f64> = row.iter().zip(bias).map(|(x, b)| f64::from(*x) + b).collect();
        let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let shares: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
        let sum: f64 = shares.iter().sum();
        for (class, (to, share)) in row.iter_mut().zip(&shares).enumerate() {
            let is_label = f64::from(u8::from(class == *label as usize));
            let target = is_label * (1.0 - smoothing) + smoothing / classes as f64;
            *to = ((share / sum - target) / count) as f32;
        }
    }
    errors
}

/// `now` moved on by `momentum` times its distance from `before`.
fn extrapolated(now: &Matrix, before: &Matrix, momentum: f64) -> Matrix {
    let mut out = now.clone();
    for (out, before) in out.rows_mut().zip(before.rows()) {
        for (out, before) in out.iter_mut().zip(before) {
            *out += momentum as f32 * (*out - before);
        }
    }
    out
}

/// `weights` after a step against the gradient and the penalty's.
fn moved(weights: &Matrix, gradient: &Matrix, rate: f64) -> Matrix {
    let mut out = weights.scaled((1.0 - rate * PENALTY) as f32);
    for (out, gradient) in out.rows_mut().zip(gradient.rows()) {
        out.iter_mut().zip(gradient).for_each(|(out, g)| *out -= rate as f32 * g);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use seesaw_kernels::{Isa, Machine};

    /// Three clusters around corners of a simplex, far from the origin, with noise that repeats.
    fn clusters(count: usize, width: usize) -> (Vec<f32>, Vec<u32>) {
        let labels: Vec<u32> = (0..count).map(|i| (i % 3) as u32).collect();
        let noise = |i: usize| ((i * i * 31 + i * 17) % 101) as f32 / 101.0 - 0.5;
        let value = |i: usize| {
            let (example, feature) = (i / width, i % width);
            5.0 + noise(i) + 2.0 * f32::from(u8::from(feature % 3 == example % 3))
        };
        ((0..count * width).map(value).collect(), labels)
    }

    /// The derivatives of the loss are 0 at its minimum, in float64 and without shared code.
    #[test]
    fn finds_the_minimum_on_every_instruction_set() {
        let (width, classes, count) = (11, 3, 50);
        let (features, labels) = clusters(count, width);
        let examples =
            Examples { features: &features, width, labels: &labels, classes, smoothing: 0.1 };
        for isa in Isa::present() {
            let machine = Machine::new(1, Some(isa)).unwrap();
            let Linear { weight, bias } = fit(&examples, machine.token());
            let mut by_bias = [0.0f64; 3];
            for (x, label) in features.chunks(width).zip(&labels) {
                let logit = |class: usize| {
                    let row = &weight[class * width..][..width];
                    let sum: f64 =
                        row.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
                    sum + f64::from(bias[class])
                };
                let exp: Vec<f64> = (0..classes).map(|class| logit(class).exp()).collect();
                let sum: f64 = exp.iter().sum();
                let best = (0..classes).max_by(|a, b| exp[*a].total_cmp(&exp[*b])).unwrap();
                assert_eq!(best, *label as usize);
                for (class, by_bias) in by_bias.iter_mut().enumerate() {
                    let target = if class == *label as usize { 0.9 } else { 0.0 } + 0.1 / 3.0;
                    *by_bias += (exp[class] / sum - target) / count as f64;
                }
            }
            assert!(by_bias.iter().all(|g| g.abs() < 1e-4), "{isa}: {by_bias:?}");
        }
    }

    #[test]
    fn features_without_differences_leave_the_classes_frequencies() {
        let (features, labels) = (vec![2.0; 8 * 5], vec![0, 0, 0, 1, 0, 0, 0, 1]);
        let examples =
            Examples { features: &features, width: 5, labels: &labels, classes: 2, smoothing: 0.0 };
        let Linear { weight, bias } = fit(&examples, Machine::solo().token());
        assert!(weight.iter().all(|w| *w == 0.0));
        let odds = f64::from(bias[0] - bias[1]).exp();
        assert!((odds - 3.0).abs() < 1e-3, "{odds}");
    }
}
