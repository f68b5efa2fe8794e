//! Logits compared with a plan's.

use seesaw_arch::{Flow, Groups as Sizes, Net, Preprocess, zoo};
use seesaw_engine::{Machine, Options as PlanOptions, compile};
use seesaw_export::onnx::{Groups, Input, Options, model};
use seesaw_format::{Metadata, NetWeights};

use crate::{
    Rng, distance,
    interpreter::{Value, run},
    weights,
};

const FORMS: [Groups; 3] = [Groups::Auto, Groups::Dense, Groups::Split];
const TOLERANCE: f64 = 1e-4;

/// One net of each family at little cost: narrow, and on images of `side` pixels.
fn small(name: &str, side: u32) -> (Net, Metadata) {
    let mut net = zoo::net(name).unwrap().with_width(0.3).unwrap().with_classes(7);
    net.head.channels = 64;
    let preprocess = net.default_preprocess().with_crop(side);
    (net.clone(), Metadata::new(net).preprocess(preprocess))
}

fn plan_logits(net: &Net, weights: &NetWeights, images: &[f32], side: usize) -> Vec<f32> {
    let batch = images.len() / (3 * side * side);
    let options = PlanOptions::new(net).input_size(side).batch(batch);
    compile(net, weights, &options, &Machine::solo()).unwrap().logits(images).unwrap()
}

fn images(batch: usize, side: usize) -> Vec<f32> {
    Rng(5).values(batch * 3 * side * side, -2.0..2.0)
}

/// Exports in each form and compares logits of 1 and 3 images.
fn check_forms(metadata: &Metadata) {
    let net = &metadata.net;
    let side = metadata.preprocess.as_ref().unwrap().crop as usize;
    let weights = weights(net, 3);
    for batch in [1, 3] {
        let images = images(batch, side);
        let expected = plan_logits(net, &weights, &images, side);
        let spread = expected.iter().copied().fold(f32::NEG_INFINITY, f32::max)
            - expected.iter().copied().fold(f32::INFINITY, f32::min);
        assert!(spread > 0.1, "{}: logits spread over {spread}", net.name);
        for groups in FORMS {
            let options = Options { groups, ..Options::default() };
            let model = model(&weights, metadata, &options).unwrap();
            let logits = run(&model, Value::floats(&[batch, 3, side, side], &images));
            let distance = distance(&logits.data, &expected);
            assert!(distance < TOLERANCE, "{} {groups:?} {batch}: off by {distance}", net.name);
        }
    }
}

#[test]
fn every_family_matches_its_plan_in_every_form() {
    for name in [
        "seesaw-shuffle-0.5d-imagenet",
        "seesaw-shuffle-0.5d-cifar",
        "seesaw-share-v0-0.5d-imagenet",
        "seesaw-share-v1-0.5d-cifar",
        "igcv3-0.5d-imagenet",
        "mobilenetv2-1.0-imagenet",
    ] {
        let side = if name.ends_with("cifar") { 16 } else { 40 };
        check_forms(&small(name, side).1);
    }
}

/// Even sides at stride 2, where TensorFlow's padding has no zero before the image, and odd ones.
#[test]
fn same_padding_and_windows_of_five_match() {
    for side in [32, 45, 50] {
        check_forms(&small("efficientnet-lite0", side).1);
    }
}

/// Full width, where `auto` has both forms.
#[test]
fn groups_that_auto_keeps_match() {
    for name in ["seesaw-share-v1-0.5d-imagenet", "seesaw-shuffle-0.5d-imagenet"] {
        let mut net = zoo::net(name).unwrap().with_classes(5);
        net.stages.drain(..4);
        net.stages.iter_mut().for_each(|stage| stage.expansion = stage.expansion.min(2));
        net.stem.channels = 96;
        let preprocess = Preprocess::imagenet(16);
        check_forms(&Metadata::new(net).preprocess(preprocess));
    }
}

