//! Confusion matrices.

use plotters::{
    coord::Shift,
    prelude::{DrawingArea, DrawingBackend, Rectangle, Text},
    style::{
        BLACK, Color, FontTransform, IntoFont, RGBColor, TextStyle, WHITE,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::{DrawError, FONT, Picture, shortened};

/// The most classes whose names are drawn.
const NAMED: usize = 60;
/// The most classes whose counts are drawn.
const COUNTED: usize = 24;
/// Pixels to the left of the cells and above them, for names.
const MARGIN: i32 = 170;
/// The longest name that fits there, in characters.
const LONGEST: usize = 20;

/// A confusion matrix. The larger a cell's share of its row, the darker the cell.
///
/// Drawing it panics unless `counts` has a row and a column for each name.
#[derive(Debug, Clone, Copy)]
pub struct Confusion<'a> {
    /// `[classes][classes]`: how many images of the row's class were predicted as the column's.
    pub counts: &'a [u32],
    /// A name for each class.
    pub names: &'a [String],
}

impl Confusion<'_> {
    /// Side of a cell, in pixels.
    fn cell(&self) -> i32 {
        (1_000 / self.names.len().max(1)).clamp(2, 48) as i32
    }

    fn count(&self, row: usize, column: usize) -> u32 {
        self.counts[row * self.names.len() + column]
    }
}

impl Picture for Confusion<'_> {
    fn size(&self) -> (u32, u32) {
        let side = (MARGIN + 16 + self.cell() * self.names.len() as i32) as u32;
        (side, side)
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Result<(), DrawError<B>> {
        let (classes, cell) = (self.names.len(), self.cell());
        let at = |number: usize| MARGIN + cell * number as i32;
        let font_size = f64::from(cell).min(22.0) * 0.62;
        for row in 0..classes {
            let total = (0..classes).map(|column| self.count(row, column)).sum::<u32>().max(1);
            for column in 0..classes {
                let count = self.count(row, column);
                let share = f64::from(count) / f64::from(total);
                let corners = [(at(column), at(row)), (at(column) + cell, at(row) + cell)];
                area.draw(&Rectangle::new(corners, shade(row == column, share).filled()))?;
                if classes <= COUNTED && count > 0 {
                    let ink = if share > 0.5 { &WHITE } else { &BLACK };
                    let style = TextStyle::from((FONT, font_size).into_font()).color(ink);
                    let style = style.pos(Pos::new(HPos::Center, VPos::Center));
                    let middle = (at(column) + cell / 2, at(row) + cell / 2);
                    area.draw(&Text::new(count.to_string(), middle, style))?;
                }
            }
        }
        let corners = [(MARGIN, MARGIN), (at(classes), at(classes))];
        area.draw(&Rectangle::new(corners, BLACK.mix(0.4)))?;
        self.draw_names(area, font_size)
    }
}

impl Confusion<'_> {
    fn draw_names<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        font_size: f64,
    ) -> Result<(), DrawError<B>> {
        let font = (FONT, font_size.max(9.0)).into_font();
        let rows = TextStyle::from(font.clone()).pos(Pos::new(HPos::Right, VPos::Center));
        let columns = TextStyle::from(font.transform(FontTransform::Rotate270))
            .pos(Pos::new(HPos::Left, VPos::Center));
        let title = TextStyle::from((FONT, 13).into_font());
        area.draw(&Text::new("rows: truth", (8, 8), title.clone()))?;
        area.draw(&Text::new("columns: the net", (8, 26), title))?;
        if self.names.len() > NAMED {
            return Ok(());
        }
        for (number, name) in self.names.iter().enumerate() {
            let middle = MARGIN + self.cell() * number as i32 + self.cell() / 2;
            let name = shortened(name, LONGEST);
            area.draw(&Text::new(name.clone(), (MARGIN - 6, middle), rows.clone()))?;
            area.draw(&Text::new(name, (middle, MARGIN - 6), columns.clone()))?;
        }
        Ok(())
    }
}

/// White to blue for what is correct, white to red for what is not.
fn shade(correct: bool, share: f64) -> RGBColor {
    let full = if correct { [0.0, 90.0, 160.0] } else { [200.0, 60.0, 0.0] };
    let [r, g, b] = full.map(|c| (255.0 + (c - 255.0) * share.clamp(0.0, 1.0)).round() as u8);
    RGBColor(r, g, b)
}
