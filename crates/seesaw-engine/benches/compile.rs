//! Compiling a net, from weights in memory to a plan, on one thread.
//!
//! `cargo bench -p seesaw-engine`.
#![allow(missing_docs, clippy::expect_used)]

use criterion::{Criterion, criterion_group, criterion_main};
use seesaw_arch::zoo;
use seesaw_engine::{Machine, Options, compile};
use seesaw_format::NetWeights;

fn plans(criterion: &mut Criterion) {
    let machine = Machine::solo();
    let mut group = criterion.benchmark_group("compile");
    group.sample_size(20);
    for name in ["seesaw-shuffle-0.5d-cifar", "seesaw-shuffle-1.0d-imagenet"] {
        let net = zoo::net(name).expect("a net of the zoo");
        let weights = NetWeights::random(&net, 0).expect("a valid net");
        let options = Options::new(&net);
        group.bench_function(name, |bencher| {
            bencher.iter(|| compile(&net, &weights, &options, &machine).expect("a valid net"));
        });
    }
    group.finish();
}

criterion_group!(benches, plans);
criterion_main!(benches);
