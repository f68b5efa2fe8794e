//! Runs a net on one image some number of times: for tools that count instructions.
//!
//! `cargo run --release --example repeat -- [NET [RUNS]]`
#![allow(clippy::print_stdout)]

use std::error::Error;

use seesaw_engine::{Machine, Options, compile};
use seesaw_format::NetWeights;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let net = seesaw_arch::zoo::net(args.next().as_deref().unwrap_or("seesaw-shuffle-0.5d-cifar"))?;
    let runs: usize = args.next().as_deref().unwrap_or("2").parse()?;
    let plan =
        compile(&net, &NetWeights::random(&net, 1)?, &Options::new(&net), &Machine::from_env(1)?)?;
    let image = vec![0.5; 3 * net.input_size * net.input_size];
    let mut logits = vec![0.0; plan.classes()];
    for _ in 0..runs {
        plan.run(&image, &mut logits)?;
    }
    println!("{}, {runs} runs on {}", net.name, plan.machine().isa());
    Ok(())
}
