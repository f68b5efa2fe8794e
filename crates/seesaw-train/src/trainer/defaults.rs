//! Net, start weights and recipe where they are not given.

use std::{path::Path, sync::Arc};

use seesaw_arch::{Net, zoo};
use seesaw_data::datasets::{OpenOptions, open};
use seesaw_format::Model;

use super::Init;
use crate::{TrainError, recipe::Recipe};

/// The nets that are trained from scratch: for photos, and for images as small as CIFAR's.
const NETS: [&str; 2] = ["seesaw-shuffle-0.5d-imagenet", "seesaw-shuffle-0.5d-cifar"];
/// The recipe for training that starts from trained weights.
const FINE_TUNE: &str = "fine-tune";
/// The recipe for training that learns from a teacher's feature maps.
const DISTILL: &str = "distill";
/// How many images are tried until one can be decoded.
const TRIES: usize = 8;

/// What is wanted of a training; [`choose`] decides the rest.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// The net.
    pub net: Option<Net>,
    /// The weights to start from.
    pub init: Option<StartWeights>,
    /// How it is trained.
    pub recipe: Option<Recipe>,
    /// Whether it starts from random weights.
    pub from_scratch: bool,
    /// Whether a model is grafted on the net.
    pub graft: bool,
    /// Whether the images have no labels.
    pub unlabeled: bool,
}

/// Weights to start from, read.
#[derive(Debug, Clone)]
pub struct StartWeights {
    /// How a run refers to them.
    pub init: Init,
    /// What they are.
    pub model: Arc<Model>,
}

/// The net, the weights that it starts from, and how it is trained.
#[derive(Debug, Clone)]
pub struct Choice {
    /// The net.
    pub net: Net,
    /// The weights; none for random ones.
    pub init: Option<Init>,
    /// The recipe.
    pub recipe: Recipe,
}

impl StartWeights {
    /// A model in memory, by its name.
    pub fn named(name: &str, model: Model) -> Self {
        let model = Arc::new(model);
        Self { init: Init::model(name, Arc::clone(&model)), model }
    }
}

/// Decides what is not given. Photos start from bundled weights, images as small as CIFAR's from
/// scratch; what starts from trained weights is fine-tuned.
///
/// `bundled` gives the bundled weights of a net, or the default ones; it is asked only where training
/// starts from them.
///
/// # Errors
/// When the images are needed and cannot be opened; and those of `bundled`.
pub fn choose<E: From<TrainError>>(
    wishes: Wishes,
    data: &Path,
    bundled: impl FnOnce(Option<&Net>) -> Result<Option<StartWeights>, E>,
) -> Result<Choice, E> {
    let learns = wishes.graft || wishes.unlabeled;
    let trained = wishes.recipe.as_ref().map(|recipe| recipe.pretrained);
    let weights = match wishes.init {
        Some(weights) => Some(weights),
        None if wishes.from_scratch || learns || trained == Some(false) => None,
        None if wishes.net.is_none() && trained.is_none() && are_small(data, false)? => None,
        None => bundled(wishes.net.as_ref())?,
    };
    let net = match (wishes.net, &weights) {
        (Some(mut net), weights) => {
            // A description of the user's own says which size it means.
            let is_built_in = zoo::net(&net.name).is_ok_and(|known| known == net);
            if let (Some(weights), true) = (weights, is_built_in) {
                net.input_size = weights.model.net.input_size;
            }
            net
        }
        (None, Some(weights)) => weights.model.net.clone(),
        (None, None) => net_from_scratch(data, wishes.unlabeled)?,
    };
    let built_in = |name| Recipe::built_in(name).expect("it is built in");
    let mut recipe = match (wishes.recipe, &weights) {
        (Some(recipe), _) => recipe,
        (None, Some(_)) => built_in(FINE_TUNE),
        (None, None) if learns => built_in(DISTILL),
        (None, None) => Recipe::default_for(&net),
    };
    if let Some(preprocess) = weights.as_ref().and_then(|w| w.model.preprocess.as_ref()) {
        recipe.follow_normalization(preprocess);
    }
    Ok(Choice { net, init: weights.map(|weights| weights.init), recipe })
}

/// The net of [`NETS`] for the images of the data.
fn net_from_scratch(data: &Path, unlabeled: bool) -> Result<Net, TrainError> {
    let [photos, small] = NETS;
    Ok(zoo_net(if are_small(data, unlabeled)? { small } else { photos }))
}

/// Whether the size of the data's images is nearer to CIFAR's than to that of photos, by ratio; the
/// first image that can be decoded counts.
fn are_small(data: &Path, unlabeled: bool) -> Result<bool, TrainError> {
    let options = OpenOptions::new().cache_bytes(0).unlabeled(unlabeled);
    let train = open(data, &options)?.train;
    let image = (0..train.len().min(TRIES)).find_map(|index| train.image(index).ok());
    let [photos, small] = NETS.map(zoo_net);
    Ok(image.is_some_and(|image| {
        let side = image.width().min(image.height()) as usize;
        side * side < photos.input_size * small.input_size
    }))
}

fn zoo_net(name: &str) -> Net {
    zoo::net(name).expect("it is in the zoo")
}
