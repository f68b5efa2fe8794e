//! Against the reference: exact on whole numbers, within rounding on others.

use super::{GroupPlaces, Pointwise, PointwiseShape, PointwiseWeights};
use crate::{
    isa::{Isa, IsaToken},
    parallel::Team,
    reference,
    testing::{Values, assert_exact, assert_rounded, blocked, on_every_isa, planar},
};

/// A convolution with groups of these numbers of inputs and outputs; outputs are permuted by
/// `place`.
struct Problem {
    inputs: Vec<Vec<usize>>,
    outputs: Vec<Vec<usize>>,
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Problem {
    fn new(
        sizes: &[(usize, usize)],
        shuffled: bool,
        fill: &mut dyn FnMut(usize) -> Vec<f32>,
    ) -> Self {
        let outputs: usize = sizes.iter().map(|s| s.1).sum();
        let place = |o: usize| if shuffled { (o % 2) * outputs.div_ceil(2) + o / 2 } else { o };
        let mut problem =
            Self { inputs: vec![], outputs: vec![], weights: vec![], bias: fill(outputs) };
        let (mut i, mut o) = (0, 0);
        for &(ins, outs) in sizes {
            problem.inputs.push((i..i + ins).collect());
            problem.outputs.push((o..o + outs).map(place).collect());
            problem.weights.extend(fill(ins * outs));
            i += ins;
            o += outs;
        }
        problem
    }

    fn groups(&self) -> Vec<GroupPlaces<'_>> {
        let places = self.inputs.iter().zip(&self.outputs);
        places.map(|(inputs, outputs)| GroupPlaces { inputs, outputs }).collect()
    }

    fn inputs(&self) -> usize {
        self.inputs.iter().map(Vec::len).sum()
    }

    fn conv(&self, token: IsaToken, relu6: bool) -> Pointwise {
        let groups = self.groups();
        let shape =
            PointwiseShape { inputs: self.inputs(), outputs: self.bias.len(), groups: &groups };
        let values = PointwiseWeights { weights: &self.weights, scale: None, bias: &self.bias };
        Pointwise::new(token, &shape, &values, relu6).unwrap()
    }

    fn expected(&self, x: &[f32], pixels: usize) -> Vec<f32> {
        let groups = self.groups();
        let shape =
            PointwiseShape { inputs: self.inputs(), outputs: self.bias.len(), groups: &groups };
        reference::pointwise(&shape, &self.weights, &self.bias, x, pixels)
    }
}

const SIZES: [&[(usize, usize)]; 10] = [
    &[(1, 1)],
    &[(3, 5)],
    &[(8, 8)],
    &[(6, 36), (18, 108)],
    &[(36, 6), (108, 18)],
    &[(24, 16), (72, 48)],
    &[(12, 40), (12, 40)],
    &[(1, 3), (2, 7), (5, 11)],
    &[(20, 33)],
    &[(7, 2), (9, 2), (4, 130)],
];
const PIXELS: [usize; 8] = [1, 2, 5, 7, 13, 49, 98, 225];

#[test]
fn whole_numbers_are_exact_for_any_groups_pixels_and_threads() {
    on_every_isa(|token, team| {
        for sizes in SIZES {
            for (shuffled, pixels) in [false, true].into_iter().flat_map(|s| PIXELS.map(|p| (s, p)))
            {
                let mut values = Values::new(pixels as u64);
                let problem = Problem::new(sizes, shuffled, &mut |n| values.integers(n));
                let x = values.integers(problem.inputs() * pixels);
                let residual = values.integers(problem.bias.len() * pixels);
                check(token, team, &problem, &x, Some(&residual));
                check(token, team, &problem, &x, None);
            }
        }
    });
}

/// Expects the exact result, with ReLU6 where there is a residual.
fn check(token: IsaToken, team: &Team, problem: &Problem, x: &[f32], residual: Option<&[f32]>) {
    let (inputs, outputs) = (problem.inputs(), problem.bias.len());
    let (pixels, relu6) = (x.len() / inputs, residual.is_some());
    let conv = problem.conv(token, relu6);
    let residual_blocks = residual.map(|r| blocked(r, outputs));
    let mut out = blocked(&vec![0.0; outputs * pixels], outputs);
    out.fill(f32::NAN);
    conv.run(team, &blocked(x, inputs), pixels, residual_blocks.as_deref(), &mut out);
    let mut expected = problem.expected(x, pixels);
    for (i, value) in expected.iter_mut().enumerate() {
        *value += residual.map_or(0.0, |r| r[i]);
        *value = if relu6 { reference::relu6(*value) } else { *value };
    }
    let what = format!("{} {inputs} to {outputs}, {pixels} pixels", token.isa());
    assert_exact(&planar(&out, outputs), &expected, &what);
    assert!(!out.iter().any(|x| x.is_nan()), "{what}: lanes after the last channel are written");
}

