//! Which classes are taken for which.

use plotters::{
    coord::Shift,
    prelude::{DrawingArea, DrawingBackend, Rectangle, Text},
    style::{
        BLACK, Color, FontTransform, IntoFont, RGBColor, TextStyle, WHITE,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::{DrawError, FONT, Picture, shortened};

/// The most classes whose names are written.
const NAMED: usize = 60;
/// The most classes whose counts are written.
const COUNTED: usize = 24;
/// Pixels beside and above the cells, for names.
const MARGIN: i32 = 170;
/// The longest names that fit there.
const LETTERS: usize = 20;

/// A confusion matrix. A cell is the darker the larger its share of the row.
#[derive(Debug, Clone, Copy)]
pub struct Confusion<'a> {
    /// `[classes, classes]`, as [`Evaluation::confusion`](crate::metrics::Evaluation::confusion).
    pub counts: &'a [u32],
    /// A name a class.
    pub names: &'a [String],
}

impl Confusion<'_> {
    /// Pixels of a cell's sides.
    fn cell(&self) -> i32 {
        (1_000 / self.names.len().max(1)).clamp(2, 48) as i32
    }

    fn count(&self, row: usize, column: usize) -> u32 {
        self.counts.get(row * self.names.len() + column).copied().unwrap_or(0)
    }
}

impl Picture for Confusion<'_> {
    fn size(&self) -> (u32, u32) {
        let side = (MARGIN + 16 + self.cell() * self.names.len() as i32) as u32;
        (side, side)
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Result<(), DrawError<B>> {
        let (classes, cell) = (self.names.len(), self.cell());
        let at = |place: usize| MARGIN + cell * place as i32;
        let letters = f64::from(cell).min(22.0) * 0.62;
        for row in 0..classes {
            let total = (0..classes).map(|column| self.count(row, column)).sum::<u32>().max(1);
            for column in 0..classes {
                let count = self.count(row, column);
                let share = f64::from(count) / f64::from(total);
                let corners = [(at(column), at(row)), (at(column) + cell, at(row) + cell)];
                area.draw(&Rectangle::new(corners, shade(row == column, share).filled()))?;
                if classes <= COUNTED && count > 0 {
                    let ink = if share > 0.5 { &WHITE } else { &BLACK };
                    let style = TextStyle::from((FONT, letters).into_font()).color(ink);
                    let style = style.pos(Pos::new(HPos::Center, VPos::Center));
                    let middle = (at(column) + cell / 2, at(row) + cell / 2);
                    area.draw(&Text::new(count.to_string(), middle, style))?;
                }
            }
        }
        let corners = [(MARGIN, MARGIN), (at(classes), at(classes))];
        area.draw(&Rectangle::new(corners, BLACK.mix(0.4)))?;
        self.draw_names(area, letters)
    }
}

impl Confusion<'_> {
    fn draw_names<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        letters: f64,
    ) -> Result<(), DrawError<B>> {
        let font = (FONT, letters.max(9.0)).into_font();
        let rows = TextStyle::from(font.clone()).pos(Pos::new(HPos::Right, VPos::Center));
        let columns = TextStyle::from(font.transform(FontTransform::Rotate270))
            .pos(Pos::new(HPos::Left, VPos::Center));
        let title = TextStyle::from((FONT, 13).into_font());
        area.draw(&Text::new("rows: truth", (8, 8), title.clone()))?;
        area.draw(&Text::new("columns: the net", (8, 26), title))?;
        if self.names.len() > NAMED {
            return Ok(());
        }
        for (place, name) in self.names.iter().enumerate() {
            let middle = MARGIN + self.cell() * place as i32 + self.cell() / 2;
            let name = shortened(name, LETTERS);
            area.draw(&Text::new(name.clone(), (MARGIN - 6, middle), rows.clone()))?;
            area.draw(&Text::new(name, (middle, MARGIN - 6), columns.clone()))?;
        }
        Ok(())
    }
}

/// White to blue for what is right, white to red for what is not.
fn shade(right: bool, share: f64) -> RGBColor {
    let full = if right { [0.0, 90.0, 160.0] } else { [200.0, 60.0, 0.0] };
    let [r, g, b] = full.map(|c| (255.0 + (c - 255.0) * share.clamp(0.0, 1.0)).round() as u8);
    RGBColor(r, g, b)
}
