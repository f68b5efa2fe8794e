//! Kernels in the shapes of Seesaw-shuffle 1.0D at 224 pixels, on every instruction set that is here
//! and on one thread.
//!
//! `cargo bench -p seesaw-kernels -- "block/24@56"`. Criterion's throughput is multiply-adds a second.
#![allow(missing_docs, clippy::expect_used)]

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use seesaw_kernels::{
    Aligned, BlockMaps, Depthwise, GroupPlaces, InvertedResidual, Isa, IsaToken, Pointwise,
    PointwiseShape, PointwiseWeights, Stem, Team, Window, global_average_pool,
    layout::{Plane, Size, cblocks},
};

/// Name; channels in, expanded and out; side of the input; stride; groups of both pointwise layers.
type Shape = (&'static str, [usize; 3], usize, usize, &'static [usize]);

const CBLOCKS: [Shape; 6] = [
    ("32@112", [32, 32, 16], 112, 1, &[1, 3]),
    ("16@112 to 24", [16, 96, 24], 112, 2, &[1, 3]),
    ("24@56", [24, 144, 24], 56, 1, &[1, 3]),
    ("64@14", [64, 384, 64], 14, 1, &[1, 3]),
    ("96@14", [96, 576, 96], 14, 1, &[1, 3]),
    ("160@7", [160, 960, 160], 7, 1, &[1, 1]),
];

/// Values near 1 of no particular order; denormals and zeros would time another arithmetic.
fn values(len: usize) -> Aligned {
    let mut values = Aligned::zeros(len);
    let number = |i: usize| (i * 37 % 255) as f32 / 127.0 - 1.0;
    values.iter_mut().enumerate().for_each(|(i, value)| *value = number(i));
    values
}

/// A convolution in groups of these relative sizes, and its multiply-adds a pixel.
fn pointwise(
    token: IsaToken,
    inputs: usize,
    outputs: usize,
    groups: &[usize],
) -> (Pointwise, usize) {
    let whole: usize = groups.iter().sum();
    let mut parts = Vec::new();
    let mut before = 0;
    for size in groups {
        let range =
            |n: usize| (n * before / whole..n * (before + size) / whole).collect::<Vec<_>>();
        parts.push((range(inputs), range(outputs)));
        before += size;
    }
    let groups: Vec<GroupPlaces<'_>> =
        parts.iter().map(|(inputs, outputs)| GroupPlaces { inputs, outputs }).collect();
    let shape = PointwiseShape { inputs, outputs, groups: &groups };
    let (madds, bias) = (shape.weights(), values(outputs));
    let all = PointwiseWeights { weights: &values(madds), scale: None, bias: &bias };
    let layer = Pointwise::new(token, &shape, &all, false).expect("it fits");
    (layer, madds)
}

fn depthwise(token: IsaToken, channels: usize, window: Window) -> Depthwise {
    let weights = values(window.taps() * channels);
    Depthwise::new(token, &weights, &values(channels), window, true).expect("it fits")
}

/// Times `run` under the name of each instruction set.
fn each_isa(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    madds: usize,
    mut prepare: impl FnMut(IsaToken) -> Box<dyn FnMut()>,
) {
    group.throughput(Throughput::Elements(madds as u64));
    for isa in Isa::present() {
        let mut run = prepare(IsaToken::new(isa).expect("it is present"));
        group.bench_function(BenchmarkId::new(name, isa), |bencher| bencher.iter(&mut run));
    }
}

