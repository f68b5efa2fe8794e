//! `checkpoint.safetensors`: everything that a run goes on from.

use std::{collections::HashMap, path::Path};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use seesaw_arch::Net;
use seesaw_format::{Tensor, Tensors};
use serde::{Deserialize, Serialize};

use super::{EpochRow, replace, tensors};
use crate::{
    TrainError,
    ema::Ema,
    layout::State,
    loss::Counts,
    optim::{Optimizer, OptimizerSpec},
};

/// The key of the progress in the file's header.
const KEY: &str = "seesaw-run";
/// Version of the fields of [`Progress`].
const VERSION: u32 = 1;

/// A run at the end of a step.
///
/// In the file, weights have the names of model files, the optimizer's memory and the mean of the
/// weights have the same behind `optimizer.momentum.` (or `mean.`, `square.`) and `ema.`.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// The net's numbers.
    pub state: State,
    /// The optimizer with what it remembers.
    pub optimizer: Optimizer,
    /// The mean of the weights, where the recipe has one.
    pub ema: Option<Ema>,
    /// How far the run is.
    pub progress: Progress,
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Version of these fields: 1.
    pub version: u32,
    /// Whole epochs.
    pub epoch: usize,
    /// Batches of the epoch that is under way.
    pub batch: usize,
    /// Batches since the beginning; each has a dropout of its own.
    pub batches: u64,
    /// Steps since the beginning.
    pub step: u64,
    /// Steps that the mean of the weights has taken in.
    pub ema_updates: u64,
    /// Sum of the losses of the epoch's images so far.
    pub loss_sum: f64,
    /// Counts over the epoch's images so far.
    pub counts: Counts,
    /// The best validation so far.
    pub best: Option<Best>,
    /// The whole epochs, as `log.csv` has them.
    pub history: Vec<EpochRow>,
}

/// The best validation of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// Its epoch, from 1.
    pub epoch: usize,
    /// Share of the validation images that were classified right.
    pub top1: f64,
    /// Mean cross entropy.
    pub loss: f64,
}

impl Best {
    /// Whether it is better than `other`: more images right, or as many at a lower loss.
    pub fn beats(&self, other: Option<&Self>) -> bool {
        other.is_none_or(|other| {
            self.top1 > other.top1 || (self.top1 == other.top1 && self.loss < other.loss)
        })
    }
}

impl Checkpoint {
    /// Writes the file; when that fails, the former one is still there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path, net: &Net) -> Result<(), TrainError> {
        let mut all = tensors::from_state(net, &self.state)?;
        for (slot, values) in self.optimizer.slots() {
            let prefix = format!("optimizer.{slot}.");
            insert_all(&mut all, &prefix, &tensors::from_parameters(net, values)?);
        }
        let mut progress = Progress { version: VERSION, ..self.progress.clone() };
        progress.step = self.optimizer.steps();
        if let Some(ema) = &self.ema {
            insert_all(&mut all, "ema.", &tensors::from_state(net, ema.state())?);
            progress.ema_updates = ema.updates();
        }
        let damaged = |e: &dyn std::fmt::Display| TrainError::damaged(path, e);
        let json = serde_json::to_string(&progress).map_err(|e| damaged(&e))?;
        let encode = |t: &Tensor| t.data.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
        let encoded: Vec<_> = all.iter().map(|(n, t)| (n, t.shape.clone(), encode(t))).collect();
        let mut views = Vec::with_capacity(encoded.len());
        for (name, shape, bytes) in &encoded {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
            views.push((*name, view.map_err(|e| damaged(&e))?));
        }
        let header = HashMap::from([(KEY.to_owned(), json)]);
        let bytes = safetensors::serialize(views, Some(header)).map_err(|e| damaged(&e))?;
        replace(path, &bytes)
    }

    /// Reads what [`Self::write`] wrote for the same net, optimizer and decay of the mean.
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
        let (mut all, _) =
            seesaw_format::safetensors::read(&bytes).map_err(|e| TrainError::damaged(path, &e))?;
        let progress = read_progress(path, &bytes)?;
        let of_run = |e: TrainError| TrainError::damaged(path, &format!("not of this run: {e}"));
        let mut optimizer = Optimizer::new(spec, &crate::layout::Layout::new(net)?);
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
        Ok(Self { state, optimizer, ema, progress })
    }
}

fn read_progress(path: &Path, bytes: &[u8]) -> Result<Progress, TrainError> {
    let (_, header) =
        SafeTensors::read_metadata(bytes).map_err(|e| TrainError::damaged(path, &e))?;
    let json = header.metadata().as_ref().and_then(|metadata| metadata.get(KEY));
    let json = json.ok_or_else(|| TrainError::damaged(path, &"a model, not a run's checkpoint"))?;
    let progress: Progress =
        serde_json::from_str(json).map_err(|e| TrainError::damaged(path, &e))?;
    if progress.version != VERSION {
        let why = format!("written by another version of seesaw (format {})", progress.version);
        return Err(TrainError::damaged(path, &why));
    }
    Ok(progress)
}

fn insert_all(all: &mut Tensors, prefix: &str, tensors: &Tensors) {
    for (name, tensor) in tensors.iter() {
        all.insert(format!("{prefix}{name}"), tensor.clone());
    }
}

/// Takes the tensors behind a prefix out, without it.
fn take_all(all: &mut Tensors, prefix: &str) -> Tensors {
    let names: Vec<String> = all
        .iter()
        .filter_map(|(name, _)| name.strip_prefix(prefix).map(ToOwned::to_owned))
        .collect();
    let take = |name: String| all.remove(&format!("{prefix}{name}")).map(|tensor| (name, tensor));
    names.into_iter().filter_map(take).collect()
}
