//! A training step of a small net, forward, backward and optimizer, on one thread.
//!
//! `cargo bench -p seesaw-train -- bf16`. Criterion's throughput is images a second.
#![allow(missing_docs, clippy::expect_used)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use seesaw_arch::zoo;
use seesaw_format::NetWeights;
use seesaw_kernels::Machine;
use seesaw_train::{
    layout::State,
    loss::{Loss, Targets},
    net::{NetOptions, Precision, StepInput, TrainNet},
    optim::Optimizer,
    recipe::Recipe,
};

/// Images of a step.
const BATCH: usize = 16;

fn step(criterion: &mut Criterion) {
    let net = zoo::net("seesaw-shuffle-0.5d-cifar").expect("a net of the zoo");
    let machine = Machine::solo();
    let weights = NetWeights::random(&net, 0).expect("a valid net");
    let recipe = Recipe::built_in("cifar-modern").expect("a built-in recipe");
    let len = BATCH * 3 * net.input_size * net.input_size;
    let images: Vec<f32> = (0..len).map(|i| (i * 37 % 255) as f32 / 127.0 - 1.0).collect();
    let labels: Vec<u32> = (0..BATCH).map(|i| (i % net.classes) as u32).collect();
    let (loss, targets) = (Loss { smoothing: 0.1 }, Targets::plain(&labels));
    let mut group = criterion.benchmark_group("step");
    group.throughput(Throughput::Elements(BATCH as u64)).sample_size(20);
    for (name, precision) in [("f32", Precision::F32), ("bf16", Precision::Bf16)] {
        let options = NetOptions::new(&net).batch(BATCH).precision(precision);
        let mut train = TrainNet::new(&net, &options, &machine).expect("a valid net");
        let mut optimizer = Optimizer::new(&recipe.optimizer, train.layout());
        let mut state = State::from_weights(&weights);
        let mut gradients = vec![0.0; state.parameters.len()];
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let input = StepInput { images: &images, dropout_seed: 1 };
                let run = |logits: &[f32], gradient: &mut [f32]| {
                    loss.run(logits, net.classes, &targets, None, gradient)
                };
                let value = train.step(&mut state, input, run, &mut gradients);
                optimizer.step(&mut state.parameters, &gradients, 1e-3, &machine);
                value.expect("a batch of the net's size")
            });
        });
    }
    group.finish();
}

criterion_group!(benches, step);
criterion_main!(benches);