fn whole_blocks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("block");
    for (name, [input, wide, output], side, stride, groups) in CBLOCKS {
        let after = side / stride;
        let madds = |expand, project| side * side * expand + after * after * (9 * wide + project);
        let counted = |token| {
            let (expand, e) = pointwise(token, input, wide, groups);
            let (project, p) = pointwise(token, wide, output, groups);
            (expand, project, madds(e, p))
        };
        let total = counted(IsaToken::best()).2;
        each_isa(&mut group, name, total, |token| {
            let (expand, project, _) = counted(token);
            let residual = stride == 1 && input == output;
            let block = InvertedResidual::new(
                Some(expand),
                depthwise(token, wide, Window::new(3, stride)),
                project,
                residual,
            )
            .expect("it fits");
            let (team, size) = (Team::solo(), Size::square(side));
            let x = values(Plane::dense(side, side).len(input));
            let mut scratch = Aligned::zeros(block.scratch_len(size, 1));
            let mut out = Aligned::zeros(Plane::dense(after, after).len(output));
            Box::new(move || {
                let x = black_box(&x);
                let maps = BlockMaps { x, size, scratch: &mut scratch, out: &mut out };
                block.run(&team, maps);
            })
        });
    }
}

fn layers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("layer");
    for (name, inputs, outputs, pixels) in [
        ("expand 24 to 144, 56x56", 24, 144, 56 * 56),
        ("project 144 to 24, 56x56", 144, 24, 56 * 56),
        ("expand 96 to 576, 14x14", 96, 576, 14 * 14),
        ("project 576 to 96, 14x14", 576, 96, 14 * 14),
        ("head 320 to 1280, 7x7", 320, 1280, 7 * 7),
        ("linear 1280 to 1000", 1280, 1000, 1),
    ] {
        let groups: &[usize] = if inputs < 160 { &[1, 3] } else { &[1] };
        let madds = pixels * pointwise(IsaToken::best(), inputs, outputs, groups).1;
        each_isa(&mut group, name, madds, |token| {
            let (layer, _) = pointwise(token, inputs, outputs, groups);
            let plane = Plane::dense(1, pixels);
            let (x, mut out) = (values(plane.len(inputs)), Aligned::zeros(plane.len(outputs)));
            let team = Team::solo();
            Box::new(move || layer.run(&team, black_box(&x), pixels, None, &mut out))
        });
    }
    for (name, channels, side, window) in [
        ("depthwise 144, 56x56", 144, 56, Window::new(3, 1)),
        ("depthwise 576, 14x14 stride 2", 576, 14, Window::new(3, 2)),
        ("depthwise 5x5 672, 14x14", 672, 14, Window::new(5, 1)),
        ("depthwise 5x5 672, 14x14 stride 2", 672, 14, Window::new(5, 2)),
    ] {
        let after = side / window.stride;
        each_isa(&mut group, name, window.taps() * channels * after * after, |token| {
            let layer = depthwise(token, channels, window);
            let padded = window.bordered(Size::square(side));
            let x = values(Plane::dense(padded.rows, padded.cols).len(channels));
            let mut out = Aligned::zeros(Plane::dense(after, after).len(channels));
            let team = Team::solo();
            Box::new(move || layer.run(&team, black_box(&x), Size::square(side), &mut out))
        });
    }
    each_isa(&mut group, "stem 3 to 32, 224x224", 27 * 32 * 112 * 112, |token| {
        let stem =
            Stem::new(token, &values(27 * 32), &values(32), Window::new(3, 2)).expect("it fits");
        let (team, size) = (Team::solo(), Size::square(224));
        let (image, mut scratch) = (values(3 * 224 * 224), Aligned::zeros(stem.scratch_len(size)));
        let mut out = Aligned::zeros(Plane::dense(112, 112).len(32));
        Box::new(move || stem.run(&team, black_box(&image), size, &mut scratch, &mut out))
    });
    let (x, mut means) = (values(7 * 7 * 1280), Aligned::zeros(cblocks(1280) * 8));
    group.throughput(Throughput::Elements(7 * 7 * 1280));
    group.bench_function("pool 1280, 7x7", |bencher| {
        bencher.iter(|| global_average_pool(black_box(&x), 49, &mut means, 0, 1));
    });
}

criterion_group! {
    name = kernels;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = whole_blocks, layers
}
criterion_main!(kernels);
