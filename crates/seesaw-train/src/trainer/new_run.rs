//! What a new run starts from.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use seesaw_arch::{Net, Preprocess};
use seesaw_data::{Loader, LoaderOptions};
use seesaw_format::NetWeights;
use seesaw_kernels::Machine;

use super::{
    Event, Init, Listener, Start, batches,
    data::Data,
    init::{FirstWeights, Fit, MAX_FITTED, first_weights},
    setup::{AHEAD, VAL_BATCH},
};
use crate::{
    TrainError,
    learner::{Memory, TeacherModel},
    recipe::{ClassWeights, Recipe, RecipeError, Sampler},
    run::{Checkpoint, Config, DataFacts, Progress, RunFacts},
};

/// A run that is being started.
pub(super) struct NewRun<'a> {
    pub start: &'a Start,
    /// That of `start`, with a number of epochs.
    pub recipe: &'a Recipe,
    pub data: &'a Data,
    pub machine: &'a Machine,
}

impl NewRun<'_> {
    /// Checks that everything fits the data; the configuration, and the teacher if there is one.
    pub fn prepare(&self, on: Listener<'_>) -> Result<(Config, Option<TeacherModel>), TrainError> {
        let Self { start, recipe, data, .. } = *self;
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
        Ok((self.config(net, classes)?, teacher))
    }

    /// The content of the checkpoint before the first step, whose file is called `path`.
    pub fn first_checkpoint(
        &self,
        config: &Config,
        path: &Path,
        on: Listener<'_>,
    ) -> Result<Vec<u8>, TrainError> {
        let weights = self.first_weights(config, on)?;
        let memory = Memory::new(&config.net, &weights, self.recipe)?;
        Checkpoint::to_bytes(path, &config.net, &memory, &Progress::default())
    }

    /// The weights before the first step.
    fn first_weights(&self, config: &Config, on: Listener<'_>) -> Result<NetWeights, TrainError> {
        let Self { start, recipe, data, machine } = *self;
        let (net, classes) = (&config.net, &config.data.classes);
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
    fn config(&self, net: Net, classes: Vec<String>) -> Result<Config, TrainError> {
        let Self { start, recipe, data, machine } = *self;
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
                classes,
            },
            preprocess: recipe.preprocess(start.net.input_size),
            recipe: recipe.clone(),
            net,
        })
    }
}

/// The caller's recipe; without labels, the loss compares with the teacher alone.
pub(super) fn resolve_recipe(start: &Start) -> Result<Recipe, TrainError> {
    let mut recipe = start.recipe.clone();
    recipe.validate()?;
    if start.unlabeled {
        recipe.loss.teacher_share = 1.0;
    }
    let balances =
        recipe.sampler == Sampler::Balanced || recipe.loss.class_weights != ClassWeights::None;
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
pub(super) fn load_teacher(
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

pub(super) fn absolute(path: &Path) -> Result<PathBuf, TrainError> {
    std::path::absolute(path).map_err(TrainError::io(path))
}
