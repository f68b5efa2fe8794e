//! Many scores over costs, and those that nothing beats at their cost.

use plotters::{
    coord::Shift,
    prelude::{Circle, DrawingArea, DrawingBackend, LineSeries, PathElement, SeriesLabelPosition},
    style::Color,
};

use super::{
    DrawError, Picture,
    chart::{Frame, chart, label, legend, padded_range},
    palette::{NEUTRAL, PALETTE},
};

/// A cloud of scores over costs, with its Pareto front: the points that no cheaper one beats.
#[derive(Debug, Clone, PartialEq)]
pub struct Front {
    /// The caption.
    pub title: String,
    /// The cost and its unit, below the horizontal axis.
    pub x_label: String,
    /// The score and its unit, beside the vertical axis; more is better.
    pub y_label: String,
    /// Cost and score of each point without a name.
    pub points: Vec<(f64, f64)>,
    /// Points with a name, which belong to the front as well.
    pub named: Vec<(String, (f64, f64))>,
}

impl Front {
    /// The points that no point of the same or a lower cost beats, by their cost.
    fn front(&self) -> Vec<(f64, f64)> {
        let named = self.named.iter().map(|(_, point)| *point);
        let mut points: Vec<(f64, f64)> = self.points.iter().copied().chain(named).collect();
        points.retain(|(cost, score)| cost.is_finite() && score.is_finite());
        points.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
        let mut best = f64::NEG_INFINITY;
        points.retain(|(_, score)| {
            let beats = *score > best;
            best = best.max(*score);
            beats
        });
        points
    }
}

impl Picture for Front {
    fn size(&self) -> (u32, u32) {
        (800, 480)
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Result<(), DrawError<B>> {
        let named = || self.named.iter().map(|(_, point)| point);
        let all = || self.points.iter().chain(named());
        let costs = padded_range(all().map(|point| point.0));
        // Room for the legend.
        let x = costs.start..costs.end + 0.45 * (costs.end - costs.start);
        let y = padded_range(all().map(|point| point.1));
        let Self { title, x_label, y_label, .. } = self;
        let frame = Frame { title, x_label, y_label, whole_numbers: false };
        let mut chart = chart(area, &frame, x, y)?;
        // Between two points of the front, the cheaper one is the best.
        let front = self.front();
        let corners = front.windows(2).flat_map(|pair| [pair[0], (pair[1].0, pair[0].1)]);
        let steps: Vec<(f64, f64)> = corners.chain(front.last().copied()).collect();
        chart
            .draw_series(LineSeries::new(steps, NEUTRAL.stroke_width(2)))?
            .label(label("best at its cost"))
            .legend(|(x, y)| PathElement::new([(x, y), (x + 18, y)], NEUTRAL.stroke_width(2)));
        let points = self.points.iter().map(|at| Circle::new(*at, 4, NEUTRAL.mix(0.5).filled()));
        chart.draw_series(points)?;
        for ((name, at), color) in self.named.iter().zip(PALETTE.into_iter().cycle()) {
            chart
                .draw_series([Circle::new(*at, 6, color.mix(0.6).filled())])?
                .label(label(name))
                .legend(move |(x, y)| Circle::new((x + 9, y), 5, color.mix(0.6).filled()));
        }
        legend(&mut chart, SeriesLabelPosition::LowerRight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_is_what_nothing_cheaper_beats() {
        let front = Front {
            title: String::new(),
            x_label: String::new(),
            y_label: String::new(),
            points: vec![
                (3.0, 5.0),
                (1.0, 2.0),
                (2.0, 1.0),
                (1.0, 1.5),
                (4.0, 5.0),
                (f64::NAN, 9.0),
            ],
            named: vec![("n".to_owned(), (2.5, 3.0))],
        };
        assert_eq!(front.front(), [(1.0, 2.0), (2.5, 3.0), (3.0, 5.0)]);
    }
}
