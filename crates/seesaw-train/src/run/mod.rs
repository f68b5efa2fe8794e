//! The folder of a run.
//!
//! | file | holds |
//! |---|---|
//! | `config.toml` | the resolved recipe, the net, the data, and how the run was begun |
//! | `checkpoint.safetensors` | everything that the run goes on from |
//! | `best.safetensors` | the model that validated best |
//! | `last.safetensors` | the model after the last whole epoch |
//! | `log.csv` | a line an epoch; the same for a run that was stopped and resumed |
//! | `timing.csv` | how long epochs took, which is never the same |
//! | `events.out.tfevents.*` | the same and more for TensorBoard |
//! | `loss`, `accuracy`, `rate`: `.svg`, `.png` | the log as pictures |

mod checkpoint;
mod config;
mod history;
mod replace;
mod tensors;
#[cfg(test)]
pub(crate) mod tests;

use std::path::{Path, PathBuf};

use seesaw_format::{Metadata, NetWeights, StoredPrecision};

use crate::{TrainError, layout::State};

pub use checkpoint::{Best, Checkpoint, Progress};
pub use config::{Config, DataFacts, RunFacts};
pub(crate) use history::write_log;
pub use history::{EpochRow, EpochTime, HEADER, read_log, read_times};
pub(crate) use replace::replace;

/// Where a run's files lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder(PathBuf);

impl RunFolder {
    /// A run in this folder, which need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The file of that name in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// `config.toml`
    pub fn config(&self) -> PathBuf {
        self.file("config.toml")
    }

    /// `checkpoint.safetensors`
    pub fn checkpoint(&self) -> PathBuf {
        self.file("checkpoint.safetensors")
    }

    /// `best.safetensors`
    pub fn best(&self) -> PathBuf {
        self.file("best.safetensors")
    }

    /// `last.safetensors`
    pub fn last(&self) -> PathBuf {
        self.file("last.safetensors")
    }

    /// `log.csv`
    pub fn log(&self) -> PathBuf {
        self.file("log.csv")
    }

    /// `timing.csv`
    pub fn timing(&self) -> PathBuf {
        self.file("timing.csv")
    }

    /// Makes the folder for a new run.
    ///
    /// # Errors
    /// When it holds a run already, or cannot be made.
    pub fn create(&self) -> Result<(), TrainError> {
        if self.config().exists() {
            return Err(TrainError::Setup(format!(
                "{} holds a run already; go on with it by `--resume {}`, or choose another folder",
                self.0.display(),
                self.0.display()
            )));
        }
        std::fs::create_dir_all(&self.0).map_err(TrainError::io(&self.0))
    }

    /// Writes a model file: the state with the net, class names and preprocessing.
    ///
    /// # Errors
    /// When it cannot be written; the former file is then still there.
    pub fn write_model(
        &self,
        path: &Path,
        config: &Config,
        state: &State,
        origin: String,
    ) -> Result<(), TrainError> {
        let mut weights = NetWeights::zeros(&config.net)?;
        state.write_to(&mut weights);
        let metadata = Metadata::new(config.net.clone())
            .labels(config.data.classes.clone())
            .preprocess(config.preprocess.clone())
            .origin(origin);
        let tensors = weights.to_tensors(&config.net)?;
        seesaw_format::safetensors::write(path, &tensors, Some(&metadata), StoredPrecision::F32)?;
        Ok(())
    }
}
