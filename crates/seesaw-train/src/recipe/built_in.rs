//! The recipes that are compiled into the crate.

use seesaw_arch::Net;

use super::{Recipe, RecipeError};

/// Names of the built-in recipes.
pub const NAMES: [&str; 8] = [
    "paper-cifar",
    "paper-imagenet",
    "cifar-modern",
    "photos-modern",
    "fine-tune",
    "distill",
    "cifar-cluster",
    "imagenet-cluster",
];

const TEXTS: [&str; 8] = [
    include_str!("../../recipes/paper-cifar.toml"),
    include_str!("../../recipes/paper-imagenet.toml"),
    include_str!("../../recipes/cifar-modern.toml"),
    include_str!("../../recipes/photos-modern.toml"),
    include_str!("../../recipes/fine-tune.toml"),
    include_str!("../../recipes/distill.toml"),
    include_str!("../../recipes/cifar-cluster.toml"),
    include_str!("../../recipes/imagenet-cluster.toml"),
];

impl Recipe {
    /// One of [`NAMES`].
    ///
    /// # Errors
    /// [`RecipeError::Unknown`] for another name.
    pub fn built_in(name: &str) -> Result<Self, RecipeError> {
        let text = NAMES.iter().zip(TEXTS).find(|(known, _)| **known == name);
        let (_, text) = text.ok_or_else(|| RecipeError::Unknown { name: name.to_owned() })?;
        Self::from_toml(text)
    }

    /// The name of the built-in recipe for training a net from random weights: `cifar-modern` for
    /// nets that are made for smaller images than those of `photos-modern`, which is for all others.
    pub fn default_name(net: &Net) -> &'static str {
        let photos = Self::built_in("photos-modern").expect("a built-in recipe is valid");
        let smallest = photos.phase(0, net.input_size).size;
        if net.input_size < smallest { "cifar-modern" } else { "photos-modern" }
    }

    /// The recipe called [`Self::default_name`].
    pub fn default_for(net: &Net) -> Self {
        Self::built_in(Self::default_name(net)).expect("a built-in recipe is valid")
    }
}
