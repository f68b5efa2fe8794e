//! `seesaw bench`: how fast a net runs.

mod layers;
mod roofline;
mod training;

use std::{
    io::Write,
    time::{Duration, Instant},
};

use seesaw_arch::Net;
use seesaw_engine::{Machine, Options, Plan, compile};
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

/// How long the net runs before anything is timed: clocks and caches settle.
const WARM_UP: Duration = Duration::from_millis(300);

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
    let (net, weights, input_size) = subject(args)?;
    if args.train {
        return training::run(args, &net, input_size);
    }
    let batch = args.batch.unwrap_or(1);
    resolve::check_batch(batch, input_size)?;
    let options = Options::new(&net).input_size(input_size).batch(batch);
    let machine = Machine::from_env(args.threads).map_err(Failure::new)?;
    let plan = compile(&net, weights, &options, &machine).map_err(Failure::new)?;
    let bench = measure(args, &net, &plan)?;
    if let (Some(path), Some(layers)) = (&args.plot, &bench.layers) {
        roofline::write(path, &bench, layers, peak::memory_gbps(plan.machine().team()))?;
    }
    if args.json { output::json(&bench) } else { print(&bench) }
}

/// The net, its weights, and the side of its images.
fn subject(args: &BenchArgs) -> Result<(Net, NetWeights, usize), Failure> {
    let reshaped = args.shape.classes.is_some() || args.shape.width.is_some();
    let model = match (Source::of(&args.net)?, &args.weights) {
        (Source::Net(net), None) => {
            let (net, input_size) = resolve::reshaped(net, &args.shape)?;
            let weights = NetWeights::random(&net, 0).map_err(Failure::new)?;
            return Ok((net, weights, input_size));
        }
        (Source::Net(net), Some(path)) => {
            let (net, _) = resolve::reshaped(net, &args.shape)?;
            resolve::load(path, Some(net))?
        }
        (Source::Weights(path), None) if reshaped => {
            let what = "weights settle the number of classes and the width";
            return Err(Failure::file(&path, what).hint("name a net instead of a file of weights"));
        }
        (Source::Weights(path), None) => resolve::load(&path, None)?,
        (Source::Weights(_), Some(_)) => {
            return Err(Failure::new("NET and `--weights` are both files of weights")
                .hint("give the file as NET, or a net's name as NET"));
        }
    };
    let input_size = args.shape.input_size.unwrap_or(model.net.input_size);
    Ok((model.net, model.weights, input_size))
}

fn measure(args: &BenchArgs, net: &Net, plan: &Plan) -> Result<Bench, Failure> {
    let (batch, runs) = (plan.batch(), args.runs.unwrap_or(50) as usize);
    let madds = net.cost(plan.input_size()).map_err(Failure::new)?.madds * batch as u64;
    let peak_gflops = peak::gflops(plan.machine().token(), plan.machine().team());
    let images = images(plan);
    let mut times = time_runs(plan, &images, runs)?;
    times.sort_by(f64::total_cmp);
    let median = nearest_rank(&times, 0.5);
    let peak_share = |madds: u64, seconds: f64| 2e-9 * madds as f64 / seconds / peak_gflops;
    let layers = (args.layers || args.plot.is_some())
        .then(|| layers::measure(plan, &images, runs, peak_gflops));
    Ok(Bench {
        net: net.name.clone(),
        input_size: plan.input_size(),
        batch,
        threads: plan.machine().threads(),
        isa: plan.machine().isa().to_string(),
        runs: times.len(),
        madds,
        median_ms: 1e3 * median,
        min_ms: 1e3 * nearest_rank(&times, 0.0),
        p95_ms: 1e3 * nearest_rank(&times, 0.95),
        images_per_second: batch as f64 / median,
        peak_gflops,
        peak_share: peak_share(madds, median),
        arena_bytes: plan.arena_bytes(),
        layers: layers.transpose()?,
    })
}

/// A batch of images in which no two pixels near each other are equal.
pub(super) fn images(plan: &Plan) -> Vec<f32> {
    let len = plan.batch() * 3 * plan.input_size() * plan.input_size();
    (0..len).map(|i| (i * 37 % 255) as f32 / 127.0 - 1.0).collect()
}

/// Seconds of each run, after a warm-up.
fn time_runs(plan: &Plan, images: &[f32], runs: usize) -> Result<Vec<f64>, Failure> {
    let mut logits = vec![0.0; plan.batch() * plan.classes()];
    let mut time_run = || {
        let start = Instant::now();
        plan.run(images, &mut logits).map_err(Failure::new)?;
        Ok::<_, Failure>(start.elapsed())
    };
    let start = Instant::now();
    while start.elapsed() < WARM_UP {
        time_run()?;
    }
    (0..runs).map(|_| time_run().map(|time| time.as_secs_f64())).collect()
}

/// The time of which `share` of the sorted times are not longer.
pub(super) fn nearest_rank(sorted: &[f64], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::nearest_rank;

    #[test]
    fn ranks() {
        let times: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!([0.0, 0.5, 0.95, 1.0].map(|s| nearest_rank(&times, s)), [1.0, 10.0, 19.0, 20.0]);
        assert_eq!(nearest_rank(&[7.0], 0.95), 7.0);
    }
}
