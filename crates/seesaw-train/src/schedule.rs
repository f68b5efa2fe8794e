//! How the learning rate changes during training.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// The shapes of schedules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// The same rate throughout.
    Constant,
    /// Half a cosine from the full rate down to `floor`.
    Cosine,
    /// From a 25th of the rate up to the full rate at `peak`, then down to a 250,000th, both along
    /// cosines (Smith and Topin, arXiv 1708.07120, with the numbers of PyTorch's `OneCycleLR`).
    OneCycle,
    /// Multiplied by `factor` every `every` epochs.
    Step,
    /// Multiplied by `factor` at each epoch of `at`.
    MultiStep,
    /// Multiplied by `factor` after each epoch.
    Exponential,
}

/// The table `[schedule]` of a recipe. A kind uses only the fields that name it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// `constant`, `cosine`, `one-cycle`, `step`, `multi-step` or `exponential`.
    pub kind: ScheduleKind,
    /// Epochs at the start, at most half of the training, in which the rate rises linearly from a
    /// hundredth; not for `one-cycle`, which rises anyway.
    #[serde(default)]
    pub warmup: f64,
    /// `cosine`: the share of the rate at the end.
    #[serde(default)]
    pub floor: f64,
    /// `step`, `multi-step`, `exponential`: what the rate is multiplied by.
    #[serde(default = "factor")]
    pub factor: f64,
    /// `step`: epochs between changes.
    #[serde(default = "every")]
    pub every: f64,
    /// `multi-step`: epochs, counted from 0, that start with a change.
    #[serde(default)]
    pub at: Vec<f64>,
    /// `one-cycle`: the share of the training at which the rate is highest.
    #[serde(default = "peak")]
    pub peak: f64,
}

/// Where a warm-up starts, as a share of the rate.
const WARMUP_FROM: f64 = 0.01;

impl ScheduleKind {
    /// Its name in a recipe.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Cosine => "cosine",
            Self::OneCycle => "one-cycle",
            Self::Step => "step",
            Self::MultiStep => "multi-step",
            Self::Exponential => "exponential",
        }
    }
}

impl Schedule {
    /// The share of the learning rate at `epoch`, in a training of `epochs`. Epochs count from 0 and
    /// may be fractions: 2.5 is halfway through the third.
    pub fn share(&self, epoch: f64, epochs: f64) -> f64 {
        let warmup = self.warmup.min(epochs / 2.0);
        let share = match self.kind {
            ScheduleKind::Constant => 1.0,
            ScheduleKind::Cosine => {
                let over = progress(epoch, warmup, epochs);
                self.floor + (1.0 - self.floor) * half_cosine(over)
            }
            ScheduleKind::OneCycle => return self.one_cycle(epoch / epochs),
            ScheduleKind::Step => self.factor.powf((epoch / self.every).floor()),
            ScheduleKind::MultiStep => {
                let changes = self.at.iter().filter(|at| **at <= epoch).count();
                self.factor.powf(changes as f64)
            }
            ScheduleKind::Exponential => self.factor.powf(epoch.floor()),
        };
        if epoch < warmup {
            return share * (WARMUP_FROM + (1.0 - WARMUP_FROM) * epoch / warmup);
        }
        share
    }

    /// Whether a training of `epochs` has the same rates as one of `others`, as far as both go.
    pub fn agrees(&self, epochs: f64, others: f64) -> bool {
        let by_length = matches!(self.kind, ScheduleKind::Cosine | ScheduleKind::OneCycle);
        let warmup = |epochs: f64| self.warmup.min(epochs / 2.0);
        epochs == others || (!by_length && warmup(epochs) == warmup(others))
    }

    fn one_cycle(&self, over: f64) -> f64 {
        let (first, last) = (1.0 / 25.0, 1.0 / 250_000.0);
        if over < self.peak {
            1.0 + (first - 1.0) * half_cosine(over / self.peak)
        } else {
            last + (1.0 - last) * half_cosine(progress(over, self.peak, 1.0))
        }
    }
}

/// How far `at` is from `from` to `to`: 0 to 1.
fn progress(at: f64, from: f64, to: f64) -> f64 {
    ((at - from) / (to - from)).clamp(0.0, 1.0)
}

