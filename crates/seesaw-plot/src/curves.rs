//! Lines over epochs.

use plotters::{
    coord::Shift,
    prelude::{
        DashedLineSeries, DrawingArea, DrawingBackend, EmptyElement, LineSeries, PathElement,
        SeriesLabelPosition,
    },
    style::Color,
};

use super::{
    DrawError, Picture,
    chart::{Frame, chart, label, legend, padded_range},
    palette::PALETTE,
};

/// Lines over epochs.
#[derive(Debug, Clone, PartialEq)]
pub struct Curves {
    /// The caption.
    pub title: String,
    /// Whether the lines rise, so that the legend has room below them.
    pub rising: bool,
    /// The lines, dashed from the eighth on.
    pub lines: Vec<Line>,
}

/// A line of [`Curves`].
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its name in the legend.
    pub name: String,
    /// Epochs and values; values that are not finite are left out.
    pub points: Vec<(f64, f64)>,
}

impl Picture for Curves {
    fn size(&self) -> (u32, u32) {
        (800, 480)
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Result<(), DrawError<B>> {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let x = padded_range(points().map(|point| point.0));
        let y = padded_range(points().map(|point| point.1));
        let frame =
            Frame { title: &self.title, x_label: "epoch", y_label: "", whole_numbers: true };
        let mut chart = chart(area, &frame, x, y)?;
        for (number, line) in self.lines.iter().enumerate() {
            let style = PALETTE[number % PALETTE.len()].stroke_width(2);
            let finite = line.points.iter().copied().filter(|point| point.1.is_finite());
            let dashed = number >= PALETTE.len();
            let drawn = match dashed {
                false => chart.draw_series(LineSeries::new(finite, style).point_size(2))?,
                true => chart.draw_series(DashedLineSeries::new(finite, 6, 4, style))?,
            };
            let gap = if dashed { 4 } else { 0 };
            drawn.label(label(&line.name)).legend(move |(x, y)| {
                let stroke = |from| PathElement::new([(from, 0), (from + 9 - gap / 2, 0)], style);
                EmptyElement::at((x, y)) + stroke(0) + stroke(9 + gap / 2)
            });
        }
        let corner = match self.rising {
            true => SeriesLabelPosition::LowerRight,
            false => SeriesLabelPosition::UpperRight,
        };
        legend(&mut chart, corner)
    }
}
