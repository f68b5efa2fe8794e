//! Scores over costs, as the papers draw nets.

use plotters::{
    coord::Shift,
    prelude::{Circle, Cross, DrawingArea, DrawingBackend, SeriesLabelPosition},
    style::Color,
};

use super::{
    DrawError, Picture,
    chart::{COLORS, Frame, chart, label, legend, span},
};

/// Scores of things over what they cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Scatter {
    /// What stands above.
    pub title: String,
    /// What the scores cost, and its unit.
    pub across: String,
    /// What the scores are, and their unit.
    pub up: String,
    /// The things.
    pub groups: Vec<Group>,
}

/// A thing in a [`Scatter`]: a cross for each score, a disc for their mean.
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
        let costs = span(self.groups.iter().map(|group| group.cost));
        // Room for the legend, which would else hide what is dear and poor.
        let costs = costs.start..costs.end + 0.45 * (costs.end - costs.start);
        let scores = span(self.groups.iter().flat_map(|group| group.scores.iter().copied()));
        let frame = Frame { title: &self.title, across: &self.across, up: &self.up, whole: false };
        let mut chart = chart(area, &frame, costs, scores)?;
        for (group, color) in self.groups.iter().zip(COLORS.into_iter().cycle()) {
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
