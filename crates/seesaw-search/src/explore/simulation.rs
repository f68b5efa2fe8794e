//! The explorer beside random search and successive halving, on a simulation with measured noise.
//!
//! Eight factors of five levels; random choices have a standard deviation of 0.45 points of top-1, of
//! which half is additive. A training of 3 epochs has a noise of 0.20 points by its seed, one of 12 has
//! 0.12, and each net has a lasting bias of 0.20 points at 3 epochs: see docs/results/cifar10.

use seesaw_arch::splitmix64;

use super::*;

const LEVELS: [usize; 8] = [5; 8];
const SPREAD: f64 = 0.45;
const ADDITIVE: f64 = 0.5;
const BIAS: f64 = 0.20;
/// Epochs of a training, and the noise that its seed brings.
const SHORT: (f64, f64) = (3.0, 0.20);
const LONG: (f64, f64) = (12.0, 0.12);
/// Epochs that each method may train in all.
const BUDGET: f64 = 120.0;
const REPEATS: u64 = 100;

/// What choices are worth, and noise.
struct World {
    /// Of each level.
    additive: Vec<Vec<f64>>,
    seed: u64,
    noise: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut state = splitmix64::mix(seed + 1);
        let mut additive: Vec<Vec<f64>> =
            LEVELS.iter().map(|&n| (0..n).map(|_| normal(&mut state)).collect()).collect();
        // Of unit variance over random choices.
        let variance: f64 = additive.iter().map(|values| variance(values)).sum();
        additive.iter_mut().flatten().for_each(|value| *value /= variance.sqrt());
        Self { additive, seed, noise: state }
    }

    /// The true top-1 after long training, above that of an average net.
    fn truth(&self, choices: &[usize]) -> f64 {
        let sum: f64 =
            self.additive.iter().zip(choices).map(|(values, &level)| values[level]).sum();
        SPREAD * (ADDITIVE.sqrt() * sum + (1.0 - ADDITIVE).sqrt() * self.own(choices, 1))
    }

    /// A normal number that belongs to these choices.
    fn own(&self, choices: &[usize], purpose: u64) -> f64 {
        let mix =
            |state: u64, &level: &usize| splitmix64::mix(state.wrapping_mul(31) + level as u64);
        normal(&mut choices.iter().fold(splitmix64::mix(self.seed) ^ purpose, mix))
    }

    /// What a training measures.
    fn measure(&mut self, choices: &[usize], (epochs, noise): (f64, f64)) -> f64 {
        let bias = if epochs < LONG.0 { BIAS * self.own(choices, 2) } else { 0.0 };
        self.truth(choices) + bias + noise * normal(&mut self.noise)
    }
}

fn uniform(state: &mut u64) -> f64 {
    (splitmix64::next(state) as f64 + 0.5) / (u64::MAX as f64 + 1.0)
}

/// Box and Muller's method.
fn normal(state: &mut u64) -> f64 {
    let radius = (-2.0 * uniform(state).ln()).sqrt();
    radius * (std::f64::consts::TAU * uniform(state)).cos()
}

fn variance(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64
}

/// The choices with the highest measured value.
fn winner(measured: Vec<(f64, Choices)>) -> Choices {
    let best = measured.into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
    best.expect("something was measured").1
}

fn random_search(world: &mut World, random: &mut Random) -> Choices {
    let trials = (BUDGET / LONG.0) as usize;
    let all = (0..trials).map(|_| random.choices(&LEVELS));
    winner(all.map(|choices| (world.measure(&choices, LONG), choices)).collect())
}

/// Short trainings of many, and long ones of the best three.
fn successive_halving(world: &mut World, random: &mut Random) -> Choices {
    let finals = 3;
    let trials = ((BUDGET - finals as f64 * LONG.0) / SHORT.0) as usize;
    let all = (0..trials).map(|_| random.choices(&LEVELS));
    let mut short: Vec<_> = all.map(|c| (world.measure(&c, SHORT), c)).collect();
    short.sort_by(|a, b| b.0.total_cmp(&a.0));
    let long = short.into_iter().take(finals);
    winner(long.map(|(_, choices)| (world.measure(&choices, LONG), choices)).collect())
}

fn explorer(world: &mut World, seed: u64) -> Choices {
    let finals = 3;
    let trials = ((BUDGET - finals as f64 * LONG.0) / SHORT.0) as usize;
    let mut explorer =
        Explorer::new(LEVELS.to_vec(), seed, Settings { start: 16, ..Settings::default() });
    for _ in 0..trials {
        let trial = explorer.ask(&mut |_| true).expect("390,625 choices");
        let score = world.measure(&explorer.trials()[trial].choices.clone(), SHORT);
        explorer.tell(trial, Some(score));
    }
    let best = explorer.best(finals).into_iter().map(|trial| trial.choices.clone());
    winner(best.map(|choices| (world.measure(&choices, LONG), choices)).collect())
}

#[test]
fn it_beats_random_search_and_successive_halving_at_equal_budget() {
    let mut sums = [0.0; 3];
    for seed in 0..REPEATS {
        let world = &mut World::new(seed);
        let random = &mut Random::new(seed, 77);
        let chosen = [
            explorer(world, seed),
            successive_halving(world, random),
            random_search(world, random),
        ];
        for (sum, choices) in sums.iter_mut().zip(chosen) {
            *sum += world.truth(&choices) / REPEATS as f64;
        }
    }
    let [explorer, halving, random] = sums;
    // A mean of 100 has a standard error of about 0.03.
    assert!(explorer > halving + 0.1 && explorer > random + 0.2, "{sums:?}");
}
