//! A whole step compared with PyTorch and with the inference engine.

mod lite;
mod running;

use lite::lite;
use seesaw_arch::{LayerId, Net, zoo};
use seesaw_format::{NetWeights, Tensors};
use seesaw_kernels::Isa;
use seesaw_testing::shared;

use super::{map::Activation, *};

/// A net with every kind of block: without expansion, with ReLU6 after it, with shuffled and shared
/// uneven groups, with and without residual; and with channel counts that are no multiples of 8.
fn tiny() -> Net {
    Net::from_toml(
        r#"
        name = "tiny"
        input_size = 12
        classes = 5
        stem = { channels = 12, stride = 2 }
        head = { channels = 20 }
        [[stages]]
        expansion = 1
        channels = 12
        repeat = 2
        stride = 1
        project = "1"
        [[stages]]
        expansion = 3
        channels = 16
        repeat = 2
        stride = 2
        expand = "1:3"
        flow = "shuffle(2)"
        project = "1:3"
        [[stages]]
        expansion = 2
        channels = 16
        repeat = 1
        stride = 1
        expand = "1:3"
        project = "3:1"
        [[stages]]
        expansion = 2
        channels = 20
        repeat = 2
        stride = 1
        expand = "1:1"
        activate_expand = true
        flow = "shuffle(2)"
        project = "1:1"
        output_flow = "shuffle(c/2)"
        "#,
    )
    .unwrap()
}

/// The net, prepared for steps in f32 of up to 32 images.
fn train_net(net: &Net, threads: usize, isa: Option<Isa>) -> TrainNet {
    train_net_in(Precision::F32, net, threads, isa)
}

fn train_net_in(precision: Precision, net: &Net, threads: usize, isa: Option<Isa>) -> TrainNet {
    let options = NetOptions::new(net).batch(32).precision(precision);
    TrainNet::new(net, &options, &Machine::new(threads, isa).unwrap()).unwrap()
}

/// A step's input with a dropout seed of no importance.
fn plain(images: &[f32]) -> StepInput<'_> {
    StepInput { images, dropout_seed: 0, features: None }
}

/// Images, and labels that take turns.
fn batch(net: &Net, count: usize) -> (Vec<f32>, Vec<usize>) {
    let len = count * 3 * net.input_size * net.input_size;
    let images = (0..len).map(|i| ((i * i + 7 * i) % 113) as f32 / 56.0 - 1.0).collect();
    (images, (0..count).map(|i| i % net.classes).collect())
}

/// Mean cross entropy and its gradient.
fn cross_entropy(labels: &[usize]) -> impl FnMut(&[f32], &mut [f32]) -> f64 + '_ {
    move |logits, gradient| {
        let classes = logits.len() / labels.len();
        let rows = logits.chunks(classes).zip(gradient.chunks_mut(classes)).zip(labels);
        let mut loss = 0.0;
        for ((logits, gradient), label) in rows {
            let exp: Vec<f64> = logits.iter().map(|l| f64::from(*l).exp()).collect();
            let sum: f64 = exp.iter().sum();
            loss -= (exp[*label] / sum).ln() / labels.len() as f64;
            for (class, gradient) in gradient.iter_mut().enumerate() {
                let target = f64::from(u8::from(class == *label));
                *gradient = ((exp[class] / sum - target) / labels.len() as f64) as f32;
            }
        }
        loss
    }
}

/// Weights whose batch norms change their input.
fn weights(net: &Net) -> NetWeights {
    let mut weights = NetWeights::random(net, 11).unwrap();
    let mut state = State::from_weights(&weights);
    for entry in Layout::new(net).unwrap().entries() {
        for (i, value) in state.parameters[entry.range.clone()].iter_mut().enumerate() {
            match entry.role {
                crate::layout::Role::Gamma => *value = 0.8 + (i % 5) as f32 * 0.1,
                crate::layout::Role::Beta => *value = (i % 7) as f32 * 0.1 - 0.2,
                crate::layout::Role::Bias => *value = i as f32 * 0.01,
                crate::layout::Role::Weight => {}
            }
        }
    }
    state.write_to(&mut weights);
    weights
}

