//! What a search found: as Markdown, JSON, pictures, and the winner as a net.

use std::{io::Write, path::Path};

use seesaw_engine::{Machine, Options, Plan, compile, measure::time_in_turn};
use seesaw_format::{NetWeights, replace_file};
use seesaw_plot::{Group, Scatter};
use seesaw_search::{report::Report, search::Search};
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
    isa: String,
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
        let plans = report.finals.iter().map(|finalist| {
            let weights = NetWeights::random(&finalist.net, 0)?;
            Ok(compile(&finalist.net, weights, &Options::new(&finalist.net), &machine)?)
        });
        let plans = plans.collect::<Result<Vec<Plan>, Failure>>()?;
        let times = time_in_turn(&plans, RUNS)?;
        let inference_ms = times.iter().map(|times| 1e3 * times.median()).collect();
        Ok(Self { report, inference_ms, isa: machine.isa().to_string() })
    }

    fn markdown(&self) -> String {
        let mut text = self.report.to_string();
        if !self.inference_ms.is_empty() {
            text += &format!(
                "\n## Inference\n\nMedian of {RUNS} images, one thread, {}:\n\n",
                self.isa
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
        if self.report.finals.is_empty() {
            return Ok(());
        }
        let madds = self.report.finals.iter().map(|finalist| finalist.madds as f64 / 1e6).collect();
        let label = "multiply-adds per image, millions".to_owned();
        self.draw(&folder.join("top1-madds.svg"), label, madds)?;
        let label = format!("milliseconds per image, 1 thread, {}", self.isa);
        self.draw(&folder.join("top1-ms.svg"), label, self.inference_ms.clone())
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
