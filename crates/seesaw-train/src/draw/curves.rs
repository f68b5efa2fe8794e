//! Numbers over epochs.

use plotters::{
    coord::Shift,
    prelude::{
        ChartBuilder, DrawingArea, DrawingBackend, LineSeries, PathElement, SeriesLabelPosition,
    },
    style::{BLACK, Color, RGBColor, WHITE},
};

use super::{DrawError, FONT, Picture};
use crate::run::EpochRow;

/// Blue, orange and green that differ for the colour-blind too (Okabe and Ito).
const COLOURS: [RGBColor; 3] = [RGBColor(0, 114, 178), RGBColor(213, 94, 0), RGBColor(0, 158, 115)];

/// Lines over epochs.
#[derive(Debug, Clone, PartialEq)]
pub struct Curves {
    /// What stands above.
    pub title: String,
    /// The lines.
    pub lines: Vec<Line>,
}

/// A line of [`Curves`].
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What it shows.
    pub name: String,
    /// Epoch and value.
    pub points: Vec<(f64, f64)>,
}

/// The log as pictures: the names of files without ending, and what they show.
pub fn training_curves(rows: &[EpochRow]) -> [(&'static str, Curves); 3] {
    let line = |name: &str, value: fn(&EpochRow) -> f64| Line {
        name: name.to_owned(),
        points: rows.iter().map(|row| (row.epoch as f64, value(row))).collect(),
    };
    let curves = |title: &str, lines| Curves { title: title.to_owned(), lines };
    [
        (
            "loss",
            curves(
                "loss",
                vec![line("training", |r| r.train_loss), line("validation", |r| r.val_loss)],
            ),
        ),
        (
            "accuracy",
            curves(
                "accuracy, %",
                vec![
                    line("training, top-1", |r| 100.0 * r.train_top1),
                    line("validation, top-1", |r| 100.0 * r.val_top1),
                    line("validation, top-5", |r| 100.0 * r.val_top5),
                ],
            ),
        ),
        ("rate", curves("learning rate", vec![line("last step of the epoch", |r| r.rate)])),
    ]
}

impl Picture for Curves {
    fn size(&self) -> (u32, u32) {
        (800, 480)
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Result<(), DrawError<B>> {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let across = span(points().map(|point| point.0));
        let up = span(points().map(|point| point.1));
        let mut chart = ChartBuilder::on(area)
            .caption(&self.title, (FONT, 20))
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(64)
            .build_cartesian_2d(across, up)?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .bold_line_style(BLACK.mix(0.12))
            .label_style((FONT, 14))
            .x_desc("epoch")
            .x_label_formatter(&|x| short_number(*x))
            .y_label_formatter(&|y| short_number(*y))
            .draw()?;
        for (line, colour) in self.lines.iter().zip(COLOURS.into_iter().cycle()) {
            let finite = line.points.iter().copied().filter(|point| point.1.is_finite());
            chart
                .draw_series(LineSeries::new(finite, colour.stroke_width(2)).point_size(2))?
                .label(&line.name)
                .legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2))
                });
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::MiddleRight)
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.2))
            .label_font((FONT, 14))
            .draw()
    }
}

/// From the smallest to the largest finite value, never nothing.
pub(super) fn span(values: impl Iterator<Item = f64>) -> std::ops::Range<f64> {
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
pub(super) fn short_number(value: f64) -> String {
    if value == 0.0 || (1e-3..1e5).contains(&value.abs()) {
        let text = format!("{value:.4}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        format!("{value:.1e}")
    }
}
