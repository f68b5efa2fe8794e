//! Net and recipe where none is given.

use std::path::Path;

use seesaw_arch::{Net, zoo};
use seesaw_data::datasets::{OpenOptions, open};

use crate::{args::StartArgs, failure::Failure, resolve};

/// Images up to this side are trained as CIFAR's.
const SMALL_UP_TO: u32 = 64;
/// How many images are tried until one can be decoded.
const TRIES: usize = 8;

/// The net, and the recipe's name.
pub struct Defaults {
    pub net: Net,
    pub recipe: String,
}

impl Defaults {
    /// What the arguments say, else the net of `--init`, else what suits the size of the images.
    pub fn new(args: &StartArgs, data: &Path) -> Result<Self, Failure> {
        let mut net = args.net.as_deref().map(resolve::net).transpose()?;
        let mut recipe = args.recipe.clone();
        if let Some(init) = &args.init {
            recipe.get_or_insert("fine-tune".to_owned());
            if net.is_none() {
                net = Some(resolve::load(init, None)?.net);
            }
        }
        if let (Some(net), Some(recipe)) = (&net, &recipe) {
            return Ok(Self { net: net.clone(), recipe: recipe.clone() });
        }
        let (usual_net, usual_recipe) = if is_small(data)? {
            ("seesaw-shuffle-0.5d-cifar", "cifar-modern")
        } else {
            ("seesaw-shuffle-0.5d-imagenet", "photos-modern")
        };
        let net = net.map_or_else(|| zoo::net(usual_net), Ok)?;
        Ok(Self { net, recipe: recipe.unwrap_or(usual_recipe.to_owned()) })
    }
}

/// Whether the images are as small as CIFAR's: the first that can be decoded tells.
fn is_small(data: &Path) -> Result<bool, Failure> {
    let options = OpenOptions::new().cache_bytes(0);
    let train = open(data, &options)?.train;
    let image = (0..train.len().min(TRIES)).find_map(|index| train.image(index).ok());
    Ok(image.is_some_and(|image| image.width().min(image.height()) <= SMALL_UP_TO))
}
