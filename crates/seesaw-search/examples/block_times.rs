//! How well the sum of a net's parts, each timed once in the first net that has it, predicts its time.
//!
//! ```sh
//! cargo run --release --example block_times -- 20
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use seesaw_arch::{space::Space, splitmix64};
use seesaw_engine::{
    Machine, Options, compile,
    measure::{test_images, time_runs},
};
use seesaw_format::NetWeights;
use seesaw_search::cost::Costs;

/// Every net is brought to this time.
const GOAL_MS: f64 = 2.5;

fn main() -> Result<(), Box<dyn Error>> {
    let nets = std::env::args().nth(1).map_or(Ok(2), |count| count.parse())?;
    let space = Space::default_for(32);
    let factors = space.factors();
    let file = std::env::temp_dir().join(format!("block-times-{}.csv", std::process::id()));
    let mut costs = Costs::ms(GOAL_MS, 32, &file)?;
    let machine = Machine::new(1, None)?;
    let mut state = 1;
    for _ in 0..nets {
        let choices: Vec<usize> = factors
            .iter()
            .map(|factor| (splitmix64::next(&mut state) >> 33) as usize % factor.levels.len())
            .collect();
        let Ok(net) = costs.fit(&space.net(&choices)?, || ()) else { continue };
        let sum = costs.ms_of(&net)?.unwrap_or_default();
        let plan = compile(&net, NetWeights::random(&net, 0)?, &Options::new(&net), &machine)?;
        let ms = 1e3 * time_runs(&plan, &test_images(&plan), 100)?.median();
        println!("parts {sum:.3} ms, net {ms:.3} ms, {:+.1} %", 100.0 * (sum / ms - 1.0));
    }
    std::fs::remove_file(file)?;
    Ok(())
}
