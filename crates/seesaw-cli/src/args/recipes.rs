//! `seesaw recipes`

use clap::Args;

use super::RecipeChanges;

/// List the built-in training recipes, or print one as TOML
#[derive(Debug, Args)]
#[command(
    mut_group("RecipeChanges", |changes| changes.requires("name")),
    after_help = "\
A printed recipe contains all the changes that were requested; save it to a file as a starting point for
a recipe of your own.

Examples:
  seesaw recipes
  seesaw recipes cifar-modern > mine.toml
  seesaw recipes photos-modern --epochs 100 --set optimizer.rate=0.02 > long.toml
  seesaw train --data photos --recipe long.toml"
)]
pub struct RecipesArgs {
    /// Recipe to print: a built-in recipe's name, or a TOML file
    pub name: Option<String>,
    #[command(flatten)]
    pub changes: RecipeChanges,
}
