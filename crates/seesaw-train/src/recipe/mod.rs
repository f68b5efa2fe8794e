//! Recipes: how a net is trained.
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

mod balance;
mod built_in;
mod check;
mod epochs;
mod extend;
mod old_names;
mod set;
#[cfg(test)]
mod tests;

use std::path::Path;

use seesaw_data::augment::Augment;
use serde::{Deserialize, Serialize};

use crate::{
    net::{Precision, Statistics},
    optim::OptimizerSpec,
    schedule::Schedule,
};

pub use crate::counterparts::FeatureMaps;

pub use balance::{ClassWeights, Sampler};
pub use built_in::NAMES;
pub use epochs::{Epochs, StepGoal};
pub use extend::OtherLength;
pub use old_names::OldName;

/// How a net is trained. In TOML, the fields have the same names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Passes over the training images.
    pub epochs: Epochs,
    /// Images in a batch.
    pub batch: usize,
    /// Batches whose mean gradient makes one optimizer step.
    #[serde(default = "one")]
    pub accumulate: usize,
    /// The seed of everything random: first weights, order, augmentation, dropout, and which images
    /// are held out for validation.
    #[serde(default)]
    pub seed: u64,
    /// The greatest Euclidean norm of a step's gradient, to which longer ones are scaled down; 0 for
    /// no limit.
    #[serde(default)]
    pub clip: f64,
    /// Training stops after so many epochs without a better validation; 0 for never.
    #[serde(default)]
    pub patience: usize,
    /// Epochs from one validation to the next. The last epoch always validates.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub validate_every: usize,
    /// Share of the images that is held out for validation, at most 0.9. Without it, validation uses
    /// the data set's own validation images, or else a fifth of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub val_split: Option<f64>,
    /// The seed of which images are held out; without it, `seed`. Runs with one `val_seed` validate on
    /// the same images, whatever their own seeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub val_seed: Option<u64>,
    /// A regular expression for the names of images, such as `burst([0-9]+)`: those for which its
    /// first group, or else the whole match, is the same text are held out together or not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_by: Option<String>,
    /// Probability that an input of the linear layer is dropped; without it, the net's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropout: Option<f32>,
    /// Precision of the products of the pointwise convolutions.
    #[serde(default, skip_serializing_if = "Precision::is_default")]
    pub precision: Precision,
    /// What batch norms normalize with: `batch` for the statistics of each batch, which the running
    /// ones follow; `running` for the running ones of the start weights, which then stay as they are.
    #[serde(default, skip_serializing_if = "Statistics::is_default")]
    pub statistics: Statistics,
    /// Which training images make an epoch: `shuffle` for each once, in random order; `balanced` for
    /// as many, drawn from each class equally often; `blocks` for each once, in an order that reads packed
    /// data sets in long ranges.
    #[serde(default, skip_serializing_if = "Sampler::is_default")]
    pub sampler: Sampler,
    /// Mean of red, green and blue of the photos, where 1 is full brightness.
    #[serde(default = "imagenet_mean")]
    pub mean: [f32; 3],
    /// Standard deviation of red, green and blue of the photos.
    #[serde(default = "imagenet_std")]
    pub std: [f32; 3],
    /// Share of a photo's shorter side that the center crop of validation keeps.
    #[serde(default = "center", alias = "centre")]
    pub center: f64,
    /// How photos become square, in training and in validation: `crop`, or `pad` and `squeeze`, which show
    /// the whole photo. `center` is only for the first.
    #[serde(default, skip_serializing_if = "seesaw_arch::Fit::is_crop")]
    pub fit: seesaw_arch::Fit,
    /// The optimizer.
    pub optimizer: OptimizerSpec,
    /// How its learning rate changes.
    pub schedule: Schedule,
    /// Whether it is for training that starts from trained weights. Commands then look for some if
    /// none are given.
    #[serde(default, skip_serializing_if = "is_false")]
    pub pretrained: bool,
    /// Where the last layer is not that of the start weights: whether it starts as a classifier of
    /// the features that the start weights make of the training images, instead of at random. Needs
    /// an evaluation of these images, which takes less than an epoch.
    #[serde(default, skip_serializing_if = "is_false")]
    pub fit_classifier: bool,
    /// The loss.
    #[serde(default)]
    pub loss: LossSpec,
    /// Random changes to training images.
    #[serde(default)]
    pub augment: Augment,
    /// The running mean of the weights.
    #[serde(default)]
    pub ema: EmaSpec,
    /// Sizes of training images by epoch; without any, the net's own size. Validation always uses
    /// the size of the last epoch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sizes: Vec<SizeChange>,
}

