//! A training step: forward pass, loss, backward pass, optimizer.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use seesaw_arch::zoo;
use seesaw_data::Batch;
use seesaw_format::NetWeights;
use seesaw_kernels::Machine;
use seesaw_train::{
    learner::Learner,
    net::Precision,
    recipe::{Recipe, SizeChange},
};

/// Images in a batch.
const BATCH: usize = 16;

/// Images in which no two neighboring pixels are equal.
fn batch(size: usize, classes: usize) -> Batch {
    let value = |i: usize| (i * 37 % 255) as f32 / 127.0 - 1.0;
    Batch {
        images: (0..BATCH * 3 * size * size).map(value).collect(),
        labels: (0..BATCH).map(|i| (i % classes) as u32).collect(),
        mixed: None,
        indices: (0..BATCH as u32).collect(),
        size,
    }
}

fn steps(criterion: &mut Criterion) {
    let net = zoo::net("seesaw-shuffle-0.5d-cifar").expect("a net of the zoo");
    let size = net.input_size;
    let machine = Machine::from_env(1).expect("one thread");
    let weights = NetWeights::random(&net, 0).expect("a valid net");
    let batch = batch(size, net.classes);
    let mut group = criterion.benchmark_group("step");
    group.throughput(Throughput::Elements(BATCH as u64)).sample_size(10);
    for (name, precision) in [("f32", Precision::F32), ("bf16", Precision::Bf16)] {
        let mut recipe = Recipe::default_for(&net);
        recipe.precision = precision;
        recipe.sizes = vec![SizeChange { from_epoch: 0, size, batch: Some(BATCH) }];
        let mut learner =
            Learner::new(&net, &weights, &recipe, &machine).expect("a net that can be trained");
        group.bench_function(name, |bencher| bencher.iter(|| learner.step(&batch, 1e-3)));
    }
    group.finish();
}

criterion_group!(benches, steps);
criterion_main!(benches);