/// From 1 at 0 to 0 at 1.
fn half_cosine(over: f64) -> f64 {
    (1.0 + (PI * over).cos()) / 2.0
}

fn factor() -> f64 {
    0.1
}

fn every() -> f64 {
    30.0
}

fn peak() -> f64 {
    0.3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(text: &str, epoch: f64, epochs: f64) -> f64 {
        toml::from_str::<Schedule>(text).unwrap().share(epoch, epochs)
    }

    #[track_caller]
    fn check(text: &str, epochs: f64, expected: &[(f64, f64)]) {
        for (epoch, expected) in expected {
            let share = share(text, *epoch, epochs);
            assert!((share - expected).abs() < 1e-12, "{share} instead of {expected} at {epoch}");
        }
    }

    #[test]
    fn constant_and_its_warmup() {
        check("kind = 'constant'", 10.0, &[(0.0, 1.0), (9.9, 1.0)]);
        let warm = [(0.0, 0.01), (1.0, 0.505), (2.0, 1.0), (5.0, 1.0)];
        check("kind = 'constant'\nwarmup = 2.0", 10.0, &warm);
    }

    #[test]
    fn cosine_falls_from_the_end_of_the_warmup() {
        let sixth = (1.0 + (PI / 4.0).cos()) / 2.0;
        let points = [(0.0, 0.01), (2.0, 1.0), (4.0, sixth), (6.0, 0.5), (10.0, 0.0), (11.0, 0.0)];
        check("kind = 'cosine'\nwarmup = 2.0", 10.0, &points);
        // In a training of one epoch, a warm-up of two takes the first half.
        let points = [(0.0, 0.01), (0.5, 1.0), (0.75, 0.5)];
        check("kind = 'cosine'\nwarmup = 2.0", 1.0, &points);
        check("kind = 'cosine'\nfloor = 0.2", 10.0, &[(0.0, 1.0), (5.0, 0.6), (10.0, 0.2)]);
    }

    #[test]
    fn one_cycle_climbs_and_falls() {
        let middle = (1.0 + 1.0 / 25.0) / 2.0;
        let points = [(0.0, 0.04), (1.5, middle), (3.0, 1.0), (10.0, 4e-6)];
        check("kind = 'one-cycle'\nwarmup = 5.0", 10.0, &points);
    }

    #[test]
    fn trainings_of_two_lengths_agree_where_the_length_decides_nothing() {
        let schedule = |text: &str| toml::from_str::<Schedule>(text).unwrap();
        for (text, agrees) in [
            ("kind = 'constant'\nwarmup = 2.0", true),
            ("kind = 'step'\nevery = 3.0", true),
            ("kind = 'multi-step'\nat = [3.0, 7.0]", true),
            ("kind = 'exponential'", true),
            // A warm-up of eight epochs takes five of ten.
            ("kind = 'constant'\nwarmup = 8.0", false),
            ("kind = 'cosine'", false),
            ("kind = 'one-cycle'", false),
        ] {
            assert_eq!(schedule(text).agrees(10.0, 20.0), agrees, "{text}");
            assert!(schedule(text).agrees(10.0, 10.0), "{text}");
            let same = (0..100).map(|tenth| f64::from(tenth) / 10.0).all(|epoch| {
                share(text, epoch, 10.0).to_bits() == share(text, epoch, 20.0).to_bits()
            });
            assert_eq!(same, agrees, "{text}");
        }
    }

    #[test]
    fn steps_change_where_an_epoch_begins() {
        let points = [(0.0, 1.0), (1.99, 1.0), (2.0, 0.5), (4.0, 0.25)];
        check("kind = 'step'\nevery = 2.0\nfactor = 0.5", 10.0, &points);
        let paper = "kind = 'multi-step'\nat = [200.0, 300.0, 350.0]";
        let points = [(0.0, 1.0), (199.9, 1.0), (200.0, 0.1), (300.0, 0.01), (399.0, 0.001)];
        check(paper, 400.0, &points);
        let points = [(0.0, 1.0), (0.9, 1.0), (1.0, 0.98), (3.5, 0.98f64.powi(3))];
        check("kind = 'exponential'\nfactor = 0.98", 10.0, &points);
    }
}
