//! Photos that look alike to a net.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// Two rows of features and their cosine similarity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// The row of the first.
    pub first: usize,
    /// The row of the second, which is greater.
    pub second: usize,
    /// The cosine of the angle between them, at most 1.
    pub similarity: f32,
}

/// Rows `[rows][channels]` scaled to a length of 1; rows of zeros stay.
#[derive(Debug, Clone)]
pub struct Rows {
    values: Vec<f32>,
    channels: usize,
}

impl Rows {
    /// Scales rows of `channels` numbers each.
    ///
    /// # Panics
    /// When `values` are not whole rows.
    pub fn new(mut values: Vec<f32>, channels: usize) -> Self {
        assert!(channels > 0 && values.len().is_multiple_of(channels), "whole rows");
        for row in values.chunks_exact_mut(channels) {
            let norm = row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
            if norm > 0.0 {
                row.iter_mut().for_each(|x| *x = (f64::from(*x) / norm) as f32);
            }
        }
        Self { values, channels }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.values.len() / self.channels
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The pairs of rows whose similarity is at least `least`, the most similar first. Takes a time
    /// that grows with the square of the rows; `progress` is told how many rows are done.
    pub fn similar(
        &self,
        least: f32,
        threads: usize,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Vec<Pair> {
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let found = Mutex::new(vec![]);
        let work = || {
            let mut own = vec![];
            loop {
                let first = next.fetch_add(1, Ordering::Relaxed);
                if first >= self.len() {
                    break;
                }
                own.extend(self.similar_to(first, least));
                progress(done.fetch_add(1, Ordering::Relaxed) + 1);
            }
            found.lock().unwrap_or_else(|e| e.into_inner()).extend(own);
        };
        thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
        let mut pairs = found.into_inner().unwrap_or_else(|e| e.into_inner());
        pairs.sort_by(|a, b| {
            let by_place = (a.first, a.second).cmp(&(b.first, b.second));
            b.similarity.total_cmp(&a.similarity).then(by_place)
        });
        pairs
    }

    fn similar_to(&self, first: usize, least: f32) -> impl Iterator<Item = Pair> {
        let pair = move |second| {
            let similarity = dot(self.row(first), self.row(second)).min(1.0);
            Pair { first, second, similarity }
        };
        (first + 1..self.len()).map(pair).filter(move |pair| pair.similarity >= least)
    }

    fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.channels..][..self.channels]
    }
}

/// The dot product in sixteen sums, which a compiler can keep in vectors.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a.zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_rows_are_found_in_order() {
        let mut values: Vec<f32> =
            (0..5).flat_map(|row| (0..37).map(move |i| ((row * 31 + i * 7) % 11) as f32)).collect();
        // The last row is twice the second, and the fourth all zeros.
        let second: Vec<f32> = values[37..74].to_vec();
        values[4 * 37..].iter_mut().zip(&second).for_each(|(x, y)| *x = 2.0 * y);
        values[3 * 37..4 * 37].fill(0.0);
        let rows = Rows::new(values.clone(), 37);
        assert_eq!(rows.len(), 5);
        let cosine = |a: usize, b: usize| {
            let row = |r: usize| values[r * 37..][..37].iter().map(|x| f64::from(*x));
            let dot: f64 = row(a).zip(row(b)).map(|(x, y)| x * y).sum();
            dot / (row(a).map(|x| x * x).sum::<f64>() * row(b).map(|x| x * x).sum::<f64>()).sqrt()
        };
        for threads in [1, 3] {
            let pairs = rows.similar(0.0, threads, &|_| {});
            assert!(pairs.is_sorted_by(|a, b| a.similarity >= b.similarity));
            assert_eq!((pairs[0].first, pairs[0].second), (1, 4));
            assert!((pairs[0].similarity - 1.0).abs() < 1e-6);
            for Pair { first, second, similarity } in pairs {
                if first != 3 && second != 3 {
                    assert!((f64::from(similarity) - cosine(first, second)).abs() < 1e-6);
                }
            }
        }
        assert_eq!(rows.similar(0.9999, 2, &|_| {}).len(), 1);
        assert!(Rows::new(vec![], 3).similar(0.0, 2, &|_| {}).is_empty());
    }
}
