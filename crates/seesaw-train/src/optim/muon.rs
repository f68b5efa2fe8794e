//! Muon: momentum, orthogonalised (Jordan et al., 2024, <https://kellerjordan.github.io/posts/muon/>).
//!
//! A step of SGD is dominated by the few directions in which a matrix's gradient is large. Muon's has
//! all singular values near one, so that rare directions are learned as fast as frequent ones.
//!
//! A batch norm follows each of the matrices, so their lengths mean nothing: they stay as they are,
//! and the learning rate is the angle by which a step turns a matrix.

use seesaw_kernels::train::{Matrix, MatrixProduct};

use super::{OptimizerSpec, Workers};

/// Factors of `x`, `x xᵀ x` and `(x xᵀ)² x` in an iteration: five of them move singular values of
/// 0.01 to 1 to between 0.7 and 1.2.
const QUINTIC: [f32; 3] = [3.4445, -4.7750, 2.0315];
/// How many iterations there are.
const ITERATIONS: usize = 5;
/// The smallest norm that a matrix is divided by.
const EPSILON: f64 = 1e-7;

/// A matrix of weights, and what belongs to it.
pub(super) struct Item<'a> {
    /// Rows and columns.
    pub shape: (usize, usize),
    pub parameters: &'a mut [f32],
    pub gradients: &'a [f32],
    pub momentum: &'a mut [f32],
    /// The tangent of the angle of this step.
    pub rate: f64,
}

/// Moves each matrix by a step, the largest first, so that threads end together.
pub(super) fn step(spec: &OptimizerSpec, mut items: Vec<Item<'_>>, workers: Workers<'_>) {
    let Workers { team, isa } = workers;
    let product = MatrixProduct::new(isa);
    items.sort_by_key(|item| std::cmp::Reverse(item.parameters.len()));
    let mut scratches = vec![(); team.threads()];
    team.run_items(&mut items, &mut scratches, |item, ()| turn(spec, item, product));
}

/// Turns a matrix towards its orthogonalised momentum.
fn turn(spec: &OptimizerSpec, item: &mut Item<'_>, product: MatrixProduct) {
    let (rows, cols) = item.shape;
    let factor = spec.momentum as f32;
    let mut direction = Matrix::zeros(rows, cols);
    let given = item.gradients.chunks_exact(cols).zip(item.momentum.chunks_exact_mut(cols));
    for (out, (gradients, momentum)) in direction.rows_mut().zip(given) {
        for ((out, g), m) in out.iter_mut().zip(gradients).zip(momentum) {
            *m = factor * *m + g;
            *out = if spec.nesterov { g + factor * *m } else { *m };
        }
    }
    let direction = orthogonalized(&direction, product);
    let before = norm(item.parameters.iter());
    let rate = item.rate * before / norm(direction.rows().flatten()).max(EPSILON);
    for (parameters, direction) in item.parameters.chunks_exact_mut(cols).zip(direction.rows()) {
        for (p, d) in parameters.iter_mut().zip(direction) {
            *p -= rate as f32 * d;
        }
    }
    let back = before / norm(item.parameters.iter()).max(EPSILON);
    item.parameters.iter_mut().for_each(|p| *p *= back as f32);
}

/// The square root of the sum of squares.
fn norm<'a>(values: impl IntoIterator<Item = &'a f32>) -> f64 {
    values.into_iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt()
}

/// A matrix with the singular vectors of `x`, whose singular values are near one: PyTorch's
/// iteration, in f32.
///
/// All iterates are `x` times a symmetric matrix as small as its shorter side, so only that one is
/// iterated: half the products for a matrix six times as wide as high.
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