/// Shuffles where no net of the zoo has one: before a block's depthwise convolution without an expand
/// convolution, with a residual around it, and three unequal groups.
#[test]
fn nets_of_ones_own_match() {
    let mut net = zoo::net("seesaw-shuffle-0.5d-cifar").unwrap().with_classes(4);
    net.stem.channels = 24;
    net.head.channels = 40;
    net.stages.truncate(3);
    let sizes = |sizes: &[usize]| Sizes::new(sizes).unwrap();
    for (stage, expand, project) in [
        (0, None, sizes(&[1])),
        (1, Some(sizes(&[1, 2, 3])), sizes(&[3, 1])),
        (2, None, sizes(&[1, 3])),
    ] {
        let stage = &mut net.stages[stage];
        (stage.channels, stage.repeat, stage.stride) = (24, 2, 1);
        stage.activate_expand = expand.is_some();
        stage.expansion = if expand.is_some() { 2 } else { 1 };
        (stage.expand, stage.project) = (expand, project);
        (stage.flow, stage.output_flow) = (Flow::Shuffle(4), Flow::ShuffleOf(3));
    }
    net.validate().unwrap();
    let preprocess = Preprocess::cifar().with_crop(9);
    check_forms(&Metadata::new(net).preprocess(preprocess));
}

#[test]
fn half_changes_logits_by_the_rounding_of_weights_and_halves_the_file() {
    let (net, metadata) = small("seesaw-shuffle-0.5d-imagenet", 40);
    let weights = weights(&net, 3);
    let images = images(1, 40);
    let expected = plan_logits(&net, &weights, &images, 40);
    let options = Options { half: true, ..Options::default() };
    let halved = model(&weights, &metadata, &options).unwrap();
    let logits = run(&halved, Value::floats(&[1, 3, 40, 40], &images));
    let distance = distance(&logits.data, &expected);
    assert!(distance > 1e-7 && distance < 0.05, "{distance}");
    let full = model(&weights, &metadata, &Options::default()).unwrap();
    let bytes = |model| prost_len(model);
    assert!(bytes(&halved) < bytes(&full) * 6 / 10, "{} {}", bytes(&halved), bytes(&full));
}

fn prost_len(model: &seesaw_export::onnx::proto::Model) -> usize {
    prost::Message::encoded_len(model)
}

/// A number that is too large for 16 bits keeps its tensor at 32.
#[test]
fn half_leaves_large_weights_alone() {
    let (net, metadata) = small("mobilenetv2-1.0-cifar", 16);
    let mut weights = weights(&net, 3);
    weights.classifier.weight[0] = 1e5;
    let images = images(1, 16);
    let expected = plan_logits(&net, &weights, &images, 16);
    let halved = model(&weights, &metadata, &Options { half: true, ..Options::default() }).unwrap();
    let logits = run(&halved, Value::floats(&[1, 3, 16, 16], &images));
    let relative = (logits.data[0] - f64::from(expected[0])).abs() / f64::from(expected[0]).abs();
    assert!(relative < 0.05, "{logits:?} {expected:?}");
}

#[test]
fn softmax_and_pixels_are_inside_where_asked_for() {
    let (net, metadata) = small("seesaw-share-v1-0.5d-imagenet", 40);
    let weights = weights(&net, 3);
    let pixels = Rng(9).values(3 * 3 * 40 * 40, 0.0..1.0);
    let Preprocess { mean, std, .. } = metadata.preprocess.clone().unwrap();
    let normalized = pixels.chunks(1600).zip((0..3).cycle());
    let normalized: Vec<f32> = normalized
        .flat_map(|(plane, color)| plane.iter().map(move |x| (x - mean[color]) / std[color]))
        .collect();
    let expected = plan_logits(&net, &weights, &normalized, 40);
    for groups in FORMS {
        let options = Options { groups, input: Input::Pixels, softmax: true, ..Options::default() };
        let model = model(&weights, &metadata, &options).unwrap();
        let output = run(&model, Value::floats(&[3, 3, 40, 40], &pixels));
        for (found, logits) in output.data.chunks(7).zip(expected.chunks(7)) {
            let sum: f32 = logits.iter().map(|x| x.exp()).sum();
            let probabilities: Vec<f32> = logits.iter().map(|x| x.exp() / sum).collect();
            let distance = distance(found, &probabilities);
            assert!(distance < TOLERANCE, "{groups:?}: off by {distance}");
        }
    }
}
