//! Checkpoints as PyTorch and training scripts write them.
#![cfg(feature = "pytorch")]

use std::path::{Path, PathBuf};

use seesaw_arch::zoo;
use seesaw_format::{NetWeights, Tensor, Tensors, load, recognize};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

#[test]
fn an_archive_may_have_any_name() {
    let tensors = load(&golden("name-of-21-characters.pth")).unwrap().tensors;
    assert_eq!(tensors.get("a").unwrap().data, [-0.5, -0.25, 0.0, 0.25, 0.5, 0.75]);
}

#[test]
fn what_training_scripts_save_with_the_weights_does_not_matter() {
    for kind in ["zip", "old"] {
        let tensors = load(&golden(&format!("training-{kind}.pth.tar"))).unwrap().tensors;
        assert_eq!(tensors.get("a").unwrap().data, [-0.5, -0.25, 0.0, 0.25, 0.5, 0.75]);
        assert_eq!(tensors.len(), 1, "{kind}");
    }
}

/// The tensors of a list that `names.py` wrote, each filled with its number in the list.
fn listed(lines: &str) -> Tensors {
    let tensor = |(number, line): (u16, &str)| {
        let (name, sizes) = line.split_once(' ').unwrap();
        let shape: Vec<usize> = sizes.split(' ').map(|size| size.parse().unwrap()).collect();
        let data = vec![f32::from(number); shape.iter().product()];
        (name.to_owned(), Tensor { shape, data })
    };
    (1..).zip(lines.lines()).map(tensor).collect()
}

#[test]
fn names_and_shapes_are_those_of_the_published_code_and_of_torchvision() {
    let text = std::fs::read_to_string(golden("names.txt")).unwrap();
    let nets: Vec<(&str, &str)> =
        text.split("# ").skip(1).map(|list| list.split_once('\n').unwrap()).collect();
    assert_eq!(nets.len(), 6);
    for (name, lines) in nets {
        let tensors = listed(lines);
        let candidates = recognize(&tensors).unwrap();
        let classes = if name.ends_with("cifar") { 10 } else { 1000 };
        let net = zoo::net(name).unwrap().with_classes(classes);
        assert!(candidates.contains(&net), "{name}: {candidates:?}");
        let weights = NetWeights::from_tensors(&net, &tensors).unwrap();
        let again = weights.to_tensors(&net).unwrap();
        if lines.contains("features.1.conv.0.0.weight") || lines.contains("_conv_stem") {
            // Names of another package: what is written has the published ones, and the same weights.
            assert_eq!(candidates.len(), 1);
            assert_eq!(again.len(), tensors.len());
            assert_eq!(NetWeights::from_tensors(&net, &again).unwrap(), weights);
        } else {
            assert_eq!(again, tensors, "{name}");
        }
    }
}
