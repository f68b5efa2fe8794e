//! 5x5 windows, TensorFlow's padding and another epsilon compared with PyTorch in float64.

use super::*;
use crate::optim::{Optimizer, OptimizerKind, OptimizerSpec};

/// The net of `tests/golden/lite.py`.
pub(super) fn lite() -> Net {
    Net::from_toml(include_str!("../../../tests/golden/lite.toml")).unwrap()
}

fn golden() -> Tensors {
    let bytes = include_bytes!("../../../tests/golden/lite.safetensors");
    seesaw_format::safetensors::read(bytes).unwrap().0
}

/// The tensors whose names begin with `prefix`, without it.
fn part(tensors: &Tensors, prefix: &str) -> Tensors {
    let named = |(name, tensor): (&str, &seesaw_format::Tensor)| {
        Some((name.strip_prefix(prefix)?.to_owned(), tensor.clone()))
    };
    tensors.iter().filter_map(named).collect()
}

/// Compares each tensor of `expected` with that of `found`; `bound` is given its name and a value.
fn assert_near(found: &Tensors, expected: &Tensors, bound: impl Fn(&str, f32) -> f32) {
    assert!(!expected.is_empty());
    for (name, expected) in expected.iter() {
        let found = found.get(name).unwrap();
        assert_eq!(found.shape, expected.shape, "{name}");
        for (got, expected) in found.data.iter().zip(&expected.data) {
            let error = (got - expected).abs();
            assert!(error <= bound(name, *expected), "{name}: {got} instead of {expected}");
        }
    }
}

#[test]
fn evaluation_gives_float64s_logits() {
    let (net, golden) = (lite(), golden());
    let data = |name: &str| &golden.get(name).unwrap().data;
    let weights = NetWeights::from_tensors(&net, &part(&golden, "weights.")).unwrap();
    for isa in Isa::present() {
        for threads in [1, 3] {
            let machine = Machine::new(threads, Some(isa)).unwrap();
            let options = seesaw_engine::Options::new(&net).batch(4);
            let plan = seesaw_engine::compile(&net, &weights, &options, &machine).unwrap();
            let images = data("images").chunks(4 * 3 * 24 * 24);
            let logits: Vec<f32> = images.flat_map(|i| plan.logits(i).unwrap()).collect();
            assert_eq!(logits.len(), data("logits").len());
            for (got, expected) in logits.iter().zip(data("logits")) {
                assert!((got - expected).abs() < 1e-5, "{isa}: {got} instead of {expected}");
            }
        }
    }
}

#[test]
fn a_training_step_is_float64s() {
    let (net, golden) = (lite(), golden());
    let data = |name: &str| &golden.get(name).unwrap().data;
    let start = NetWeights::from_tensors(&net, &part(&golden, "weights.")).unwrap();
    let labels: Vec<usize> = data("labels").iter().map(|label| *label as usize).collect();
    let gradients = part(&golden, "gradient.");
    let largest = gradients.iter().flat_map(|(_, t)| &t.data).fold(0.0f32, |m, g| m.max(g.abs()));
    // Twice PyTorch's error, and the resolution of f32 at the largest gradient.
    let bound = |name: &str| 2.0 * data(&format!("float32.{name}"))[0] + f32::EPSILON * largest;
    let named = |state: &State| {
        let mut weights = start.clone();
        state.write_to(&mut weights);
        weights.to_tensors(&net).unwrap()
    };
    let spec = OptimizerSpec {
        kind: OptimizerKind::Sgd,
        rate: 0.1,
        weight_decay: 0.01,
        decay_norms: true,
        ..toml::from_str("kind = \"sgd\"\nrate = 0.1").unwrap()
    };
    for isa in Isa::present() {
        let mut train = train_net(&net, 2, Some(isa));
        let mut state = State::from_weights(&start);
        let mut found = vec![f32::NAN; state.parameters.len()];
        let loss = cross_entropy(&labels);
        let loss = train.step(&mut state, plain(data("images")), loss, &mut found).unwrap();
        assert!((loss - f64::from(data("loss")[0])).abs() < 1e-6, "{loss} on {isa}");
        let of_step = State { parameters: found.clone(), ..state.clone() };
        assert_near(&named(&of_step), &gradients, |name, _| bound(name));
        let mut optimizer = Optimizer::new(&spec, train.layout());
        optimizer.step(&mut state.parameters, &found, 0.1, train.machine());
        let after = named(&state);
        let near = |_: &str, value: f32| 2e-6 * (1.0 + value.abs());
        assert_near(&after, &part(&golden, "statistics."), near);
        assert_near(&after, &part(&golden, "stepped."), |name, value| {
            0.1 * bound(name) + 2.0 * f32::EPSILON * (1.0 + value.abs())
        });
    }
}
