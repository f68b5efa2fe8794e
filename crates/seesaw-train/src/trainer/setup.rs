//! Starting and resuming runs.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use seesaw_arch::{Net, Preprocess};
use seesaw_data::{Loader, LoaderOptions};
use seesaw_format::NetWeights;
use seesaw_kernels::Machine;

use super::{
    Event, Init, Listener, RunOptions, Start, Trainer, batches,
    data::{Data, Source},
    extend,
    init::{FirstWeights, Fit, MAX_FITTED, first_weights},
};
use crate::{
    TrainError,
    learner::{Learner, Memory, TeacherModel},
    recipe::{ClassWeights, Phase, Recipe, RecipeError, Sampler},
    run::{Checkpoint, Config, DataFacts, Progress, RunFacts, RunFolder},
};

/// Batches that may wait to be taken.
const AHEAD: usize = 4;
/// Images in a batch of validation.
const VAL_BATCH: usize = 64;

/// A run whose files and data are open.
struct Opened {
    folder: RunFolder,
    config: Config,
    checkpoint: Checkpoint,
    data: Data,
    teacher: Option<TeacherModel>,
}

impl Trainer {
    /// Opens the data, creates the run folder, and writes its configuration and first checkpoint.
    ///
    /// # Errors
    /// When data, net, recipe and files do not fit each other or cannot be read;
    /// [`TrainError::RunExists`] when the folder already holds a run; when it cannot be written.
    pub fn start(
        start: &Start,
        machine: &Machine,
        options: &RunOptions,
        on: Listener<'_>,
    ) -> Result<Self, TrainError> {
        let recipe = &resolve_recipe(start)?;
        let folder = RunFolder::new(&start.out);
        folder.create()?;
        remove_unfinished(&folder, on)?;
        let source = Source {
            path: &start.data,
            recipe,
            limit: start.limit,
            unlabeled: start.unlabeled,
            known: None,
        };
        let data = source.open(machine, options, on)?;
        let recipe = &recipe.resolve(data.train.len(), start.net.input_size);
        batches::check(start, recipe, &data.train, on)?;
        let preprocess = recipe.preprocess(start.net.input_size);
        let labels = (!start.unlabeled).then(|| data.train.classes());
        let teacher = start.teacher.as_deref();
        let teacher = teacher.map(|path| load_teacher(path, labels, &preprocess)).transpose()?;
        let notes = teacher.iter().flat_map(TeacherModel::notes);
        notes.for_each(|note| on(Event::Note(&note)));
        let classes = match (&teacher, labels) {
            (Some(teacher), None) => teacher.classes(),
            (_, labels) => labels.unwrap_or_default().to_vec(),
        };
        let net = resolve_net(&start.net, recipe, classes.len())?;
        if let (Some(teacher), Some(spec)) = (&teacher, recipe.loss.features) {
            let unmatched = teacher.unmatched(&net, spec.maps)?;
            if !unmatched.is_empty() {
                on(Event::Note(&unmatched_note(&unmatched)));
            }
        }
        let new = NewRun { start, recipe, net: &net, classes: &classes, data: &data, machine };
        let memory = Memory::new(&net, &new.first_weights(on)?, recipe)?;
        let config = new.config()?;
        let checkpoint = Checkpoint { memory, progress: Progress::default() };
        folder.write_register(&data.register)?;
        let opened = Opened { folder, config, checkpoint, data, teacher };
        let trainer = Self::new(opened, machine, options)?;
        // The configuration comes last: with it, the folder holds a run.
        trainer.save()?;
        trainer.config.write(&trainer.folder.config())?;
        Ok(trainer)
    }

