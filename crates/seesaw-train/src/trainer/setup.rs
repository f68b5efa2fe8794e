//! From what a user asks for to a trainer.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    time::Duration,
};

use seesaw_arch::Net;
use seesaw_data::{
    Dataset, Loader, LoaderOptions,
    datasets::{OpenOptions, Splits, open},
};
use seesaw_engine::Isa;

use super::{Event, Trainer, init::first_weights, teacher::TeacherModel};
use crate::{
    TrainError,
    ema::Ema,
    layout::{Layout, State},
    optim::Optimizer,
    recipe::{Phase, Recipe},
    run::{Checkpoint, Config, DataFacts, Progress, RunFacts, RunFolder},
};

/// Batches that may wait to be taken.
const AHEAD: usize = 4;
/// Images in a batch of validation.
const VAL_BATCH: usize = 64;

/// A training to be begun.
#[derive(Debug, Clone)]
pub struct Start {
    /// The data set; see [`seesaw_data::datasets`] for what it may be.
    pub data: PathBuf,
    /// The net; it gets as many classes as the data have.
    pub net: Net,
    /// How it is trained.
    pub recipe: Recipe,
    /// The run's folder, which must not hold a run.
    pub out: PathBuf,
    /// Weights to begin with. With other classes, the linear layer begins anew.
    pub init: Option<PathBuf>,
    /// A model whose logits are learned from beside the labels.
    pub teacher: Option<PathBuf>,
    /// Takes this many images for training, and as many for validation: a quick trial.
    pub limit: Option<usize>,
}

impl Start {
    /// A training with nothing out of the ordinary.
    pub fn new(
        data: impl Into<PathBuf>,
        net: Net,
        recipe: Recipe,
        out: impl Into<PathBuf>,
    ) -> Self {
        let (data, out) = (data.into(), out.into());
        Self { data, net, recipe, out, init: None, teacher: None, limit: None }
    }
}

/// What may differ from machine to machine without a change to what is learned, but for the
/// instruction set, which rounds in its own way.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Threads that train, and as many that load.
    pub threads: usize,
    /// The instruction set; `None` for the environment's choice or the best.
    pub isa: Option<Isa>,
    /// Bytes of decoded images that are kept in memory.
    pub cache_bytes: u64,
    /// The longest time between checkpoints; there is one after each epoch anyway.
    pub save_every: Option<Duration>,
    /// The most steps between checkpoints.
    pub save_steps: Option<u64>,
}

impl Machine {
    /// The machine of the engine's plans.
    pub(super) fn engine(&self) -> Result<seesaw_engine::Machine, TrainError> {
        Ok(match self.isa {
            Some(isa) => seesaw_engine::Machine::new(self.threads, Some(isa))?,
            None => seesaw_engine::Machine::from_env(self.threads)?,
        })
    }
}

impl Default for Machine {
    /// All processors, 1 GiB of images, and a checkpoint every five minutes.
    fn default() -> Self {
        Self {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            isa: None,
            cache_bytes: 1 << 30,
            save_every: Some(Duration::from_secs(300)),
            save_steps: None,
        }
    }
}

