//! Against the reference: exact on whole numbers, within rounding on others.

use super::{Group, Pointwise};
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
    weights: Vec<Vec<f32>>,
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
            problem.weights.push(fill(ins * outs));
            i += ins;
            o += outs;
        }
        problem
    }

    fn groups(&self) -> Vec<Group<'_>> {
        let parts = self.inputs.iter().zip(&self.outputs).zip(&self.weights);
        parts.map(|((inputs, outputs), weights)| Group { inputs, outputs, weights }).collect()
    }

    fn channels(&self) -> usize {
        self.inputs.iter().map(Vec::len).sum()
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
                let x = values.integers(problem.channels() * pixels);
                let residual = values.integers(problem.bias.len() * pixels);
                check(token, team, &problem, &x, pixels, Some(&residual), true);
                check(token, team, &problem, &x, pixels, None, false);
            }
        }
    });
}

fn check(
    token: IsaToken,
    team: &Team,
    problem: &Problem,
    x: &[f32],
    pixels: usize,
    residual: Option<&[f32]>,
    relu6: bool,
) {
    let (inputs, outputs) = (problem.channels(), problem.bias.len());
    let conv =
        Pointwise::new(token, inputs, outputs, &problem.groups(), &problem.bias, relu6).unwrap();
    let residual_blocks = residual.map(|r| blocked(r, outputs));
    let mut out = blocked(&vec![0.0; outputs * pixels], outputs);
    out.fill(f32::NAN);
    conv.run(team, &blocked(x, inputs), pixels, residual_blocks.as_deref(), &mut out);
    let mut expected = reference::pointwise(&problem.groups(), &problem.bias, x, pixels);
    for (i, value) in expected.iter_mut().enumerate() {
        *value += residual.map_or(0.0, |r| r[i]);
        *value = if relu6 { reference::relu6(*value) } else { *value };
    }
    let what = format!("{} {inputs} to {outputs}, {pixels} pixels", token.isa());
    assert_exact(&planar(&out, outputs), &expected, &what);
    assert!(!out.iter().any(|x| x.is_nan()), "{what}: lanes behind the last channel are written");
}

#[test]
fn real_numbers_agree_within_rounding() {
    on_every_isa(|token, team| {
        for (sizes, pixels) in [(&[(240, 80), (720, 240)][..], 49), (&[(27, 32)], 1000)] {
            let mut values = Values::new(5);
            let problem = Problem::new(sizes, true, &mut |n| values.reals(n));
            let (inputs, outputs) = (problem.channels(), problem.bias.len());
            let x = values.reals(inputs * pixels);
            let groups = problem.groups();
            let conv =
                Pointwise::new(token, inputs, outputs, &groups, &problem.bias, false).unwrap();
            let mut out = blocked(&vec![0.0; outputs * pixels], outputs);
            conv.run(team, &blocked(&x, inputs), pixels, None, &mut out);
            let expected = reference::pointwise(&groups, &problem.bias, &x, pixels);
            let what = token.isa().to_string();
            assert_rounded(&planar(&out, outputs), &expected, inputs, &what);
        }
    });
}

#[test]
fn nan_goes_through_relu6() {
    for isa in Isa::present() {
        let token = IsaToken::new(isa).unwrap();
        let group = Group { inputs: &[0], outputs: &[0], weights: &[1.0] };
        let conv = Pointwise::new(token, 1, 1, &[group], &[0.0], true).unwrap();
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
        let group = Group { inputs, outputs, weights };
        Pointwise::new(token, 2, 2, &[group], bias, false).unwrap_err().to_string()
    };
    for (message, expected) in [
        (refused(&[0, 1], &[0, 1], &[1.0; 3], &[0.0; 2]), "3 weights for 2 inputs"),
        (refused(&[0, 2], &[0, 1], &[1.0; 4], &[0.0; 2]), "not below 2"),
        (refused(&[1, 1], &[0, 1], &[1.0; 4], &[0.0; 2]), "each there once"),
        (refused(&[0, 1], &[0, 0], &[1.0; 4], &[0.0; 2]), "two rows write output 0"),
        (refused(&[0, 1], &[0, 5], &[1.0; 4], &[0.0; 2]), "output 5 of 2"),
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
    let weights = [values.reals(9), values.reals(16)];
    let (bias, x) = (values.reals(7), values.reals(10));
    let scale: Vec<f64> = (0..7).map(|i| f64::from(i) - 2.5).collect();
    let groups: Vec<Group<'_>> = (0..2)
        .map(|g| Group { inputs: &inputs[g], outputs: &outputs[g], weights: &weights[g] })
        .collect();
    let conv = Pointwise::scaled(token, (10, 7), &groups, Some(&scale), &bias, false).unwrap();
    let mut out = vec![0.0; 8];
    conv.run(&Team::solo(), &blocked(&x, 10), 1, None, &mut out);
    for group in groups {
        for (row, &output) in group.outputs.iter().enumerate() {
            let products = group.row(row).iter().zip(group.inputs);
            let sum: f64 = products.map(|(w, i)| f64::from(*w) * f64::from(x[*i])).sum();
            let expected = sum * scale[output] + f64::from(bias[output]);
            let got = f64::from(out[output]);
            assert!((got - expected).abs() < 1e-5, "output {output}: {got}, not {expected}");
        }
    }
    let refused = Pointwise::scaled(token, (10, 7), &[], Some(&scale[1..]), &bias, false);
    assert!(refused.unwrap_err().to_string().contains("7 biases and 6 scales for 7 outputs"));
}

#[test]
fn every_panel_belongs_to_one_thread() {
    let mut values = Values::new(1);
    let problem = Problem::new(&[(24, 144), (72, 432)], false, &mut |n| values.reals(n));
    let conv =
        Pointwise::new(IsaToken::best(), 96, 576, &problem.groups(), &problem.bias, false).unwrap();
    for threads in 1..=5 {
        let shares = (0..threads).map(|i| conv.panel_share(threads, i, 14));
        let all: Vec<usize> = shares.flatten().collect();
        assert_eq!(all, conv.panels().collect::<Vec<_>>(), "{threads} threads");
    }
}
