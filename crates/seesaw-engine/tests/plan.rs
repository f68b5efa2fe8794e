//! Plans: any net a user may describe, any number of threads and images, and errors.

mod common;

use std::sync::Arc;

use seesaw_arch::{LayerId, Net, Padding, Unit, zoo};
use seesaw_engine::{EngineError, Isa, Machine, Options, Plan, compile};
use seesaw_format::NetWeights;
use seesaw_kernels::KernelError;

/// Weights whose batch norms do something, and images.
fn weights(net: &Net) -> NetWeights {
    let mut weights = NetWeights::random(net, 3).unwrap();
    for block in &mut weights.blocks {
        for conv in block.expand.iter_mut().chain([&mut block.depthwise, &mut block.project]) {
            for (i, (gamma, beta)) in conv.bn.gamma.iter_mut().zip(&mut conv.bn.beta).enumerate() {
                *gamma = 0.8 + (i % 7) as f32 * 0.1;
                *beta = (i % 5) as f32 * 0.2 - 0.3;
            }
        }
    }
    weights
}

fn images(count: usize, size: usize) -> Vec<f32> {
    (0..count * 3 * size * size).map(|i| ((i * 37 + i / 11) % 101) as f32 / 50.0 - 1.0).collect()
}

fn plan(net: &Net, batch: usize, threads: usize, isa: Option<Isa>) -> Plan {
    let machine = Machine::new(threads, isa).unwrap();
    compile(net, weights(net), &Options::new(net).batch(batch), &machine).unwrap()
}

/// A net of one stage between a stem and a head of odd widths.
fn net(size: usize, stem: usize, stage: &str) -> Net {
    let ends = format!(
        "name = \"n\"\ninput_size = {size}\nclasses = 5\nstem = {{ channels = {stem}, stride = 1 }}\n\
         head = {{ channels = 21 }}\n[[stages]]\n{stage}"
    );
    Net::from_toml(&ends).unwrap()
}

/// A net with either padding and with 3x3 and 5x5 windows, with epsilons that matter.
fn variants(net: &Net) -> Vec<Net> {
    let mut variants = Vec::new();
    for (kernel, padding, batch_norm_eps) in [
        (3, Padding::Symmetric, 1e-5),
        (3, Padding::Same, 1e-3),
        (5, Padding::Symmetric, 0.1),
        (5, Padding::Same, 1e-3),
    ] {
        for stride in [1, 2] {
            let mut net = Net { padding, batch_norm_eps, ..net.clone() };
            net.stem.stride = stride;
            net.stages.iter_mut().for_each(|stage| stage.kernel = kernel);
            variants.push(net);
        }
    }
    variants
}

#[test]
fn nets_of_a_users_own_agree_with_plain_loops() {
    let stages = [
        (
            9,
            8,
            "expansion = 3\nchannels = 8\nrepeat = 2\nstride = 1\nexpand = \"1:2:5\"\nflow = \"shuffle(3)\"\nproject = \"5:1:2\"\noutput_flow = \"shuffle(4)\"",
        ),
        (
            7,
            12,
            "expansion = 1\nchannels = 12\nrepeat = 2\nstride = 2\nflow = \"shuffle(3)\"\nproject = \"1:1:1\"",
        ),
        (
            5,
            6,
            "expansion = 2\nchannels = 10\nrepeat = 1\nstride = 2\nexpand = \"1:1\"\nactivate_expand = true\nproject = \"1\"",
        ),
        (
            64,
            20,
            "expansion = 6\nchannels = 20\nrepeat = 2\nstride = 1\nexpand = \"1:3\"\nflow = \"shuffle(2)\"\nproject = \"1:3\"",
        ),
        (
            65,
            4,
            "expansion = 12\nchannels = 4\nrepeat = 1\nstride = 2\nexpand = \"3:1\"\nproject = \"1:3\"",
        ),
        (
            1,
            1,
            "expansion = 1\nchannels = 1\nrepeat = 1\nstride = 1\nexpand = \"1\"\nproject = \"1\"",
        ),
    ];
    let three = stages.map(|(size, stem, stage)| net(size, stem, stage));
    for net in three.iter().flat_map(variants) {
        let size = net.input_size;
        let image = images(1, size);
        let expected = common::logits(&net, &weights(&net), &image, size);
        for isa in Isa::present() {
            for threads in [1, 3] {
                let logits = plan(&net, 1, threads, Some(isa)).logits(&image).unwrap();
                for (got, expected) in logits.iter().zip(&expected) {
                    let bound = 1e-5 * (1.0 + expected.abs());
                    let error = (f64::from(*got) - expected).abs();
                    assert!(error < bound, "{isa}, {threads} threads: {got} {expected}\n{net:?}");
                }
            }
        }
    }
}

