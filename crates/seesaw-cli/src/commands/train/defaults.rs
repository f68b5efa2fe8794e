//! Net and recipe where none is given.

use std::path::Path;

use seesaw_arch::{Net, zoo};
use seesaw_data::datasets::{OpenOptions, open};
use seesaw_train::recipe::Recipe;

use crate::{args::StartArgs, failure::Failure, resolve};

/// The net for photos, and the one for images as small as CIFAR's.
const NETS: [&str; 2] = ["seesaw-shuffle-0.5d-imagenet", "seesaw-shuffle-0.5d-cifar"];
/// How many images are tried until one can be decoded.
const TRIES: usize = 8;

/// The net, and the recipe's name.
pub struct Defaults {
    pub net: Net,
    pub recipe: String,
}

impl Defaults {
    /// What the arguments say, else the net of `--init`, else the net for images of this size; and
    /// the recipe for that net.
    pub fn new(args: &StartArgs, data: &Path) -> Result<Self, Failure> {
        let net = match (&args.net, &args.init) {
            (Some(net), _) => resolve::net(net)?,
            (None, Some(init)) => resolve::load(init, None)?.net,
            (None, None) => net_for(data, args.unlabelled)?,
        };
        let recipe = match (&args.recipe, &args.init) {
            (Some(recipe), _) => recipe,
            (None, Some(_)) => "fine-tune",
            (None, None) if args.graft.is_some() || args.unlabelled => "distill",
            (None, None) => Recipe::default_name(&net),
        };
        Ok(Self { recipe: recipe.to_owned(), net })
    }
}

/// The net whose own image size is nearest to that of the data, by ratio; the first image that can
/// be decoded counts.
fn net_for(data: &Path, unlabelled: bool) -> Result<Net, Failure> {
    let options = OpenOptions::new().cache_bytes(0).unlabelled(unlabelled);
    let train = open(data, &options)?.train;
    let image = (0..train.len().min(TRIES)).find_map(|index| train.image(index).ok());
    let [photos, small] = NETS.map(zoo::net);
    let (photos, small) = (photos?, small?);
    let is_small = image.is_some_and(|image| {
        let side = image.width().min(image.height()) as usize;
        side * side < photos.input_size * small.input_size
    });
    Ok(if is_small { small } else { photos })
}
