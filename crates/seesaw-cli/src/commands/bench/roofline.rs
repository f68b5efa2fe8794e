//! The layers' speed as a picture.

use std::path::Path;

use seesaw_plot::{Point, PointKind, Roofline};
use seesaw_train::pictures::write_picture;

use super::{Bench, Step};
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
    let point = |layer: &Step, label: &str| Point {
        label: label.to_owned(),
        kind: match layer.name.as_str() {
            "expand" => PointKind::Expand,
            "depthwise" => PointKind::Depthwise,
            "project" => PointKind::Project,
            _ => PointKind::Other,
        },
        intensity: layer.intensity(),
        gflops: layer.gflops,
        time_share: layer.time_share,
    };
    if step.parts.is_empty() {
        return vec![point(step, &step.name)];
    }
    // `block 3` is `3`: the color tells the layer.
    let label = step.name.trim_start_matches("block ");
    step.parts.iter().map(|part| point(part, label)).collect()
}
