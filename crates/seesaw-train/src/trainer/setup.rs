//! Starting and resuming runs.

use std::{path::PathBuf, sync::Arc};

use seesaw_data::{Loader, LoaderOptions, datasets::Register};
use seesaw_kernels::Machine;

use super::{
    Event, Listener, RunOptions, Start, Trainer,
    data::{Data, Source},
    facts,
    new_run::{NewRun, load_teacher, resolve_recipe},
    resumed::{Resumed, RunFiles},
};
use crate::{
    TrainError,
    learner::{Learner, TeacherModel},
    recipe::{Phase, Sampler},
    run::{Checkpoint, Config, RunFolder},
};

/// Batches that may wait to be taken.
pub(super) const AHEAD: usize = 4;
/// Images in a batch of validation.
pub(super) const VAL_BATCH: usize = 64;

/// A run whose files and data are open.
struct Opened {
    folder: RunFolder,
    config: Config,
    /// The content of its file.
    checkpoint: Vec<u8>,
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
        let ranks = &options.ranks;
        ranks.wait_long();
        let recipe = &ranks.agree(resolve_recipe(start))?;
        ranks.compare(&facts::of_start(start, recipe, machine, options))?;
        let folder = RunFolder::new(&start.out);
        ranks.on_root(|| {
            folder.create()?;
            remove_unfinished(&folder, on)
        })?;
        let source = Source {
            path: &start.data,
            recipe,
            limit: start.limit,
            unlabeled: start.unlabeled,
            known: None,
        };
        let mut data = source.open(machine, options, on)?;
        let recipe = &recipe.resolve(data.train.len(), start.net.input_size);
        let new = NewRun { start, recipe, data: &data, machine };
        let (config, teacher) = ranks.agree(new.prepare(on))?;
        let checkpoint = &folder.checkpoint();
        let bytes = ranks.made_by_root(|| new.first_checkpoint(&config, checkpoint, on))?;
        let register = std::mem::take(&mut data.register);
        let opened = Opened { folder, config, checkpoint: bytes, data, teacher };
        let trainer = ranks.agree(Self::new(opened, machine, options))?;
        ranks.on_root(|| {
            trainer.folder.write_register(&register)?;
            // The configuration comes last: with it, the folder holds a run.
            trainer.save()?;
            trainer.config.write(&trainer.folder.config())
        })?;
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
        let (folder, ranks) = (RunFolder::new(run), &options.ranks);
        ranks.wait_long();
        ranks.compare(&facts::of_resume(machine, options))?;
        let files = RunFiles::read(&folder, ranks, on)?;
        let local = ranks.agree(Resumed::new(folder, &files, options, on))?;
        let Resumed { folder, config, is_changed } = local;
        let (recipe, facts) = (&config.recipe, &config.data);
        let (unlabeled, known) = (config.run.unlabeled, files.register.as_ref());
        let source = Source { path: &facts.path, recipe, limit: facts.limit, unlabeled, known };
        let data = source.open(machine, options, on)?;
        let teacher = ranks.agree(known_teacher(&config, &data, known))?;
        let isa = machine.isa().to_string();
        if isa != config.run.isa {
            let note = format!(
                "the run started on {} and continues on {isa}, which rounds differently",
                config.run.isa
            );
            on(Event::Note(&note));
        }
        if is_changed {
            ranks.on_root(|| config.write(&folder.config()))?;
        }
        let opened = Opened { folder, config, checkpoint: files.checkpoint, data, teacher };
        ranks.agree(Self::new(opened, machine, options))
    }

    fn new(opened: Opened, machine: &Machine, options: &RunOptions) -> Result<Self, TrainError> {
        let Opened { folder, config, checkpoint, data, teacher } = opened;
        let Config { recipe, net, .. } = &config;
        let (path, decay) = (folder.checkpoint(), recipe.ema.decay);
        let checkpoint = Checkpoint::from_bytes(&checkpoint, &path, net, &recipe.optimizer, decay)?;
        let Checkpoint { memory, progress } = checkpoint;
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
        let learner = learner.with_wire(options.ranks.gradient_wire());
        let (machine, save, train) = (machine.clone(), options.save, data.train);
        let ranks = options.ranks.clone();
        Ok(Self { folder, config, machine, save, train, val, learner, progress, ranks })
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
            .blocks(recipe.sampler == Sampler::Blocks)
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

/// The teacher of a run, whose data must be as they were.
fn known_teacher(
    config: &Config,
    data: &Data,
    known: Option<&Register>,
) -> Result<Option<TeacherModel>, TrainError> {
    let unlabeled = config.run.unlabeled;
    data.check_unchanged(&config.data, known, unlabeled)?;
    let labels = (!unlabeled).then_some(&config.data.classes[..]);
    let teacher = config.run.teacher.as_deref();
    teacher.map(|path| load_teacher(path, labels, &config.preprocess)).transpose()
}

/// Removes what processes left that were killed while they wrote a file.
pub(super) fn remove_unfinished(folder: &RunFolder, on: Listener<'_>) -> Result<(), TrainError> {
    let removed = folder.remove_unfinished()?;
    if removed > 0 {
        on(Event::Note(&format!(
            "removed {removed} unfinished files of a process that was killed while it wrote them"
        )));
    }
    Ok(())
}
