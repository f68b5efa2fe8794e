//! The documents show code that is built and run.
#![allow(clippy::print_stdout, reason = "the README prints a class")]

use std::{env, error::Error, fs, path::Path};

fn classify() -> Result<(), Box<dyn Error>> {
    let classifier = seesaw::Classifier::open("model.safetensors")?;
    let guesses = classifier.classify_file("photo.jpg")?;
    println!("{} {:.1} %", guesses[0].label, 100.0 * guesses[0].probability);
    Ok(())
}

#[test]
fn the_readmes_code_is_built_and_run() {
    for document in
        [include_str!("../../../README.md"), include_str!("../../../docs/guides/rust.md")]
    {
        let (_, rest) = document.split_once("```rust\n").unwrap();
        let (code, _) = rest.split_once("```").unwrap();
        assert_eq!(code.lines().count(), 3);
        let body: String = code.lines().map(|line| format!("    {line}\n")).collect();
        assert!(include_str!("readme.rs").contains(&body), "copy the code into `classify`");
    }

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let weights = seesaw::bundled::Bundled::default().bytes;
    fs::write(folder.join("model.safetensors"), weights).unwrap();
    fs::copy(root.join("../../docs/photos/golf-ball.jpg"), folder.join("photo.jpg")).unwrap();
    env::set_current_dir(folder).unwrap();
    classify().unwrap();
}
