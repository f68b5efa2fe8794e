use std::collections::HashMap;

use seesaw_kernels::{
    Isa, IsaToken,
    train::{Matrix, MatrixProduct},
};

use super::*;
use crate::layout::State;

fn spec() -> OptimizerSpec {
    toml::from_str("kind = 'sgd'\nrate = 0.1\nweight_decay = 0.02\n").unwrap()
}

fn adamw() -> OptimizerSpec {
    OptimizerSpec {
        kind: OptimizerKind::AdamW,
        betas: [0.8, 0.95],
        epsilon: 1e-6,
        decay_norms: true,
        ..spec()
    }
}

fn muon() -> OptimizerSpec {
    OptimizerSpec { kind: OptimizerKind::Muon, nesterov: true, matrix_rate: 0.1, ..spec() }
}

/// An optimizer of nine parameters that are treated alike.
fn nine(spec: OptimizerSpec, matrices: Vec<MatrixShape>) -> Optimizer {
    let segment =
        Segment { range: 0..9, multiplier: 1.0, weight_decay: spec.weight_decay, matrices };
    let slots = spec.kind.slots().iter().map(|_| vec![0.0; 9]).collect();
    Optimizer { spec, segments: vec![segment], slots, steps: 0 }
}

fn five_steps(
    spec: OptimizerSpec,
    clip: Option<f64>,
    matrices: Vec<MatrixShape>,
    machine: &Machine,
) -> Vec<f32> {
    let mut optimizer = nine(spec, matrices);
    let mut p: Vec<f32> = (0..9).map(|i| f64::from(i + 1).sin() as f32).collect();
    for step in 0..5 {
        let gradient = |i: i32| {
            let i = f64::from(i);
            ((3.0 * f64::from(step) + 0.7 * i).cos() * (1.0 + 0.1 * i)) as f32
        };
        let mut g: Vec<f32> = (0..9).map(gradient).collect();
        if let Some(limit) = clip {
            let norm = optimizer.norm(&g);
            Optimizer::clip(&mut g, norm, limit);
        }
        optimizer.step(&mut p, &g, 0.1 / f64::from(step + 1), machine);
    }
    p
}

#[test]
fn steps_are_pytorchs() {
    let text = include_str!("../../tests/golden/optimizers.json");
    let golden: HashMap<String, serde_json::Value> = serde_json::from_str(text).unwrap();
    let cases = [
        ("sgd", OptimizerSpec { momentum: 0.0, ..spec() }, None),
        ("momentum", spec(), None),
        ("nesterov", OptimizerSpec { nesterov: true, ..spec() }, None),
        ("adamw", adamw(), None),
        ("clipped", spec(), Some(1.5)),
    ];
    for (name, spec, clip) in cases {
        let expected: Vec<f64> = serde_json::from_value(golden[name].clone()).unwrap();
        let ours = five_steps(spec, clip, Vec::new(), &Machine::solo());
        for (i, (ours, theirs)) in ours.into_iter().zip(expected).enumerate() {
            let error = (f64::from(ours) - theirs).abs();
            assert!(error < 1e-6, "{name} [{i}]: {ours} instead of {theirs}");
        }
    }
}

/// A wide, a tall and a square matrix of nine numbers, on every instruction set.
#[test]
fn steps_of_matrices_are_pytorchs() {
    let text = include_str!("../../tests/golden/optimizers.json");
    let golden: HashMap<String, serde_json::Value> = serde_json::from_str(text).unwrap();
    for (rows, cols) in [(1, 9), (9, 1), (3, 3)] {
        let (name, shape) = (format!("muon {rows}x{cols}"), MatrixShape { rows, cols });
        let expected: Vec<f64> = serde_json::from_value(golden[&name].clone()).unwrap();
        for isa in Isa::present() {
            let machine = Machine::new(1, Some(isa)).unwrap();
            let ours = five_steps(muon(), None, vec![shape], &machine);
            for (i, (ours, theirs)) in ours.into_iter().zip(&expected).enumerate() {
                let error = (f64::from(ours) - theirs).abs();
                assert!(error < 1e-5, "{name} [{i}]: {ours} instead of {theirs}");
            }
        }
    }
}

#[test]
fn orthogonalized_matrices_are_nearly_orthogonal() {
    let product = MatrixProduct::new(IsaToken::best());
    for (rows, cols) in [(12, 40), (40, 12)] {
        let mut x = Matrix::zeros(rows, cols);
        for (i, value) in x.rows_mut().flatten().enumerate() {
            *value = (0.7 * i as f32 * i as f32).sin();
        }
        let x = muon::orthogonalized(&x, product);
        let x = if rows > cols { x.transposed() } else { x };
        let mut gram = Matrix::zeros(12, 12);
        product.add(&x, &x.transposed(), &mut gram);
        for (i, row) in gram.rows().enumerate() {
            // Singular values from 0.68 to 1.21 are what the published factors lead to.
            assert!((0.45..1.5).contains(&row[i]), "{}", row[i]);
            let others = row.iter().enumerate().filter(|(j, _)| *j != i);
            others.for_each(|(_, x)| assert!(x.abs() < 0.4, "{x}"));
        }
    }
}

