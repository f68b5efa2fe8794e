//! Numbers over epochs.

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
    chart::{COLORS, Frame, chart, label, legend, span},
};
use crate::run::EpochRow;

/// Lines over epochs.
#[derive(Debug, Clone, PartialEq)]
pub struct Curves {
    /// What stands above.
    pub title: String,
    /// Whether lines end higher than they begin, so that there is room for their names below.
    pub rising: bool,
    /// The lines; from the eighth on they are dashed.
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

impl Line {
    fn of(name: &str, rows: &[EpochRow], value: fn(&EpochRow) -> Option<f64>) -> Self {
        let points = rows.iter().filter_map(|row| Some((row.epoch as f64, value(row)?)));
        Self { name: name.to_owned(), points: points.collect() }
    }
}

fn percent(share: f64) -> f64 {
    100.0 * share
}

/// The log as pictures: the names of files without ending, and what they show.
pub fn training_curves(rows: &[EpochRow]) -> [(&'static str, Curves); 3] {
    let line = |name, value| Line::of(name, rows, value);
    let curves = |title: &str, rising, lines| Curves { title: title.to_owned(), rising, lines };
    let losses = vec![line("training", |r| Some(r.train_loss)), line("validation", |r| r.val_loss)];
    let shares = vec![
        line("training, top-1", |r| Some(percent(r.train_top1))),
        line("validation, top-1", |r| r.val_top1.map(percent)),
        line("validation, top-5", |r| r.val_top5.map(percent)),
    ];
    let rates = vec![line("last step of the epoch", |r| Some(r.rate))];
    [
        ("loss", curves("loss", false, losses)),
        ("accuracy", curves("accuracy, %", true, shares)),
        ("rate", curves("learning rate", false, rates)),
    ]
}

/// A column of the log: its picture's title, whether it rises in training, and its values.
type Column = (&'static str, &'static str, bool, fn(&EpochRow) -> Option<f64>);

/// The columns that are worth a picture, under their names in the log.
const COLUMNS: [Column; 4] = [
    ("train_loss", "training loss", false, |row| Some(row.train_loss)),
    ("train_top1", "top-1 on the training images as augmented, %", true, |row| {
        Some(percent(row.train_top1))
    }),
    ("val_loss", "validation loss", false, |row| row.val_loss),
    ("val_top1", "validation top-1, %", true, |row| row.val_top1.map(percent)),
];

/// The logs of several runs as pictures, a line a run: the names of files without ending, and what
/// they show. Columns of which no run has two values are left out.
pub fn run_curves(runs: &[(String, Vec<EpochRow>)]) -> Vec<(&'static str, Curves)> {
    let curves = COLUMNS.map(|(column, title, rising, value)| {
        let lines = runs.iter().map(|(name, rows)| Line::of(name, rows, value)).collect();
        (column, Curves { title: title.to_owned(), rising, lines })
    });
    let drawable = |curves: &Curves| curves.lines.iter().any(|line| line.points.len() > 1);
    curves.into_iter().filter(|(_, curves)| drawable(curves)).collect()
}

impl Picture for Curves {
    fn size(&self) -> (u32, u32) {
        (800, 480)
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Result<(), DrawError<B>> {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let across = span(points().map(|point| point.0));
        let up = span(points().map(|point| point.1));
        let frame = Frame { title: &self.title, across: "epoch", up: "", whole: true };
        let mut chart = chart(area, &frame, across, up)?;
        for (place, line) in self.lines.iter().enumerate() {
            let style = COLORS[place % COLORS.len()].stroke_width(2);
            let finite = line.points.iter().copied().filter(|point| point.1.is_finite());
            let dashed = place >= COLORS.len();
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
