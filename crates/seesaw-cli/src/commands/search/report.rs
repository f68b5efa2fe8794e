//! What a search found: as Markdown, JSON, pictures, and the winner as a net.

use std::{io::Write, path::Path};

use seesaw_arch::Net;
use seesaw_engine::{Machine, Options, Plan, compile, measure::time_in_turn};
use seesaw_format::{NetWeights, replace_file};
use seesaw_plot::{Front, Group, Scatter};
use seesaw_search::{
    report::{Report, Short},
    search::Search,
};
use seesaw_train::pictures::write_picture;
use serde::Serialize;

use crate::{args::SearchReportArgs, failure::Failure, output};

/// Runs to time each net of the final comparison.
const RUNS: usize = 50;

/// A report, and what was timed for it.
#[derive(Serialize)]
struct Timed<'a> {
    #[serde(flatten)]
    report: &'a Report,
    /// Median milliseconds for one image of each net of the final comparison, with one thread.
    inference_ms: Vec<f64>,
    #[serde(rename = "isa", serialize_with = "isa")]
    machine: Machine,
}

fn isa<S: serde::Serializer>(machine: &Machine, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&machine.isa())
}

/// Median milliseconds of each net for one image, taking turns.
fn milliseconds(nets: &[&Net], machine: &Machine) -> Result<Vec<f64>, Failure> {
    let plans = nets.iter().map(|net| {
        let weights = NetWeights::random(net, 0)?;
        Ok(compile(net, weights, &Options::new(net), machine)?)
    });
    let plans = plans.collect::<Result<Vec<Plan>, Failure>>()?;
    let times = time_in_turn(&plans, RUNS)?;
    Ok(times.iter().map(|times| 1e3 * times.median()).collect())
}

/// `seesaw search report`
pub fn run(args: &SearchReportArgs) -> Result<(), Failure> {
    let search = Search::open(&args.search)?;
    let report = Report::new(&search)?;
    let timed = Timed::new(&report)?;
    if args.write {
        timed.write(search.folder())?;
    }
    timed.print(args.json)
}

/// At the end of a search.
pub fn finish(search: &Search, json: bool) -> Result<(), Failure> {
    let report = Report::new(search)?;
    let timed = Timed::new(&report)?;
    timed.write(search.folder())?;
    // With `--json`, standard output has a line per training; the report is in the folder.
    if json {
        return Ok(());
    }
    timed.print(false)
}

impl<'a> Timed<'a> {
    fn new(report: &'a Report) -> Result<Self, Failure> {
        let machine = Machine::from_env(1)?;
        let nets: Vec<&Net> = report.finals.iter().map(|finalist| &finalist.net).collect();
        let inference_ms = milliseconds(&nets, &machine)?;
        Ok(Self { report, inference_ms, machine })
    }

    fn markdown(&self) -> String {
        let mut text = self.report.to_string();
        if !self.inference_ms.is_empty() {
            text += &format!(
                "\n## Inference\n\nMedian of {RUNS} images, one thread, {}:\n\n",
                self.machine.isa()
            );
            text += "| net | ms |\n|---|---|\n";
            for (finalist, ms) in self.report.finals.iter().zip(&self.inference_ms) {
                text += &format!("| {} | {ms:.2} |\n", finalist.name);
            }
        }
        text
    }

    fn print(&self, json: bool) -> Result<(), Failure> {
        if json {
            return output::json(self);
        }
        let mut out = output::stdout();
        out.write_all(self.markdown().as_bytes())?;
        Ok(out.flush()?)
    }

    fn write(&self, folder: &Path) -> Result<(), Failure> {
        write(&folder.join("report.md"), self.markdown().as_bytes())?;
        let json = serde_json::to_vec_pretty(self).map_err(std::io::Error::from)?;
        write(&folder.join("report.json"), &json)?;
        if let Some(winner) = &self.report.winner {
            let net = winner.net.to_toml()?;
            write(&folder.join("winner.toml"), net.as_bytes())?;
        }
        self.draw_front(&folder.join("tried-ms.svg"))?;
        if self.report.finals.is_empty() {
            return Ok(());
        }
        let madds = self.report.finals.iter().map(|finalist| finalist.madds as f64 / 1e6).collect();
        let label = "multiply-adds per image, millions".to_owned();
        self.draw(&folder.join("top1-madds.svg"), label, madds)?;
        let label = format!("milliseconds per image, 1 thread, {}", self.machine.isa());
        self.draw(&folder.join("top1-ms.svg"), label, self.inference_ms.clone())
    }

    /// All short trainings over milliseconds: at equal multiply-adds, nets differ in these.
    fn draw_front(&self, path: &Path) -> Result<(), Failure> {
        let Report { tried, references, .. } = self.report;
        let trials: Vec<&Short> = references.iter().chain(tried).collect();
        let nets: Vec<&Net> = trials.iter().map(|trial| &trial.net).collect();
        let times = milliseconds(&nets, &self.machine)?;
        let mut all = trials.iter().zip(times).map(|(trial, ms)| (ms, 100.0 * trial.top1));
        let named = references.iter().map(|trial| trial.name.clone());
        let named = named.zip(&mut all).collect();
        let picture = Front {
            title: "short trainings: accuracy over time, and the best at its time".to_owned(),
            x_label: format!("milliseconds per image, 1 thread, {}", self.machine.isa()),
            y_label: "top-1 on held-out images, %".to_owned(),
            points: all.collect(),
            named,
        };
        Ok(write_picture(path, &picture)?)
    }

    fn draw(&self, path: &Path, x_label: String, costs: Vec<f64>) -> Result<(), Failure> {
        let groups = self.report.finals.iter().zip(costs).map(|(finalist, cost)| Group {
            name: finalist.name.clone(),
            cost,
            scores: finalist.top1.iter().map(|top1| 100.0 * top1).collect(),
        });
        let picture = Scatter {
            title: "accuracy over cost: a cross for each seed, a disc for their mean".to_owned(),
            x_label,
            y_label: "top-1 on held-out images, %".to_owned(),
            groups: groups.collect(),
        };
        Ok(write_picture(path, &picture)?)
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    replace_file(path, |file| file.write_all(bytes)).map_err(|error| Failure::file(path, error))
}