#[test]
fn real_numbers_agree_within_rounding() {
    on_every_isa(|token, team| {
        for (sizes, pixels) in [(&[(240, 80), (720, 240)][..], 49), (&[(27, 32)], 1000)] {
            let mut values = Values::new(5);
            let problem = Problem::new(sizes, true, &mut |n| values.reals(n));
            let (inputs, outputs) = (problem.inputs(), problem.bias.len());
            let x = values.reals(inputs * pixels);
            let conv = problem.conv(token, false);
            let mut out = blocked(&vec![0.0; outputs * pixels], outputs);
            conv.run(team, &blocked(&x, inputs), pixels, None, &mut out);
            let what = token.isa().to_string();
            let expected = problem.expected(&x, pixels);
            assert_rounded(&planar(&out, outputs), &expected, inputs, &what);
        }
    });
}

#[test]
fn nan_goes_through_relu6() {
    for isa in Isa::present() {
        let token = IsaToken::new(isa).unwrap();
        let groups = [GroupPlaces { inputs: &[0], outputs: &[0] }];
        let shape = PointwiseShape { inputs: 1, outputs: 1, groups: &groups };
        let values = PointwiseWeights { weights: &[1.0], scale: None, bias: &[0.0] };
        let conv = Pointwise::new(token, &shape, &values, true).unwrap();
        let mut out = [0.0; 8];
        let mut x = [0.0; 8];
        for (input, output) in [(-1.0, 0.0), (3.0, 3.0), (7.0, 6.0)] {
            x[0] = input;
            conv.run(&Team::solo(), &x, 1, None, &mut out);
            assert_eq!(out[0], output, "{isa}");
        }
        x[0] = f32::NAN;
        conv.run(&Team::solo(), &x, 1, None, &mut out);
        assert!(out[0].is_nan(), "{isa}");
    }
}

#[test]
fn groups_that_do_not_fit_are_refused() {
    let token = IsaToken::best();
    let refused = |inputs: &[usize], outputs: &[usize], weights: &[f32], bias: &[f32]| {
        let groups = [GroupPlaces { inputs, outputs }];
        let shape = PointwiseShape { inputs: 2, outputs: 2, groups: &groups };
        let values = PointwiseWeights { weights, scale: None, bias };
        Pointwise::new(token, &shape, &values, false).unwrap_err().to_string()
    };
    for (message, expected) in [
        (refused(&[0, 1], &[0, 1], &[1.0; 3], &[0.0; 2]), "3 weights; the groups have 4"),
        (refused(&[0, 2], &[0, 1], &[1.0; 4], &[0.0; 2]), "distinct and below 2"),
        (refused(&[1, 1], &[0, 1], &[1.0; 4], &[0.0; 2]), "distinct and below 2"),
        (refused(&[], &[0, 1], &[], &[0.0; 2]), "a group needs inputs"),
        (refused(&[0, 1], &[0, 0], &[1.0; 4], &[0.0; 2]), "output 0 has two rows of weights"),
        (refused(&[0, 1], &[0, 5], &[1.0; 4], &[0.0; 2]), "output 5 is not below 2"),
        (refused(&[0, 1], &[0], &[1.0; 2], &[0.0; 2]), "no group writes output 1"),
        (refused(&[0, 1], &[0, 1], &[1.0; 4], &[0.0; 3]), "3 biases"),
    ] {
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn inputs_come_in_any_order_and_outputs_are_scaled() {
    let token = IsaToken::best();
    let mut values = Values::new(5);
    let (inputs, outputs) = ([vec![4, 0, 9], vec![8, 1, 2, 3]], [vec![0, 3, 5], vec![4, 1, 2, 6]]);
    let weights = values.reals(9 + 16);
    let (bias, x) = (values.reals(7), values.reals(10));
    let scale: Vec<f64> = (0..7).map(|i| f64::from(i) - 2.5).collect();
    let groups = [0, 1].map(|g| GroupPlaces { inputs: &inputs[g], outputs: &outputs[g] });
    let shape = PointwiseShape { inputs: 10, outputs: 7, groups: &groups };
    let scaled = |scale| {
        let values = PointwiseWeights { weights: &weights, scale: Some(scale), bias: &bias };
        Pointwise::new(token, &shape, &values, false)
    };
    let mut out = vec![0.0; 8];
    scaled(&scale).unwrap().run(&Team::solo(), &blocked(&x, 10), 1, None, &mut out);
    let mut rows = &weights[..];
    for group in groups {
        for &output in group.outputs {
            let (row, rest) = rows.split_at(group.inputs.len());
            rows = rest;
            let products = row.iter().zip(group.inputs);
            let sum: f64 = products.map(|(w, i)| f64::from(*w) * f64::from(x[*i])).sum();
            let expected = sum * scale[output] + f64::from(bias[output]);
            let got = f64::from(out[output]);
            assert!((got - expected).abs() < 1e-5, "output {output}: {got}, not {expected}");
        }
    }
    let refused = scaled(&scale[1..]).unwrap_err().to_string();
    assert!(refused.contains("7 biases and 6 scales for 7 outputs"), "{refused}");
}

#[test]
fn every_panel_belongs_to_one_thread() {
    let mut values = Values::new(1);
    let problem = Problem::new(&[(24, 144), (72, 432)], false, &mut |n| values.reals(n));
    let conv = problem.conv(IsaToken::best(), false);
    for threads in 1..=5 {
        let shares = (0..threads).map(|i| conv.panel_share(threads, i, 14));
        let all: Vec<usize> = shares.flatten().collect();
        assert_eq!(all, conv.panels().collect::<Vec<_>>(), "{threads} threads");
    }
}
