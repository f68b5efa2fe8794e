//! How long a training is.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};

/// How many passes over the training images there are: a number, or in TOML a table such as
/// `{ steps = 200, min = 4, max = 20 }`, which becomes a number once the images are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Epochs {
    /// So many.
    Count(usize),
    /// As many as come nearest to a number of steps.
    Steps(StepGoal),
}

/// A training of about so many steps, whatever the number of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepGoal {
    /// Optimizer steps of the whole training.
    pub steps: usize,
    /// The fewest epochs, however many steps they have.
    pub min: usize,
    /// The most epochs, however few steps they have.
    pub max: usize,
}

impl Epochs {
    /// The number of epochs; the most that there may be, where it still depends on the images.
    pub fn count(self) -> usize {
        match self {
            Self::Count(count) => count,
            Self::Steps(goal) => goal.max,
        }
    }

    /// The number of epochs where an epoch has so many steps.
    #[must_use]
    pub fn resolve(self, steps_per_epoch: usize) -> Self {
        match self {
            Self::Count(count) => Self::Count(count),
            Self::Steps(StepGoal { steps, min, max }) => {
                let nearest = (steps as f64 / steps_per_epoch.max(1) as f64).round() as usize;
                Self::Count(nearest.max(min).min(max))
            }
        }
    }
}

impl From<usize> for Epochs {
    fn from(count: usize) -> Self {
        Self::Count(count)
    }
}

impl fmt::Display for Epochs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Steps(StepGoal { min, max, .. }) => write!(f, "{min} to {max}"),
        }
    }
}

// Derived, it would not say what is wrong with a value.
impl<'de> Deserialize<'de> for Epochs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EpochsVisitor)
    }
}

struct EpochsVisitor;

impl<'de> Visitor<'de> for EpochsVisitor {
    type Value = Epochs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of epochs, or a table with `steps`, `min` and `max`")
    }

    fn visit_u64<E: de::Error>(self, count: u64) -> Result<Epochs, E> {
        let whole = usize::try_from(count);
        let wrong = |_| E::invalid_value(de::Unexpected::Unsigned(count), &self);
        whole.map(Epochs::Count).map_err(wrong)
    }

    fn visit_i64<E: de::Error>(self, count: i64) -> Result<Epochs, E> {
        let whole = usize::try_from(count);
        let wrong = |_| E::invalid_value(de::Unexpected::Signed(count), &self);
        whole.map(Epochs::Count).map_err(wrong)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Epochs, A::Error> {
        StepGoal::deserialize(MapAccessDeserializer::new(map)).map(Epochs::Steps)
    }
}
