//! What each level of a factor adds to a score: ridge regression on main effects.

/// Penalties that are tried; the one with the least generalized cross-validation error is taken
/// (Golub, Heath and Wahba, *Technometrics* 1979).
const PENALTIES: [f64; 8] = [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0];

/// A model in which every level of every factor adds something of its own to the score.
///
/// Few trials determine many effects, so the effects are pulled towards 0. Their errors are those of
/// the posterior under the prior which that penalty stands for.
#[derive(Debug, Clone)]
pub struct MainEffects {
    levels: Vec<usize>,
    mean: f64,
    coefficients: Vec<f64>,
    /// Of the coefficients, row by row.
    covariance: Vec<f64>,
    noise: f64,
}

/// What a level adds to the mean over its factor's levels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// The level's share of the score.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Trials that had the level.
    pub trials: usize,
}

impl MainEffects {
    /// Fits the scores of some trials, whose choices are a level for each factor; `None` with fewer
    /// than three.
    ///
    /// # Panics
    /// When a trial has not one level for each factor, or there is no such level.
    pub fn fit(levels: &[usize], trials: &[(&[usize], f64)]) -> Option<Self> {
        if trials.len() < 3 {
            return None;
        }
        let rows: Vec<Vec<f64>> = trials.iter().map(|(choices, _)| code(levels, choices)).collect();
        let mean = trials.iter().map(|(_, score)| score).sum::<f64>() / trials.len() as f64;
        let scores: Vec<f64> = trials.iter().map(|(_, score)| score - mean).collect();
        let fits = PENALTIES.iter().filter_map(|&penalty| Fit::new(&rows, &scores, penalty));
        let best = fits.min_by(|a, b| a.error.total_cmp(&b.error))?;
        let covariance = best.inverse.iter().map(|x| x * best.noise * best.noise).collect();
        let (levels, coefficients, noise) = (levels.to_vec(), best.coefficients, best.noise);
        Some(Self { levels, mean, coefficients, covariance, noise })
    }

    /// The score to expect of these choices.
    pub fn predict(&self, choices: &[usize]) -> f64 {
        self.mean + dot(&code(&self.levels, choices), &self.coefficients)
    }

    /// The standard error of [`Self::predict`]: of the mean over many trials of these choices.
    pub fn standard_error(&self, choices: &[usize]) -> f64 {
        self.deviation(&code(&self.levels, choices))
    }

    /// Standard deviation of scores around what the model predicts: noise of trainings, and all that is
    /// no main effect.
    pub fn noise(&self) -> f64 {
        self.noise
    }

    /// The effects of each factor's levels. `trials` are those that were fitted.
    pub fn effects(&self, trials: &[(&[usize], f64)]) -> Vec<Vec<Effect>> {
        let mut first = 0;
        let mut all = Vec::new();
        for (factor, &count) in self.levels.iter().enumerate() {
            let own = first..first + count;
            let effect = |level: usize| {
                // The level less the mean of its factor.
                let mut row = vec![0.0; self.coefficients.len()];
                row[own.clone()].fill(-1.0 / count as f64);
                row[first + level] += 1.0;
                Effect {
                    value: dot(&row, &self.coefficients),
                    standard_error: self.deviation(&row),
                    trials: trials.iter().filter(|(choices, _)| choices[factor] == level).count(),
                }
            };
            all.push((0..count).map(effect).collect());
            first += count;
        }
        all
    }

    fn deviation(&self, row: &[f64]) -> f64 {
        let n = row.len();
        let product: Vec<f64> =
            self.covariance.chunks_exact(n).map(|covariances| dot(covariances, row)).collect();
        dot(row, &product).max(0.0).sqrt()
    }
}

