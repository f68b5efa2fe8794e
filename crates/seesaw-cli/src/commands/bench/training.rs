//! `seesaw bench --train`: how fast a net trains, with images loaded and augmented as in training.

use std::{
    io::Write,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use seesaw_arch::{Layer, Net, Preprocess};
use seesaw_data::{
    Loader, LoaderOptions,
    datasets::{OpenOptions, Verify, open},
};
use seesaw_format::NetWeights;
use seesaw_kernels::{Machine, peak};
use seesaw_train::{
    learner::Learner,
    net::{LayerTime, Precision},
    recipe::{Phase, Recipe, SizeChange},
};
use serde::Serialize;

use crate::{
    args::BenchArgs,
    commands::training::warn_of_slow,
    failure::Failure,
    output::{self, Align, Table},
    resolve,
};

/// Steps before anything is timed.
const WARM_UP: usize = 2;
/// The learning rate, which does not change how long a step takes.
const RATE: f64 = 1e-3;

/// What was measured, as `--json` prints it.
#[derive(Serialize)]
struct Training {
    net: String,
    input_size: usize,
    batch: usize,
    threads: usize,
    isa: String,
    precision: Precision,
    steps: usize,
    /// Multiply-adds of a step: three times those of the forward pass.
    madds: u64,
    median_ms: f64,
    images_per_second: f64,
    peak_gflops: f64,
    peak_share: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    layers: Option<Vec<Row>>,
}

/// A layer's share of a step.
#[derive(Serialize)]
struct Row {
    layer: String,
    madds: u64,
    forward_ms: f64,
    backward_ms: f64,
    peak_share: f64,
}

/// What steps took.
struct Times {
    /// Seconds from one batch to the next, in ascending order.
    steps: Vec<f64>,
    /// The layers' times in all steps, the warm-up included.
    layers: Vec<LayerTime>,
}

impl Times {
    /// The median: of an even number, the shorter one of the two in the middle.
    fn median(&self) -> f64 {
        self.steps[(self.steps.len() - 1) / 2]
    }
}

pub fn run(args: &BenchArgs, net: &Net, input_size: usize) -> Result<(), Failure> {
    let (batch, steps) = (args.batch.unwrap_or(64), args.runs.unwrap_or(20) as usize);
    resolve::check_batch(batch, input_size)?;
    let machine = args.threads.machine()?;
    let peak_gflops = peak::gflops(machine.token(), machine.team());
    let recipe = recipe(net, input_size, batch, args.precision.map(Into::into));
    warn_of_slow(recipe.precision, &machine);
    let folder = tempfile::tempdir()?;
    write_images(folder.path(), net.classes.min(batch), batch, input_size)?;
    let loader = loader(folder.path(), &recipe, machine.threads())?;
    let times = time_steps(net, &recipe, &loader, &machine, steps)?;

    let share = |madds: u64, seconds: f64| 2e-9 * madds as f64 / seconds / peak_gflops;
    let costs = net.layers(input_size)?;
    let rows = times.layers.iter().map(|time| row(time, &costs, batch, steps + WARM_UP, &share));
    let madds = 3 * costs.iter().map(|layer| layer.madds).sum::<u64>() * batch as u64;
    let median = times.median();
    let training = Training {
        net: net.name.clone(),
        input_size,
        batch,
        threads: machine.threads(),
        isa: machine.isa().to_string(),
        precision: recipe.precision,
        steps,
        madds,
        median_ms: 1e3 * median,
        images_per_second: batch as f64 / median,
        peak_gflops,
        peak_share: share(madds, median),
        peak_memory_bytes: peak_memory(),
        layers: args.layers.then(|| rows.collect()),
    };
    if args.json { output::json(&training) } else { print(&training) }
}

/// The net's recipe for images and batches of this size. The running mean of the weights is left
/// out: only the step itself is measured.
fn recipe(net: &Net, size: usize, batch: usize, precision: Option<Precision>) -> Recipe {
    let mut recipe = Recipe::default_for(net);
    recipe.precision = precision.unwrap_or(Precision::F32);
    recipe.ema.decay = 0.0;
    recipe.sizes = vec![SizeChange { from_epoch: 0, size, batch: Some(batch) }];
    recipe
}

fn time_steps(
    net: &Net,
    recipe: &Recipe,
    loader: &Loader,
    machine: &Machine,
    steps: usize,
) -> Result<Times, Failure> {
    let weights = NetWeights::random(net, 0)?;
    let mut learner = Learner::new(net, &weights, recipe, machine)?;
    let bar = output::bar((steps + WARM_UP) as u64, "steps");
    let mut times = Vec::new();
    let mut last = Instant::now();
    let batches = (0..).flat_map(|epoch| loader.epoch(epoch, 0)).take(steps + WARM_UP);
    for (number, batch) in batches.enumerate() {
        learner.step(&batch?, RATE)?;
        bar.inc(1);
        let now = Instant::now();
        if number >= WARM_UP {
            times.push((now - last).as_secs_f64());
        }
        last = now;
    }
    bar.finish_and_clear();
    times.sort_by(f64::total_cmp);
    Ok(Times { steps: times, layers: learner.times().to_vec() })
}

fn row(
    time: &LayerTime,
    costs: &[Layer],
    batch: usize,
    steps: usize,
    share: &impl Fn(u64, f64) -> f64,
) -> Row {
    let cost = costs.iter().find(|cost| cost.id == time.id).expect("the cost of each layer");
    let madds = cost.madds * batch as u64;
    let of_step = |total: Duration| total.as_secs_f64() / steps as f64;
    let (forward, backward) = (of_step(time.forward), of_step(time.backward));
    Row {
        layer: time.id.to_string(),
        madds,
        forward_ms: 1e3 * forward,
        backward_ms: 1e3 * backward,
        peak_share: share(3 * madds, forward + backward),
    }
}

/// Writes `count` images of noise, in a subfolder for each class.
fn write_images(folder: &Path, classes: usize, count: usize, side: usize) -> Result<(), Failure> {
    let side = u32::try_from(side).map_err(Failure::new)?;
    for class in 0..classes {
        std::fs::create_dir(folder.join(format!("{class:04}")))?;
    }
    for number in 0..count {
        let class = format!("{:04}", number % classes);
        std::fs::write(folder.join(class).join(format!("{number}.bmp")), bitmap(side, number))?;
    }
    Ok(())
}

/// An image as a Windows bitmap of 24 bits per pixel, which needs no encoder.
fn bitmap(side: u32, seed: usize) -> Vec<u8> {
    let row = (3 * side).next_multiple_of(4);
    let mut bytes = b"BM".to_vec();
    for number in [54 + row * side, 0, 54, 40, side, side, 1 | 24 << 16, 0, row * side, 0, 0, 0, 0]
    {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend((0..(row * side) as usize).map(|i| ((i + seed) * 37 % 251) as u8));
    bytes
}

/// The loader of the images in `folder`, which are augmented as the recipe says.
fn loader(folder: &Path, recipe: &Recipe, workers: usize) -> Result<Loader, Failure> {
    let options = OpenOptions::new().val_split(0.0);
    let mut dataset = open(folder, &options)?.train;
    dataset.verify(Verify::new(workers), &|_| ())?;
    // The recipe has its own size, whatever the net's.
    let Phase { size, batch } = recipe.phase(0, 0);
    let pixels = u32::try_from(size).map_err(Failure::new)?;
    let preprocess = Preprocess { resize: pixels, ..Preprocess::imagenet(pixels) };
    let options = LoaderOptions::train(&preprocess, batch, recipe.augment.clone(), 0);
    Ok(Loader::new(Arc::new(dataset), options.workers(workers))?)
}

/// The most memory that the process has used, on systems that report it.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn print(training: &Training) -> Result<(), Failure> {
    let mut out = output::stdout();
    let Training { net, input_size, batch, threads, isa, steps, .. } = training;
    writeln!(
        out,
        "training {net}, {input_size} px, batch {batch}, threads {threads}, {isa}, {steps} steps\n"
    )?;
    writeln!(out, "step    {:9.1} ms", training.median_ms)?;
    writeln!(out, "speed   {:9.1} images/s", training.images_per_second)?;
    let share = 100.0 * training.peak_share;
    writeln!(out, "peak    {share:9.1} % of {:.1} GFLOP/s", training.peak_gflops)?;
    if let Some(bytes) = training.peak_memory_bytes {
        writeln!(out, "memory  {:>12}", output::bytes(bytes))?;
    }
    if let Some(rows) = &training.layers {
        writeln!(out)?;
        table(rows).write(&mut out)?;
    }
    Ok(out.flush()?)
}

fn table(rows: &[Row]) -> Table<5> {
    let mut table = Table::new([
        ("layer", Align::Left),
        ("MAdds forward", Align::Right),
        ("forward ms", Align::Right),
        ("backward ms", Align::Right),
        ("peak", Align::Right),
    ]);
    for row in rows {
        table.row([
            row.layer.clone(),
            output::millions(row.madds),
            format!("{:.2}", row.forward_ms),
            format!("{:.2}", row.backward_ms),
            format!("{:.0} %", 100.0 * row.peak_share),
        ]);
    }
    table
}
