//! What a run is resumed from.

use seesaw_data::datasets::Register;

use super::{Listener, RunOptions, extend, new_run::absolute, setup::remove_unfinished};
use crate::{
    TrainError,
    ranks::Ranks,
    run::{Checkpoint, Config, RunFolder},
};

/// The files of a run, which rank 0 has read.
pub(super) struct RunFiles {
    config: String,
    /// The files of the data set as they were when they were last checked.
    pub register: Option<Register>,
    pub checkpoint: Vec<u8>,
}

/// A run whose configuration is read.
pub(super) struct Resumed {
    pub folder: RunFolder,
    pub config: Config,
    /// Whether the configuration is no longer the one in the file.
    pub is_changed: bool,
}

impl RunFiles {
    /// Reads the files on rank 0, and sends them to all others.
    pub fn read(folder: &RunFolder, ranks: &Ranks, on: Listener<'_>) -> Result<Self, TrainError> {
        let config = ranks.made_by_root(|| {
            let text = Config::read_text(&folder.config())?;
            remove_unfinished(folder, on)?;
            Ok(text.into_bytes())
        })?;
        let register = ranks.made_by_root(|| folder.register_bytes())?;
        let path = folder.checkpoint();
        let checkpoint =
            ranks.made_by_root(|| std::fs::read(&path).map_err(TrainError::io(&path)))?;
        let register = if register.is_empty() {
            None
        } else {
            let read = Register::read(&register[..]);
            Some(read.map_err(|error| TrainError::damaged(&folder.files(), &error)))
        };
        let register = ranks.agree(register.transpose())?;
        let config = String::from_utf8_lossy(&config).into_owned();
        Ok(Self { config, register, checkpoint })
    }
}

impl Resumed {
    /// The configuration with the changes that the options ask for.
    pub fn new(
        folder: RunFolder,
        files: &RunFiles,
        options: &RunOptions,
        on: Listener<'_>,
    ) -> Result<Self, TrainError> {
        let mut config = Config::from_text(&files.config, &folder.config())?;
        let moved = options.data.as_deref().map(absolute).transpose()?;
        let moved = moved.filter(|path| *path != config.data.path);
        if let Some(path) = &moved {
            config.data.path.clone_from(path);
        }
        let as_started = config.recipe.epochs;
        if let Some(epochs) = options.epochs {
            config.recipe.epochs = epochs.into();
            config.recipe.validate()?;
            let path = folder.checkpoint();
            let progress = Checkpoint::progress(&files.checkpoint, &path)?;
            extend::check(&config, as_started, &progress, &folder, on)?;
        }
        let is_changed = moved.is_some() || config.recipe.epochs != as_started;
        Ok(Self { folder, config, is_changed })
    }
}
