//! Classifies a photo.
//!
//! `cargo run --release --example photo -- MODEL PHOTO`; without arguments it shows a photo of the
//! documentation to the bundled model.
#![allow(clippy::print_stdout)]

use std::error::Error;

use seesaw::Classifier;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [model, photo] = &arguments[..] {
        return classify(model, photo);
    }
    let photo = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/photos/golf-ball.jpg");
    let guess = Classifier::bundled()?.classify_file(photo)?[0].label.to_owned();
    println!("{guess}");
    Ok(())
}

fn classify(model: &str, photo: &str) -> Result<(), Box<dyn Error>> {
    let classifier = Classifier::open(model)?;
    let guesses = classifier.classify_file(photo)?;
    println!("{} {:.1} %", guesses[0].label, 100.0 * guesses[0].probability);
    Ok(())
}
