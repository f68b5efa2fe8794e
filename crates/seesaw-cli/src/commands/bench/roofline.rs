//! The layers' speed over the work they have for each byte, under the processor's limits.

use std::path::Path;

use plotters::{
    coord::Shift,
    prelude::{
        ChartBuilder, Circle, DrawingArea, DrawingBackend, IntoLogRange, LineSeries,
        SeriesLabelPosition, Text,
    },
    style::{BLACK, Color, RGBColor, WHITE},
};
use seesaw_train::draw::{DrawError, Picture, write_picture};

use super::{Bench, Step};
use crate::failure::Failure;

/// Colors that differ for the color-blind too (Okabe and Ito), and the layers they stand for.
const KINDS: [(&str, RGBColor); 4] = [
    ("expand", RGBColor(0, 114, 178)),
    ("depthwise", RGBColor(213, 94, 0)),
    ("project", RGBColor(0, 158, 115)),
    ("others", RGBColor(120, 120, 120)),
];
/// A layer with at least this share of the time is named.
const NAMED_FROM: f64 = 0.025;
/// Radius of a layer that takes all the time, in pixels; areas are proportional to times.
const RADIUS: f64 = 60.0;
const SIZE: (u32, u32) = (1100, 680);

/// Writes the picture of `layers` as SVG or PNG.
pub fn write(path: &Path, bench: &Bench, layers: &[Step], memory_gbps: f64) -> Result<(), Failure> {
    let Bench { net, input_size, threads, isa, peak_gflops, .. } = bench;
    let title = format!("{net}, {input_size} px, threads {threads}, {isa}");
    let points = layers.iter().flat_map(Point::of).filter(|p| p.gflops > 0.0).collect();
    let roofline = Roofline { title, points, peak: *peak_gflops, memory: memory_gbps };
    write_picture(path, &roofline).map_err(Failure::new)
}

struct Roofline {
    title: String,
    points: Vec<Point>,
    /// GFLOP/s.
    peak: f64,
    /// GB/s.
    memory: f64,
}

/// A layer.
struct Point {
    label: String,
    /// Its place in [`KINDS`].
    kind: usize,
    intensity: f64,
    gflops: f64,
    time_share: f64,
}

impl Point {
    /// The layers of a step.
    fn of(step: &Step) -> Vec<Self> {
        let point = |layer: &Step, label: String| Self {
            kind: KINDS.iter().position(|(kind, _)| *kind == layer.name).unwrap_or(3),
            intensity: layer.intensity(),
            gflops: layer.gflops,
            time_share: layer.time_share,
            label,
        };
        if step.parts.is_empty() {
            return vec![point(step, step.name.clone())];
        }
        // `block 3` is `3`: the color tells the layer.
        let label = step.name.trim_start_matches("block ");
        step.parts.iter().map(|part| point(part, label.to_owned())).collect()
    }
}

impl Picture for Roofline {
    fn size(&self) -> (u32, u32) {
        SIZE
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Result<(), DrawError<B>> {
        let least = |values: &dyn Fn(&Point) -> f64| {
            self.points.iter().map(values).fold(self.peak, f64::min)
        };
        let most = self.points.iter().map(|p| p.intensity).fold(self.peak / self.memory, f64::max);
        let x = least(&|p| p.intensity) / 1.5..most * 3.0;
        let y = least(&|p| p.gflops) / 1.5..self.peak * 1.5;
        let mut chart = ChartBuilder::on(area)
            .caption(&self.title, ("sans-serif", 20))
            .margin(14)
            .x_label_area_size(44)
            .y_label_area_size(60)
            .build_cartesian_2d(x.clone().log_scale(), y.clone().log_scale())?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_desc("operations for each byte of weights, input and output")
            .y_desc("GFLOP/s")
            .label_style(("sans-serif", 14))
            .draw()?;
        let roof = |x: f64| (x, self.peak.min(self.memory * x));
        // Where the memory's line starts, where it meets the peak, where the peak's line ends.
        let corners = [x.start.max(y.start / self.memory), self.peak / self.memory, x.end];
        let roof = corners.map(roof);
        chart
            .draw_series(LineSeries::new(roof, BLACK.stroke_width(2)))?
            .label(format!("peak {:.0} GFLOP/s, memory {:.1} GB/s", self.peak, self.memory));
        for (kind, (name, color)) in KINDS.iter().enumerate() {
            let points = || self.points.iter().filter(|p| p.kind == kind);
            let circle = |p: &Point| {
                let radius = (RADIUS * p.time_share.sqrt()).max(3.0) as i32;
                Circle::new((p.intensity, p.gflops), radius, color.mix(0.6).filled())
            };
            let share: f64 = points().map(|p| p.time_share).sum();
            chart
                .draw_series(points().map(circle))?
                .label(format!("{name}, {:.0} % of the time", 100.0 * share))
                .legend(|at| Circle::new(at, 6, color.mix(0.6).filled()));
        }
        let named = self.points.iter().filter(|p| p.time_share >= NAMED_FROM);
        chart.draw_series(named.map(|p| {
            Text::new(p.label.clone(), (p.intensity * 1.05, p.gflops * 0.97), ("sans-serif", 14))
        }))?;
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .label_font(("sans-serif", 14))
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.3))
            .draw()?;
        Ok(())
    }
}
