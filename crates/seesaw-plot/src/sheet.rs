//! Photos side by side, each with a caption.

use plotters::{
    prelude::{BitMapBackend, IntoDrawingArea, Text},
    style::{BLACK, IntoFont, RED, TextStyle},
};

use super::{FONT, PlotError, encode_png, shortened, use_built_in_font};

/// Pixels of a photo's sides.
pub const TILE_SIDE: usize = 144;
/// Pixels between photos.
const GAP: usize = 8;
/// Pixels below a photo for two lines of text.
const CAPTION: usize = 36;
/// Photos in a row.
const COLUMNS: usize = 6;
/// The longest line that fits below a photo, in characters.
const LONGEST: usize = 28;

/// A photo of a sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    /// RGB pixels `[TILE_SIDE][TILE_SIDE][3]`; white where there are none.
    pub pixels: Option<Vec<u8>>,
    /// The first line below, in black, such as the true class.
    pub truth: String,
    /// The second line, in red, such as the predicted class.
    pub predicted: String,
}

/// Photos as a PNG file, six in a row.
///
/// # Errors
/// [`PlotError::Draw`] when a caption cannot be drawn.
///
/// # Panics
/// When a tile has another number of pixels.
pub fn sheet_png(tiles: &[Tile]) -> Result<Vec<u8>, PlotError> {
    use_built_in_font();
    let columns = tiles.len().clamp(1, COLUMNS);
    let rows = tiles.len().div_ceil(COLUMNS).max(1);
    let width = GAP + columns * (TILE_SIDE + GAP);
    let height = GAP + rows * (TILE_SIDE + CAPTION + GAP);
    let mut pixels = vec![255; 3 * width * height];
    for (number, tile) in tiles.iter().enumerate() {
        if let Some(photo) = &tile.pixels {
            paste(&mut pixels, width, corner(number), photo);
        }
    }
    let size = (width as u32, height as u32);
    draw_captions(&mut pixels, size, tiles)?;
    encode_png(size.0, size.1, &pixels)
}

/// Column and row of the upper left pixel of a photo.
fn corner(number: usize) -> (usize, usize) {
    let (column, row) = (number % COLUMNS, number / COLUMNS);
    (GAP + column * (TILE_SIDE + GAP), GAP + row * (TILE_SIDE + CAPTION + GAP))
}

fn draw_captions(pixels: &mut [u8], size: (u32, u32), tiles: &[Tile]) -> Result<(), PlotError> {
    let area = BitMapBackend::with_buffer(pixels, size).into_drawing_area();
    let write = |text: &str, (x, y): (usize, usize), style: TextStyle<'static>| {
        area.draw(&Text::new(shortened(text, LONGEST), (x as i32, y as i32), style))
            .map_err(|error| PlotError::draw(&error))
    };
    for (number, tile) in tiles.iter().enumerate() {
        let (x, y) = corner(number);
        let font = (FONT, 13).into_font();
        write(&tile.truth, (x, y + TILE_SIDE + 5), TextStyle::from(font.clone()).color(&BLACK))?;
        write(&tile.predicted, (x, y + TILE_SIDE + 20), TextStyle::from(font).color(&RED))?;
    }
    area.present().map_err(|error| PlotError::draw(&error))
}

/// Copies a photo into a sheet that is `width` pixels wide.
fn paste(sheet: &mut [u8], width: usize, (x, y): (usize, usize), photo: &[u8]) {
    assert_eq!(photo.len(), 3 * TILE_SIDE * TILE_SIDE, "RGB pixels of a tile");
    for (row, line) in photo.chunks_exact(3 * TILE_SIDE).enumerate() {
        let start = 3 * ((y + row) * width + x);
        sheet[start..start + line.len()].copy_from_slice(line);
    }
}
