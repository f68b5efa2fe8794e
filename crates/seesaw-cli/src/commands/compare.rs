//! `seesaw compare`: the nets of finished runs.

use std::{io::Write, path::Path};

use seesaw_arch::Net;
use seesaw_engine::{Machine, Options, Plan, compile, measure::time_in_turn};
use seesaw_format::NetWeights;
use seesaw_plot::{Group, Scatter};
use seesaw_train::{
    comparison::{Comparison, Distance, Score},
    pictures::write_picture,
};
use serde::Serialize;

use crate::{
    args::CompareArgs,
    failure::{self, Failure},
    output::{self, Align, Table},
};

/// The comparison, as `--json` prints it.
#[derive(Serialize)]
struct Report {
    /// Standard deviation of top-1 between runs that differ only in their seed.
    spread: Option<f64>,
    /// What the runs differ in, other than net and seed.
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
    let comparison = Comparison::read(&args.folders)?;
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
    let machine = args.threads.machine()?;
    let plans = comparison.entrants.iter().map(|entrant| plan(&entrant.net, &machine));
    let plans = plans.collect::<Result<Vec<_>, _>>()?;
    let times = time_in_turn(&plans, args.runs as usize)?;
    let best = comparison.best();
    let mut nets = Vec::new();
    for (entrant, times) in comparison.entrants.iter().zip(times) {
        let net = &entrant.net;
        let cost = net.cost(net.input_size)?;
        nets.push(Row {
            net: net.name.clone(),
            input_size: net.input_size,
            params: cost.params as u64,
            madds: cost.madds,
            mean_top1: entrant.mean(),
            to_best: comparison.distance(entrant, best.unwrap_or(entrant)),
            runs: entrant.runs.clone(),
            train_s: entrant.train_s(),
            inference_ms: 1e3 * times.median(),
        });
    }
    let Comparison { differences, spread, .. } = comparison;
    let (threads, isa) = (machine.threads(), machine.isa().to_string());
    Ok(Report { spread, differences, threads, isa, nets })
}

/// A plan with random weights, which do not change how fast the net is.
fn plan(net: &Net, machine: &Machine) -> Result<Plan, Failure> {
    let weights = NetWeights::random(net, 0)?;
    Ok(compile(net, &weights, &Options::new(net), machine)?)
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
            title: "accuracy over cost: a cross for each seed, a disc for their mean".to_owned(),
            x_label,
            y_label: "top-1, %".to_owned(),
            groups: report.nets.iter().map(group).collect(),
        };
        Ok::<_, Failure>(write_picture(&folder.join(name), &picture)?)
    };
    let madds = "multiply-adds per image, millions".to_owned();
    write("top1-madds.svg", madds, |row| row.madds as f64 / 1e6)?;
    let ms = format!("milliseconds per image, {}", report.machine());
    write("top1-ms.svg", ms, |row| row.inference_ms)
}

fn print(report: &Report) -> Result<(), Failure> {
    let mut out = output::stdout();
    table(&report.nets).write(&mut out)?;
    writeln!(out)?;
    match report.spread {
        Some(spread) => writeln!(
            out,
            "Between seeds, top-1 has a standard deviation of {:.2} points.",
            100.0 * spread
        )?,
        None => writeln!(out, "No net has two seeds, so the spread between seeds is unknown.")?,
    }
    writeln!(out, "ms: median for one image, {}.", report.machine())?;
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
