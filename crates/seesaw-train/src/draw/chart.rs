//! What all charts have in common: axes, grid, legend.

use std::ops::Range;

use plotters::{
    coord::{Shift, types::RangedCoordf64},
    prelude::{
        Cartesian2d, ChartBuilder, ChartContext, DrawingArea, DrawingBackend, SeriesLabelPosition,
    },
    style::{BLACK, Color, RGBColor, WHITE},
};

use super::{DrawError, FONT};

/// Colors that differ for the color-blind too (Okabe and Ito).
pub const COLORS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
];

/// Room behind a name in the legend: viewers of SVG may have a wider font than the one that plotters
/// measures with.
const WIDER: &str = "\u{a0}\u{a0}\u{a0}\u{a0}\u{a0}\u{a0}";

/// The most numbers that stand below a chart.
const MOST_LABELS: usize = 11;

/// A chart of numbers over numbers.
pub type Chart<'a, B> = ChartContext<'a, B, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// What stands around a chart.
pub struct Frame<'a> {
    /// Above.
    pub title: &'a str,
    /// Below.
    pub across: &'a str,
    /// On the left; may be empty.
    pub up: &'a str,
    /// Whether whole numbers stand below.
    pub whole: bool,
}

/// An empty chart that shows these ranges.
pub fn chart<'a, B: DrawingBackend>(
    area: &'a DrawingArea<B, Shift>,
    frame: &Frame<'_>,
    across: Range<f64>,
    up: Range<f64>,
) -> Result<Chart<'a, B>, DrawError<B>> {
    // As many labels as there are whole numbers leave no room for others.
    let numbers = (across.end.floor() - across.start.ceil()) as usize + 1;
    let labels = if frame.whole { numbers.min(MOST_LABELS) } else { MOST_LABELS };
    let mut chart = ChartBuilder::on(area)
        .caption(frame.title, (FONT, 20))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(64)
        .build_cartesian_2d(across, up)?;
    chart
        .configure_mesh()
        .x_labels(labels)
        .light_line_style(WHITE)
        .bold_line_style(BLACK.mix(0.12))
        .label_style((FONT, 14))
        .x_desc(frame.across)
        .y_desc(frame.up)
        .x_label_formatter(&|x| short_number(*x))
        .y_label_formatter(&|y| short_number(*y))
        .draw()?;
    Ok(chart)
}

/// A series' name for the [`legend`].
pub fn label(name: &str) -> String {
    format!("{name}{WIDER}")
}

/// Names the series that have labels.
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

/// From the smallest to the largest finite value, never nothing.
pub fn span(values: impl Iterator<Item = f64>) -> Range<f64> {
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

/// Four digits are enough beside an axis.
fn short_number(value: f64) -> String {
    if value == 0.0 || (1e-3..1e5).contains(&value.abs()) {
        let text = format!("{value:.4}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        format!("{value:.1e}")
    }
}
