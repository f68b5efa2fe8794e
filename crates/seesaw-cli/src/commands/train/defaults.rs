//! Net, start weights and recipe where they are not given.

use std::{path::Path, sync::Arc};

use seesaw::{Model, bundled::Bundled};
use seesaw_arch::{Net, zoo};
use seesaw_data::datasets::{OpenOptions, open};
use seesaw_train::{recipe::Recipe, trainer::Init};

use crate::{
    args::{RecipeChanges, StartArgs},
    commands::recipes,
    failure::Failure,
    output, resolve,
};

/// The nets that are trained from scratch: for photos, and for images as small as CIFAR's.
const NETS: [&str; 2] = ["seesaw-shuffle-0.5d-imagenet", "seesaw-shuffle-0.5d-cifar"];
/// The recipe for training that starts from trained weights.
const FINE_TUNE: &str = "fine-tune";
/// The recipe for training that learns from a teacher's feature maps.
const DISTILL: &str = "distill";
/// How many images are tried until one can be decoded.
const TRIES: usize = 8;

/// The net, the weights that it starts from, and how it is trained.
pub struct Defaults {
    pub net: Net,
    pub init: Option<Init>,
    pub recipe: Recipe,
}

/// Weights to start from, read.
struct StartWeights {
    init: Init,
    model: Arc<Model>,
}

impl Defaults {
    /// What the arguments say. Where they say nothing, photos start from the default of the bundled
    /// weights, and images as small as CIFAR's from scratch.
    pub fn new(args: &StartArgs, changes: &RecipeChanges, data: &Path) -> Result<Self, Failure> {
        let given = args.recipe.as_deref().map(recipes::read).transpose()?;
        let weights = match &args.init {
            Some(path) => Some(StartWeights::given(path)?),
            None if args.from_scratch || args.graft.is_some() || args.unlabeled => None,
            None => StartWeights::bundled(args, given.as_ref(), data)?,
        };
        let net = match (&args.net, &weights) {
            (Some(name), weights) => {
                let mut net = resolve::net(name)?;
                // A description of the user's own says which size it means.
                if let (Some(weights), Ok(_)) = (weights, zoo::net(name)) {
                    net.input_size = weights.model.net.input_size;
                }
                net
            }
            (None, Some(weights)) => weights.model.net.clone(),
            (None, None) => net_from_scratch(data, args.unlabeled)?,
        };
        let mut recipe = match (given, &weights) {
            (Some(recipe), _) => recipe,
            (None, Some(_)) => recipes::read(FINE_TUNE)?,
            (None, None) if args.graft.is_some() || args.unlabeled => recipes::read(DISTILL)?,
            (None, None) => Recipe::default_for(&net),
        };
        if let Some(preprocess) = weights.as_ref().and_then(|w| w.model.preprocess.as_ref()) {
            recipe.follow_normalization(preprocess);
        }
        recipes::change(&mut recipe, changes)?;
        Ok(Self { net, init: weights.map(|weights| weights.init), recipe })
    }
}

impl StartWeights {
    /// Those of `--init`.
    fn given(path: &Path) -> Result<Self, Failure> {
        let model = Arc::new(resolve::load(path, None)?);
        let init = match resolve::bundled(path) {
            Some(bundled) => Init::model(bundled.name, Arc::clone(&model)),
            None => Init::File(path.to_owned()),
        };
        Ok(Self { init, model })
    }

    /// The bundled weights of the net, or the default ones where there is no net, if training starts
    /// from trained weights: that is what the recipe says, or else what photos do.
    fn bundled(
        args: &StartArgs,
        recipe: Option<&Recipe>,
        data: &Path,
    ) -> Result<Option<Self>, Failure> {
        if recipe.is_some_and(|recipe| !recipe.pretrained) {
            return Ok(None);
        }
        let bundled = match &args.net {
            Some(net) => {
                let net = resolve::net(net)?;
                let bundled = Bundled::for_net(&net);
                if bundled.is_none() {
                    output::say(format_args!(
                        "there are no bundled weights for {}, so it starts from scratch",
                        net.name
                    ));
                }
                bundled
            }
            None if recipe.is_none() && are_small(data, false)? => None,
            None => Some(Bundled::default()),
        };
        bundled.map(Self::of).transpose()
    }

    fn of(bundled: &Bundled) -> Result<Self, Failure> {
        let model = Arc::new(bundled.model()?);
        Ok(Self { init: Init::model(bundled.name, Arc::clone(&model)), model })
    }
}

/// The net of [`NETS`] for the images of the data.
fn net_from_scratch(data: &Path, unlabeled: bool) -> Result<Net, Failure> {
    let [photos, small] = NETS;
    Ok(zoo::net(if are_small(data, unlabeled)? { small } else { photos })?)
}

/// Whether the size of the data's images is nearer to CIFAR's than to that of photos, by ratio; the
/// first image that can be decoded counts.
fn are_small(data: &Path, unlabeled: bool) -> Result<bool, Failure> {
    let options = OpenOptions::new().cache_bytes(0).unlabeled(unlabeled);
    let train = open(data, &options)?.train;
    let image = (0..train.len().min(TRIES)).find_map(|index| train.image(index).ok());
    let [photos, small] = NETS.map(zoo::net);
    let (photos, small) = (photos?, small?);
    Ok(image.is_some_and(|image| {
        let side = image.width().min(image.height()) as usize;
        side * side < photos.input_size * small.input_size
    }))
}
