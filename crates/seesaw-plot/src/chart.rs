//! What all charts share: axes, grid, legend.

use std::ops::Range;

use plotters::{
    coord::{Shift, types::RangedCoordf64},
    prelude::{
        Cartesian2d, ChartBuilder, ChartContext, DrawingArea, DrawingBackend, SeriesLabelPosition,
    },
    style::{BLACK, Color, WHITE},
};

use super::{DrawError, FONT};

/// Room after a name in the legend: the font of an SVG viewer may be wider than the one that
/// plotters measures with.
const WIDER: &str = "\u{a0}\u{a0}\u{a0}\u{a0}\u{a0}\u{a0}";

/// The most numbers below a chart.
const MOST_LABELS: usize = 11;

/// A chart with two linear axes.
pub type Chart<'a, B> = ChartContext<'a, B, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// The texts around a chart.
pub struct Frame<'a> {
    /// Above the chart.
    pub title: &'a str,
    /// Below the horizontal axis.
    pub x_label: &'a str,
    /// Beside the vertical axis; may be empty.
    pub y_label: &'a str,
    /// Whether the horizontal axis counts in whole numbers.
    pub whole_numbers: bool,
}

/// An empty chart that shows these ranges.
pub fn chart<'a, B: DrawingBackend>(
    area: &'a DrawingArea<B, Shift>,
    frame: &Frame<'_>,
    x: Range<f64>,
    y: Range<f64>,
) -> Result<Chart<'a, B>, DrawError<B>> {
    // With one label for each whole number, there is no room for fractions.
    let numbers = (x.end.floor() - x.start.ceil()) as usize + 1;
    let labels = if frame.whole_numbers { numbers.min(MOST_LABELS) } else { MOST_LABELS };
    let mut chart = ChartBuilder::on(area)
        .caption(frame.title, (FONT, 20))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(64)
        .build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .x_labels(labels)
        .light_line_style(WHITE)
        .bold_line_style(BLACK.mix(0.12))
        .label_style((FONT, 14))
        .x_desc(frame.x_label)
        .y_desc(frame.y_label)
        .x_label_formatter(&|x| short_number(*x))
        .y_label_formatter(&|y| short_number(*y))
        .draw()?;
    Ok(chart)
}

/// The name of a series for the [`legend`].
pub fn label(name: &str) -> String {
    format!("{name}{WIDER}")
}

/// Draws the names of the series that have labels.
pub fn legend<'a, B: DrawingBackend + 'a>(
    chart: &mut Chart<'a, B>,
    position: SeriesLabelPosition,
) -> Result<(), DrawError<B>> {
    chart
        .configure_series_labels()
        .position(position)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.2))
        .label_font((FONT, 14))
        .draw()
}

/// From the smallest to the largest finite value with a margin; never empty.
pub fn padded_range(values: impl Iterator<Item = f64>) -> Range<f64> {
    let finite = values.filter(|value| value.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    if low > high {
        return 0.0..1.0;
    }
    let margin = if high > low { 0.03 * (high - low) } else { 0.5 * high.abs().max(1e-9) };
    low - margin..high + margin
}

/// At most four digits after the point, which is enough for an axis.
fn short_number(value: f64) -> String {
    if value == 0.0 || (1e-3..1e5).contains(&value.abs()) {
        let text = format!("{value:.4}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        format!("{value:.1e}")
    }
}
