//! The list of steps is enough to compute a net: plain loops over it give what plain loops over the
//! net's definition give, and steps own the weights that are given away.

mod common;

use std::borrow::Cow;

use seesaw_arch::{LayerId, Net, Op, zoo};
use seesaw_engine::{EngineError, LoweredStep, lower};
use seesaw_format::NetWeights;

/// A map `[places][side][side]`.
struct Map {
    side: usize,
    values: Vec<f64>,
}

impl Map {
    /// The value at row `y` and column `x`, 0 outside.
    fn at(&self, place: usize, y: isize, x: isize) -> f64 {
        let inside = 0..self.side as isize;
        if !inside.contains(&y) || !inside.contains(&x) {
            return 0.0;
        }
        self.values[(place * self.side + y as usize) * self.side + x as usize]
    }
}

/// Each output channel's input channels and the index of its first weight, by channel.
fn wiring(step: &LoweredStep<'_>) -> Vec<(Vec<usize>, usize)> {
    let (inputs, outputs) = (step.step.inputs.len(), step.step.outputs.len());
    match &step.step.op {
        Op::Convolution => (0..outputs).map(|c| ((0..inputs).collect(), c * 9 * inputs)).collect(),
        Op::Linear => (0..outputs).map(|c| ((0..inputs).collect(), c * inputs)).collect(),
        Op::Depthwise => (0..outputs).map(|c| (vec![c], c * step.step.taps())).collect(),
        Op::Pool => (0..outputs).map(|c| (vec![c], 0)).collect(),
        Op::Pointwise { shares } => {
            let mut first = 0;
            let mut rows = Vec::new();
            for share in shares {
                for _ in share.outputs.clone() {
                    rows.push((share.inputs.clone().collect(), first));
                    first += share.inputs.len();
                }
            }
            rows
        }
    }
}

/// One step in plain loops; `block` is the input of the block that the step belongs to.
fn run(step: &LoweredStep<'_>, input: &Map, block: &Map) -> Map {
    let s = &step.step;
    let side = if s.op == Op::Pool { 1 } else { input.side.div_ceil(s.stride) };
    let mut values = vec![0.0; s.outputs.len() * side * side];
    for (channel, (inputs, first)) in wiring(step).into_iter().enumerate() {
        let place = s.outputs[channel];
        for pixel in 0..side * side {
            let (y, x) = ((pixel / side * s.stride) as isize, (pixel % side * s.stride) as isize);
            let sum: f64 = match s.op {
                Op::Pool => {
                    let plane = input.side * input.side;
                    let values = &input.values[s.inputs[channel] * plane..][..plane];
                    values.iter().sum::<f64>() / plane as f64
                }
                Op::Convolution | Op::Depthwise => (0..s.taps() * inputs.len())
                    .map(|i| {
                        let (tap, from) = (i % s.taps(), s.inputs[inputs[i / s.taps()]]);
                        let before = common::before(input.side, s.kernel, s.stride, s.padding);
                        let dy = (tap / s.kernel) as isize - before as isize;
                        let dx = (tap % s.kernel) as isize - before as isize;
                        f64::from(step.weights[first + i]) * input.at(from, y + dy, x + dx)
                    })
                    .sum(),
                Op::Pointwise { .. } | Op::Linear => (0..inputs.len())
                    .map(|i| {
                        f64::from(step.weights[first + i]) * input.at(s.inputs[inputs[i]], y, x)
                    })
                    .sum(),
            };
            let mut value = match s.op {
                Op::Pool => sum,
                _ => step.scale[channel] * sum + f64::from(step.bias[channel]),
            };
            if s.relu6 {
                value = value.clamp(0.0, 6.0);
            }
            if s.residual {
                value += block.values[place * side * side + pixel];
            }
            values[place * side * side + pixel] = value;
        }
    }
    Map { side, values }
}

#[test]
fn plain_loops_over_the_steps_give_the_nets_logits() {
    for name in [
        "seesaw-shuffle-0.5d-cifar",
        "seesaw-share-v1-0.5d-cifar",
        "igcv3-0.5d-cifar",
        "mobilenetv2-1.0-cifar",
        "efficientnet-lite0",
    ] {
        let net = Net { input_size: 8, ..zoo::net(name).unwrap() };
        let weights = NetWeights::random(&net, 7).unwrap();
        let image: Vec<f32> = (0..3 * 64).map(|i| ((i * 37) % 101) as f32 / 50.0 - 1.0).collect();
        let lowered = lower(&net, &weights).unwrap();
        let planar = || Map { side: 8, values: image.iter().map(|x| f64::from(*x)).collect() };
        let (mut map, mut block, mut unit) = (planar(), planar(), LayerId::Stem.unit());
        for step in &lowered.steps {
            if step.step.id.unit() != unit {
                unit = step.step.id.unit();
                block = Map { side: map.side, values: map.values.clone() };
            }
            map = run(step, &map, &block);
        }
        let expected = common::logits(&net, &weights, &image, 8);
        for (got, expected) in map.values.iter().zip(&expected) {
            assert!(
                (got - expected).abs() < 1e-4 * (1.0 + expected.abs()),
                "{name}: {got} {expected}"
            );
        }
    }
}

#[test]
fn weights_are_borrowed_when_lent_and_owned_when_given() {
    let net = zoo::net("seesaw-shuffle-0.5d-cifar").unwrap();
    let weights = NetWeights::random(&net, 1).unwrap();
    let owned = |step: &LoweredStep<'_>| matches!(step.weights, Cow::Owned(_));
    assert!(!lower(&net, &weights).unwrap().steps.iter().any(owned));
    let lowered = lower(&net, weights).unwrap();
    assert!(lowered.steps.iter().all(|step| owned(step) || step.step.op == Op::Pool));
}

#[test]
fn weights_of_another_net_are_refused() {
    let net = zoo::net("seesaw-shuffle-0.5d-cifar").unwrap();
    let weights = || NetWeights::random(&net, 1).unwrap();
    let refusal = |change: &dyn Fn(&mut NetWeights)| {
        let mut weights = weights();
        change(&mut weights);
        lower(&net, weights).unwrap_err()
    };
    let error = refusal(&|w| w.blocks.truncate(16));
    assert_eq!(error, EngineError::BlockCount { found: 16, expected: 17 });
    let error = refusal(&|w| w.blocks[2].expand = None);
    assert_eq!(error, EngineError::Layer { layer: LayerId::Expand(3) });
    let error = refusal(&|w| w.head.bn.mean.truncate(1279));
    let (layer, tensor) = (LayerId::Head, "mean");
    assert_eq!(error, EngineError::Weights { layer, tensor, found: 1279, expected: 1280 });
}