#[test]
fn muon_moves_matrices_by_threads_alike_and_leaves_the_rest_to_sgd() {
    let (layout, state) = tiny();
    let g: Vec<f32> = (0..state.parameters.len()).map(|i| (i as f32).sin()).collect();
    let moved = |spec: OptimizerSpec, threads: usize| {
        let (mut optimizer, mut p) = (Optimizer::new(&spec, &layout), state.parameters.clone());
        let machine = Machine::new(threads, None).unwrap();
        for rate in [0.1, 0.05] {
            optimizer.step(&mut p, &g, rate, &machine);
        }
        p
    };
    let (one, sgd) = (moved(muon(), 1), moved(OptimizerSpec { nesterov: true, ..spec() }, 1));
    assert_eq!(one, moved(muon(), 3));
    for entry in layout.entries() {
        let range = entry.range.clone();
        assert_eq!(one[range.clone()] == sgd[range], entry.matrices.is_empty(), "{}", entry.layer);
    }
}

fn tiny() -> (Layout, State) {
    let weights = crate::testing::tiny_weights();
    (Layout::new(&crate::testing::tiny()).unwrap(), State::from_weights(&weights))
}

#[test]
fn norms_and_biases_decay_only_on_request() {
    let (layout, state) = tiny();
    for decay_norms in [false, true] {
        let mut optimizer = Optimizer::new(&OptimizerSpec { decay_norms, ..spec() }, &layout);
        let mut moved = vec![1.0; state.parameters.len()];
        let gradients = vec![0.0; state.parameters.len()];
        optimizer.step(&mut moved, &gradients, 0.1, &Machine::solo());
        for entry in layout.entries() {
            let decays = decay_norms || entry.role == Role::Weight;
            let expected = if decays { 1.0 - 0.1 * 0.02 } else { 1.0 };
            assert!(moved[entry.range.clone()].iter().all(|p| (p - expected).abs() < 1e-7));
        }
    }
}

#[test]
fn frozen_layers_keep_everything() {
    let (layout, state) = tiny();
    for kind in [spec(), adamw(), muon()] {
        let spec = OptimizerSpec { frozen: 2, layer_decay: 0.5, ..kind };
        let mut optimizer = Optimizer::new(&spec, &layout);
        let mut moved = state.parameters.clone();
        let mut gradients = vec![0.0; moved.len()];
        for entry in layout.entries() {
            gradients[entry.range.clone()].fill(if entry.depth < 2 { f32::NAN } else { 1.0 });
        }
        assert!(optimizer.norm(&gradients).is_finite());
        optimizer.step(&mut moved, &gradients, 0.1, &Machine::solo());
        for entry in layout.entries() {
            let range = entry.range.clone();
            let same = moved[range.clone()] == state.parameters[range.clone()];
            assert_eq!(same, entry.depth < 2, "{}", entry.layer);
            let remembered =
                optimizer.slots().all(|(_, s)| s[range.clone()].iter().all(|x| *x == 0.0));
            assert_eq!(remembered, entry.depth < 2, "{}", entry.layer);
        }
    }
}

#[test]
fn rates_halve_with_each_depth_from_the_end() {
    let (layout, _) = tiny();
    let spec = OptimizerSpec { layer_decay: 0.5, momentum: 0.0, weight_decay: 0.0, ..spec() };
    let mut optimizer = Optimizer::new(&spec, &layout);
    let mut moved = vec![0.0; layout.parameters()];
    optimizer.step(&mut moved, &vec![-1.0; layout.parameters()], 1.0, &Machine::solo());
    for entry in layout.entries() {
        let expected = 0.5f32.powi((layout.depth() - entry.depth) as i32);
        assert!(moved[entry.range.clone()].iter().all(|p| *p == expected), "{}", entry.layer);
    }
}

#[test]
fn restored_optimizers_continue_alike() {
    let ((layout, state), machine) = (tiny(), Machine::solo());
    for spec in [spec(), adamw(), muon()] {
        let mut one = Optimizer::new(&spec, &layout);
        let mut p = state.parameters.clone();
        let g: Vec<f32> = (0..p.len()).map(|i| (i as f32).sin()).collect();
        one.step(&mut p, &g, 0.1, &machine);
        let mut two = Optimizer::new(&spec, &layout);
        two.restore(one.steps(), one.slots().map(|(_, s)| s.to_vec()).collect());
        let mut q = p.clone();
        one.step(&mut p, &g, 0.1, &machine);
        two.step(&mut q, &g, 0.1, &machine);
        assert_eq!(p, q);
    }
}

#[test]
fn short_gradients_are_not_clipped() {
    let mut gradients = [3.0, 4.0];
    Optimizer::clip(&mut gradients, 5.0, 6.0);
    assert_eq!(gradients, [3.0, 4.0]);
    Optimizer::clip(&mut gradients, 5.0, 1.0);
    assert!((gradients[0] - 0.6).abs() < 1e-6 && (gradients[1] - 0.8).abs() < 1e-6);
}

#[test]
#[should_panic(expected = "slots of its kind")]
fn slots_of_another_kind_are_a_bug() {
    let mut optimizer = nine(adamw(), Vec::new());
    optimizer.slots.pop();
    optimizer.step(&mut [0.0; 9], &[1.0; 9], 0.1, &Machine::solo());
}

#[test]
#[should_panic(expected = "parameters of this net")]
fn parameters_of_another_net_are_a_bug() {
    nine(spec(), Vec::new()).step(&mut [0.0; 10], &[1.0; 10], 0.1, &Machine::solo());
}
