//! Packed weights against naive packing.

use super::*;
use crate::element::Slot;

#[test]
fn runs_cover_the_inputs_in_order() {
    for inputs in [
        vec![0],
        vec![3, 4, 9],
        (0..8).collect(),
        (5..40).collect(),
        (0..35).chain(41..96).collect::<Vec<_>>(),
    ] {
        let mut covered = Vec::new();
        for run in runs(&inputs) {
            assert!(run.lane == 0 || (run.full == 0 && run.lane + run.rest <= 8));
            let first = (run.block * 8 + run.lane) as usize;
            covered.extend(first..first + (run.full * 8 + run.rest) as usize);
        }
        assert_eq!(covered, inputs);
    }
}

/// Packs as the layout says it, number by number.
fn naive<T: Element>(
    plan: &PackPlan,
    shape: &PointwiseShape<'_>,
    weights: &[f32],
    scale: &[f64],
) -> Vec<T> {
    let weight = |input: usize, output: usize| {
        let mut first = 0;
        for group in shape.groups {
            let position = |all: &[usize], channel| all.iter().position(|c| *c == channel);
            let places = (position(group.inputs, input), position(group.outputs, output));
            if let (Some(column), Some(row)) = places {
                let weight = weights[first + row * group.inputs.len() + column];
                return (f64::from(weight) * scale[output]) as f32;
            }
            first += group.inputs.len() * group.outputs.len();
        }
        0.0
    };
    let mut packed = vec![T::default(); plan.layout.len()];
    for panel in &plan.layout.panels {
        let mut elements = packed[panel.range()].iter_mut();
        for run in &plan.layout.runs[panel.runs.clone()] {
            let first = run.block as usize * CBLOCK + run.lane as usize * T::DEPTH;
            let len = run.full as usize * CBLOCK / T::DEPTH + run.rest as usize;
            for element in 0..len {
                for lane in 0..panel.lanes() {
                    let packed = elements.next().unwrap();
                    for i in 0..T::DEPTH {
                        let input = first + element * T::DEPTH + i;
                        packed.set(i as u32, weight(input, panel.block * CBLOCK + lane));
                    }
                }
            }
        }
        assert!(elements.next().is_none(), "a row for each element");
    }
    packed
}

#[test]
fn a_gather_is_what_naive_packing_does() {
    let shuffled = |n: usize| (0..n).map(|c| c % 2 * n.div_ceil(2) + c / 2).collect::<Vec<_>>();
    for sizes in [&[(1, 1)][..], &[(20, 33)], &[(6, 36), (18, 108)], &[(1, 3), (2, 7), (5, 11)]] {
        let inputs: usize = sizes.iter().map(|size| size.0).sum();
        let outputs: usize = sizes.iter().map(|size| size.1).sum();
        let (from, to) = (shuffled(inputs), shuffled(outputs));
        let (mut groups, mut i, mut o) = (Vec::new(), 0, 0);
        for (ins, outs) in sizes {
            groups.push(GroupPlaces { inputs: &from[i..i + ins], outputs: &to[o..o + outs] });
            (i, o) = (i + ins, o + outs);
        }
        let shape = PointwiseShape { inputs, outputs, groups: &groups };
        let weights = crate::testing::Values::new(3).reals(shape.weights());
        let scale: Vec<f64> = (0..outputs).map(|o| o as f64 / 3.0 - 1.0).collect();
        for widths in [&[4, 2, 1][..], &[1]] {
            let plan = PackPlan::forward(&shape, 1, widths).unwrap();
            let expected: Vec<f32> = naive(&plan, &shape, &weights, &scale);
            assert_eq!(*plan.gather::<f32>(&weights, Some(&scale)), expected);
            let (packed, mut again) = (plan.gather(&weights, None), vec![0.0; weights.len()]);
            plan.scatter(&packed, &mut again);
            assert_eq!(again, weights, "there and back");

            let plan = PackPlan::forward(&shape, 2, widths).unwrap();
            let expected: Vec<Slot> = naive(&plan, &shape, &weights, &scale);
            assert_eq!(*plan.gather::<Slot>(&weights, Some(&scale)), expected);
        }
    }
}
