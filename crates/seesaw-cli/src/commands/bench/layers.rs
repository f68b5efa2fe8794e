//! Work, memory and time of every layer.

use seesaw_engine::{Plan, UnitTime};
use serde::Serialize;

use crate::{
    failure::Failure,
    output::{self, Align, Table},
};

/// A step of the plan or a part of it, for one image.
#[derive(Serialize)]
pub struct Step {
    pub name: String,
    pub madds: u64,
    pub bytes: u64,
    pub median_ms: f64,
    pub time_share: f64,
    pub gflops: f64,
    pub peak_share: f64,
    /// The layers of a block.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Self>,
}

impl Step {
    /// Operations per byte, with two operations per multiply-add.
    pub fn intensity(&self) -> f64 {
        2.0 * self.madds as f64 / self.bytes.max(1) as f64
    }
}

/// Runs the first image a number of times, with a clock on every step.
pub fn measure(
    plan: &Plan,
    images: &[f32],
    runs: usize,
    peak_gflops: f64,
) -> Result<Vec<Step>, Failure> {
    let steps = plan.profile(images, runs)?;
    let total: f64 = steps.iter().map(|step| step.seconds).sum();
    let step = |name, madds, bytes, seconds: f64| {
        // If the clock did not advance, the speed is unknown.
        let gflops = if seconds > 0.0 { 2e-9 * madds as f64 / seconds } else { 0.0 };
        let (median_ms, time_share, peak_share) =
            (1e3 * seconds, seconds / total, gflops / peak_gflops);
        Step { name, madds, bytes, median_ms, time_share, gflops, peak_share, parts: Vec::new() }
    };
    let with_parts = |UnitTime { unit, madds, bytes, seconds, parts }| {
        let parts = parts
            .into_iter()
            .map(|p| step(p.kind.to_string(), p.madds, p.bytes, p.seconds))
            .collect();
        Step { parts, ..step(unit.to_string(), madds, bytes, seconds) }
    };
    Ok(steps.into_iter().map(with_parts).collect())
}

/// Steps, with their parts indented below them.
pub fn table(steps: &[Step]) -> Table<7> {
    let mut table = Table::new([
        ("step", Align::Left),
        ("MAdds", Align::Right),
        ("memory", Align::Right),
        ("median ms", Align::Right),
        ("of time", Align::Right),
        ("GFLOP/s", Align::Right),
        ("of peak", Align::Right),
    ]);
    for step in steps {
        table.row(cells(step, ""));
        step.parts.iter().for_each(|part| table.row(cells(part, "  ")));
    }
    table
}

fn cells(step: &Step, indent: &str) -> [String; 7] {
    [
        format!("{indent}{}", step.name),
        output::thousands(step.madds),
        output::bytes(step.bytes),
        format!("{:.3}", step.median_ms),
        format!("{:.1} %", 100.0 * step.time_share),
        format!("{:.1}", step.gflops),
        format!("{:.1} %", 100.0 * step.peak_share),
    ]
}
