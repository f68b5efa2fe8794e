//! Batch norms with running statistics, compared with a net in float64 that shares no code with the
//! layers: its gradients are differences of its loss.

use seesaw_arch::{BATCH_NORM_EPS, Op, Step};

use super::*;

/// A map in float64, `[channels][side][side]` by the places of the channels.
#[derive(Clone)]
struct Map {
    side: usize,
    channels: Vec<Vec<f64>>,
}

/// A net in float64.
struct Reference {
    steps: Vec<Step>,
    layout: Layout,
    statistics: Vec<f64>,
}

impl Reference {
    /// The mean cross entropy of these images, `[n][3][side][side]`.
    fn loss(&self, parameters: &[f64], images: &[f32], labels: &[usize], side: usize) -> f64 {
        let losses = images.chunks(3 * side * side).zip(labels).map(|(image, label)| {
            let channels = image.chunks(side * side);
            let channels = channels.map(|plane| plane.iter().map(|x| f64::from(*x)).collect());
            let logits = self.logits(parameters, Map { side, channels: channels.collect() });
            let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
            sum.ln() - logits[*label]
        });
        losses.sum::<f64>() / labels.len() as f64
    }

    fn logits(&self, parameters: &[f64], image: Map) -> Vec<f64> {
        let (mut map, mut block_input) = (image, None);
        for step in &self.steps {
            // A block's first step is its expand convolution, or else its depthwise one.
            if matches!(step.id, LayerId::Expand(_)) || block_input.is_none() {
                block_input = Some(map.clone());
            }
            let weights = match step.op {
                Op::Pool => &[],
                _ => &parameters[self.layout.weights(step.id)],
            };
            map = convolve(step, weights, &map);
            if !matches!(step.op, Op::Pool | Op::Linear) {
                self.normalize(step, parameters, &mut map);
            }
            if step.residual {
                let input = block_input.as_ref().unwrap();
                for (to, from) in map.channels.iter_mut().zip(&input.channels) {
                    to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
                }
            }
            if matches!(step.id, LayerId::Stem | LayerId::Project(_)) {
                block_input = None;
            }
        }
        map.channels.iter().map(|channel| channel[0]).collect()
    }

    fn normalize(&self, step: &Step, parameters: &[f64], map: &mut Map) {
        let norm = self.layout.norm(step.id);
        for (channel, place) in step.outputs.iter().enumerate() {
            let [mean, variance] =
                [&norm.means, &norm.variances].map(|range| self.statistics[range.start + channel]);
            let [gamma, beta] =
                [&norm.gamma, &norm.beta].map(|range| parameters[range.start + channel]);
            for x in &mut map.channels[*place] {
                *x = (*x - mean) / (variance + BATCH_NORM_EPS).sqrt() * gamma + beta;
                if step.relu6 {
                    *x = x.clamp(0.0, 6.0);
                }
            }
        }
    }
}

/// A convolution, pool or linear layer, without batch norm.
fn convolve(step: &Step, weights: &[f64], map: &Map) -> Map {
    let side = match step.op {
        Op::Pool => 1,
        _ => map.side.div_ceil(step.stride),
    };
    let mut channels = vec![vec![0.0; side * side]; step.outputs.len()];
    let (inputs, outputs) = (&step.inputs, &step.outputs);
    let windows = |out: &mut Vec<f64>, input: &[f64], taps: &[f64]| {
        for (pixel, out) in out.iter_mut().enumerate() {
            for (tap, weight) in taps.iter().enumerate() {
                let row = (pixel / side * step.stride + tap / 3).wrapping_sub(1);
                let col = (pixel % side * step.stride + tap % 3).wrapping_sub(1);
                if row < map.side && col < map.side {
                    *out += weight * input[row * map.side + col];
                }
            }
        }
    };
    match &step.op {
        Op::Convolution => {
            for (taps, number) in weights.chunks(9).zip(0..) {
                let (output, input) = (number / inputs.len(), number % inputs.len());
                windows(&mut channels[outputs[output]], &map.channels[inputs[input]], taps);
            }
        }
        Op::Depthwise => {
            for (channel, taps) in weights.chunks(9).enumerate() {
                windows(&mut channels[outputs[channel]], &map.channels[inputs[channel]], taps);
            }
        }
        Op::Pointwise { shares } => {
            let mut weights = weights.iter();
            for share in shares {
                for output in share.outputs.clone() {
                    for input in share.inputs.clone() {
                        let weight = weights.next().unwrap();
                        let from = &map.channels[inputs[input]];
                        let to = channels[outputs[output]].iter_mut();
                        to.zip(from).for_each(|(to, from)| *to += weight * from);
                    }
                }
            }
        }
        Op::Pool => {
            for (to, from) in channels.iter_mut().zip(&map.channels) {
                to[0] = from.iter().sum::<f64>() / from.len() as f64;
            }
        }
        Op::Linear => {
            let (matrix, bias) = weights.split_at(inputs.len() * outputs.len());
            for (output, row) in matrix.chunks(inputs.len()).enumerate() {
                let products = row.iter().zip(inputs).map(|(w, i)| w * map.channels[*i][0]);
                channels[outputs[output]][0] = products.sum::<f64>() + bias[output];
            }
        }
    }
    Map { side, channels }
}