#[test]
fn the_loss_falls_as_its_gradient_predicts() {
    let net = tiny();
    let (images, labels) = batch(&net, 9);
    for isa in Isa::present() {
        let mut train = train_net(&net, 2, Some(isa));
        let state = State::from_weights(&weights(&net));
        let mut gradients = vec![f32::NAN; state.parameters.len()];
        let mut loss_at = |parameters: &[f32], gradients: &mut [f32]| {
            let mut moved = State { parameters: parameters.to_vec(), ..state.clone() };
            train.step(&mut moved, plain(&images), cross_entropy(&labels), gradients).unwrap()
        };
        loss_at(&state.parameters, &mut gradients);
        assert!(gradients.iter().all(|g| g.is_finite()), "every gradient is written");
        // Along each tensor's own gradient, the loss must rise by its squared length.
        let mut unused = vec![0.0; gradients.len()];
        for entry in Layout::new(&net).unwrap().entries() {
            let slope = &gradients[entry.range.clone()];
            let length = slope.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
            if length < 1e-6 {
                continue;
            }
            let mut difference = 0.0;
            let step = 3e-3;
            for side in [1.0, -1.0] {
                let mut parameters = state.parameters.clone();
                for (value, g) in parameters[entry.range.clone()].iter_mut().zip(slope) {
                    *value += (side * step * f64::from(*g) / length) as f32;
                }
                difference += side * loss_at(&parameters, &mut unused) / (2.0 * step);
            }
            // ReLU6 bends the loss between the two points, and f32 rounds it.
            let bound = 0.03 * length + 2e-3;
            let what = format!("{} {:?} on {isa}", entry.layer, entry.role);
            assert!((difference - length).abs() < bound, "{what}: {difference} and {length}");
        }
    }
}

#[test]
fn threads_change_nothing() {
    let net = tiny();
    let (images, labels) = batch(&net, 19);
    let run = |threads, precision| {
        let mut train = train_net_in(precision, &net, threads, None);
        train.set_dropout(0.3).unwrap();
        let mut state = State::from_weights(&weights(&net));
        let mut gradients = vec![0.0; state.parameters.len()];
        let input = StepInput { images: &images, dropout_seed: 5, features: None };
        let loss = train.step(&mut state, input, cross_entropy(&labels), &mut gradients).unwrap();
        (loss, gradients, state)
    };
    for precision in [Precision::F32, Precision::Bf16] {
        let (one, three) = (run(1, precision), run(3, precision));
        assert!(one == three, "the same to the last bit in {precision:?}");
    }
}

/// bf16 rounds every value to one part in 256. In a net of 17 blocks whose batch norms have the
/// statistics of a few images, that adds up, on every instruction set alike.
#[test]
fn bf16_gradients_point_where_f32_gradients_do() {
    for (net, nearest) in [
        (tiny(), 0.995),
        (lite(), 0.99),
        (small("seesaw-shuffle-0.5d-cifar", 16), 0.93),
        (small("seesaw-share-v1-0.5d-cifar", 16), 0.93),
    ] {
        let (images, labels) = batch(&net, 32);
        let weights = weights(&net);
        let step = |isa, precision| {
            let mut train = train_net_in(precision, &net, 2, Some(isa));
            let mut state = State::from_weights(&weights);
            let mut gradients = vec![f32::NAN; state.parameters.len()];
            let loss = train
                .step(&mut state, plain(&images), cross_entropy(&labels), &mut gradients)
                .unwrap();
            (loss, gradients)
        };
        let (loss, exact) = step(Isa::Portable, Precision::F32);
        for isa in Isa::present() {
            let (rounded_loss, rounded) = step(isa, Precision::Bf16);
            let (apart, angle) = ((loss - rounded_loss).abs(), cosine(&exact, &rounded));
            assert!(apart < 3e-3 && angle > nearest, "{isa}: {apart} apart, cosine {angle}");
        }
    }
}

/// The cosine of the angle between two vectors.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// A published net at another size.
fn small(name: &str, size: usize) -> Net {
    let mut net = zoo::net(name).unwrap();
    net.input_size = size;
    net
}

