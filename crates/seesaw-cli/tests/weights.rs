//! The shipped weights on photos and images that they were not trained on.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use seesaw_testing::shared;

mod common;
use common::{args, seesaw};

/// A file of the repository.
fn shipped(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// How many of `count` random images, the same each time, the weights know.
fn right_of(count: u32, weights: &str, data: &Path) -> f64 {
    let limit = count.to_string();
    let eval = seesaw(args!["eval", shipped(weights), "--data", data, "--limit", limit, "--json"]);
    let report = eval.json();
    assert_eq!(report["images"], count);
    (f64::from(count) * report["top1"].as_f64().unwrap()).round()
}

/// The first hundred of CIFAR-10's test images, in its own layout.
#[test]
fn cifar10_validates_as_its_card_says() {
    let test = include_bytes!("data/cifar10-test-100.bin");
    let folder = tempfile::tempdir().unwrap();
    let names = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n";
    fs::write(folder.path().join("batches.meta.txt"), names).unwrap();
    fs::write(folder.path().join("test_batch.bin"), test).unwrap();
    for batch in 1..=5 {
        // There has to be something to train on.
        let record = &test[..test.len() / 100];
        fs::write(folder.path().join(format!("data_batch_{batch}.bin")), record).unwrap();
    }
    let right = right_of(100, "weights/seesaw-shuffle-0.5d-cifar10.safetensors", folder.path());
    assert_eq!(right, 95.0);
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
    let weights = "weights/seesaw-shuffle-0.5d-imagenette.safetensors";
    assert_eq!(right_of(400, weights, &data), 365.0);
}
