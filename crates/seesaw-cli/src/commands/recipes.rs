//! `seesaw recipes`: the built-in recipes, and their TOML form.

use std::io::Write;

use seesaw_train::recipe::{Loaded, NAMES, Recipe};

use crate::{
    args::{Balance, RecipeChanges, RecipesArgs},
    failure::{self, Failure},
    output::{self, Align, Table},
};

pub fn run(args: &RecipesArgs) -> Result<(), Failure> {
    match &args.name {
        Some(name) => show(&load(name, &args.changes)?),
        None => list(),
    }
}

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
        let recipe = Recipe::built_in(name)?;
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
    writeln!(out, "\n`seesaw recipes NAME` prints one as TOML")?;
    Ok(out.flush()?)
}

fn purpose(name: &str) -> &'static str {
    match name {
        "paper-cifar" => "CIFAR, as in the paper",
        "paper-imagenet" => "ImageNet, as in the paper",
        "cifar-modern" => "images of 32 pixels, in a fraction of the paper's time",
        "photos-modern" => "photos, from scratch",
        "fine-tune" => "photos, starting from trained weights",
        "distill" => "photos of any kind, learning from a larger net",
        "cifar-cluster" => "images of 32 pixels, on several machines",
        "imagenet-cluster" => "ImageNet, on several machines",
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

/// The recipe with this name or in this file, with changes.
pub fn load(name: &str, changes: &RecipeChanges) -> Result<Recipe, Failure> {
    let mut recipe = read(name)?;
    change(&mut recipe, changes)?;
    Ok(recipe)
}

/// The recipe with this name or in this file.
pub fn read(name: &str) -> Result<Recipe, Failure> {
    let Loaded { recipe, old_names, .. } = Recipe::load(name)?;
    old_names.iter().for_each(|old| failure::warn(format_args!("{name}: {old}")));
    Ok(recipe)
}

/// Makes these changes to a recipe.
pub fn change(recipe: &mut Recipe, changes: &RecipeChanges) -> Result<(), Failure> {
    let changes = settings(changes);
    let changes: Vec<_> = changes.iter().map(|(key, value)| (*key, value.as_str())).collect();
    Ok(recipe.set_all(&changes)?)
}

/// The changes as keys and values of the recipe's TOML form, so that there is one validator.
fn settings(changes: &RecipeChanges) -> Vec<(&str, String)> {
    let RecipeChanges { epochs, batch, seed, input_size, precision, .. } = changes;
    let RecipeChanges { val_split, group_by, balance, set, .. } = changes;
    let mut settings = Vec::new();
    let mut add = |key, value: Option<String>| settings.extend(value.map(|value| (key, value)));
    add("epochs", epochs.map(|count| count.to_string()));
    add("batch", batch.map(|count| count.to_string()));
    add("seed", seed.map(|number| number.to_string()));
    add("precision", precision.map(|precision| precision.to_string()));
    // The debug format keeps the decimal point of whole numbers.
    add("val_split", val_split.map(|share| format!("{share:?}")));
    add("group_by", group_by.as_ref().map(|pattern| toml::Value::from(&**pattern).to_string()));
    add("sizes", input_size.map(|side| format!("[{{ from_epoch = 0, size = {side} }}]")));
    match balance {
        Some(Balance::Weights) => settings.push(("loss.class_weights", "balanced".to_owned())),
        Some(Balance::Sampler) => settings.push(("sampler", "balanced".to_owned())),
        None => {}
    }
    settings.extend(set.iter().map(|(key, value)| (key.as_str(), value.clone())));
    settings
}
