//! `recipes`: the built-in recipes, and recipes with changes.

mod common;
use common::{Tiny, args, seesaw};

#[test]
fn a_printed_recipe_is_a_recipe() {
    let tiny = Tiny::new();
    for name in ["paper-cifar", "paper-imagenet", "cifar-modern", "photos-modern", "fine-tune"] {
        assert!(seesaw(["recipes"]).ok().contains(name), "{name}");
        let path = tiny.path("recipe.toml");
        let printed = seesaw(["recipes", name]);
        std::fs::write(&path, printed.ok()).unwrap();
        assert_eq!(seesaw(args!["recipes", path]).ok(), printed.stdout(), "{name}");
    }
}

#[test]
fn changes_are_printed() {
    let changes = ["--epochs", "3", "--batch", "9", "--seed", "4", "--precision", "bf16"];
    let more = ["--val-split", "0.5", "--input-size", "96", "--set", "optimizer.rate=0.5"];
    let printed = seesaw([&["recipes", "fine-tune"], &changes[..], &more[..]].concat());
    let recipe: toml::Table = printed.ok().parse().unwrap();
    let whole = |key: &str| recipe[key].as_integer();
    assert_eq!([whole("epochs"), whole("batch"), whole("seed")], [Some(3), Some(9), Some(4)]);
    assert_eq!(recipe["precision"].as_str(), Some("bf16"));
    assert_eq!(recipe["val_split"].as_float(), Some(0.5));
    assert_eq!(recipe["sizes"][0]["size"].as_integer(), Some(96));
    assert_eq!(recipe["optimizer"]["rate"].as_float(), Some(0.5));
}

#[test]
fn what_is_not_a_recipe() {
    let tiny = Tiny::new();
    seesaw(["recipes", "modern"]).fails(&["`modern`", "cifar-modern"]);
    seesaw(args!["recipes", tiny.net]).fails(&["not a recipe", "hint: `seesaw recipes NAME`"]);
    seesaw(["recipes", "fine-tune", "--batch", "0"]).fails(&["`batch` is 0"]);
    seesaw(["recipes", "--epochs", "3"]).fails(&["<NAME>"]);
}
