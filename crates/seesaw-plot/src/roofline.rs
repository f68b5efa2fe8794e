//! The speed of layers over the work they do per byte, under the limits of the processor.

use std::ops::Range;

use plotters::{
    coord::{Shift, combinators::LogCoord},
    prelude::{
        Cartesian2d, ChartBuilder, ChartContext, Circle, DrawingArea, DrawingBackend, IntoLogRange,
        LineSeries, SeriesLabelPosition, Text,
    },
    style::{BLACK, Color, RGBColor, WHITE},
};

use super::{
    DrawError, FONT, Picture,
    palette::{NEUTRAL, PALETTE},
};

/// A layer with at least this share of the time is labeled.
const LABELED_FROM: f64 = 0.025;
/// Radius of a layer that takes all the time, in pixels; areas are proportional to times.
const RADIUS: f64 = 60.0;

/// The speed of a net's layers over their arithmetic intensity, both logarithmic, below a roof
/// that memory and arithmetic set.
#[derive(Debug, Clone, PartialEq)]
pub struct Roofline {
    /// The caption.
    pub title: String,
    /// The layers.
    pub points: Vec<Point>,
    /// The fastest arithmetic of the processor, in GFLOP/s.
    pub peak_gflops: f64,
    /// The fastest reading of memory, in GB/s.
    pub memory_gbps: f64,
}

/// A layer of a [`Roofline`].
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Its name, which is drawn if the layer takes a notable share of the time.
    pub label: String,
    /// Its color.
    pub kind: PointKind,
    /// Operations per byte of weights, input and output; more than 0.
    pub intensity: f64,
    /// GFLOP/s; more than 0.
    pub gflops: f64,
    /// Its share of the net's time, 0 to 1, which is its area.
    pub time_share: f64,
}

/// The kind of layer that a [`Point`] stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointKind {
    /// The expand convolution of a block.
    Expand,
    /// The depthwise convolution of a block.
    Depthwise,
    /// The project convolution of a block.
    Project,
    /// Any other layer.
    Other,
}

/// In the order of the legend.
const KINDS: [(PointKind, &str, RGBColor); 4] = [
    (PointKind::Expand, "expand", PALETTE[0]),
    (PointKind::Depthwise, "depthwise", PALETTE[1]),
    (PointKind::Project, "project", PALETTE[2]),
    (PointKind::Other, "others", NEUTRAL),
];

type LogChart<'a, B> = ChartContext<'a, B, Cartesian2d<LogCoord<f64>, LogCoord<f64>>>;

impl Picture for Roofline {
    fn size(&self) -> (u32, u32) {
        (1100, 680)
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Result<(), DrawError<B>> {
        let (x, y) = self.ranges();
        let mut chart = ChartBuilder::on(area)
            .caption(&self.title, (FONT, 20))
            .margin(14)
            .x_label_area_size(44)
            .y_label_area_size(60)
            .build_cartesian_2d(x.clone().log_scale(), y.clone().log_scale())?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_desc("operations for each byte of weights, input and output")
            .y_desc("GFLOP/s")
            .label_style((FONT, 14))
            .draw()?;
        self.draw_roof(&mut chart, x, y.start)?;
        self.draw_points(&mut chart)?;
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .label_font((FONT, 14))
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.3))
            .draw()?;
        Ok(())
    }
}

impl Roofline {
    /// What the axes show.
    fn ranges(&self) -> (Range<f64>, Range<f64>) {
        let least = |values: &dyn Fn(&Point) -> f64| {
            self.points.iter().map(values).fold(self.peak_gflops, f64::min)
        };
        let corner = self.peak_gflops / self.memory_gbps;
        let most = self.points.iter().map(|p| p.intensity).fold(corner, f64::max);
        let x = least(&|p| p.intensity) / 1.5..most * 3.0;
        let y = least(&|p| p.gflops) / 1.5..self.peak_gflops * 1.5;
        (x, y)
    }

    fn draw_roof<'a, B: DrawingBackend + 'a>(
        &self,
        chart: &mut LogChart<'a, B>,
        x: Range<f64>,
        bottom: f64,
    ) -> Result<(), DrawError<B>> {
        let (peak, memory) = (self.peak_gflops, self.memory_gbps);
        // Where the memory's line starts, where it meets the peak, where the peak's line ends.
        let corners = [x.start.max(bottom / memory), peak / memory, x.end];
        let roof = corners.map(|x| (x, peak.min(memory * x)));
        chart
            .draw_series(LineSeries::new(roof, BLACK.stroke_width(2)))?
            .label(format!("peak {peak:.0} GFLOP/s, memory {memory:.1} GB/s"));
        Ok(())
    }

    fn draw_points<'a, B: DrawingBackend + 'a>(
        &self,
        chart: &mut LogChart<'a, B>,
    ) -> Result<(), DrawError<B>> {
        for (kind, name, color) in KINDS {
            let points = || self.points.iter().filter(|p| p.kind == kind);
            let circle = |p: &Point| {
                let radius = (RADIUS * p.time_share.sqrt()).max(3.0) as i32;
                Circle::new((p.intensity, p.gflops), radius, color.mix(0.6).filled())
            };
            let share: f64 = points().map(|p| p.time_share).sum();
            chart
                .draw_series(points().map(circle))?
                .label(format!("{name}, {:.0} % of the time", 100.0 * share))
                .legend(move |at| Circle::new(at, 6, color.mix(0.6).filled()));
        }
        let labeled = self.points.iter().filter(|p| p.time_share >= LABELED_FROM);
        chart.draw_series(labeled.map(|p| {
            Text::new(p.label.clone(), (p.intensity * 1.05, p.gflops * 0.97), (FONT, 14))
        }))?;
        Ok(())
    }
}