    /// Opens a run to continue it from its last checkpoint, as if it had never stopped.
    ///
    /// # Errors
    /// [`TrainError::NoRun`] when the folder holds no run; [`TrainError::DataChanged`] when the data
    /// set is no longer the same; when a file cannot be read or is damaged.
    pub fn resume(
        run: impl Into<PathBuf>,
        machine: &Machine,
        options: &RunOptions,
        on: Listener<'_>,
    ) -> Result<Self, TrainError> {
        let folder = RunFolder::new(run);
        let mut config = Config::read(&folder.config())?;
        remove_unfinished(&folder, on)?;
        let moved = options.data.as_deref().map(absolute).transpose()?;
        let moved = moved.filter(|path| *path != config.data.path);
        if let Some(path) = &moved {
            config.data.path.clone_from(path);
        }
        let known = folder.register()?;
        let known = known.as_ref();
        let as_started = config.recipe.epochs;
        if let Some(epochs) = options.epochs {
            config.recipe.epochs = epochs.into();
            config.recipe.validate()?;
        }
        let (recipe, facts) = (&config.recipe, &config.data);
        let checkpoint = Checkpoint::read(
            &folder.checkpoint(),
            &config.net,
            &recipe.optimizer,
            recipe.ema.decay,
        )?;
        if options.epochs.is_some() {
            extend::check(&config, as_started, &checkpoint.progress, &folder, on)?;
        }
        let unlabeled = config.run.unlabeled;
        let source = Source { path: &facts.path, recipe, limit: facts.limit, unlabeled, known };
        let data = source.open(machine, options, on)?;
        data.check_unchanged(facts, known, unlabeled)?;
        let labels = (!unlabeled).then_some(&facts.classes[..]);
        let teacher = config.run.teacher.as_deref();
        let teacher =
            teacher.map(|path| load_teacher(path, labels, &config.preprocess)).transpose()?;
        let isa = machine.isa().to_string();
        if isa != config.run.isa {
            let note = format!(
                "the run started on {} and continues on {isa}, which rounds differently",
                config.run.isa
            );
            on(Event::Note(&note));
        }
        if moved.is_some() || config.recipe.epochs != as_started {
            config.write(&folder.config())?;
        }
        Self::new(Opened { folder, config, checkpoint, data, teacher }, machine, options)
    }

    fn new(opened: Opened, machine: &Machine, options: &RunOptions) -> Result<Self, TrainError> {
        let Opened { folder, config, checkpoint, data, teacher } = opened;
        let Checkpoint { memory, progress } = checkpoint;
        let Config { recipe, net, .. } = &config;
        let loader_options = LoaderOptions::evaluate(&config.preprocess, VAL_BATCH)
            .workers(machine.threads())
            .ahead(AHEAD);
        let val = Loader::new(Arc::new(data.val), loader_options)?;
        let phase = phase(&config, progress.epoch, data.train.len());
        let mut learner = Learner::resume(net, memory, recipe, phase, machine)?;
        let classes = &config.data.classes;
        // Without labels the images have no classes to be counted.
        let counts = data.train.class_counts();
        if let Some(weights) = recipe.loss.class_weights.resolve(classes, &counts)? {
            learner = learner.with_class_weights(weights);
        }
        if let Some(teacher) = teacher {
            learner = learner.with_teacher(teacher)?;
        }
        let (machine, save, train) = (machine.clone(), options.save, data.train);
        Ok(Self { folder, config, machine, save, train, val, learner, progress })
    }

    /// Prepares the learner for the size of images and batches in the current epoch; the loader of
    /// its training images.
    pub(super) fn start_phase(&mut self) -> Result<Loader, TrainError> {
        let phase = phase(&self.config, self.progress.epoch, self.train.len());
        self.learner.set_phase(phase)?;
        let recipe = &self.config.recipe;
        let preprocess = recipe.preprocess_at(phase.size);
        let augment = recipe.augment.clone();
        let options = LoaderOptions::train(&preprocess, phase.batch, augment, recipe.seed)
            .balanced(recipe.sampler == Sampler::Balanced)
            .workers(self.machine.threads())
            .ahead(AHEAD);
        Ok(Loader::new(Arc::clone(&self.train), options)?)
    }
}

/// The size of images and batches in an epoch, with at most `images` in a batch.
fn phase(config: &Config, epoch: usize, images: usize) -> Phase {
    let Phase { size, batch } = config.recipe.phase(epoch, config.net.input_size);
    Phase { size, batch: batch.min(images) }
}

/// Removes what processes left that were killed while they wrote a file.
fn remove_unfinished(folder: &RunFolder, on: Listener<'_>) -> Result<(), TrainError> {
    let removed = folder.remove_unfinished()?;
    if removed > 0 {
        on(Event::Note(&format!(
            "removed {removed} unfinished files of a process that was killed while it wrote them"
        )));
    }
    Ok(())
}

