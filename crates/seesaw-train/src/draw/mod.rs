//! Pictures of a training, as SVG and PNG; no font of the system is needed.

mod chart;
mod curves;
mod matrix;
mod scatter;
mod sheet;
#[cfg(test)]
mod tests;

use std::{path::Path, sync::Once};

use plotters::{
    coord::Shift,
    prelude::{BitMapBackend, DrawingArea, DrawingBackend, IntoDrawingArea, SVGBackend},
    style::{FontStyle, WHITE, register_font},
};

use crate::{TrainError, run::replace};

pub use curves::{Curves, Line, run_curves, training_curves};
pub use matrix::Confusion;
pub use scatter::{Group, Scatter};
pub use sheet::{Tile, mistake_tiles, write_sheet};

/// The name of the built-in font.
pub(crate) const FONT: &str = "sans-serif";

/// Something that can be drawn.
pub trait Picture {
    /// Width and height in pixels.
    fn size(&self) -> (u32, u32);

    /// Draws it on a white area of that size.
    ///
    /// # Errors
    /// What the backend says.
    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Result<(), DrawError<B>>;
}

/// What can go wrong on a backend.
pub type DrawError<B> = plotters::drawing::DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>;

/// Makes the built-in font plotters' `sans-serif`.
///
/// It is a subset of Noto Sans (SIL Open Font License) with the letters of European languages.
pub fn use_built_in_font() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let font = include_bytes!("../../assets/plot.ttf");
        // A test makes sure that it is a font.
        let _ = register_font(FONT, FontStyle::Normal, font);
    });
}

/// Writes a picture as SVG or PNG, as the path ends.
///
/// # Errors
/// [`TrainError::Draw`] for another ending; when the file cannot be written.
pub fn write_picture(path: &Path, picture: &impl Picture) -> Result<(), TrainError> {
    use_built_in_font();
    let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
    match ending.to_str() {
        Some("svg") => replace(path, svg(picture)?.as_bytes()),
        Some("png") => {
            let (width, height) = picture.size();
            replace(path, &encode_png(width, height, &pixels(picture)?)?)
        }
        _ => {
            let what = format!("{} ends in neither .svg nor .png", path.display());
            Err(TrainError::Draw(what))
        }
    }
}

fn svg(picture: &impl Picture) -> Result<String, TrainError> {
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, picture.size()).into_drawing_area();
    finish(picture, &area)?;
    drop(area);
    Ok(text)
}

fn pixels(picture: &impl Picture) -> Result<Vec<u8>, TrainError> {
    let (width, height) = picture.size();
    let mut pixels = vec![0; 3 * width as usize * height as usize];
    let area = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
    finish(picture, &area)?;
    drop(area);
    Ok(pixels)
}

fn finish<B: DrawingBackend>(
    picture: &impl Picture,
    area: &DrawingArea<B, Shift>,
) -> Result<(), TrainError> {
    let draw = || {
        area.fill(&WHITE)?;
        picture.draw(area)?;
        area.present()
    };
    draw().map_err(|e| TrainError::Draw(e.to_string()))
}

/// RGB pixels as a PNG file.
fn encode_png(width: u32, height: u32, pixels: &[u8]) -> Result<Vec<u8>, TrainError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(pixels));
    written.map_err(|e| TrainError::Draw(e.to_string()))?;
    Ok(bytes)
}

/// The text, shortened where it has more than so many letters.
fn shortened(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(letters.saturating_sub(1)).collect();
    short.push('…');
    short
}
