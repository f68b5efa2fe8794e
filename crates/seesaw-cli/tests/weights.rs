//! The shipped weights on photos and images that they were not trained on.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

mod common;
use common::{args, seesaw, shared};

/// A file of `weights/`.
fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../weights").join(name)
}

/// How many of 400 random images, the same each time, the weights know.
fn right_of_400(weights: &str, data: &Path) -> f64 {
    let eval = seesaw(args!["eval", shipped(weights), "--data", data, "--limit", "400", "--json"]);
    let report = eval.json();
    assert_eq!(report["images"], 400);
    400.0 * report["top1"].as_f64().unwrap()
}

#[test]
fn imagenette_validates_as_its_card_says() {
    let Some(archive) = shared("data/imagenette-160.tar") else { return };
    let folder = tempfile::tempdir().unwrap();
    for entry in tar::Archive::new(File::open(archive).unwrap()).entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.path().unwrap().components().any(|part| part.as_os_str() == "val") {
            entry.unpack_in(folder.path()).unwrap();
        }
    }
    let data = folder.path().join("imagenette-160/val");
    assert_eq!(right_of_400("seesaw-shuffle-0.5d-imagenette.safetensors", &data), 365.0);
}
