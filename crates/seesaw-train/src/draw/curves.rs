//! Numbers over epochs.

use plotters::{
    coord::Shift,
    prelude::{DrawingArea, DrawingBackend, LineSeries, PathElement, SeriesLabelPosition},
    style::Color,
};

use super::{
    DrawError, Picture,
    chart::{COLOURS, Frame, chart, legend, span},
};
use crate::run::EpochRow;

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

fn percent(share: f64) -> f64 {
    100.0 * share
}

/// The log as pictures: the names of files without ending, and what they show.
pub fn training_curves(rows: &[EpochRow]) -> [(&'static str, Curves); 3] {
    let line = |name: &str, value: fn(&EpochRow) -> Option<f64>| Line {
        name: name.to_owned(),
        points: rows.iter().filter_map(|row| Some((row.epoch as f64, value(row)?))).collect(),
    };
    let curves = |title: &str, lines| Curves { title: title.to_owned(), lines };
    [
        (
            "loss",
            curves(
                "loss",
                vec![line("training", |r| Some(r.train_loss)), line("validation", |r| r.val_loss)],
            ),
        ),
        (
            "accuracy",
            curves(
                "accuracy, %",
                vec![
                    line("training, top-1", |r| Some(percent(r.train_top1))),
                    line("validation, top-1", |r| r.val_top1.map(percent)),
                    line("validation, top-5", |r| r.val_top5.map(percent)),
                ],
            ),
        ),
        ("rate", curves("learning rate", vec![line("last step of the epoch", |r| Some(r.rate))])),
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
        let frame = Frame { title: &self.title, across: "epoch", up: "" };
        let mut chart = chart(area, &frame, across, up)?;
        for (line, colour) in self.lines.iter().zip(COLOURS.into_iter().cycle()) {
            let finite = line.points.iter().copied().filter(|point| point.1.is_finite());
            chart
                .draw_series(LineSeries::new(finite, colour.stroke_width(2)).point_size(2))?
                .label(&line.name)
                .legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2))
                });
        }
        legend(&mut chart, SeriesLabelPosition::MiddleRight)
    }
}
