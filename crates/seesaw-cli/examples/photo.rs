//! Names what a photo shows.
//!
//! `cargo run --release --example photo -- WEIGHTS PHOTO`; without arguments it shows a gray picture
//! to an untrained net, for the sake of the calls.
#![allow(clippy::print_stdout)]

use std::{error::Error, path::Path};

use seesaw_arch::zoo;
use seesaw_engine::{Machine, Options, compile};
use seesaw_format::{NetWeights, load_model};
use seesaw_image::{Limits, Preprocess, RgbImage, decode};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [weights, photo] = &arguments[..] {
        let (class, logit) = name(Path::new(weights), Path::new(photo))?;
        println!("{photo}: {class} (logit {logit:.2})");
        return Ok(());
    }
    let net = zoo::net("seesaw-shuffle-0.5d-imagenet")?.with_classes(10);
    let plan = compile(&net, &NetWeights::random(&net, 1)?, &Options::new(&net), &Machine::solo())?;
    let gray = RgbImage::new(300, 200, vec![128; 3 * 300 * 200]).ok_or("no picture")?;
    let preprocess = Preprocess::imagenet(224);
    let mut input = vec![0.0; preprocess.output_len()];
    preprocess.apply(&gray, &mut input)?;
    println!("{} says {:?}", net.name, plan.logits(&input)?);
    Ok(())
}

fn name(weights: &Path, photo: &Path) -> Result<(String, f32), Box<dyn Error>> {
    let model = load_model(weights, None)?;
    let plan = compile(&model.net, &model.weights, &Options::new(&model.net), &Machine::solo())?;

    let photo = decode::open(photo, &Limits::default())?;
    let preprocess = Preprocess::imagenet(model.net.input_size.try_into()?);
    let mut input = vec![0.0; preprocess.output_len()];
    preprocess.apply(&photo, &mut input)?;

    let logits = plan.logits(&input)?;
    let best = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).ok_or("none")?;
    Ok((model.labels.get(best).cloned().unwrap_or_else(|| best.to_string()), logits[best]))
}