/// A state whose running statistics are like those of the maps, but not the same.
fn state(net: &Net) -> State {
    let mut state = State::from_weights(&weights(net));
    for (i, value) in state.statistics.iter_mut().enumerate() {
        *value = 0.3 * *value + 0.02 * ((i * 7 % 13) as f32 - 6.0).abs() + 0.1;
    }
    state
}

fn running(net: &Net, frozen: usize, isa: Option<Isa>) -> TrainNet {
    let options = NetOptions::new(net).batch(32).statistics(Statistics::Running).frozen(frozen);
    TrainNet::new(net, &options, &Machine::new(2, isa).unwrap()).unwrap()
}

#[test]
fn loss_and_gradients_are_those_of_float64() {
    let net = tiny();
    let (images, labels) = batch(&net, 5);
    let state = state(&net);
    let reference = Reference {
        steps: net.steps(),
        layout: Layout::new(&net).unwrap(),
        statistics: state.statistics.iter().map(|x| f64::from(*x)).collect(),
    };
    let parameters: Vec<f64> = state.parameters.iter().map(|x| f64::from(*x)).collect();
    let loss = |parameters: &[f64]| reference.loss(parameters, &images, &labels, net.input_size);
    let expected = loss(&parameters);
    for isa in Isa::present() {
        let mut train = running(&net, 0, Some(isa));
        train.set_dropout(0.0).unwrap();
        let mut moved = state.clone();
        let mut gradients = vec![f32::NAN; parameters.len()];
        let got =
            train.step(&mut moved, plain(&images), cross_entropy(&labels), &mut gradients).unwrap();
        assert!((got - expected).abs() < 1e-5 * expected, "{got} instead of {expected}");
        assert!(moved == state, "the running statistics stay as they are");
        let largest = gradients.iter().fold(0.0f32, |max, g| max.max(g.abs()));
        let (mut compared, mut bent) = (0, 0);
        for entry in reference.layout.entries() {
            // A few of each tensor: each needs two evaluations of the whole net.
            let step = entry.range.len().div_ceil(6);
            for at in entry.range.clone().step_by(step) {
                let at_distance = |distance: f64| {
                    let mut parameters = parameters.clone();
                    parameters[at] += distance;
                    loss(&parameters)
                };
                let side = 1e-6;
                let slopes =
                    [(at_distance(side) - expected) / side, (expected - at_distance(-side)) / side];
                // Where ReLU6 bends in between, there is no slope.
                if (slopes[0] - slopes[1]).abs() > 1e-5 {
                    bent += 1;
                    continue;
                }
                let slope = (slopes[0] + slopes[1]) / 2.0;
                let error = (f64::from(gradients[at]) - slope).abs();
                let bound = 2e-5 * f64::from(largest);
                let what = format!("{} {:?} on {isa}", entry.layer, entry.role);
                assert!(error < bound, "{what}: {} instead of {slope}", gradients[at]);
                compared += 1;
            }
        }
        assert!(compared > 200 && bent * 20 < compared, "{compared} compared, {bent} bent");
    }
}

/// What training sees is what the finished model computes.
#[test]
fn the_engine_computes_the_same() {
    let net = small("mobilenetv2-1.0-imagenet", 64);
    let (images, labels) = batch(&net, 6);
    let mut weights = weights(&net);
    let mut state = state(&net);
    state.write_to(&mut weights);
    let mut train = running(&net, 0, None);
    train.set_dropout(0.0).unwrap();
    let (mut logits, mut loss) = (Vec::new(), cross_entropy(&labels));
    let keep = |given: &[f32], gradient: &mut [f32]| {
        logits = given.to_vec();
        loss(given, gradient)
    };
    let mut gradients = vec![0.0; state.parameters.len()];
    train.step(&mut state, plain(&images), keep, &mut gradients).unwrap();
    let options = seesaw_engine::Options::new(&net).batch(labels.len());
    let plan = seesaw_engine::compile(&net, &weights, &options, &Machine::solo()).unwrap();
    let largest = logits.iter().fold(1.0f32, |max, l| max.max(l.abs()));
    for (got, expected) in plan.logits(&images).unwrap().iter().zip(&logits) {
        assert!((got - expected).abs() <= 1e-4 * largest, "{got} {expected}");
    }
}

#[test]
fn frozen_layers_get_no_gradients_and_the_others_the_same() {
    let net = tiny();
    let (images, labels) = batch(&net, 7);
    let layout = Layout::new(&net).unwrap();
    let gradients = |frozen| {
        let mut state = state(&net);
        let mut gradients = vec![f32::NAN; state.parameters.len()];
        running(&net, frozen, None)
            .step(&mut state, plain(&images), cross_entropy(&labels), &mut gradients)
            .unwrap();
        gradients
    };
    let all = gradients(0);
    for frozen in [1, 4, net.blocks().len() + 1] {
        let some = gradients(frozen);
        for entry in layout.entries() {
            let range = entry.range.clone();
            let expected =
                if entry.depth < frozen { &vec![0.0; range.len()] } else { &all[range.clone()] };
            assert_eq!(&some[range], expected, "{} at {frozen}", entry.layer);
        }
    }
}
