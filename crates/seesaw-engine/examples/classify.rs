//! Loads a model and prints the best class of an image.
//!
//! `cargo run --release --example classify -- MODEL.safetensors`; without a file it runs an
//! untrained net, to show the calls.
#![allow(clippy::print_stdout)]

use std::{error::Error, path::Path};

use seesaw_engine::{Machine, Options, compile};
use seesaw_format::{NetWeights, load_model};

fn main() -> Result<(), Box<dyn Error>> {
    let (net, weights) = match std::env::args().nth(1) {
        Some(file) => {
            let model = load_model(Path::new(&file), None)?;
            (model.net, model.weights)
        }
        None => {
            let net = seesaw_arch::zoo::net("seesaw-shuffle-0.5d-cifar")?;
            let weights = NetWeights::random(&net, 1)?;
            (net, weights)
        }
    };
    let plan = compile(&net, &weights, &Options::new(&net), &Machine::from_env(1)?)?;
    // An image is planar, `[3, size, size]`, normalized as in training; here a plain gray.
    let image = vec![0.0; 3 * net.input_size * net.input_size];
    let logits = plan.logits(&image)?;
    let best = (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b]));
    println!("{}: class {:?} of {}", net.name, best, net.classes);
    Ok(())
}
