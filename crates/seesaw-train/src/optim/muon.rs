//! Muon: momentum, orthogonalized (Jordan et al., 2024, <https://kellerjordan.github.io/posts/muon/>).
//!
//! A step of SGD is dominated by the few directions in which a matrix's gradient is large. Muon's has
//! all singular values near one, so that rare directions are learned as fast as frequent ones.
//!
//! Each matrix is followed by a batch norm, so its length has no effect on the net: it stays as it
//! is, and the learning rate is the angle by which a step turns the matrix.

use seesaw_kernels::{
    Machine,
    train::{Matrix, MatrixProduct},
};

use super::OptimizerSpec;
use crate::layout::MatrixShape;

/// Factors of `x`, `x xᵀ x` and `(x xᵀ)² x` in an iteration. Five iterations move singular values of
/// 0.01 to 1 to between 0.7 and 1.2.
const QUINTIC: [f32; 3] = [3.4445, -4.7750, 2.0315];
/// How many iterations there are.
const ITERATIONS: usize = 5;
/// Lower bound of the norms that matrices are divided by.
const EPSILON: f64 = 1e-7;

/// Parameters, and their gradients and momentum.
pub(super) struct Tensors<'a> {
    pub parameters: &'a mut [f32],
    pub gradients: &'a [f32],
    pub momentum: &'a mut [f32],
}

/// The step of one matrix of weights.
pub(super) struct MatrixStep<'a> {
    pub shape: MatrixShape,
    pub tensors: Tensors<'a>,
    /// Tangent of the angle by which the matrix turns.
    pub rate: f64,
}

/// Moves each matrix by a step, the largest first, so that all threads finish at about the same
/// time.
pub(super) fn step(spec: &OptimizerSpec, mut matrices: Vec<MatrixStep<'_>>, machine: &Machine) {
    let product = MatrixProduct::new(machine.token());
    matrices.sort_by_key(|matrix| std::cmp::Reverse(matrix.shape.values()));
    let mut scratches = vec![(); machine.threads()];
    machine.team().run_items(&mut matrices, &mut scratches, |matrix, ()| {
        turn(spec, matrix, product);
    });
}

/// Turns a matrix towards its orthogonalized momentum.
fn turn(spec: &OptimizerSpec, step: &mut MatrixStep<'_>, product: MatrixProduct) {
    let MatrixShape { rows, cols } = step.shape;
    let Tensors { parameters, gradients, momentum } = &mut step.tensors;
    let factor = spec.momentum as f32;
    let mut direction = Matrix::zeros(rows, cols);
    let given = gradients.chunks_exact(cols).zip(momentum.chunks_exact_mut(cols));
    for (out, (gradients, momentum)) in direction.rows_mut().zip(given) {
        for ((out, g), m) in out.iter_mut().zip(gradients).zip(momentum) {
            *m = factor * *m + g;
            *out = if spec.nesterov { g + factor * *m } else { *m };
        }
    }
    let direction = orthogonalized(&direction, product);
    let before = norm(parameters.iter());
    let rate = step.rate * before / norm(direction.rows().flatten()).max(EPSILON);
    for (parameters, direction) in parameters.chunks_exact_mut(cols).zip(direction.rows()) {
        for (p, d) in parameters.iter_mut().zip(direction) {
            *p -= rate as f32 * d;
        }
    }
    let restore = before / norm(parameters.iter()).max(EPSILON);
    parameters.iter_mut().for_each(|p| *p *= restore as f32);
}

/// The square root of the sum of squares.
fn norm<'a>(values: impl IntoIterator<Item = &'a f32>) -> f64 {
    values.into_iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt()
}

/// A matrix with the singular vectors of `x`, whose singular values are near one: PyTorch's
/// iteration, in f32.
///
/// All iterates are `x` times a symmetric matrix whose side is the shorter one of `x`, so only that
/// matrix is iterated: half the work for a matrix six times as wide as it is tall.
pub(super) fn orthogonalized(x: &Matrix, product: MatrixProduct) -> Matrix {
    let (rows, cols) = x.shape();
    if rows > cols {
        return orthogonalized(&x.transposed(), product).transposed();
    }
    let times = |a: &Matrix, b: &Matrix| {
        let mut out = Matrix::zeros(a.shape().0, b.shape().1);
        product.add(a, b, &mut out);
        out
    };
    let x = x.scaled((1.0 / norm(x.rows().flatten()).max(EPSILON)) as f32);
    let [linear, cubic, quintic] = QUINTIC;
    let polynomial = |gram: &Matrix| {
        let mut out = gram.scaled(cubic);
        product.add(&gram.scaled(quintic), gram, &mut out);
        out.diagonal_mut().for_each(|value| *value += linear);
        out
    };
    let mut gram = times(&x, &x.transposed());
    let mut next = polynomial(&gram);
    let mut factor = next.clone();
    for _ in 1..ITERATIONS {
        gram = times(&times(&next, &gram), &next);
        next = polynomial(&gram);
        factor = times(&next, &factor);
    }
    times(&factor, &x)
}
