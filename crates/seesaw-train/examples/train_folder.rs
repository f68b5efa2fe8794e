//! Trains a small net on a folder of photos.
//!
//! `cargo run --release --example train_folder -- FOLDER`, where FOLDER has a subfolder for each class.
//! Without it, the example paints photos of its own.
#![allow(clippy::print_stdout)]

mod paint;

use std::{error::Error, path::PathBuf};

use seesaw_arch::Net;
use seesaw_kernels::Machine;
use seesaw_train::{
    recipe::Recipe,
    trainer::{Event, RunOptions, Start, Trainer},
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
    let (machine, options) = (Machine::from_env(2)?, RunOptions::default());
    let mut listen = |event: Event<'_>| {
        if let Event::EpochEnds { row, .. } = event
            && let Some(top1) = row.val_top1
        {
            println!("epoch {}: top-1 {:.1} %", row.epoch, 100.0 * top1);
        }
    };
    let mut trainer = Trainer::start(&start, &machine, &options, &mut listen)?;
    let outcome = trainer.run(&false.into(), &mut listen)?;
    println!("{outcome:?}; the best model is in {}", trainer.folder().best().display());
    Ok(())
}
