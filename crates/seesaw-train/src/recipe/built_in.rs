//! The recipes that the crate brings.

use super::{Recipe, RecipeError};

/// Names of the built-in recipes.
pub const NAMES: [&str; 5] =
    ["paper-cifar", "paper-imagenet", "cifar-modern", "photos-modern", "fine-tune"];

const TEXTS: [&str; 5] = [
    include_str!("../../recipes/paper-cifar.toml"),
    include_str!("../../recipes/paper-imagenet.toml"),
    include_str!("../../recipes/cifar-modern.toml"),
    include_str!("../../recipes/photos-modern.toml"),
    include_str!("../../recipes/fine-tune.toml"),
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
}