/// With the batch's own statistics as the running ones, the engine must give the step's logits.
#[test]
fn the_engine_agrees() {
    for net in [
        tiny(),
        small("seesaw-shuffle-0.5d-cifar", 16),
        small("seesaw-share-v1-0.5d-imagenet", 64),
        small("igcv3-0.5d-cifar", 16),
        small("mobilenetv2-1.0-imagenet", 64),
        lite(),
        small("efficientnet-lite0", 64),
        small("efficientnet-lite0", 57),
    ] {
        let (images, labels) = batch(&net, 6);
        let mut weights = weights(&net);
        let mut state = State::from_weights(&weights);
        state.statistics.fill(0.0);
        let mut train = train_net(&net, 2, None);
        train.set_dropout(0.0).unwrap();
        let mut logits = Vec::new();
        let mut loss = cross_entropy(&labels);
        let mut gradients = vec![0.0; state.parameters.len()];
        let keep = |given: &[f32], gradient: &mut [f32]| {
            logits = given.to_vec();
            loss(given, gradient)
        };
        train.step(&mut state, plain(&images), keep, &mut gradients).unwrap();
        batch_statistics(&train, &mut state);
        state.write_to(&mut weights);
        let options = seesaw_engine::Options::new(&net).batch(labels.len());
        let machine = Machine::solo();
        let plan = seesaw_engine::compile(&net, &weights, &options, &machine).unwrap();
        let largest = logits.iter().fold(1.0f32, |max, l| max.max(l.abs()));
        for (got, expected) in plan.logits(&images).unwrap().iter().zip(&logits) {
            assert!((got - expected).abs() <= 1e-4 * largest, "{}: {got} {expected}", net.name);
        }
    }
}

/// Turns running statistics that started as 0 into those of the only batch so far.
fn batch_statistics(train: &TrainNet, state: &mut State) {
    let images = train.fitted;
    let mut rest = state.statistics.as_mut_slice();
    let mut norm = |output: &Activation| {
        let channels = output.norm.channels();
        let (means, after) = std::mem::take(&mut rest).split_at_mut(channels);
        let (variances, after) = after.split_at_mut(channels);
        rest = after;
        let n = (images * output.size.pixels()) as f32;
        means.iter_mut().for_each(|mean| *mean /= 0.1);
        for variance in variances {
            *variance *= (n - 1.0) / n / 0.1;
        }
    };
    norm(&train.stem.conv.output);
    for block in &train.blocks {
        block.expand.iter().for_each(|conv| norm(&conv.output));
        norm(&block.depthwise.output);
        norm(&block.project.output);
    }
    norm(&train.head.conv.output);
    assert!(rest.is_empty(), "all statistics");
}

#[test]
fn wrong_shapes_are_refused() {
    let net = tiny();
    let (images, labels) = batch(&net, 4);
    let mut train = train_net(&net, 1, None);
    let state = State::from_weights(&weights(&net));
    let len = state.parameters.len();
    let mut step = |state: &State, images: &[f32], len: usize| {
        let mut gradients = vec![0.0; len];
        train.step(&mut state.clone(), plain(images), cross_entropy(&labels), &mut gradients)
    };
    assert!(step(&state, &images, len).is_ok());
    for (images, len) in [(&images[1..], len), (&images, len - 1), (&[][..], len)] {
        let error = step(&state, images, len).unwrap_err();
        assert!(
            matches!(error, TrainError::Images { .. } | TrainError::OtherNet { .. }),
            "{error}"
        );
    }
    let many = images.repeat(9);
    assert!(step(&state, &many, len).unwrap_err().to_string().contains("1 to 32 images"));
    let other = State { statistics: vec![0.0; 3], ..state };
    assert!(step(&other, &images, len).unwrap_err().to_string().contains("another net"));
    assert!(train.set_dropout(1.0).is_err());
    assert!(TrainNet::new(&net, &NetOptions::new(&net).batch(0), &Machine::solo()).is_err());
}

