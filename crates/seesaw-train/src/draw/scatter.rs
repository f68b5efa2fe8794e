//! Scores over costs, as the papers draw nets.

use plotters::{
    coord::Shift,
    prelude::{ChartBuilder, Circle, Cross, DrawingArea, DrawingBackend, SeriesLabelPosition},
    style::{BLACK, Color, RGBColor, WHITE},
};

use super::{
    DrawError, FONT, Picture,
    curves::{short_number, span},
};

/// Colours that differ for the colour-blind too (Okabe and Ito).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
];

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
        let scores = span(self.groups.iter().flat_map(|group| group.scores.iter().copied()));
        let mut chart = ChartBuilder::on(area)
            .caption(&self.title, (FONT, 20))
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(64)
            .build_cartesian_2d(costs, scores)?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .bold_line_style(BLACK.mix(0.12))
            .label_style((FONT, 14))
            .x_desc(&self.across)
            .y_desc(&self.up)
            .x_label_formatter(&|x| short_number(*x))
            .y_label_formatter(&|y| short_number(*y))
            .draw()?;
        for (group, colour) in self.groups.iter().zip(COLOURS.into_iter().cycle()) {
            let each = group.scores.iter().map(|score| (group.cost, *score));
            chart.draw_series(each.map(|at| Cross::new(at, 4, colour.stroke_width(2))))?;
            let mean = Circle::new((group.cost, group.mean()), 6, colour.mix(0.6).filled());
            chart
                .draw_series([mean])?
                .label(&group.name)
                .legend(move |(x, y)| Circle::new((x + 9, y), 5, colour.mix(0.6).filled()));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.2))
            .label_font((FONT, 14))
            .draw()
    }
}
