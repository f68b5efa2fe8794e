//! `seesaw compare`: what finished runs say of nets.

use std::{
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use seesaw_engine::{Machine, Options, Plan, compile};
use seesaw_format::NetWeights;
use seesaw_plot::{Group, Scatter};
use seesaw_train::{
    comparison::{Comparison, Distance, Entrant, Score},
    pictures::write_picture,
};
use serde::Serialize;

use super::bench::{images, nearest_rank};
use crate::{
    args::CompareArgs,
    failure::{self, Failure},
    output::{self, Align, Table},
};

/// How long each net runs before anything is timed.
const WARM_UP: Duration = Duration::from_millis(100);

/// The comparison, as `--json` prints it.
#[derive(Serialize)]
struct Report {
    /// Standard deviation of a run's top-1 by its seed.
    spread: Option<f64>,
    /// What the runs differ in beside net and seed.
    differences: Vec<String>,
    threads: usize,
    isa: String,
    nets: Vec<Row>,
}

impl Report {
    /// What inference was timed on.
    fn machine(&self) -> String {
        let threads = if self.threads == 1 { "thread" } else { "threads" };
        format!("{} {threads}, {}", self.threads, self.isa)
    }
}

/// A net.
#[derive(Serialize)]
struct Row {
    net: String,
    input_size: usize,
    params: u64,
    madds: u64,
    mean_top1: f64,
    to_best: Distance,
    runs: Vec<Score>,
    train_s: Option<f64>,
    inference_ms: f64,
}

pub fn run(args: &CompareArgs) -> Result<(), Failure> {
    let comparison = Comparison::of(&args.runs).map_err(Failure::new)?;
    for difference in &comparison.differences {
        failure::warn(format_args!("the runs differ in {difference}"));
    }
    let report = measure(args, comparison)?;
    if let Some(folder) = &args.pictures {
        draw(folder, &report)?;
    }
    if args.json { output::json(&report) } else { print(&report) }
}

fn measure(args: &CompareArgs, comparison: Comparison) -> Result<Report, Failure> {
    let plans = comparison.entrants.iter().map(|entrant| plan(entrant, args.threads));
    let plans = plans.collect::<Result<Vec<_>, _>>()?;
    let times = times(&plans, args.times as usize)?;
    let best = comparison.best();
    let mut nets = Vec::new();
    for (entrant, ms) in comparison.entrants.iter().zip(times) {
        let net = &entrant.net;
        let cost = net.cost(net.input_size).map_err(Failure::new)?;
        nets.push(Row {
            net: net.name.clone(),
            input_size: net.input_size,
            params: cost.params as u64,
            madds: cost.madds,
            mean_top1: entrant.mean(),
            to_best: comparison.distance(entrant, best.unwrap_or(entrant)),
            runs: entrant.runs.clone(),
            train_s: entrant.train_s(),
            inference_ms: ms,
        });
    }
    let isa = plans.first().map(|plan| plan.machine().isa().to_string()).unwrap_or_default();
    let Comparison { differences, spread, .. } = comparison;
    Ok(Report { spread, differences, threads: args.threads, isa, nets })
}

/// Weights do not change how fast a net is.
fn plan(entrant: &Entrant, threads: usize) -> Result<Plan, Failure> {
    let net = &entrant.net;
    let weights = NetWeights::random(net, 0).map_err(Failure::new)?;
    let machine = Machine::from_env(threads).map_err(Failure::new)?;
    compile(net, &weights, &Options::new(net), &machine).map_err(Failure::new)
}

/// Median milliseconds of each plan. The plans take turns, so that whatever the machine does beside
/// meets all of them.
fn times(plans: &[Plan], rounds: usize) -> Result<Vec<f64>, Failure> {
    let inputs: Vec<Vec<f32>> = plans.iter().map(images).collect();
    let time = |plan: &Plan, images: &[f32]| {
        let mut logits = vec![0.0; plan.classes()];
        let start = Instant::now();
        plan.run(images, &mut logits).map_err(Failure::new)?;
        Ok::<_, Failure>(start.elapsed())
    };
    for (plan, images) in plans.iter().zip(&inputs) {
        let start = Instant::now();
        while start.elapsed() < WARM_UP {
            time(plan, images)?;
        }
    }
    let mut times = vec![Vec::with_capacity(rounds); plans.len()];
    for _ in 0..rounds {
        for ((plan, images), times) in plans.iter().zip(&inputs).zip(&mut times) {
            // The first run after another net brings the weights back into the cache.
            time(plan, images)?;
            times.push(1e3 * time(plan, images)?.as_secs_f64());
        }
    }
    times.iter_mut().for_each(|times| times.sort_by(f64::total_cmp));
    Ok(times.iter().map(|times| nearest_rank(times, 0.5)).collect())
}

fn draw(folder: &Path, report: &Report) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| Failure::file(folder, error))?;
    let write = |name: &str, x_label: String, cost: fn(&Row) -> f64| {
        let group = |row: &Row| Group {
            name: row.net.clone(),
            cost: cost(row),
            scores: row.runs.iter().map(|run| 100.0 * run.top1).collect(),
        };
        let picture = Scatter {
            title: "accuracy over cost, a cross a seed, a disc their mean".to_owned(),
            x_label,
            y_label: "top-1, %".to_owned(),
            groups: report.nets.iter().map(group).collect(),
        };
        write_picture(&folder.join(name), &picture).map_err(Failure::new)
    };
    let madds = "multiply-adds of an image, millions".to_owned();
    write("top1-madds.svg", madds, |row| row.madds as f64 / 1e6)?;
    let ms = format!("milliseconds an image, {}", report.machine());
    write("top1-ms.svg", ms, |row| row.inference_ms)
}

fn print(report: &Report) -> Result<(), Failure> {
    let mut out = output::stdout();
    table(&report.nets).write(&mut out)?;
    writeln!(out)?;
    match report.spread {
        Some(spread) => writeln!(
            out,
            "A run's top-1 differs by its seed with a standard deviation of {:.2} points.",
            100.0 * spread
        )?,
        None => writeln!(out, "No net has two seeds: how much chance there is, is not known.")?,
    }
    writeln!(out, "ms: one image, {}, median.", report.machine())?;
    Ok(out.flush()?)
}

fn table(nets: &[Row]) -> Table<8> {
    let mut table = Table::new([
        ("net", Align::Left),
        ("parameters", Align::Right),
        ("MAdds", Align::Right),
        ("top-1 %, each seed", Align::Left),
        ("mean", Align::Right),
        ("to best", Align::Right),
        ("training", Align::Right),
        ("ms", Align::Right),
    ]);
    for row in nets {
        let seeds: Vec<_> = row.runs.iter().map(|run| percent(run.top1)).collect();
        table.row([
            row.net.clone(),
            output::thousands(row.params),
            output::millions(row.madds),
            seeds.join(" "),
            percent(row.mean_top1),
            distance(&row.to_best),
            row.train_s.map_or("-".to_owned(), |s| format!("{:.0} min", s / 60.0)),
            format!("{:.2}", row.inference_ms),
        ]);
    }
    table
}

fn percent(share: f64) -> String {
    format!("{:.2}", 100.0 * share)
}

fn distance(distance: &Distance) -> String {
    match (distance.top1, distance.standard_error) {
        (0.0, _) => "best".to_owned(),
        (top1, None) => format!("{:+.2}", 100.0 * top1),
        (top1, Some(error)) => format!("{:+.2} ± {:.2}", 100.0 * top1, 100.0 * error),
    }
}