/// The first step of a run in float64, made with PyTorch: the error may be twice that of PyTorch's
/// own float32, over all tensors together and in four of five tensors on their own.
#[test]
fn the_first_gradients_are_as_near_to_float64_as_pytorchs() {
    let Some(file) = shared("golden/sgd10-shuffle-0.5d-cifar10.safetensors") else { return };
    let bytes = std::fs::read(file).unwrap();
    let (tensors, _) = seesaw_format::safetensors::read(&bytes).unwrap();
    let wide = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let first =
        |name: &str| f64::from_le_bytes(wide.tensor(name).unwrap().data()[..8].try_into().unwrap());
    let net = zoo::net("seesaw-shuffle-0.5d-cifar").unwrap();
    let part = |prefix: &str| {
        let mut part = Tensors::new();
        for (name, tensor) in tensors.iter() {
            if let Some(name) = name.strip_prefix(prefix) {
                part.insert(name, tensor.clone());
            }
        }
        part
    };
    let start = NetWeights::from_tensors(&net, &part("start.")).unwrap();
    let images = &tensors.get("images").unwrap().data;
    let labels: Vec<usize> = wide
        .tensor("labels")
        .unwrap()
        .data()
        .chunks(8)
        .map(|label| i64::from_le_bytes(label.try_into().unwrap()) as usize)
        .collect();
    for isa in Isa::present() {
        let mut train = train_net(&net, 2, Some(isa));
        train.set_dropout(0.0).unwrap();
        let mut state = State::from_weights(&start);
        let mut gradients = vec![0.0; state.parameters.len()];
        let loss =
            train.step(&mut state, plain(images), cross_entropy(&labels), &mut gradients).unwrap();
        let (expected, torch) = (first("losses"), first("torch_f32_losses"));
        let bound = 2.0 * (torch - expected).abs() + 1e-6;
        assert!((loss - expected).abs() <= bound, "loss {loss} instead of {expected}");

        let mut named = start.clone();
        State { parameters: gradients, ..state }.write_to(&mut named);
        let named = named.to_tensors(&net).unwrap();
        let (mut tensors_compared, mut farther, mut ours, mut torchs) = (0, 0, 0.0f32, 0.0f32);
        for (name, error) in part("torch_f32_error.").iter() {
            let expected = tensors.get(&format!("grad0.{name}")).unwrap();
            let got = named.get(name).unwrap();
            let far = got.data.iter().zip(&expected.data).map(|(a, b)| (a - b).abs());
            let far = far.fold(0.0, f32::max);
            tensors_compared += 1;
            farther += usize::from(far > 2.0 * error.data[0]);
            ours += far * far;
            torchs += error.data[0] * error.data[0];
        }
        // Where rounding decides on which side of ReLU6's bend a value lies, a gradient jumps. Which
        // tensors are affected is chance, in PyTorch as here.
        assert!(farther * 5 <= tensors_compared, "{farther} of {tensors_compared} on {isa}");
        let (ours, torchs) = (ours.sqrt(), torchs.sqrt());
        assert!(ours <= 2.0 * torchs, "{ours:.2e} from float64 on {isa}, PyTorch {torchs:.2e}");
    }
}

/// How many tensors of running means and variances there are.
fn statistics(net: &Net) -> usize {
    let norms = Layout::new(net).unwrap();
    2 * norms.entries().iter().filter(|e| e.role == crate::layout::Role::Gamma).count()
}

/// The same for the project's own small net with every kind of block, tensor by tensor.
#[test]
fn a_small_nets_gradients_are_pytorchs() {
    let net =
        Net::from_toml(include_str!("../../../seesaw-engine/tests/golden/tiny.toml")).unwrap();
    let bytes = include_bytes!("../../tests/golden/step.safetensors");
    let (tensors, _) = seesaw_format::safetensors::read(bytes).unwrap();
    let data = |name: &str| &tensors.get(name).unwrap().data;
    let mut start = Tensors::new();
    for (name, tensor) in tensors.iter() {
        if let Some(name) = name.strip_prefix("weights.") {
            start.insert(name, tensor.clone());
        }
    }
    let start = NetWeights::from_tensors(&net, &start).unwrap();
    let labels: Vec<usize> = data("labels").iter().map(|label| *label as usize).collect();
    let expected = tensors.iter().filter(|(name, _)| name.starts_with("gradient."));
    let largest = expected.flat_map(|(_, t)| &t.data).fold(0.0f32, |max, g| max.max(g.abs()));
    for isa in Isa::present() {
        let mut train = train_net(&net, 2, Some(isa));
        let mut state = State::from_weights(&start);
        let mut gradients = vec![0.0; state.parameters.len()];
        let loss = cross_entropy(&labels);
        let loss = train.step(&mut state, plain(data("images")), loss, &mut gradients).unwrap();
        assert!((loss - f64::from(data("loss")[0])).abs() < 1e-6, "{loss}");
        let mut named = start.clone();
        State { parameters: gradients, ..state }.write_to(&mut named);
        let named = named.to_tensors(&net).unwrap();
        let mut compared = 0;
        for (name, tensor) in tensors.iter() {
            let Some(name) = name.strip_prefix("gradient.") else { continue };
            // Twice PyTorch's error, and the resolution of f32 at the largest gradient.
            let bound = 2.0 * data(&format!("float32.{name}"))[0] + f32::EPSILON * largest;
            for (got, expected) in named.get(name).unwrap().data.iter().zip(&tensor.data) {
                let error = (got - expected).abs();
                assert!(error <= bound, "{name} on {isa}: {got} instead of {expected}");
            }
            compared += 1;
        }
        assert_eq!(compared, start.to_tensors(&net).unwrap().len() - statistics(&net));
    }
}
