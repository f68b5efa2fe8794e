//! PyTorch's logits and block outputs, on every instruction set, at one and more threads.
#![allow(clippy::print_stderr, reason = "tests say why they skip")]

use std::path::{Path, PathBuf};

use seesaw_arch::Net;
use seesaw_engine::{Isa, Machine, Options, compile};
use seesaw_format::{NetWeights, Tensor, Tensors, load, load_model};

/// The most that a logit may differ from PyTorch's.
const LOGITS: f32 = 1e-4;

fn assert_near(got: &[f32], expected: &[f32], bound: f32, what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let error = (got - expected).abs();
        assert!(error <= bound, "{what}: at {i} {got} instead of {expected}");
    }
}

/// Runs `net` in every way and compares with `io`: `input`, `logits`, and `features.N` of as many
/// images as they hold.
fn check(net: &Net, weights: &NetWeights, io: &Tensors) {
    let input = io.get("input").unwrap();
    let batch = input.shape[0];
    for isa in Isa::present() {
        for threads in [1, 2, 3] {
            let options = Options::new(net).input_size(input.shape[2]).batch(batch);
            let machine = Machine::new(threads, Some(isa)).unwrap();
            let plan = compile(net, weights, &options, &machine).unwrap();
            let what = format!("{} on {isa} at {threads} threads", net.name);
            let logits = plan.logits(&input.data).unwrap();
            assert_near(&logits, &io.get("logits").unwrap().data, LOGITS, &what);
            check_features(&plan, input, io, &what);
        }
    }
}

fn check_features(plan: &seesaw_engine::Plan, input: &Tensor, io: &Tensors, what: &str) {
    let mut compared = 0;
    for feature in plan.features(&input.data).unwrap() {
        let Some(expected) = io.get(&feature.name) else { continue };
        assert_eq!(feature.shape[1..], expected.shape[1..], "{what}: {}", feature.name);
        let got = &feature.data[..expected.data.len()];
        // Activations reach a few tens, where 1e-4 is some ten units in the last place.
        let scale = expected.data.iter().fold(1.0f32, |m, x| m.max(x.abs()));
        assert_near(got, &expected.data, LOGITS * scale, &format!("{what}: {}", feature.name));
        compared += 1;
    }
    assert!(compared >= 8, "{what}: {compared} block outputs compared");
}

#[test]
fn a_small_net_with_every_kind_of_block() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let net = Net::from_toml(&std::fs::read_to_string(folder.join("tiny.toml")).unwrap()).unwrap();
    let io = load(&folder.join("tiny.safetensors")).unwrap().tensors;
    let named = io.iter().filter_map(|(name, tensor)| {
        Some((name.strip_prefix("weights.")?.to_owned(), tensor.clone()))
    });
    let weights = NetWeights::from_tensors(&net, &named.collect()).unwrap();
    check(&net, &weights, &io);
}

#[test]
fn every_golden_net() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden");
    let Ok(files) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: {} is not there", folder.display());
        return;
    };
    let mut checkpoints: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    checkpoints.retain(|path| path.to_string_lossy().ends_with(".pth.tar"));
    assert!(checkpoints.len() >= 4, "{checkpoints:?}");
    for path in checkpoints {
        let model = load_model(&path, None).unwrap();
        let io = path.to_string_lossy().replace(".pth.tar", ".io.safetensors");
        check(&model.net, &model.weights, &load(Path::new(&io)).unwrap().tensors);
    }
}
