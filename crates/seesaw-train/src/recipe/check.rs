//! The ranges of the fields.

use super::{Epochs, Recipe, RecipeError};
use crate::{net::MAX_BATCH, schedule::ScheduleKind};

/// The largest side of training images.
const MAX_SIZE: usize = 4_096;
/// The most epochs.
const MAX_EPOCHS: usize = 10_000;

impl Recipe {
    /// Checks every field.
    ///
    /// # Errors
    /// [`RecipeError::Range`] with the first field that is out of range.
    pub fn validate(&self) -> Result<(), RecipeError> {
        self.check_epochs()?;
        for (field, seed) in [("seed", self.seed), ("val_seed", self.split_seed())] {
            if i64::try_from(seed).is_err() {
                // TOML has no larger integers.
                return Err(range(field, seed.to_string(), "at most 9223372036854775807"));
            }
        }
        count("batch", self.batch, 1, MAX_BATCH, "1 to 65536")?;
        count("validate_every", self.validate_every, 1, usize::MAX, "1 or more")?;
        count("accumulate", self.accumulate, 1, MAX_BATCH, "1 to 65536")?;
        number("clip", self.clip, |x| (0.0..1e9).contains(&x), "0 or more")?;
        let split = self.val_split.unwrap_or(0.1);
        number("val_split", split, |x| positive(x) && x <= 0.9, "above 0, at most 0.9")?;
        let dropout = f64::from(self.dropout.unwrap_or(0.0));
        number("dropout", dropout, |x| (0.0..1.0).contains(&x), "from 0 to below 1")?;
        number("center", self.center, |x| (0.1..=1.0).contains(&x), "from 0.1 to 1")?;
        for (mean, std) in self.mean.iter().zip(self.std) {
            number("mean", f64::from(*mean), |x| x.abs() <= 1e3, "from -1000 to 1000")?;
            number("std", f64::from(std), |x| (1e-5..=1e3).contains(&x), "from 0.00001 to 1000")?;
        }
        self.check_optimizer()?;
        self.check_schedule()?;
        let loss = &self.loss;
        number("loss.smoothing", loss.smoothing, share, "from 0 to 1")?;
        loss.class_weights.check()?;
        number("loss.teacher_share", loss.teacher_share, share, "from 0 to 1")?;
        number("loss.temperature", loss.temperature, positive, "above 0")?;
        let size = loss.teacher_size.unwrap_or(MAX_SIZE);
        count("loss.teacher_size", size, 8, MAX_SIZE, "8 to 4096")?;
        let features = loss.features.unwrap_or_default();
        let weight = |x| (0.0..=1e6).contains(&x);
        number("loss.features.weight", features.weight, weight, "from 0 to 1000000")?;
        if let (Some(_), Some(size)) = (loss.features, loss.teacher_size) {
            let rule = "left out with `loss.features`: maps are compared at the size of the net";
            return Err(range("loss.teacher_size", size.to_string(), rule));
        }
        if i64::try_from(features.isolated_steps).is_err() {
            let (field, value) = ("loss.features.isolated_steps", features.isolated_steps);
            return Err(range(field, value.to_string(), "at most 9223372036854775807"));
        }
        number("ema.decay", self.ema.decay, |x| (0.0..1.0).contains(&x), "from 0 to below 1")?;
        self.check_sizes()?;
        Ok(self.augment.validate()?)
    }

    fn check_epochs(&self) -> Result<(), RecipeError> {
        let goal = match self.epochs {
            Epochs::Count(epochs) => return count("epochs", epochs, 1, MAX_EPOCHS, "1 to 10000"),
            Epochs::Steps(goal) => goal,
        };
        count("epochs.steps", goal.steps, 1, usize::MAX, "1 or more")?;
        count("epochs.max", goal.max, 1, MAX_EPOCHS, "1 to 10000")?;
        count("epochs.min", goal.min, 1, goal.max, "1 to `epochs.max`")
    }

    fn check_optimizer(&self) -> Result<(), RecipeError> {
        let o = &self.optimizer;
        number("optimizer.rate", o.rate, positive, "above 0")?;
        number("optimizer.weight_decay", o.weight_decay, share, "from 0 to 1")?;
        number(
            "optimizer.matrix_rate",
            o.matrix_rate,
            |x| positive(x) && x <= 1.0,
            "above 0 and at most 1",
        )?;
        number("optimizer.momentum", o.momentum, |x| (0.0..1.0).contains(&x), "0 to below 1")?;
        for beta in o.betas {
            number("optimizer.betas", beta, |x| (0.0..1.0).contains(&x), "from 0 to below 1")?;
        }
        number("optimizer.epsilon", o.epsilon, positive, "above 0")?;
        let rule = "above 0 and at most 1";
        number("optimizer.layer_decay", o.layer_decay, |x| x > 0.0 && x <= 1.0, rule)
    }

    fn check_schedule(&self) -> Result<(), RecipeError> {
        let s = &self.schedule;
        number("schedule.warmup", s.warmup, |x| (0.0..=1e4).contains(&x), "from 0 to 10000")?;
        number("schedule.floor", s.floor, share, "from 0 to 1")?;
        number("schedule.factor", s.factor, |x| positive(x) && x <= 1.0, "above 0, at most 1")?;
        number("schedule.every", s.every, positive, "above 0")?;
        number("schedule.peak", s.peak, |x| positive(x) && x < 1.0, "above 0 and below 1")?;
        let rising = s.at.is_sorted() && s.at.iter().all(|at| at.is_finite());
        if !rising || (s.kind == ScheduleKind::MultiStep && s.at.is_empty()) {
            let rule = "rising epochs, such as [200.0, 300.0]";
            return Err(range("schedule.at", format!("{:?}", s.at), rule));
        }
        Ok(())
    }

    fn check_sizes(&self) -> Result<(), RecipeError> {
        for change in &self.sizes {
            count("sizes.size", change.size, 8, MAX_SIZE, "8 to 4096")?;
            count("sizes.batch", change.batch.unwrap_or(1), 1, MAX_BATCH, "1 to 65536")?;
        }
        let epochs: Vec<usize> = self.sizes.iter().map(|change| change.from_epoch).collect();
        let rising = epochs.windows(2).all(|pair| pair[0] < pair[1]);
        if epochs.first().is_some_and(|first| *first != 0) || !rising {
            let rule = "0 at first, then rising";
            return Err(range("sizes.from_epoch", format!("{epochs:?}"), rule));
        }
        Ok(())
    }
}

fn share(x: f64) -> bool {
    (0.0..=1.0).contains(&x)
}

fn positive(x: f64) -> bool {
    x > 0.0 && x.is_finite()
}

fn range(field: &'static str, value: String, rule: &'static str) -> RecipeError {
    RecipeError::Range { field, value, rule }
}

fn number(
    field: &'static str,
    value: f64,
    holds: impl Fn(f64) -> bool,
    rule: &'static str,
) -> Result<(), RecipeError> {
    if holds(value) { Ok(()) } else { Err(range(field, value.to_string(), rule)) }
}

fn count(
    field: &'static str,
    value: usize,
    least: usize,
    most: usize,
    rule: &'static str,
) -> Result<(), RecipeError> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(range(field, value.to_string(), rule))
    }
}
