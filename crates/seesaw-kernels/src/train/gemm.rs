//! Products of matrices, for optimizers.

use std::marker::PhantomData;

use crate::{
    isa::IsaToken,
    simd::{CBLOCK, Kernel, Vector},
};

/// Columns of a matrix are rounded up to this many in memory.
const PAD: usize = 16;

/// A row-major matrix; each row ends in zeros up to a multiple of 16 columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matrix {
    rows: usize,
    cols: usize,
    stride: usize,
    values: Vec<f32>,
}

impl Matrix {
    /// A matrix of zeros.
    pub fn zeros(rows: usize, cols: usize) -> Self {
        let stride = cols.next_multiple_of(PAD);
        Self { rows, cols, stride, values: vec![0.0; rows * stride] }
    }

    /// Rows and columns.
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    /// The rows, without the zeros after them.
    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.stride.max(1)).map(|row| &row[..self.cols])
    }

    /// As [`Self::rows`], mutable.
    pub fn rows_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        let cols = self.cols;
        self.values.chunks_exact_mut(self.stride.max(1)).map(move |row| &mut row[..cols])
    }

    /// The values whose row and column have the same number.
    pub fn diagonal_mut(&mut self) -> impl Iterator<Item = &mut f32> {
        self.values.iter_mut().step_by(self.stride + 1)
    }

    /// The transposed matrix.
    pub fn transposed(&self) -> Self {
        let mut out = Self::zeros(self.cols, self.rows);
        for (col, row) in self.rows().enumerate() {
            for (value, to) in row.iter().zip(out.values[col..].iter_mut().step_by(out.stride)) {
                *to = *value;
            }
        }
        out
    }

    /// All values times `factor`.
    pub fn scaled(&self, factor: f32) -> Self {
        let values = self.values.iter().map(|x| factor * x).collect();
        Self { values, ..*self }
    }
}

/// The arguments of [`Product`]: it adds to `out` the product of `a` and `b`, whose shapes must agree.
pub(crate) struct ProductTask<'a> {
    a: &'a Matrix,
    b: &'a Matrix,
    out: &'a mut Matrix,
}