/// A row of the regression: 1 for each chosen level, less the share of all levels.
fn code(levels: &[usize], choices: &[usize]) -> Vec<f64> {
    assert_eq!(levels.len(), choices.len(), "a level for each factor");
    let mut row = Vec::with_capacity(levels.iter().sum());
    for (&count, &choice) in levels.iter().zip(choices) {
        assert!(choice < count, "a level of the factor");
        row.extend((0..count).map(|level| f64::from(level == choice) - 1.0 / count as f64));
    }
    row
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The regression with one penalty.
struct Fit {
    coefficients: Vec<f64>,
    inverse: Vec<f64>,
    noise: f64,
    /// By generalized cross-validation.
    error: f64,
}

impl Fit {
    fn new(rows: &[Vec<f64>], scores: &[f64], penalty: f64) -> Option<Self> {
        let (n, p) = (rows.len(), rows[0].len());
        let mut gram = vec![0.0; p * p];
        let mut moments = vec![0.0; p];
        for (row, score) in rows.iter().zip(scores) {
            for i in 0..p {
                moments[i] += row[i] * score;
                for j in 0..p {
                    gram[i * p + j] += row[i] * row[j];
                }
            }
        }
        let mut penalized = gram.clone();
        (0..p).for_each(|i| penalized[i * p + i] += penalty);
        let inverse = invert(&penalized, p)?;
        let coefficients: Vec<f64> =
            inverse.chunks_exact(p).map(|row| dot(row, &moments)).collect();
        let squares: f64 =
            rows.iter().zip(scores).map(|(row, y)| (y - dot(row, &coefficients)).powi(2)).sum();
        // Degrees of freedom: the trace of the matrix that makes predictions of scores; and the mean.
        let freedom = n as f64 - 1.0 - dot(&inverse, &gram);
        (freedom > 0.5).then(|| Self {
            noise: (squares / freedom).sqrt(),
            error: squares / (freedom * freedom),
            coefficients,
            inverse,
        })
    }
}

/// The inverse of a symmetric positive definite `n` by `n` matrix, by Cholesky's decomposition; `None`
/// if it is not one.
fn invert(matrix: &[f64], n: usize) -> Option<Vec<f64>> {
    let mut lower = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let sum = matrix[i * n + j] - dot(&lower[i * n..i * n + j], &lower[j * n..j * n + j]);
            if i == j {
                if sum.is_nan() || sum <= 0.0 {
                    return None;
                }
                lower[i * n + i] = sum.sqrt();
            } else {
                lower[i * n + j] = sum / lower[j * n + j];
            }
        }
    }
    let mut inverse = vec![0.0; n * n];
    for column in 0..n {
        let mut x = vec![0.0; n];
        for i in column..n {
            let known = dot(&lower[i * n..i * n + i], &x[..i]);
            x[i] = (f64::from(i == column) - known) / lower[i * n + i];
        }
        for i in (0..n).rev() {
            let known: f64 = (i + 1..n).map(|k| lower[k * n + i] * x[k]).sum();
            x[i] = (x[i] - known) / lower[i * n + i];
        }
        (0..n).for_each(|i| inverse[i * n + column] = x[i]);
    }
    Some(inverse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effects_of_a_full_design_are_found_within_their_errors() {
        let levels = [2, 3];
        let choices: Vec<[usize; 2]> = (0..60).map(|i| [i % 2, i / 2 % 3]).collect();
        let truth = |[a, b]: [usize; 2]| [0.0, 1.0][a] + [0.0, 0.5, -0.5][b];
        let noise = |i: usize| if (i / 6).is_multiple_of(2) { 0.05 } else { -0.05 };
        let trials: Vec<(&[usize], f64)> =
            choices.iter().enumerate().map(|(i, c)| (&c[..], truth(*c) + noise(i))).collect();
        let model = MainEffects::fit(&levels, &trials).unwrap();
        let effects = model.effects(&trials);
        for (found, expected) in effects.concat().iter().zip([-0.5, 0.5, 0.0, 0.5, -0.5]) {
            assert!((found.value - expected).abs() < 3.0 * found.standard_error, "{effects:?}");
            assert!(found.standard_error < 0.02, "{effects:?}");
        }
        assert_eq!(effects[1].iter().map(|effect| effect.trials).sum::<usize>(), 60);
        assert!((model.noise() - 0.05).abs() < 0.01, "{}", model.noise());
        assert!((model.predict(&[1, 1]) - 1.5).abs() < 0.03);
        assert!(model.standard_error(&[1, 1]) < 0.05);
    }

    #[test]
    fn noise_alone_has_small_effects() {
        let choices: Vec<[usize; 1]> = (0..40).map(|i| [i % 4]).collect();
        let mut state = 3;
        let mut noise = || seesaw_arch::splitmix64::next(&mut state) as f64 / u64::MAX as f64;
        let trials: Vec<(&[usize], f64)> = choices.iter().map(|c| (&c[..], noise())).collect();
        let model = MainEffects::fit(&[4], &trials).unwrap();
        for effect in &model.effects(&trials)[0] {
            assert!(effect.value.abs() < 0.1 && effect.standard_error > 0.01, "{effect:?}");
        }
        assert!(MainEffects::fit(&[4], &trials[..2]).is_none());
    }

    #[test]
    fn inverses() {
        let inverse = invert(&[4.0, 1.0, 1.0, 3.0], 2).unwrap();
        let expected = [3.0, -1.0, -1.0, 4.0].map(|x| x / 11.0);
        assert!(inverse.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12));
        assert!(invert(&[1.0, 2.0, 2.0, 1.0], 2).is_none());
    }
}
