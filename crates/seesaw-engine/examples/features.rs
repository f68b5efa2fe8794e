//! Prints the output of each block.
//!
//! `cargo run --release --example features`
#![allow(clippy::print_stdout)]

use std::error::Error;

use seesaw_engine::{Machine, Options, compile};
use seesaw_format::NetWeights;

fn main() -> Result<(), Box<dyn Error>> {
    let net = seesaw_arch::zoo::net("seesaw-share-v1-0.5d-cifar")?;
    let plan =
        compile(&net, &NetWeights::random(&net, 1)?, &Options::new(&net), &Machine::from_env(1)?)?;
    let image = vec![0.5; 3 * net.input_size * net.input_size];
    for feature in plan.features(&image)? {
        let mean = feature.data.iter().sum::<f32>() / feature.data.len() as f32;
        println!("{:12} {:?}  mean {mean:.4}", feature.name, feature.shape);
    }
    Ok(())
}
