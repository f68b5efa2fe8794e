//! Small data sets and recipes for the tests of whole trainings.
#![allow(dead_code)] // Each test file takes what it needs.

#[path = "../../examples/paint/mod.rs"]
pub mod paint;

use std::path::PathBuf;

use seesaw_arch::Net;
use seesaw_kernels::Machine;
use seesaw_train::{
    TrainError,
    recipe::Recipe,
    trainer::{Event, RunOptions, SavePolicy, Start, Trainer},
};

/// A net of three blocks, for photos of 16 pixels.
pub fn tiny() -> Net {
    Net::from_toml(include_str!("../tiny.toml")).unwrap()
}

/// A recipe of seconds that uses as much as a long one: a running mean of the weights, changing
/// sizes, accumulation, dropout, mixing.
pub fn recipe() -> Recipe {
    Recipe::from_toml(
        r#"
        epochs = 5
        batch = 8
        accumulate = 2
        seed = 3
        clip = 5.0
        sizes = [{ from_epoch = 0, size = 12 }, { from_epoch = 2, size = 16, batch = 6 }]
        optimizer = { kind = "sgd", rate = 0.1, nesterov = true, weight_decay = 1e-4 }
        schedule = { kind = "cosine", warmup = 1.0 }
        loss = { smoothing = 0.05 }
        augment = { crop = "resized", scale = [0.5, 1.0], flip = true, mixup = 0.2, mix_probability = 0.5 }
        ema = { decay = 0.9 }
        "#,
    )
    .unwrap()
}

pub fn machine(threads: usize) -> Machine {
    Machine::from_env(threads).unwrap()
}

/// Checkpoints only at the end of epochs, or also after so many steps.
pub fn saving(steps: Option<u64>) -> RunOptions {
    RunOptions::default().save(SavePolicy { every: None, steps })
}

pub fn begin(start: &Start, threads: usize) -> Result<Trainer, TrainError> {
    Trainer::start(start, &machine(threads), &saving(None), &mut silent)
}

pub fn resume(run: impl Into<PathBuf>, threads: usize) -> Result<Trainer, TrainError> {
    Trainer::resume(run, &machine(threads), &saving(None), &mut silent)
}

/// A data set and a folder for runs, which are removed in the end.
pub struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        paint::photos(&folder.path().join("data"), ["blue", "red"], 21, 8).unwrap();
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn start(&self, run: &str) -> Start {
        Start::new(self.path("data"), tiny(), recipe(), self.path(run))
    }
}

/// A listener that ignores everything.
pub fn silent(_: Event<'_>) {}

/// A run from start to end.
pub fn train(start: &Start, threads: usize) -> Result<Trainer, TrainError> {
    let mut trainer = begin(start, threads)?;
    trainer.run(&false.into(), &mut silent)?;
    Ok(trainer)
}
