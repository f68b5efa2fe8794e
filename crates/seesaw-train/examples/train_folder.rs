//! Trains a small net on a folder of photos.
//!
//! `cargo run --release --example train_folder -- FOLDER`, with a folder for each class in it;
//! without one it paints photos, to show the calls.
#![allow(clippy::print_stdout)]

mod paint;

use std::{error::Error, path::PathBuf};

use seesaw_arch::Net;
use seesaw_train::{
    recipe::Recipe,
    trainer::{Event, Machine, Start, Trainer},
};

fn main() -> Result<(), Box<dyn Error>> {
    let place = tempfile::tempdir()?;
    let photos = place.path().join("photos");
    paint::photos(&photos, ["blue", "red"], 24, 8)?;
    let photos = std::env::args().nth(1).map_or(photos, PathBuf::from);

    let net = Net::from_toml(include_str!("../tests/tiny.toml"))?;
    let mut recipe = Recipe::built_in("photos-modern")?;
    recipe.set_all(&[("epochs", "8"), ("batch", "8"), ("sizes", "[]"), ("ema.decay", "0.9")])?;
    let start = Start::new(photos, net, recipe, place.path().join("run"));
    let mut listen = |event: Event<'_>| {
        if let Event::EpochEnds { row, .. } = event
            && let Some(top1) = row.val_top1
        {
            println!("epoch {}: {:.1} % right", row.epoch, 100.0 * top1);
        }
    };
    let mut trainer = Trainer::start(&start, Machine::default(), &mut listen)?;
    let outcome = trainer.run(&false.into(), &mut listen)?;
    println!("{outcome:?}; the best model is in {}", trainer.folder().best().display());
    Ok(())
}
