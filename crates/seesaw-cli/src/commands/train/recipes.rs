//! What recipes there are, and what they say.

use std::io::Write;

use seesaw_train::recipe::{NAMES, Recipe};

use crate::{
    failure::Failure,
    output::{self, Align, Table},
};

/// Prints the built-in recipes.
pub fn list() -> Result<(), Failure> {
    let mut table = Table::new([
        ("recipe", Align::Left),
        ("epochs", Align::Right),
        ("batch", Align::Right),
        ("rate", Align::Right),
        ("for", Align::Left),
    ]);
    for name in NAMES {
        let recipe = Recipe::built_in(name).map_err(Failure::new)?;
        table.row([
            name.to_owned(),
            recipe.epochs.to_string(),
            recipe.batch.to_string(),
            recipe.optimizer.rate.to_string(),
            purpose(name).to_owned(),
        ]);
    }
    let mut out = output::stdout();
    table.write(&mut out)?;
    writeln!(out, "\n`seesaw train --recipe NAME --show-recipe` prints one")?;
    Ok(out.flush()?)
}

fn purpose(name: &str) -> &'static str {
    match name {
        "paper-cifar" => "CIFAR as the paper trains",
        "paper-imagenet" => "ImageNet as the paper trains",
        "cifar-modern" => "images of 32 pixels, in a fraction of the paper's time",
        "photos-modern" => "photos, from nothing",
        "fine-tune" => "photos, from the weights of another training (`--init`)",
        _ => "",
    }
}

/// Prints a recipe in TOML.
pub fn show(recipe: &Recipe) -> Result<(), Failure> {
    let text = toml::to_string(recipe).map_err(Failure::new)?;
    let mut out = output::stdout();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}
