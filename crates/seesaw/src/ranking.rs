//! From logits to the most likely classes.

/// The softmax probability of each class, in the order of the logits.
pub fn probabilities(logits: &[f32]) -> Vec<f64> {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let odds: Vec<f64> = logits.iter().map(|&x| f64::from(x - highest).exp()).collect();
    let sum: f64 = odds.iter().sum();
    odds.into_iter().map(|odd| odd / sum).collect()
}

/// All classes with their softmax probabilities, most likely first; of equal ones, the lower index
/// first.
pub fn rank(logits: &[f32]) -> Vec<(usize, f64)> {
    let mut classes: Vec<(usize, f64)> = probabilities(logits).into_iter().enumerate().collect();
    classes.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    classes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_likely_first_and_ties_in_order() {
        let ranked = rank(&[0.0, 2.0, 0.0, f32::ln(2.0)]);
        let classes: Vec<usize> = ranked.iter().map(|(class, _)| *class).collect();
        assert_eq!(classes, [1, 3, 0, 2]);
        let total = 2.0_f64.exp() + 4.0;
        for ((_, probability), odds) in ranked.iter().zip([2.0_f64.exp(), 2.0, 1.0, 1.0]) {
            assert!((probability - odds / total).abs() < 1e-6);
        }
    }

    #[test]
    fn large_logits_do_not_overflow() {
        assert_eq!(rank(&[3e38, -3e38]), [(0, 1.0), (1, 0.0)]);
    }
}