/// Where events go.
pub(super) type Listener<'a> = &'a mut dyn FnMut(Event<'_>);

impl Trainer {
    /// Opens the data, makes the run's folder, and writes its configuration and first checkpoint.
    ///
    /// # Errors
    /// When data, net, recipe and files do not go together or cannot be read, or when the folder
    /// holds a run already or cannot be written.
    pub fn start(start: &Start, machine: Machine, on: Listener<'_>) -> Result<Self, TrainError> {
        start.recipe.validate()?;
        let folder = RunFolder::new(&start.out);
        folder.create()?;
        let (kind, train, val) = open_data(&start.data, &start.recipe, start.limit, &machine, on)?;
        let isa = isa(&machine)?;
        let classes = train.classes().to_vec();
        let net = resolved(&start.net, &start.recipe, classes.len())?;
        let (weights, note) =
            first_weights(&net, &classes, start.init.as_deref(), start.recipe.seed)?;
        note.iter().for_each(|note| on(Event::Note(note)));
        let config = Config {
            run: RunFacts {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                isa: isa.to_string(),
                threads: machine.threads,
                init: start.init.as_deref().map(absolute).transpose()?,
                teacher: start.teacher.as_deref().map(absolute).transpose()?,
            },
            data: DataFacts {
                path: absolute(&start.data)?,
                kind,
                train_images: train.len(),
                val_images: val.len(),
                limit: start.limit,
                classes,
            },
            preprocess: start.recipe.preprocess(start.net.input_size),
            recipe: start.recipe.clone(),
            net,
        };
        let state = State::from_weights(&weights);
        let decay = config.recipe.ema.decay;
        let checkpoint = Checkpoint {
            optimizer: Optimizer::new(&config.recipe.optimizer, &Layout::new(&config.net)?),
            ema: (decay > 0.0).then(|| Ema::new(decay, state.clone())),
            state,
            progress: Progress::default(),
        };
        let trainer = Self::new(folder, config, machine, train, val, checkpoint)?;
        // The configuration comes last: with it, there is a run.
        trainer.save()?;
        trainer.config.write(&trainer.folder.config())?;
        Ok(trainer)
    }

    /// Opens a run to go on with it, from its last checkpoint, as if it had never stopped.
    ///
    /// # Errors
    /// When the folder holds no run, or its files or its data have changed.
    pub fn resume(
        run: impl Into<PathBuf>,
        machine: Machine,
        on: Listener<'_>,
    ) -> Result<Self, TrainError> {
        let folder = RunFolder::new(run);
        let config = Config::read(&folder.config())?;
        let (recipe, data) = (&config.recipe, &config.data);
        let checkpoint = Checkpoint::read(
            &folder.checkpoint(),
            &config.net,
            &recipe.optimizer,
            recipe.ema.decay,
        )?;
        let (_, train, val) = open_data(&data.path, recipe, data.limit, &machine, on)?;
        let found = (train.len(), val.len(), train.classes());
        if found != (data.train_images, data.val_images, &data.classes) {
            return Err(TrainError::Setup(format!(
                "{}: the data have changed since the run was begun ({} images to train on and {} \
                 to validate, then {} and {}); begin a new run",
                data.path.display(),
                found.0,
                found.1,
                data.train_images,
                data.val_images
            )));
        }
        let isa = isa(&machine)?.to_string();
        if isa != config.run.isa {
            let note = format!(
                "the run was begun with {}, and goes on with {isa}, which rounds differently",
                config.run.isa
            );
            on(Event::Note(&note));
        }
        Self::new(folder, config, machine, train, val, checkpoint)
    }

    fn new(
        folder: RunFolder,
        config: Config,
        machine: Machine,
        train: Dataset,
        val: Dataset,
        checkpoint: Checkpoint,
    ) -> Result<Self, TrainError> {
        let options = LoaderOptions::evaluate(&config.preprocess, VAL_BATCH)
            .workers(machine.threads)
            .ahead(AHEAD);
        let val = Loader::new(Arc::new(val), options)?;
        let teacher = config.run.teacher.as_deref();
        let teacher = teacher.map(|path| TeacherModel::load(path, &config)).transpose()?;
        Ok(Self { folder, config, machine, train: Arc::new(train), val, teacher, checkpoint })
    }

    /// The loader of training images.
    pub(super) fn train_loader(&self, phase: Phase) -> Result<Loader, TrainError> {
        let recipe = &self.config.recipe;
        let preprocess = recipe.preprocess_at(phase.size);
        let augment = recipe.augment.clone();
        let options = LoaderOptions::train(&preprocess, phase.batch, augment, recipe.seed)
            .workers(self.machine.threads)
            .ahead(AHEAD);
        Ok(Loader::new(Arc::clone(&self.train), options)?)
    }
}

/// The net of a run: the user's with the data's classes and the recipe's dropout and size.
fn resolved(net: &Net, recipe: &Recipe, classes: usize) -> Result<Net, TrainError> {
    let mut net = net.clone().with_classes(classes);
    net.head.dropout = recipe.dropout.unwrap_or(net.head.dropout);
    net.input_size = recipe.preprocess(net.input_size).crop as usize;
    net.validate()?;
    Ok(net)
}

fn isa(machine: &Machine) -> Result<Isa, TrainError> {
    Ok(machine.engine()?.isa())
}

fn absolute(path: &Path) -> Result<PathBuf, TrainError> {
    std::path::absolute(path).map_err(TrainError::io(path))
}

fn open_data(
    path: &Path,
    recipe: &Recipe,
    limit: Option<usize>,
    machine: &Machine,
    on: Listener<'_>,
) -> Result<(String, Dataset, Dataset), TrainError> {
    let options = OpenOptions::new()
        .val_split(recipe.val_split)
        .seed(recipe.seed)
        .cache_bytes(machine.cache_bytes);
    let Splits { mut train, mut val, kind } = open(path, &options)?;
    if let Some(limit) = limit {
        train.sample(limit, recipe.seed);
        // The same images validate whatever the seed.
        val.sample(limit, 0);
    }
    verify(&mut train, "training", machine.threads, on)?;
    verify(&mut val, "validation", machine.threads, on)?;
    if train.is_empty() || val.is_empty() {
        return Err(TrainError::Setup(format!(
            "{}: {} images to train on and {} to validate; both are needed, and `--set \
             val_split=0.2` holds a fifth out",
            path.display(),
            train.len(),
            val.len()
        )));
    }
    Ok((kind.to_string(), train, val))
}

/// Decodes every image once, and names those that are left out.
fn verify(
    dataset: &mut Dataset,
    part: &'static str,
    threads: usize,
    on: Listener<'_>,
) -> Result<(), TrainError> {
    let total = dataset.len();
    let report = std::thread::scope(|scope| {
        // Events are told on the caller's thread alone.
        let (sender, done) = mpsc::channel();
        let work = scope.spawn(move || {
            let report = dataset.verify(threads, &|done| {
                // The receiver lives as long as this thread.
                let _ = sender.send(done);
            });
            drop(sender);
            report
        });
        for done in done {
            on(Event::Verifying { part, done, total });
        }
        work.join()
    });
    let report = match report {
        Ok(report) => report?,
        Err(panic) => std::panic::resume_unwind(panic),
    };
    for (path, reason) in &report.broken {
        on(Event::Broken { path, reason });
    }
    Ok(())
}
