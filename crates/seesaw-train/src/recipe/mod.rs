//! How a net is trained, as a file says it.
//!
//! ```
//! use seesaw_train::recipe::Recipe;
//!
//! let mut recipe = Recipe::built_in("cifar-modern").unwrap();
//! recipe.set("augment.mixup", "0.2").unwrap();
//! recipe.set("schedule.kind", "one-cycle").unwrap();
//! assert_eq!(recipe.augment.mixup, 0.2);
//! assert!(recipe.set("optimizer.lr", "0.2").unwrap_err().to_string().contains("rate"));
//! ```

mod built_in;
mod check;
mod set;
#[cfg(test)]
mod tests;

use std::path::Path;

use seesaw_data::augment::Augment;
use serde::{Deserialize, Serialize};

use crate::{net::Precision, optim::OptimizerSpec, schedule::Schedule};

pub use built_in::NAMES;

/// How a net is trained. The TOML form has these fields under the same names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// How many times training goes over the data.
    pub epochs: usize,
    /// Images in a batch.
    pub batch: usize,
    /// Batches whose gradients make one step.
    #[serde(default = "one")]
    pub accumulate: usize,
    /// Everything random follows from it: first weights, order, augmentation, dropout, and which
    /// images validate.
    #[serde(default)]
    pub seed: u64,
    /// Longest Euclidean norm of a step's gradient, which is shortened to it; 0 for no limit.
    #[serde(default)]
    pub clip: f64,
    /// Epochs without a better validation after which training stops; 0 for never.
    #[serde(default)]
    pub patience: usize,
    /// Epochs from one validation to the next. The last epoch always validates.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub validate_every: usize,
    /// Share of the images that validate, at most 0.9; where this is missing, the data's own
    /// validation images do, or else a fifth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub val_split: Option<f64>,
    /// Probability that an input of the linear layer is dropped; the net's own where this is
    /// missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropout: Option<f32>,
    /// What the pointwise convolutions multiply.
    #[serde(default, skip_serializing_if = "Precision::is_default")]
    pub precision: Precision,
    /// Mean of red, green and blue of the photos, where 1 is full brightness.
    #[serde(default = "imagenet_mean")]
    pub mean: [f32; 3],
    /// Standard deviation of red, green and blue of the photos.
    #[serde(default = "imagenet_std")]
    pub std: [f32; 3],
    /// Share of a photo's shorter side that validation sees: the center.
    #[serde(default = "center", alias = "centre")]
    pub center: f64,
    /// The optimizer.
    pub optimizer: OptimizerSpec,
    /// How its learning rate changes.
    pub schedule: Schedule,
    /// What is made small.
    #[serde(default)]
    pub loss: LossSpec,
    /// Changes to training images.
    #[serde(default)]
    pub augment: Augment,
    /// The running mean of the weights.
    #[serde(default)]
    pub ema: EmaSpec,
    /// Sizes of training images by epoch; the net's own size where there are none. Validation has
    /// that of the last epoch throughout.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sizes: Vec<SizeChange>,
}

/// The table `[loss]` of a recipe.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LossSpec {
    /// Share of a label that is spread evenly over all classes.
    pub smoothing: f64,
    /// With a teacher: its share in the loss.
    pub teacher_share: f64,
    /// With a teacher: what both nets' logits are divided by.
    pub temperature: f64,
    /// With a teacher: side of the images that it sees, in pixels, scaled from the net's own; the
    /// size of the training images where this is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teacher_size: Option<usize>,
}

impl Default for LossSpec {
    fn default() -> Self {
        Self { smoothing: 0.0, teacher_share: 0.9, temperature: 2.0, teacher_size: None }
    }
}

/// The table `[ema]` of a recipe.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmaSpec {
    /// How much of the mean stays at each step; 0 for no mean. With a mean, it is what validates
    /// and what the model files hold.
    pub decay: f64,
}

/// From when on training images have which size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SizeChange {
    /// The first epoch, counted from 0.
    pub from_epoch: usize,
    /// Side of the square images, in pixels.
    pub size: usize,
    /// Images in a batch; the recipe's where this is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<usize>,
}

/// Why there is no such recipe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecipeError {
    /// Neither a recipe of that name nor a file.
    #[error("no recipe `{name}`, and no such file; there are {}", NAMES.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The file cannot be read.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: std::path::PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// Not the TOML form of a recipe.
    #[error("not a recipe: {0}")]
    Toml(String),
    /// `--set` names no field, or its value is not one.
    #[error("`{key}` cannot be `{value}`: {why}")]
    Set {
        /// The dotted key.
        key: String,
        /// The value.
        value: String,
        /// What the reader says.
        why: String,
    },
    /// A value out of its range.
    #[error("`{field}` is {value}, and must be {rule}")]
    Range {
        /// The field's dotted key.
        field: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        rule: &'static str,
    },
    /// A value of `[augment]` out of its range.
    #[error(transparent)]
    Augment(#[from] seesaw_data::augment::AugmentError),
}

impl Recipe {
    /// Reads and checks a recipe.
    ///
    /// # Errors
    /// [`RecipeError::Toml`] with the place in the text; [`RecipeError::Range`].
    pub fn from_toml(text: &str) -> Result<Self, RecipeError> {
        let recipe: Self = toml::from_str(text).map_err(|e| RecipeError::Toml(e.to_string()))?;
        recipe.validate()?;
        Ok(recipe)
    }

    /// The built-in recipe of that name, or the one in that file.
    ///
    /// # Errors
    /// When there is neither, or the file is no recipe.
    pub fn load(name_or_path: &str) -> Result<Self, RecipeError> {
        let path = Path::new(name_or_path);
        match Self::built_in(name_or_path) {
            Err(unknown) if !path.exists() => Err(unknown),
            Err(_) => {
                let io = |error| RecipeError::Io { path: path.to_owned(), error };
                Self::from_toml(&std::fs::read_to_string(path).map_err(io)?)
            }
            recipe => recipe,
        }
    }

    /// Whether an epoch, counted from 1, ends with a validation.
    pub fn validates(&self, epoch: usize) -> bool {
        epoch.is_multiple_of(self.validate_every) || epoch >= self.epochs
    }

    /// Size and batch of the training images in an epoch, for a net meant for `net_size` pixels.
    pub fn phase(&self, epoch: usize, net_size: usize) -> Phase {
        let change = self.sizes.iter().rev().find(|change| change.from_epoch <= epoch);
        match change {
            Some(c) => Phase { size: c.size, batch: c.batch.unwrap_or(self.batch) },
            None => Phase { size: net_size, batch: self.batch },
        }
    }

    /// How validation, and later use, prepare a photo.
    pub fn preprocess(&self, net_size: usize) -> seesaw_arch::Preprocess {
        self.preprocess_at(self.phase(self.epochs.saturating_sub(1), net_size).size)
    }

    /// The same for images of another size.
    pub(crate) fn preprocess_at(&self, size: usize) -> seesaw_arch::Preprocess {
        seesaw_arch::Preprocess {
            resize: (size as f64 / self.center).round() as u32,
            crop: size as u32,
            mean: self.mean,
            std: self.std,
        }
    }
}

/// What the training images of an epoch are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phase {
    /// Side of the square images, in pixels.
    pub size: usize,
    /// Images in a batch.
    pub batch: usize,
}

fn one() -> usize {
    1
}

fn is_one(count: &usize) -> bool {
    *count == 1
}

fn center() -> f64 {
    0.875
}

fn imagenet_mean() -> [f32; 3] {
    [0.485, 0.456, 0.406]
}

fn imagenet_std() -> [f32; 3] {
    [0.229, 0.224, 0.225]
}
