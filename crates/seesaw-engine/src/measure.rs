//! How long plans take: whole runs, alone or in turn.

use std::time::{Duration, Instant};

use crate::{EngineError, Plan};

/// How long a plan runs before it is timed, so that clocks and caches settle.
const WARM_UP: Duration = Duration::from_millis(300);

/// The times of some runs in seconds, shortest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Times(Vec<f64>);

impl Times {
    fn new(mut seconds: Vec<f64>) -> Self {
        seconds.sort_by(f64::total_cmp);
        Self(seconds)
    }

    /// How many runs were timed.
    pub fn runs(&self) -> usize {
        self.0.len()
    }

    /// The time that a `share` of the runs, 0 to 1, does not exceed (nearest rank); 0 for the
    /// shortest. Without any run it is 0.
    pub fn quantile(&self, share: f64) -> f64 {
        let rank = (self.0.len() as f64 * share).ceil() as usize;
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }

    /// The median.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }
}

/// The middle one of some values, the upper one of two; 0 where there are none.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// A batch of images, `[batch, 3, size, size]`, in which no two neighboring pixels are equal.
pub fn test_images(plan: &Plan) -> Vec<f32> {
    let len = plan.batch() * 3 * plan.input_size() * plan.input_size();
    (0..len).map(|i| (i * 37 % 255) as f32 / 127.0 - 1.0).collect()
}

/// Times `runs` runs on `images`, after a warm-up.
///
/// # Errors
/// As [`Plan::run`].
pub fn time_runs(plan: &Plan, images: &[f32], runs: usize) -> Result<Times, EngineError> {
    let mut logits = vec![0.0; plan.batch() * plan.classes()];
    warm_up(plan, images, &mut logits)?;
    let times = (0..runs).map(|_| time_run(plan, images, &mut logits));
    Ok(Times::new(times.collect::<Result<_, _>>()?))
}

/// Times plans in turn, `rounds` times each on [`test_images`], so that whatever else the machine
/// does meets all of them.
///
/// # Errors
/// As [`Plan::run`].
pub fn time_in_turn(plans: &[Plan], rounds: usize) -> Result<Vec<Times>, EngineError> {
    let images: Vec<Vec<f32>> = plans.iter().map(test_images).collect();
    let mut logits: Vec<Vec<f32>> =
        plans.iter().map(|plan| vec![0.0; plan.batch() * plan.classes()]).collect();
    let mut times = vec![Vec::with_capacity(rounds); plans.len()];
    for ((plan, images), logits) in plans.iter().zip(&images).zip(&mut logits) {
        warm_up(plan, images, logits)?;
    }
    for _ in 0..rounds {
        let runs = plans.iter().zip(&images).zip(&mut logits);
        for (((plan, images), logits), times) in runs.zip(&mut times) {
            // The first run after another net brings the weights back into the cache.
            time_run(plan, images, logits)?;
            times.push(time_run(plan, images, logits)?);
        }
    }
    Ok(times.into_iter().map(Times::new).collect())
}

fn warm_up(plan: &Plan, images: &[f32], logits: &mut [f32]) -> Result<(), EngineError> {
    let start = Instant::now();
    while start.elapsed() < WARM_UP {
        plan.run(images, logits)?;
    }
    Ok(())
}

fn time_run(plan: &Plan, images: &[f32], logits: &mut [f32]) -> Result<f64, EngineError> {
    let start = Instant::now();
    plan.run(images, logits)?;
    Ok(start.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_nearest_ranks() {
        let times = Times::new((1..=20).rev().map(f64::from).collect());
        assert_eq!([0.0, 0.5, 0.95, 1.0].map(|s| times.quantile(s)), [1.0, 10.0, 19.0, 20.0]);
        assert_eq!(Times::new(vec![7.0]).quantile(0.95), 7.0);
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
    }
}
