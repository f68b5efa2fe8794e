//! The folder of a run.
//!
//! | file | holds |
//! |---|---|
//! | `config.toml` | the resolved recipe, the net, the data, and how the run was started |
//! | `files.csv` | the files of the data set, which part they are in, and what they held |
//! | `checkpoint.safetensors` | everything that a resumed run needs |
//! | `best.safetensors` | the model with the best validation |
//! | `last.safetensors` | the model after the last whole epoch |
//! | `log.csv` | a line for each epoch; the same whether or not the run was stopped and resumed |
//! | `timing.csv` | how long epochs took, which differs from run to run |
//! | `events.out.tfevents.*` | the same and more for TensorBoard |
//! | `loss`, `accuracy`, `rate`: `.svg`, `.png` | the log as pictures |

mod checkpoint;
mod config;
mod history;
mod tensors;
#[cfg(test)]
pub(crate) mod tests;

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use seesaw_data::datasets::Register;
use seesaw_format::{Metadata, NetWeights, StoredPrecision, remove_unfinished, replace_file};

use crate::TrainError;

pub use checkpoint::{Best, Checkpoint, Progress};
pub use config::{Config, DataFacts, RunFacts};
pub(crate) use history::write_log;
pub use history::{EpochRow, EpochTime, HEADER, read_log, read_times};

/// The paths of a run's files.
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

    /// `files.csv`
    pub fn files(&self) -> PathBuf {
        self.file("files.csv")
    }

    /// The files of the data set as they were when the run started; `None` where there is no such
    /// file, as in runs of earlier versions, or for data sets that are no files of photos.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub fn register(&self) -> Result<Option<Register>, TrainError> {
        let bytes = self.register_bytes()?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let register = Register::read(&bytes[..]);
        register.map(Some).map_err(|error| TrainError::damaged(&self.files(), &error))
    }

    /// The content of the file; nothing where there is none.
    pub(crate) fn register_bytes(&self) -> Result<Vec<u8>, TrainError> {
        let path = self.files();
        match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            read => read.map_err(TrainError::io(&path)),
        }
    }

    /// Writes the files of the data set, if there are any.
    pub(crate) fn write_register(&self, register: &Register) -> Result<(), TrainError> {
        if register.is_empty() {
            return Ok(());
        }
        let path = self.files();
        let mut text = vec![];
        register.write(&mut text).map_err(|error| TrainError::damaged(&path, &error))?;
        replace(&path, &text)
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

    /// Creates the folder for a new run.
    ///
    /// # Errors
    /// [`TrainError::RunExists`] when it already holds a run; when it cannot be created.
    pub fn create(&self) -> Result<(), TrainError> {
        if self.config().exists() {
            return Err(TrainError::RunExists { folder: self.0.clone() });
        }
        std::fs::create_dir_all(&self.0).map_err(TrainError::io(&self.0))
    }

    /// Removes the unfinished files that killed processes left here; how many there were.
    pub(crate) fn remove_unfinished(&self) -> Result<usize, TrainError> {
        remove_unfinished(&self.0).map_err(TrainError::io(&self.0))
    }

    /// Writes a model file: the weights with the net, class names and preprocessing.
    ///
    /// # Errors
    /// When it cannot be written; the previous file is then unchanged.
    pub fn write_model(
        &self,
        path: &Path,
        config: &Config,
        weights: &NetWeights,
        origin: String,
    ) -> Result<(), TrainError> {
        let metadata = Metadata::new(config.net.clone())
            .labels(config.data.classes.clone())
            .preprocess(config.preprocess.clone())
            .origin(origin);
        let tensors = weights.to_tensors(&config.net)?;
        seesaw_format::safetensors::write(path, &tensors, Some(&metadata), StoredPrecision::F32)?;
        Ok(())
    }
}

/// Writes a file atomically: it is there with its old content or its new, never with a part.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    replace_file(path, |file| file.write_all(bytes)).map_err(TrainError::io(path))
}