/// The table `[loss]` of a recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LossSpec {
    /// Share of a label that is spread evenly over all classes.
    pub smoothing: f64,
    /// How much the images of each class count.
    #[serde(skip_serializing_if = "ClassWeights::is_default")]
    pub class_weights: ClassWeights,
    /// With a teacher: the share of the loss that compares with it.
    pub teacher_share: f64,
    /// With a teacher: what both nets' logits are divided by.
    pub temperature: f64,
    /// With a teacher: side of the images that it sees, in pixels, scaled from the training images;
    /// without it, the size of those.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teacher_size: Option<usize>,
    /// With a teacher: how its feature maps are learned; without it, they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub features: Option<FeatureSpec>,
}

/// The table `[loss.features]` of a recipe: the net's feature maps are compared with those of its
/// teacher, where they have the same shape.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeatureSpec {
    /// Weight in the loss of the mean, over all maps that are compared, of the squared distance
    /// divided by the variance of the teacher's map.
    pub weight: f64,
    /// The outputs that are compared.
    pub maps: FeatureMaps,
    /// Whether the pooled features, which the linear layer reads, are compared too.
    pub pooled: bool,
    /// Steps at first in which each block learns its own map alone, from the output of the blocks
    /// before it as it is.
    pub isolated_steps: u64,
}

impl Default for FeatureSpec {
    fn default() -> Self {
        Self { weight: 1.0, maps: FeatureMaps::Blocks, pooled: true, isolated_steps: 0 }
    }
}

impl Default for LossSpec {
    fn default() -> Self {
        Self {
            smoothing: 0.0,
            class_weights: ClassWeights::None,
            teacher_share: 0.9,
            temperature: 2.0,
            teacher_size: None,
            features: None,
        }
    }
}

/// The table `[ema]` of a recipe.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmaSpec {
    /// How much of the mean each step keeps; 0 for no mean. The mean, if there is one, is what is
    /// validated and what model files hold.
    pub decay: f64,
}

/// A change of the size of training images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SizeChange {
    /// The first epoch, counted from 0.
    pub from_epoch: usize,
    /// Side of the square images, in pixels.
    pub size: usize,
    /// Images in a batch; without it, the recipe's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<usize>,
}

/// Why a recipe cannot be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecipeError {
    /// Neither a recipe of that name nor a file.
    #[error("no recipe `{name}`, and no such file; there are {}", NAMES.join(", "))]
    Unknown {
        /// The name or path.
        name: String,
    },
    /// The file cannot be read.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: std::path::PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// The text is not a recipe in TOML.
    #[error("not a recipe: {0}")]
    Toml(String),
    /// A change names no field, or its value has the wrong type.
    #[error("`{key}` cannot be `{value}`: {why}")]
    Set {
        /// The dotted key.
        key: String,
        /// The value.
        value: String,
        /// Why not.
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
    /// The weights of the classes do not fit the data.
    #[error("`loss.class_weights` {why}")]
    ClassWeights {
        /// What does not fit.
        why: String,
    },
    /// A value of `[augment]` out of its range.
    #[error(transparent)]
    Augment(#[from] seesaw_data::augment::AugmentError),
}

/// A recipe from a file or by its name.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Loaded {
    /// The recipe.
    pub recipe: Recipe,
    /// Old names in the file, which users should change.
    pub old_names: Vec<OldName>,
}

