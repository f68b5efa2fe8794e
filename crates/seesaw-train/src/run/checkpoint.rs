//! `checkpoint.safetensors`: everything that a resumed run needs.

use std::path::Path;

use seesaw_arch::Net;
use seesaw_format::{
    FormatError, StoredPrecision, Tensors,
    safetensors::{HeaderText, bytes_with_text, read_with_text},
};
use serde::{Deserialize, Serialize};

use super::{EpochRow, replace, tensors};
use crate::{
    TrainError,
    ema::Ema,
    layout::Layout,
    learner::Memory,
    loss::Counts,
    optim::{Optimizer, OptimizerSpec},
};

/// The key of the progress in the file's header.
const KEY: &str = "seesaw-run";
/// Version of the fields of [`Progress`].
const VERSION: u32 = 1;

/// A run after a step.
///
/// In the file, weights have the names of model files. The momentum of the optimizer and the
/// running mean of the weights have the same names after a prefix: `optimizer.momentum.` (or
/// `mean.`, `square.`) and `ema.`.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// What has been learned.
    pub memory: Memory,
    /// How far the run is.
    pub progress: Progress,
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Version of these fields: 1.
    pub version: u32,
    /// Complete epochs.
    pub epoch: usize,
    /// Batches of the current epoch.
    pub batch: usize,
    /// Batches of all epochs, at the last checkpoint.
    pub batches: u64,
    /// Optimizer steps of all epochs, at the last checkpoint.
    pub step: u64,
    /// Updates of the running mean of the weights, at the last checkpoint.
    pub ema_updates: u64,
    /// Sum of the losses of the epoch's images so far.
    pub loss_sum: f64,
    /// Counts over the epoch's images so far.
    pub counts: Counts,
    /// The best validation so far.
    pub best: Option<Best>,
    /// The complete epochs, as in `log.csv`.
    pub history: Vec<EpochRow>,
}

/// The best validation of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// Its epoch, from 1.
    pub epoch: usize,
    /// Share of the validation images that were classified correctly.
    pub top1: f64,
    /// Mean cross entropy.
    pub loss: f64,
}

impl Best {
    /// Whether it is better than `other`: a higher top-1, or the same with a lower loss.
    pub fn beats(&self, other: Option<&Self>) -> bool {
        other.is_none_or(|other| {
            self.top1 > other.top1 || (self.top1 == other.top1 && self.loss < other.loss)
        })
    }
}

impl Checkpoint {
    /// Writes the file atomically.
    ///
    /// # Errors
    /// When it cannot be written; the previous file is then unchanged.
    pub fn write(
        path: &Path,
        net: &Net,
        memory: &Memory,
        progress: &Progress,
    ) -> Result<(), TrainError> {
        let bytes = Self::to_bytes(path, net, memory, progress)?;
        replace(path, &bytes)
    }

    /// The content of the file that is called `path`.
    pub(crate) fn to_bytes(
        path: &Path,
        net: &Net,
        memory: &Memory,
        progress: &Progress,
    ) -> Result<Vec<u8>, TrainError> {
        let mut all = tensors::from_state(net, &memory.state)?;
        for (slot, values) in memory.optimizer.slots() {
            let prefix = format!("optimizer.{slot}.");
            insert_all(&mut all, &prefix, &tensors::from_parameters(net, values)?);
        }
        if let Some(ema) = &memory.ema {
            insert_all(&mut all, "ema.", &tensors::from_state(net, ema.state())?);
        }
        let progress = Progress {
            version: VERSION,
            batches: memory.batches,
            step: memory.optimizer.steps(),
            ema_updates: memory.ema.as_ref().map_or(0, Ema::updates),
            ..progress.clone()
        };
        let json = serde_json::to_string(&progress).map_err(|e| TrainError::damaged(path, &e))?;
        let header = HeaderText { key: KEY, text: &json };
        bytes_with_text(&all, Some(header), StoredPrecision::F32)
            .map_err(|error| at_path(path, error))
    }

    /// Reads what [`Self::write`] wrote for the same net, optimizer and decay of the running mean.
    ///
    /// # Errors
    /// When there is no such file, or it is damaged or of another run.
    pub fn read(
        path: &Path,
        net: &Net,
        spec: &OptimizerSpec,
        ema_decay: f64,
    ) -> Result<Self, TrainError> {
        let bytes = std::fs::read(path).map_err(TrainError::io(path))?;
        Self::from_bytes(&bytes, path, net, spec, ema_decay)
    }

    /// Reads the content of the file that is called `path`.
    pub(crate) fn from_bytes(
        bytes: &[u8],
        path: &Path,
        net: &Net,
        spec: &OptimizerSpec,
        ema_decay: f64,
    ) -> Result<Self, TrainError> {
        let (mut all, json) = read_with_text(bytes, KEY).map_err(|error| at_path(path, error))?;
        let progress = parse_progress(path, json)?;
        let of_run = |e: TrainError| TrainError::damaged(path, &format!("not of this run: {e}"));
        let mut optimizer = Optimizer::new(spec, &Layout::new(net)?);
        let mut slots = Vec::new();
        for (slot, _) in optimizer.slots() {
            let taken = take_all(&mut all, &format!("optimizer.{slot}."));
            slots.push(tensors::to_parameters(net, taken).map_err(of_run)?);
        }
        optimizer.restore(progress.step, slots);
        let mean = take_all(&mut all, "ema.");
        let mut ema = None;
        if ema_decay > 0.0 {
            let state = tensors::to_state(net, &mean).map_err(of_run)?;
            ema = Some(Ema::restore(ema_decay, progress.ema_updates, state));
        }
        let state = tensors::to_state(net, &all).map_err(of_run)?;
        let memory = Memory { state, optimizer, ema, batches: progress.batches };
        Ok(Self { memory, progress })
    }
}

impl Checkpoint {
    /// How far the run is, by the content of the file that is called `path`.
    pub(crate) fn progress(bytes: &[u8], path: &Path) -> Result<Progress, TrainError> {
        let (_, json) = read_with_text(bytes, KEY).map_err(|error| at_path(path, error))?;
        parse_progress(path, json)
    }
}

fn parse_progress(path: &Path, json: Option<String>) -> Result<Progress, TrainError> {
    let json = json.ok_or_else(|| TrainError::damaged(path, &"a model, not a run's checkpoint"))?;
    let progress: Progress =
        serde_json::from_str(&json).map_err(|e| TrainError::damaged(path, &e))?;
    if progress.version != VERSION {
        let why = format!("written by another version of seesaw (format {})", progress.version);
        return Err(TrainError::damaged(path, &why));
    }
    Ok(progress)
}

/// An error of the file format, with the path of the file.
fn at_path(path: &Path, error: FormatError) -> TrainError {
    match error {
        FormatError::Io { path, error } => TrainError::Io { path, error },
        error => TrainError::damaged(path, &error),
    }
}

fn insert_all(all: &mut Tensors, prefix: &str, tensors: &Tensors) {
    for (name, tensor) in tensors.iter() {
        all.insert(format!("{prefix}{name}"), tensor.clone());
    }
}

/// Takes out the tensors whose names start with `prefix`, under their names without it.
fn take_all(all: &mut Tensors, prefix: &str) -> Tensors {
    let names: Vec<String> = all
        .iter()
        .map(|(name, _)| name.to_owned())
        .filter(|name| name.starts_with(prefix))
        .collect();
    let take = |name: String| {
        let tensor = all.remove(&name).expect("a name that was listed");
        (name[prefix.len()..].to_owned(), tensor)
    };
    names.into_iter().map(take).collect()
}
