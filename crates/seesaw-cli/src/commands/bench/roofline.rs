//! The layers' speed as a picture.

use std::path::Path;

use seesaw_arch::{LayerKind, Unit};
use seesaw_plot::{Point, PointKind, Roofline};
use seesaw_train::pictures::write_picture;

use super::{
    Bench,
    layers::{Figures, Part, Step},
};
use crate::failure::Failure;

/// Writes the picture of `layers` as SVG or PNG.
pub fn write(path: &Path, bench: &Bench, layers: &[Step], memory_gbps: f64) -> Result<(), Failure> {
    let Bench { net, input_size, threads, isa, peak_gflops, .. } = bench;
    let points = layers.iter().flat_map(points).filter(|p| p.gflops > 0.0).collect();
    let roofline = Roofline {
        title: format!("{net}, {input_size} px, threads {threads}, {isa}"),
        points,
        peak_gflops: *peak_gflops,
        memory_gbps,
    };
    Ok(write_picture(path, &roofline)?)
}

/// The layers of a step.
fn points(step: &Step) -> Vec<Point> {
    if step.parts.is_empty() {
        return vec![point(step.unit.to_string(), PointKind::Other, &step.figures)];
    }
    let part = |part: &Part| {
        let kind = match part.kind {
            LayerKind::Expand => PointKind::Expand,
            LayerKind::Depthwise => PointKind::Depthwise,
            LayerKind::Project => PointKind::Project,
            _ => PointKind::Other,
        };
        // The number of the block suffices: the color tells the layer.
        let label = match step.unit {
            Unit::Block(number) => number.to_string(),
            unit => unit.to_string(),
        };
        point(label, kind, &part.figures)
    };
    step.parts.iter().map(part).collect()
}

fn point(label: String, kind: PointKind, figures: &Figures) -> Point {
    let Figures { gflops, time_share, .. } = *figures;
    Point { label, kind, intensity: figures.intensity(), gflops, time_share }
}