impl Recipe {
    /// Reads and checks a recipe.
    ///
    /// # Errors
    /// [`RecipeError::Toml`] with the line; [`RecipeError::Range`].
    pub fn from_toml(text: &str) -> Result<Self, RecipeError> {
        let recipe: Self = toml::from_str(text).map_err(|e| RecipeError::Toml(e.to_string()))?;
        recipe.validate()?;
        Ok(recipe)
    }

    /// The built-in recipe of that name, the one in that file, or that of the run in that folder.
    ///
    /// # Errors
    /// When there is neither, or the file is not a valid recipe.
    pub fn load(name_or_path: &str) -> Result<Loaded, RecipeError> {
        let path = Path::new(name_or_path);
        match Self::built_in(name_or_path) {
            Err(unknown) if !path.exists() => Err(unknown),
            Err(_) => {
                let config = path.join("config.toml");
                let path = if config.is_file() { &config } else { path };
                let io = |error| RecipeError::Io { path: path.to_owned(), error };
                let text = std::fs::read_to_string(path).map_err(io)?;
                let text = of_run(&text).unwrap_or(text);
                let recipe = Self::from_toml(&text)?;
                let table = toml::from_str(&text).expect("the recipe was read from this text");
                Ok(Loaded { recipe, old_names: old_names::old_names(&table) })
            }
            Ok(recipe) => Ok(Loaded { recipe, old_names: Vec::new() }),
        }
    }

    /// The seed of which images are held out.
    pub fn split_seed(&self) -> u64 {
        self.val_seed.unwrap_or(self.seed)
    }

    /// Whether validation is due at the end of an epoch, counted from 1.
    pub fn validates(&self, epoch: usize) -> bool {
        epoch.is_multiple_of(self.validate_every) || epoch >= self.epochs.count()
    }

    /// The recipe for so many training images, on a net whose own image size is `net_size` pixels:
    /// the same, with a number of epochs.
    #[must_use]
    pub fn resolve(&self, images: usize, net_size: usize) -> Self {
        let batch = self.phase(0, net_size).batch.min(images.max(1));
        let steps = (images / batch).div_ceil(self.accumulate);
        Self { epochs: self.epochs.resolve(steps), ..self.clone() }
    }

    /// Normalizes photos as `preprocess` does, if the recipe normalizes them as most nets do: trained
    /// weights understand only photos like those that they were trained on.
    pub fn follow_normalization(&mut self, preprocess: &seesaw_arch::Preprocess) {
        if (self.mean, self.std) == (imagenet_mean(), imagenet_std()) {
            (self.mean, self.std) = (preprocess.mean, preprocess.std);
        }
    }

    /// The size of images and batches in an epoch, counted from 0, for a net whose own image size is
    /// `net_size` pixels.
    pub fn phase(&self, epoch: usize, net_size: usize) -> Phase {
        let change = self.sizes.iter().rev().find(|change| change.from_epoch <= epoch);
        match change {
            Some(c) => Phase { size: c.size, batch: c.batch.unwrap_or(self.batch) },
            None => Phase { size: net_size, batch: self.batch },
        }
    }

    /// How a photo is prepared in validation, and when the model is used.
    pub fn preprocess(&self, net_size: usize) -> seesaw_arch::Preprocess {
        self.preprocess_at(self.phase(self.epochs.count().saturating_sub(1), net_size).size)
    }

    /// The same for images of another size.
    pub(crate) fn preprocess_at(&self, size: usize) -> seesaw_arch::Preprocess {
        seesaw_arch::Preprocess {
            resize: (size as f64 / self.center).round() as u32,
            crop: size as u32,
            mean: self.mean,
            std: self.std,
            // As random crops are scaled.
            filter: seesaw_arch::Filter::Bilinear,
            fit: self.fit,
        }
    }
}

/// The recipe in a run's `config.toml`.
fn of_run(text: &str) -> Option<String> {
    let config: toml::Table = toml::from_str(text).ok()?;
    let is_run = ["run", "data", "net"].iter().all(|part| config.contains_key(*part));
    let recipe = config.get("recipe").filter(|_| is_run)?;
    toml::to_string(recipe).ok()
}

/// The size of images and batches in an epoch.
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

fn is_false(flag: &bool) -> bool {
    !flag
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