#[test]
fn threads_and_batches_change_no_bit() {
    let net = zoo::net("seesaw-shuffle-0.5d-imagenet").unwrap();
    let net = Net { input_size: 96, ..net };
    let images = images(5, 96);
    let one = plan(&net, 1, 1, None);
    let alone: Vec<f32> =
        images.chunks(3 * 96 * 96).flat_map(|image| one.logits(image).unwrap()).collect();
    for (batch, threads) in [(5, 1), (5, 2), (8, 3), (5, 7)] {
        let logits = plan(&net, batch, threads, None).logits(&images).unwrap();
        assert_eq!(logits, alone, "batch {batch}, {threads} threads");
    }
}

#[test]
fn several_threads_run_one_plan() {
    let net = zoo::net("seesaw-share-v1-0.5d-cifar").unwrap();
    let plan = Arc::new(plan(&net, 2, 2, None));
    let images = images(2, 32);
    let expected = plan.logits(&images).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert_eq!(plan.logits(&images).unwrap(), expected);
                }
            });
        }
    });
}

#[test]
fn a_run_allocates_nothing() {
    let net = zoo::net("igcv3-0.5d-cifar").unwrap();
    let plan = plan(&net, 2, 2, None);
    let images = images(2, 32);
    let mut logits = vec![0.0; 2 * 10];
    let allocations = allocation_counter::measure(|| {
        for _ in 0..3 {
            plan.run(&images, &mut logits).unwrap();
            plan.run(&images[..3 * 32 * 32], &mut logits[..10]).unwrap();
        }
    });
    assert_eq!(allocations.count_total, 0);
}

#[test]
fn units_are_timed_and_add_up() {
    let net = zoo::net("mobilenetv2-1.0-cifar").unwrap();
    let plan = plan(&net, 1, 1, None);
    let units = plan.profile(&images(1, 32), 3).unwrap();
    assert_eq!(units.len(), net.blocks().len() + 3);
    assert_eq!((units[0].unit, units[1].unit), (Unit::Stem, Unit::Block(1)));
    assert_eq!(units.iter().map(|s| s.madds).sum::<u64>(), net.cost(32).unwrap().madds);
    assert!(units[..units.len() - 1].iter().all(|s| s.seconds > 0.0));
}

#[test]
fn what_cannot_be_run_is_an_error() {
    let net = zoo::net("seesaw-shuffle-0.5d-cifar").unwrap();
    let cifar = plan(&net, 2, 1, None);
    assert!(cifar.logits(&[]).unwrap().is_empty());
    for images in [images(3, 32), vec![0.0; 7]] {
        assert!(matches!(cifar.logits(&images), Err(EngineError::Length { .. })));
    }
    let mut short = vec![0.0; 9];
    assert!(cifar.run(&images(1, 32), &mut short).is_err());
    assert!(cifar.profile(&[], 1).is_err());
    let machine = Machine::solo();
    let refused = |options: Options| {
        compile(&net, weights(&net), &options, &machine).unwrap_err().to_string()
    };
    assert!(refused(Options::new(&net).batch(0)).contains("a batch of 0"));
    assert!(refused(Options::new(&net).input_size(5000)).contains("input size 5000"));
    assert!(refused(Options::new(&net).input_size(4096).batch(4096)).contains("bytes of buffers"));
    let other = weights(&zoo::net("igcv3-0.5d-cifar").unwrap());
    let error = compile(&net, &other, &Options::new(&net), &machine).unwrap_err();
    let layer = LayerId::Expand(1);
    assert!(
        matches!(error, EngineError::Weights { layer: l, tensor: "weight", .. } if l == layer),
        "{error}"
    );
    assert!(Machine::new(0, None).is_err());
    let absent = Isa::ALL.into_iter().find(|isa| !isa.is_present()).unwrap();
    assert!(matches!(Machine::new(1, Some(absent)), Err(KernelError::AbsentIsa(_))));
}

#[test]
fn class_maps_average_to_the_logits() {
    for (net, batch) in
        [(zoo::net("seesaw-shuffle-0.5d-cifar").unwrap(), 3), (net(12, 13, STAGE), 1)]
    {
        let plan = plan(&net, batch, 2, None);
        let image = images(1, net.input_size);
        let maps = plan.class_maps(&image).unwrap();
        assert_eq!(maps.classes, net.classes);
        assert!(maps.side > 1, "one position would show nothing");
        let logits = plan.logits(&image).unwrap();
        for (class, logit) in logits.into_iter().enumerate() {
            let map = maps.of(class);
            assert_eq!(map.len(), maps.side * maps.side);
            let mean = map.iter().sum::<f32>() / map.len() as f32;
            assert!((mean - logit).abs() < 1e-4 * logit.abs().max(1.0), "{mean} {logit}");
            assert!(map.iter().any(|value| (value - mean).abs() > 1e-4), "places differ");
        }
        assert!(plan.class_maps(&image[1..]).is_err());
    }
}

const STAGE: &str = "expansion = 3\nchannels = 16\nrepeat = 1\nstride = 2\nexpand = \"1\"\n\
                     flow = \"keep\"\nproject = \"1\"";