/// [`Product`] compiled for an instruction set.
///
/// # Safety
/// The instruction set must be present; otherwise as [`ProductTask`] says.
pub(crate) type ProductFn = unsafe fn(ProductTask<'_>);

/// Products of matrices with the vectors of one instruction set, on the calling thread.
#[derive(Debug, Clone, Copy)]
pub struct MatrixProduct(ProductFn);

impl MatrixProduct {
    /// Products on the token's instruction set.
    pub fn new(token: IsaToken) -> Self {
        Self(token.kernels().product)
    }

    /// `out += a b`
    ///
    /// # Panics
    /// When the shapes do not agree.
    pub fn add(&self, a: &Matrix, b: &Matrix, out: &mut Matrix) {
        assert_eq!((a.rows, a.cols, b.cols), (out.rows, b.rows, out.cols), "shapes of a product");
        // SAFETY: the token proved the instruction set, and the shapes were compared.
        unsafe { (self.0)(ProductTask { a, b, out }) }
    }
}

/// The product in tiles of up to `TALL` rows, two vectors wide or one.
pub(crate) struct Product<V, const TALL: usize>(PhantomData<V>);

impl<V: Vector, const TALL: usize> Kernel for Product<V, TALL> {
    type Args<'a> = ProductTask<'a>;

    #[inline(always)]
    unsafe fn run(ProductTask { a, b, out }: ProductTask<'_>) {
        let mut col = 0;
        while col < out.stride {
            // SAFETY: the task's contract; a row is a multiple of 16 columns long, and so of the lanes
            // of every vector.
            col += unsafe {
                if out.stride - col >= 2 * V::LANES {
                    panel::<V, TALL, 2>(a, b, out, col);
                    2 * V::LANES
                } else {
                    panel::<V, TALL, 1>(a, b, out, col);
                    V::LANES
                }
            };
        }
    }
}

/// All rows of `out`, `NR` vectors from `col` on.
///
/// # Safety
/// As [`ProductTask`], where `V`'s instruction set is enabled and the columns are within the stride.
#[inline(always)]
unsafe fn panel<V: Vector, const TALL: usize, const NR: usize>(
    a: &Matrix,
    b: &Matrix,
    out: &mut Matrix,
    col: usize,
) {
    let mut row = 0;
    while row < out.rows {
        // SAFETY: no tile is taller than the rows that are left.
        row += unsafe {
            match out.rows - row {
                left if left >= TALL => tile::<V, TALL, NR>(a, b, out, row, col),
                2.. => tile::<V, 2, NR>(a, b, out, row, col),
                _ => tile::<V, 1, NR>(a, b, out, row, col),
            }
        };
    }
}

/// One tile, whose sums stay in registers; returns its rows.
///
/// # Safety
/// As [`panel`], for `MR` rows.
#[inline(always)]
unsafe fn tile<V: Vector, const MR: usize, const NR: usize>(
    a: &Matrix,
    b: &Matrix,
    out: &mut Matrix,
    row: usize,
    col: usize,
) -> usize {
    // SAFETY: the caller's contract.
    unsafe {
        let left = a.values.as_ptr().add(row * a.stride);
        let right = b.values.as_ptr().add(col);
        let to = out.values.as_mut_ptr().add(row * out.stride + col);
        let mut sums = [[V::splat(0.0); NR]; MR];
        for (i, sums) in sums.iter_mut().enumerate() {
            for (j, sum) in sums.iter_mut().enumerate() {
                *sum = V::load(to.add(i * out.stride + j * V::LANES));
            }
        }
        for k in 0..a.cols {
            let mut values = [V::splat(0.0); NR];
            for (j, value) in values.iter_mut().enumerate() {
                *value = V::load(right.add(k * b.stride + j * V::LANES));
            }
            for (i, sums) in sums.iter_mut().enumerate() {
                let factor = V::splat(*left.add(i * a.stride + k));
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum = sum.mul_add(factor, value);
                }
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            for (j, sum) in sums.iter().enumerate() {
                // A row's vectors are consecutive: their blocks lie 8 values apart.
                sum.store_cblocks(to.add(i * out.stride + j * V::LANES), CBLOCK);
            }
        }
    }
    MR
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Values, assert_exact, on_every_isa};

    fn matrix(rows: usize, cols: usize, values: &[f32]) -> Matrix {
        let mut matrix = Matrix::zeros(rows, cols);
        for (row, values) in matrix.rows_mut().zip(values.chunks(cols)) {
            row.copy_from_slice(values);
        }
        matrix
    }

    #[test]
    fn products_are_added() {
        on_every_isa(|token, _| {
            for (rows, depth, cols) in [(1, 1, 1), (7, 3, 17), (8, 16, 48), (13, 40, 33)] {
                let mut values = Values::new((rows * depth * cols) as u64);
                let (a, b) = (values.integers(rows * depth), values.integers(depth * cols));
                let before = values.integers(rows * cols);
                let product = |i: usize| -> f32 {
                    let (row, col) = (i / cols, i % cols);
                    (0..depth).map(|k| a[row * depth + k] * b[k * cols + col]).sum()
                };
                let expected: Vec<f32> =
                    before.iter().enumerate().map(|(i, x)| x + product(i)).collect();
                let (a, b) = (matrix(rows, depth, &a), matrix(depth, cols, &b));
                let mut out = matrix(rows, cols, &before);
                MatrixProduct::new(token).add(&a, &b, &mut out);
                let got: Vec<f32> = out.rows().flatten().copied().collect();
                assert_exact(&got, &expected, "product");
                assert_eq!(out.transposed().transposed(), out);
                assert_eq!(out.transposed().shape(), (cols, rows));
            }
        });
    }
}
