//! The statistics of a report.

/// McNemar's exact test: the probability, if two nets are equally good, of a split of the images that
/// only one of them classified correctly at least as uneven as this.
pub fn mcnemar(only_one: usize, only_other: usize) -> f64 {
    let (n, least) = (only_one + only_other, only_one.min(only_other));
    // Logarithms of the binomial probabilities, from one to the next.
    let mut log = -(n as f64) * std::f64::consts::LN_2;
    let mut tail = 0.0;
    for k in 0..=least {
        tail += log.exp();
        log += ((n - k) as f64 / (k + 1) as f64).ln();
    }
    (2.0 * tail).min(1.0)
}

/// The standard deviation within groups, each around its own mean; `None` if no group has two values.
pub fn pooled_deviation<'a>(groups: impl Iterator<Item = &'a [f64]>) -> Option<f64> {
    let (mut squares, mut freedom) = (0.0, 0);
    for group in groups.filter(|group| !group.is_empty()) {
        let mean = mean(group);
        squares += group.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        freedom += group.len() - 1;
    }
    (freedom > 0).then(|| (squares / freedom as f64).sqrt())
}

/// The mean; NaN of nothing.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The standard deviation of a sample; `None` with fewer than two values.
pub fn deviation(values: &[f64]) -> Option<f64> {
    pooled_deviation(std::iter::once(values))
}

/// The expected highest of `count` numbers drawn from a normal distribution of mean 0 and deviation 1.
pub fn expected_best(count: usize) -> f64 {
    // The integral over x of the chance that the highest is above x, less that it is below -x.
    const STEP: f64 = 0.01;
    let highest_below = |x: f64| (0.5 * erfc(-x / std::f64::consts::SQRT_2)).powf(count as f64);
    (0..800)
        .map(|i| (f64::from(i) + 0.5) * STEP)
        .map(|x| STEP * (1.0 - highest_below(x) - highest_below(-x)))
        .sum()
}

/// The complementary error function, to 1.2e-7 (Numerical Recipes' Chebyshev fit).
fn erfc(x: f64) -> f64 {
    const TERMS: [f64; 10] = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let t = 1.0 / (1.0 + 0.5 * x.abs());
    let sum = TERMS.iter().rev().fold(0.0, |sum, term| sum * t + term);
    let tail = t * (sum - x * x).exp();
    if x >= 0.0 { tail } else { 2.0 - tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mcnemar_is_the_binomial_test() {
        // 2 * (1 + 10 + 45) / 2^10
        assert!((mcnemar(2, 8) - 112.0 / 1024.0).abs() < 1e-12);
        assert_eq!(mcnemar(8, 2), mcnemar(2, 8));
        assert_eq!((mcnemar(0, 0), mcnemar(5, 5)), (1.0, 1.0));
        assert!(mcnemar(0, 4000) < 1e-300);
        // 1.96 standard deviations of 10,000 tosses.
        assert!((mcnemar(4902, 5098) - 0.05).abs() < 0.002);
    }

    #[test]
    fn deviations_are_pooled() {
        let groups: [&[f64]; 4] = [&[1.0, 3.0], &[10.0, 10.0, 13.0], &[5.0], &[]];
        let expected = ((2.0_f64 + 6.0) / 3.0).sqrt();
        assert!((pooled_deviation(groups.into_iter()).unwrap() - expected).abs() < 1e-12);
        assert_eq!(deviation(&[1.0]), None);
    }

    #[test]
    fn the_best_of_many_normal_numbers() {
        // Tables of normal order statistics.
        for (count, expected) in [(1, 0.0), (2, 0.5642), (10, 1.5388), (100, 2.5076)] {
            let found = expected_best(count);
            assert!((found - expected).abs() < 2e-4, "{count}: {found}");
        }
    }
}
