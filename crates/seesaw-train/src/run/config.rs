//! `config.toml`: what a run trains, on which data and how.

use std::path::{Path, PathBuf};

use seesaw_arch::{Net, Preprocess};
use serde::{Deserialize, Serialize};

use super::replace;
use crate::{TrainError, recipe::Recipe};

/// Everything that a run starts from, so that it can be resumed, repeated and understood.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How the run was started.
    pub run: RunFacts,
    /// The data set.
    pub data: DataFacts,
    /// How validation, and later use, prepare a photo.
    pub preprocess: Preprocess,
    /// The recipe with all changes to it.
    pub recipe: Recipe,
    /// The net, with as many classes as the data have.
    pub net: Net,
}

/// How a run was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFacts {
    /// The version of this crate.
    pub version: String,
    /// The instruction set. Another one rounds differently.
    pub isa: String,
    /// Threads, which influence no number.
    pub threads: usize,
    /// The file of the first weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<PathBuf>,
    /// The file of the model that was grafted on the net.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graft: Option<PathBuf>,
    /// The name of the first weights, where they did not come from a file but with the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundled: Option<String>,
    /// The file of the teacher.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher: Option<PathBuf>,
    /// Whether labels are the teacher's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unlabeled: bool,
}

/// The data set of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataFacts {
    /// Its path.
    pub path: PathBuf,
    /// What kind of data set it is.
    pub kind: String,
    /// Images to train on.
    pub train_images: usize,
    /// Images to validate on.
    pub val_images: usize,
    /// How many random images were drawn for training, and as many for validation, some of which may
    /// have been broken; without it, all were taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Class names, in the order of the logits.
    pub classes: Vec<String>,
}

impl Config {
    /// Reads a run's configuration.
    ///
    /// # Errors
    /// [`TrainError::NoRun`] when there is none; when it cannot be read or is invalid.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        Self::from_text(&Self::read_text(path)?, path)
    }

    /// The text of a run's configuration.
    pub(crate) fn read_text(path: &Path) -> Result<String, TrainError> {
        std::fs::read_to_string(path).map_err(|error| {
            if error.kind() == std::io::ErrorKind::NotFound {
                return TrainError::NoRun { folder: path.parent().unwrap_or(path).to_owned() };
            }
            TrainError::io(path)(error)
        })
    }

    /// Reads the content of the file that is called `path`.
    pub(crate) fn from_text(text: &str, path: &Path) -> Result<Self, TrainError> {
        let config: Self = toml::from_str(text).map_err(|e| TrainError::damaged(path, &e))?;
        config.recipe.validate()?;
        config.net.validate()?;
        Ok(config)
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), TrainError> {
        replace(path, self.to_text(path)?.as_bytes())
    }

    /// The content of the file that is called `path`.
    pub(crate) fn to_text(&self, path: &Path) -> Result<String, TrainError> {
        toml::to_string(self).map_err(|e| TrainError::damaged(path, &e))
    }
}
