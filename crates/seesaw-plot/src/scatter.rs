//! Scores over costs, as papers compare nets.

use plotters::{
    coord::Shift,
    prelude::{Circle, Cross, DrawingArea, DrawingBackend, SeriesLabelPosition},
    style::Color,
};

use super::{
    DrawError, Picture,
    chart::{Frame, chart, label, legend, padded_range},
    palette::PALETTE,
};

/// Scores of several things over what they cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Scatter {
    /// The caption.
    pub title: String,
    /// The cost and its unit, below the horizontal axis.
    pub x_label: String,
    /// The score and its unit, beside the vertical axis.
    pub y_label: String,
    /// What is compared.
    pub groups: Vec<Group>,
}

/// One thing in a [`Scatter`]: a cross for each score, a disc for their mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// What it costs.
    pub cost: f64,
    /// Its scores.
    pub scores: Vec<f64>,
}

impl Group {
    fn mean(&self) -> f64 {
        self.scores.iter().sum::<f64>() / self.scores.len() as f64
    }
}

impl Picture for Scatter {
    fn size(&self) -> (u32, u32) {
        (800, 480)
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Result<(), DrawError<B>> {
        let costs = padded_range(self.groups.iter().map(|group| group.cost));
        // Room for the legend, which would otherwise hide expensive things with low scores.
        let x = costs.start..costs.end + 0.45 * (costs.end - costs.start);
        let y = padded_range(self.groups.iter().flat_map(|group| group.scores.iter().copied()));
        let Self { title, x_label, y_label, .. } = self;
        let frame = Frame { title, x_label, y_label, whole_numbers: false };
        let mut chart = chart(area, &frame, x, y)?;
        for (group, color) in self.groups.iter().zip(PALETTE.into_iter().cycle()) {
            let each = group.scores.iter().map(|score| (group.cost, *score));
            chart.draw_series(each.map(|at| Cross::new(at, 4, color.stroke_width(2))))?;
            let mean = Circle::new((group.cost, group.mean()), 6, color.mix(0.6).filled());
            chart
                .draw_series([mean])?
                .label(label(&group.name))
                .legend(move |(x, y)| Circle::new((x + 9, y), 5, color.mix(0.6).filled()));
        }
        legend(&mut chart, SeriesLabelPosition::MiddleRight)
    }
}