/// The caller's recipe; without labels, the loss compares with the teacher alone.
fn resolve_recipe(start: &Start) -> Result<Recipe, TrainError> {
    let mut recipe = start.recipe.clone();
    recipe.validate()?;
    if start.unlabeled {
        recipe.loss.teacher_share = 1.0;
    }
    let balances =
        recipe.sampler != Sampler::default() || recipe.loss.class_weights != ClassWeights::None;
    if start.unlabeled && balances {
        let why = "and `sampler = \"balanced\"` need images with labels".to_owned();
        return Err(RecipeError::ClassWeights { why }.into());
    }
    let needs = [
        (start.unlabeled, "training without labels"),
        (recipe.loss.features.is_some(), "`loss.features`"),
    ];
    if let Some((_, what)) = needs.into_iter().find(|(needed, _)| *needed)
        && start.teacher.is_none()
    {
        return Err(TrainError::NoTeacher { what });
    }
    Ok(recipe)
}

/// The teacher for data with these labels, or without any.
fn load_teacher(
    path: &Path,
    labels: Option<&[String]>,
    preprocess: &Preprocess,
) -> Result<TeacherModel, TrainError> {
    match labels {
        Some(labels) => TeacherModel::load(path, labels, preprocess),
        None => TeacherModel::for_unlabeled(path, preprocess),
    }
}

fn unmatched_note(blocks: &[usize]) -> String {
    let numbers: Vec<String> = blocks.iter().map(usize::to_string).collect();
    let blocks = numbers.join(", ");
    format!(
        "the teacher has no feature maps of the shapes of blocks {blocks}; they learn from later ones"
    )
}

/// The net of a run: the caller's with the classes of the data, and with the recipe's dropout, size
/// and preprocessing.
fn resolve_net(net: &Net, recipe: &Recipe, classes: usize) -> Result<Net, TrainError> {
    let mut net = net.clone().with_classes(classes);
    net.head.dropout = recipe.dropout.unwrap_or(net.head.dropout);
    let preprocess = recipe.preprocess(net.input_size);
    net.input_size = preprocess.crop as usize;
    net.preprocess = Some(preprocess);
    net.validate()?;
    Ok(net)
}

/// A run that is being started.
struct NewRun<'a> {
    start: &'a Start,
    /// That of `start`, with a number of epochs.
    recipe: &'a Recipe,
    net: &'a Net,
    classes: &'a [String],
    data: &'a Data,
    machine: &'a Machine,
}

impl NewRun<'_> {
    /// The weights before the first step.
    fn first_weights(&self, on: Listener<'_>) -> Result<NetWeights, TrainError> {
        let Self { start, recipe, net, classes, data, machine } = *self;
        let train = &data.train;
        let FirstWeights { mut weights, is_headless, notes } =
            first_weights(net, classes, start, recipe)?;
        // Images without labels have nothing that a layer could be fitted to.
        if !is_headless || !recipe.fit_classifier || start.unlabeled {
            notes.iter().for_each(|note| on(Event::Note(note)));
            return Ok(weights);
        }
        let preprocess = &recipe.preprocess(start.net.input_size);
        let options = LoaderOptions::evaluate(preprocess, VAL_BATCH)
            .workers(machine.threads())
            .ahead(AHEAD)
            // Of more images than are needed, those in front would be of a few classes only.
            .shuffle(train.len() > MAX_FITTED);
        let images = Loader::new(Arc::clone(train), options)?;
        let fit = Fit { net, preprocess, smoothing: recipe.loss.smoothing, machine };
        fit.run(&mut weights, &images, on)?;
        Ok(weights)
    }

    /// The configuration.
    fn config(&self) -> Result<Config, TrainError> {
        let Self { start, recipe, net, classes, data, machine } = *self;
        let (init, bundled) = match &start.init {
            None => (None, None),
            Some(Init::File(path)) => (Some(absolute(path)?), None),
            Some(Init::Model { name, .. }) => (None, Some(name.clone())),
        };
        Ok(Config {
            run: RunFacts {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                isa: machine.isa().to_string(),
                threads: machine.threads(),
                init,
                bundled,
                graft: start.graft.as_deref().map(absolute).transpose()?,
                teacher: start.teacher.as_deref().map(absolute).transpose()?,
                unlabeled: start.unlabeled,
            },
            data: DataFacts {
                path: absolute(&start.data)?,
                kind: data.kind.to_string(),
                train_images: data.train.len(),
                val_images: data.val.len(),
                limit: start.limit,
                classes: classes.to_vec(),
            },
            preprocess: recipe.preprocess(start.net.input_size),
            recipe: recipe.clone(),
            net: net.clone(),
        })
    }
}

fn absolute(path: &Path) -> Result<PathBuf, TrainError> {
    std::path::absolute(path).map_err(TrainError::io(path))
}
