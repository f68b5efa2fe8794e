//! Rectangles set to the mean of the data, which is 0 once an image is normalized.

use std::ops::Range;

use crate::rng::Rng;

/// Share of the image's area that is erased.
const AREA: [f64; 2] = [0.02, 0.33];
/// Height of the rectangle as a multiple of its width.
const SHAPE: [f64; 2] = [0.3, 3.3];

/// Erases a random rectangle, or nothing where none of ten fits, as in torchvision.
pub(super) fn random(planes: &mut [f32], size: usize, rng: &mut Rng) {
    for _ in 0..10 {
        let area = (size * size) as f64 * rng.uniform(AREA[0], AREA[1]);
        let shape = rng.uniform(SHAPE[0].ln(), SHAPE[1].ln()).exp();
        let height = (area * shape).sqrt().round_ties_even() as usize;
        let width = (area / shape).sqrt().round_ties_even() as usize;
        if height < size && width < size {
            let top = rng.below((size - height) as u64 + 1) as usize;
            let left = rng.below((size - width) as u64 + 1) as usize;
            return zero(planes, size, top..top + height, left..left + width);
        }
    }
}

/// Erases a square of `side` pixels around a random pixel, as far as it is within the image.
pub(super) fn cutout(planes: &mut [f32], size: usize, side: usize, rng: &mut Rng) {
    let mut range = || {
        let start = rng.below(size as u64) as i64 - (side / 2) as i64;
        start.max(0) as usize..((start + side as i64) as usize).min(size)
    };
    let (rows, columns) = (range(), range());
    zero(planes, size, rows, columns);
}

fn zero(planes: &mut [f32], size: usize, rows: Range<usize>, columns: Range<usize>) {
    for plane in planes.chunks_exact_mut(size * size) {
        for row in plane.chunks_exact_mut(size).skip(rows.start).take(rows.len()) {
            row[columns.clone()].fill(0.0);
        }
    }
}
