//! `seesaw bench`: the speed of a net.

mod layers;
mod roofline;
mod training;

use std::io::Write;

use seesaw_arch::Net;
use seesaw_engine::{
    Options, Plan, compile,
    measure::{test_images, time_runs},
};
use seesaw_format::NetWeights;
use seesaw_kernels::peak;
use serde::Serialize;

use crate::{
    args::BenchArgs,
    failure::Failure,
    output,
    resolve::{self, Source},
};

use layers::Step;

/// What was measured, as `--json` prints it.
#[derive(Serialize)]
struct Bench {
    net: String,
    input_size: usize,
    batch: usize,
    threads: usize,
    isa: String,
    runs: usize,
    madds: u64,
    median_ms: f64,
    min_ms: f64,
    p95_ms: f64,
    images_per_second: f64,
    peak_gflops: f64,
    peak_share: f64,
    arena_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    layers: Option<Vec<Step>>,
}

pub fn run(args: &BenchArgs) -> Result<(), Failure> {
    let Subject { net, weights, input_size } = Subject::new(args)?;
    if args.train {
        return training::run(args, &net, input_size);
    }
    let batch = args.batch.unwrap_or(1);
    resolve::check_batch(batch, input_size)?;
    let options = Options::new(&net).input_size(input_size).batch(batch);
    let plan = compile(&net, weights, &options, &args.threads.machine()?)?;
    let bench = measure(args, &net, &plan)?;
    if let (Some(path), Some(layers)) = (&args.plot, &bench.layers) {
        roofline::write(path, &bench, layers, peak::memory_gbps(plan.machine().team()))?;
    }
    if args.json { output::json(&bench) } else { print(&bench) }
}

/// What is measured.
struct Subject {
    net: Net,
    weights: NetWeights,
    /// Side of the images.
    input_size: usize,
}

impl Subject {
    fn new(args: &BenchArgs) -> Result<Self, Failure> {
        let reshaped = args.shape.classes.is_some() || args.shape.width.is_some();
        let model = match (Source::parse(&args.net)?, &args.weights) {
            (Source::Net(net), None) => {
                let (net, input_size) = resolve::reshaped(net, &args.shape)?;
                let weights = NetWeights::random(&net, 0)?;
                return Ok(Self { net, weights, input_size });
            }
            (Source::Net(net), Some(path)) => {
                let (net, _) = resolve::reshaped(net, &args.shape)?;
                resolve::load(path, Some(net))?
            }
            (Source::Weights(path), None) if reshaped => {
                let what = "weights determine the number of classes and the width";
                return Err(Failure::file(&path, what).hint("name a net instead of a file"));
            }
            (Source::Weights(path), None) => resolve::load(&path, None)?,
            (Source::Weights(_), Some(_)) => {
                return Err(Failure::new("NET and `--weights` are both files of weights")
                    .hint("give the file as NET, or the name of a net as NET"));
            }
        };
        let input_size = args.shape.input_size.unwrap_or(model.net.input_size);
        Ok(Self { net: model.net, weights: model.weights, input_size })
    }
}

fn measure(args: &BenchArgs, net: &Net, plan: &Plan) -> Result<Bench, Failure> {
    let (batch, runs) = (plan.batch(), args.runs.unwrap_or(50) as usize);
    let madds = net.cost(plan.input_size())?.madds * batch as u64;
    let peak_gflops = peak::gflops(plan.machine().token(), plan.machine().team());
    let images = test_images(plan);
    let times = time_runs(plan, &images, runs)?;
    let median = times.median();
    let layers = (args.layers || args.plot.is_some())
        .then(|| layers::measure(plan, &images, runs, peak_gflops));
    Ok(Bench {
        net: net.name.clone(),
        input_size: plan.input_size(),
        batch,
        threads: plan.machine().threads(),
        isa: plan.machine().isa().to_string(),
        runs: times.runs(),
        madds,
        median_ms: 1e3 * median,
        min_ms: 1e3 * times.quantile(0.0),
        p95_ms: 1e3 * times.quantile(0.95),
        images_per_second: batch as f64 / median,
        peak_gflops,
        peak_share: 2e-9 * madds as f64 / median / peak_gflops,
        arena_bytes: plan.arena_bytes(),
        layers: layers.transpose()?,
    })
}

fn print(bench: &Bench) -> Result<(), Failure> {
    let mut out = output::stdout();
    let Bench { net, input_size, batch, threads, isa, runs, .. } = bench;
    writeln!(
        out,
        "{net}, {input_size} px, batch {batch}, threads {threads}, {isa}, {runs} runs\n"
    )?;
    writeln!(out, "median  {:9.3} ms", bench.median_ms)?;
    writeln!(out, "min     {:9.3} ms", bench.min_ms)?;
    writeln!(out, "p95     {:9.3} ms", bench.p95_ms)?;
    writeln!(out, "speed   {:9.1} images/s", bench.images_per_second)?;
    let share = 100.0 * bench.peak_share;
    writeln!(out, "peak    {share:9.1} % of {:.1} GFLOP/s", bench.peak_gflops)?;
    writeln!(out, "arena   {:>12}", output::bytes(bench.arena_bytes))?;
    if let Some(layers) = &bench.layers {
        writeln!(out)?;
        layers::table(layers).write(&mut out)?;
    }
    Ok(out.flush()?)
}
