//! The first weights of a run.

use std::path::Path;

use seesaw_arch::{Net, Preprocess};
use seesaw_data::Loader;
use seesaw_engine::Options;
use seesaw_format::{Model, NetWeights, load, load_model};
use seesaw_kernels::Machine;

use super::{Event, Init, Listener, Start};
use crate::{
    TrainError,
    graft::graft,
    linear_fit::{self, Examples},
    metrics::match_classes,
    recipe::Recipe,
};

/// Images that one run of the plan takes.
const PLAN_BATCH: usize = 16;
/// The most images that a linear layer is fitted to; their features have to fit in memory.
pub(super) const MAX_FITTED: usize = 10_000;

/// The first weights of a run.
pub(super) struct FirstWeights {
    pub weights: NetWeights,
    /// Whether they are those of a model, except for a random linear layer.
    pub is_headless: bool,
    /// What the user should see of the choice.
    pub notes: Vec<String>,
}

/// Random weights, those of a model, or a graft.
pub(super) fn first_weights(
    net: &Net,
    classes: &[String],
    start: &Start,
    recipe: &Recipe,
) -> Result<FirstWeights, TrainError> {
    let fresh = NetWeights::random(net, recipe.seed)?;
    match (&start.init, &start.graft) {
        (Some(init), _) => of_model(net, classes, fresh, init),
        (None, Some(path)) => grafted(net, classes, fresh, path),
        (None, None) => {
            let note = "the recipe is for trained weights, but training starts from random ones";
            let notes = recipe.pretrained.then(|| note.to_owned()).into_iter().collect();
            Ok(FirstWeights { weights: fresh, is_headless: false, notes })
        }
    }
}

/// The weights of a model. The linear layer is the model's only if the classes are the same, by name
/// where the model names them.
fn of_model(
    net: &Net,
    classes: &[String],
    fresh: NetWeights,
    init: &Init,
) -> Result<FirstWeights, TrainError> {
    let (model, labels) = match init {
        Init::File(path) => read(path, net)?,
        Init::Model { name, model } => {
            check_trunk(&model.net, net, Path::new(name))?;
            (Model::clone(model), model.labels.clone())
        }
    };
    if model.net.classes == net.classes && (labels.is_empty() || labels == classes) {
        let note = format!(
            "{init} has no class names; its {} outputs are taken for the classes in their order",
            net.classes
        );
        let notes = labels.is_empty().then_some(note).into_iter().collect();
        return Ok(FirstWeights { weights: model.weights, is_headless: false, notes });
    }
    let weights = NetWeights { classifier: fresh.classifier, ..model.weights };
    let note = format!(
        "the classes of {init} differ from those of the data, so its last layer is reinitialized"
    );
    Ok(FirstWeights { weights, is_headless: true, notes: vec![note] })
}

/// The weights of a model that is grafted on the net.
fn grafted(
    net: &Net,
    classes: &[String],
    fresh: NetWeights,
    path: &Path,
) -> Result<FirstWeights, TrainError> {
    let model = load_model(path, None)?;
    let columns = match_classes(classes, &model.labels, model.net.classes);
    let columns = columns.map(|matching| matching.columns).ok();
    let teacher = (&model.net, &model.weights);
    let graft = graft(net, fresh, teacher, columns.as_deref())?;
    // Those of weights to start from are for the caller, who has read them to choose the net.
    let mut notes: Vec<String> =
        model.notes.iter().map(|note| format!("{}: {note}", path.display())).collect();
    let kept: Vec<f64> = graft.kept.iter().copied().flatten().collect();
    let mean = kept.iter().sum::<f64>() / kept.len() as f64;
    notes.push(format!(
        "{} of {} blocks are grafted and keep {:.0} % of the energy of their paths on average",
        kept.len(),
        graft.kept.len(),
        100.0 * mean
    ));
    let missing: Vec<String> = (1..)
        .zip(&graft.kept)
        .filter(|(_, kept)| kept.is_none())
        .map(|(number, _): (usize, _)| number.to_string())
        .collect();
    if !missing.is_empty() {
        notes.push(format!("blocks without a counterpart: {}", missing.join(", ")));
    }
    for (what, taken) in [("stem", graft.stem), ("head", graft.head)] {
        if !taken {
            notes.push(format!("the {what} has another shape than the teacher's and starts fresh"));
        }
    }
    if graft.head && columns.is_none() {
        notes.push("the teacher does not know the classes, so the last layer starts fresh".into());
    }
    Ok(FirstWeights { weights: graft.weights, is_headless: false, notes })
}

/// The model in a file, which has to have the layers of `net`, and its class names.
fn read(path: &Path, net: &Net) -> Result<(Model, Vec<String>), TrainError> {
    let contents = load(path)?;
    let mut labels = Vec::new();
    if let Some(metadata) = &contents.metadata {
        check_trunk(&metadata.net, net, path)?;
        labels.clone_from(&metadata.labels);
    }
    Ok((contents.into_model(Some(net.clone()), path)?, labels))
}

/// Whether a model's layers are those of `net`, except for the last.
fn check_trunk(found: &Net, net: &Net, path: &Path) -> Result<(), TrainError> {
    let trunk = |net: &Net| {
        let numbers = (net.head.channels, net.padding, net.batch_norm_eps);
        (net.stem.clone(), net.stages.clone(), numbers)
    };
    if trunk(found) == trunk(net) {
        return Ok(());
    }
    let (found, net) = (found.name.clone(), net.name.clone());
    Err(TrainError::OtherLayers { path: path.to_owned(), found, net })
}

/// What a linear layer is fitted to.
pub(super) struct Fit<'a> {
    pub net: &'a Net,
    pub preprocess: &'a Preprocess,
    /// Share of a label that is spread evenly over all classes.
    pub smoothing: f64,
    pub machine: &'a Machine,
}

impl Fit<'_> {
    /// Replaces the linear layer by one that classifies the features of these images.
    pub fn run(
        &self,
        weights: &mut NetWeights,
        images: &Loader,
        on: Listener<'_>,
    ) -> Result<(), TrainError> {
        let Self { net, machine, .. } = *self;
        let size = self.preprocess.crop as usize;
        let options = Options::new(net).input_size(size).batch(PLAN_BATCH);
        let plan = seesaw_engine::compile(net, &*weights, &options, machine)?;
        let (mut features, mut labels) = (Vec::new(), Vec::new());
        for batch in images.epoch(0, 0) {
            let batch = batch?;
            for images in batch.images.chunks(PLAN_BATCH * 3 * size * size) {
                features.extend(plan.pooled(images)?);
            }
            labels.extend(batch.labels);
            on(Event::Fitting { done: labels.len(), total: images.images().min(MAX_FITTED) });
            if labels.len() >= MAX_FITTED {
                break;
            }
        }
        let examples = Examples {
            width: features.len() / labels.len(),
            features: &features,
            labels: &labels,
            classes: net.classes,
            smoothing: self.smoothing,
        };
        weights.classifier = linear_fit::fit(&examples, machine.token());
        Ok(())
    }
}
