//! Photos side by side, with a few words below each.

use std::path::Path;

use plotters::{
    prelude::{BitMapBackend, IntoDrawingArea, Text},
    style::{BLACK, IntoFont, RED, TextStyle},
};
use seesaw_data::Dataset;
use seesaw_image::{RgbImage, resize::resize_and_crop};

use super::{FONT, encode_png, shortened, use_built_in_font};
use crate::{TrainError, metrics::Mistake, run::replace};

/// Pixels of a photo's sides.
const SIDE: usize = 144;
/// Pixels between photos.
const GAP: usize = 8;
/// Pixels below a photo for two lines.
const CAPTION: usize = 36;
/// Photos beside each other.
const COLUMNS: usize = 6;
/// The longest line that fits below a photo.
const LETTERS: usize = 28;

/// A photo of a sheet.
#[derive(Debug, Clone)]
pub struct Tile {
    /// The photo, of any size; its center is shown.
    pub photo: RgbImage,
    /// The first line below, such as the true class.
    pub truth: String,
    /// The second line, in red, such as what the net saw.
    pub predicted: String,
}

/// The photos of mistakes, with what they show and what the net saw.
///
/// # Errors
/// When a photo cannot be had.
pub fn mistake_tiles(
    dataset: &Dataset,
    mistakes: &[Mistake],
    names: &[String],
) -> Result<Vec<Tile>, TrainError> {
    let name = |class: u32| names.get(class as usize).map_or("?", String::as_str);
    let tile = |mistake: &Mistake| {
        Ok(Tile {
            photo: dataset.image(mistake.index as usize)?.into_owned(),
            truth: name(mistake.truth).to_owned(),
            predicted: format!("{:.0} % {}", 100.0 * mistake.probability, name(mistake.predicted)),
        })
    };
    mistakes.iter().map(tile).collect()
}

/// Writes photos as a PNG sheet.
///
/// # Errors
/// When the file cannot be written.
pub fn write_sheet(path: &Path, tiles: &[Tile]) -> Result<(), TrainError> {
    use_built_in_font();
    let columns = tiles.len().clamp(1, COLUMNS);
    let rows = tiles.len().div_ceil(COLUMNS).max(1);
    let (width, height) = (GAP + columns * (SIDE + GAP), GAP + rows * (SIDE + CAPTION + GAP));
    let mut pixels = vec![255; 3 * width * height];
    let corner = |place: usize| {
        let (column, row) = (place % COLUMNS, place / COLUMNS);
        (GAP + column * (SIDE + GAP), GAP + row * (SIDE + CAPTION + GAP))
    };
    for (place, tile) in tiles.iter().enumerate() {
        paste(&mut pixels, width, corner(place), &tile.photo);
    }
    let size = (width as u32, height as u32);
    let area = BitMapBackend::with_buffer(&mut pixels, size).into_drawing_area();
    let write = |text: &str, (x, y): (usize, usize), style: TextStyle<'static>| {
        area.draw(&Text::new(shortened(text, LETTERS), (x as i32, y as i32), style))
            .map_err(|e| TrainError::Draw(e.to_string()))
    };
    for (place, tile) in tiles.iter().enumerate() {
        let (x, y) = corner(place);
        let font = (FONT, 13).into_font();
        write(&tile.truth, (x, y + SIDE + 5), TextStyle::from(font.clone()).color(&BLACK))?;
        write(&tile.predicted, (x, y + SIDE + 20), TextStyle::from(font).color(&RED))?;
    }
    area.present().map_err(|e| TrainError::Draw(e.to_string()))?;
    drop(area);
    replace(path, &encode_png(size.0, size.1, &pixels)?)
}

fn paste(pixels: &mut [u8], width: usize, (x, y): (usize, usize), photo: &RgbImage) {
    // A photo that cannot be scaled leaves its place white.
    let Some(photo) = resize_and_crop(photo, SIDE as u32, SIDE as u32) else { return };
    for (row, line) in photo.pixels().chunks_exact(3 * SIDE).enumerate() {
        let start = 3 * ((y + row) * width + x);
        pixels[start..start + line.len()].copy_from_slice(line);
    }
}
