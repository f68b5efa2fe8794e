//! Work, memory and time of every layer.

use seesaw_arch::{LayerKind, Unit};
use seesaw_engine::{PartTime, Plan, UnitTime};
use serde::{Serialize, Serializer};

use crate::{
    failure::Failure,
    output::{self, Align, Table},
};

/// A step of the plan.
#[derive(Serialize)]
pub struct Step {
    #[serde(rename = "name", serialize_with = "text")]
    pub unit: Unit,
    #[serde(flatten)]
    pub figures: Figures,
    /// The layers of a block.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// A layer of a block.
#[derive(Serialize)]
pub struct Part {
    #[serde(rename = "name")]
    pub kind: LayerKind,
    #[serde(flatten)]
    pub figures: Figures,
}

/// What was measured of a step or a part, for one image.
#[derive(Serialize)]
pub struct Figures {
    pub madds: u64,
    pub bytes: u64,
    pub median_ms: f64,
    pub time_share: f64,
    pub gflops: f64,
    pub peak_share: f64,
}

impl Figures {
    /// Operations per byte, with two operations per multiply-add.
    pub fn intensity(&self) -> f64 {
        2.0 * self.madds as f64 / self.bytes.max(1) as f64
    }
}

fn text<S: Serializer>(unit: &Unit, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(unit)
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
    let figures = |madds, bytes, seconds: f64| {
        // If the clock did not advance, the speed is unknown.
        let gflops = if seconds > 0.0 { 2e-9 * madds as f64 / seconds } else { 0.0 };
        let (median_ms, time_share, peak_share) =
            (1e3 * seconds, seconds / total, gflops / peak_gflops);
        Figures { madds, bytes, median_ms, time_share, gflops, peak_share }
    };
    let step = |UnitTime { unit, madds, bytes, seconds, parts }| {
        let part =
            |p: PartTime| Part { kind: p.kind, figures: figures(p.madds, p.bytes, p.seconds) };
        let parts = parts.into_iter().map(part).collect();
        Step { unit, figures: figures(madds, bytes, seconds), parts }
    };
    Ok(steps.into_iter().map(step).collect())
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
    for Step { unit, figures, parts } in steps {
        table.row(cells(unit.to_string(), figures));
        for Part { kind, figures } in parts {
            table.row(cells(format!("  {kind}"), figures));
        }
    }
    table
}

fn cells(name: String, figures: &Figures) -> [String; 7] {
    [
        name,
        output::thousands(figures.madds),
        output::bytes(figures.bytes),
        format!("{:.3}", figures.median_ms),
        format!("{:.1} %", 100.0 * figures.time_share),
        format!("{:.1}", figures.gflops),
        format!("{:.1} %", 100.0 * figures.peak_share),
    ]
}
