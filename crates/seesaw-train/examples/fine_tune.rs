//! Trains a net on two classes, then fine-tunes it on two others: with a new last layer, frozen early
//! layers, and learning rates that fall towards the input for the others.
//!
//! `cargo run --release --example fine_tune`
#![allow(clippy::print_stdout)]

mod paint;

use std::error::Error;

use seesaw_arch::Net;
use seesaw_kernels::Machine;
use seesaw_train::{
    recipe::Recipe,
    trainer::{Event, RunOptions, Start, Trainer},
};

fn listen(event: Event<'_>) {
    match event {
        Event::Note(note) => println!("{note}"),
        Event::EpochEnds { row, .. } => {
            let top1 = row.val_top1.unwrap_or_default();
            println!("epoch {}: top-1 {:.1} %", row.epoch, 100.0 * top1);
        }
        _ => {}
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let place = tempfile::tempdir()?;
    let folder = |name: &str| place.path().join(name);
    paint::photos(&folder("colors"), ["blue", "red"], 24, 8)?;
    paint::photos(&folder("fruit"), ["plum", "apple"], 6, 6)?;
    let net = Net::from_toml(include_str!("../tests/tiny.toml"))?;
    let (machine, options) = (Machine::from_env(2)?, RunOptions::default());

    let mut recipe = Recipe::built_in("photos-modern")?;
    recipe.set_all(&[("epochs", "6"), ("batch", "8"), ("sizes", "[]"), ("ema.decay", "0.9")])?;
    let start = Start::new(folder("colors"), net.clone(), recipe, folder("first"));
    let mut trainer = Trainer::start(&start, &machine, &options, &mut listen)?;
    trainer.run(&false.into(), &mut listen)?;

    let mut recipe = Recipe::built_in("fine-tune")?;
    recipe.set_all(&[("epochs", "6"), ("batch", "4"), ("ema.decay", "0.9")])?;
    recipe.set_all(&[("optimizer.frozen", "2"), ("optimizer.layer_decay", "0.8")])?;
    let mut start = Start::new(folder("fruit"), net, recipe, folder("second"));
    start.init = Some(trainer.folder().best().into());
    let mut trainer = Trainer::start(&start, &machine, &options, &mut listen)?;
    trainer.run(&false.into(), &mut listen)?;
    println!("the best model is in {}", trainer.folder().best().display());
    Ok(())
}
