//! Charts as SVG and PNG, drawn from plain numbers; no system font is needed.
//!
//! | type | shows |
//! |---|---|
//! | [`Curves`] | lines over epochs |
//! | [`Scatter`] | scores over costs |
//! | [`Front`] | many scores over costs, and the best at each cost |
//! | [`Roofline`] | the speed of a net's layers under the limits of a processor |
//! | [`Confusion`] | which classes are taken for which |
//! | [`HeatMap`] | a photo, and beside it where something was seen in it |
//! | [`Tile`], [`sheet_png`] | photos side by side, each with a caption |
//!
//! ```
//! use seesaw_plot::{Curves, Format, Line, encode};
//!
//! let points = vec![(1.0, 2.3), (2.0, 1.1), (3.0, 0.7)];
//! let lines = vec![Line { name: "training".to_owned(), points }];
//! let curves = Curves { title: "loss".to_owned(), rising: false, lines };
//! let svg = encode(&curves, Format::Svg)?;
//! assert!(svg.starts_with(b"<svg"));
//! # Ok::<(), seesaw_plot::PlotError>(())
//! ```
#![forbid(unsafe_code)]

mod chart;
mod curves;
mod error;
mod front;
mod heat;
mod matrix;
mod palette;
mod roofline;
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

pub use curves::{Curves, Line};
pub use error::PlotError;
pub use front::Front;
pub use heat::HeatMap;
pub use matrix::Confusion;
pub use roofline::{Point, PointKind, Roofline};
pub use scatter::{Group, Scatter};
pub use sheet::{TILE_SIDE, Tile, sheet_png};

/// The name of the built-in font.
const FONT: &str = "sans-serif";

/// Something that can be drawn.
pub trait Picture {
    /// Width and height in pixels.
    fn size(&self) -> (u32, u32);

    /// Draws it on a white area of that size.
    ///
    /// # Errors
    /// What the backend reports.
    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Result<(), DrawError<B>>;
}

/// An error of a drawing backend.
pub type DrawError<B> = plotters::drawing::DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>;

/// A file format of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Vector graphics.
    Svg,
    /// RGB pixels, compressed without loss.
    Png,
}

impl Format {
    /// The format that the extension of `path` names, in upper or lower case.
    ///
    /// # Errors
    /// [`PlotError::Extension`] unless it is `.svg` or `.png`.
    pub fn from_path(path: &Path) -> Result<Self, PlotError> {
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        match extension.to_str() {
            Some("svg") => Ok(Self::Svg),
            Some("png") => Ok(Self::Png),
            _ => Err(PlotError::Extension { path: path.to_owned() }),
        }
    }
}

/// The contents of a file with the picture.
///
/// # Errors
/// [`PlotError::Draw`] when the picture cannot be drawn.
pub fn encode(picture: &impl Picture, format: Format) -> Result<Vec<u8>, PlotError> {
    use_built_in_font();
    match format {
        Format::Svg => Ok(svg(picture)?.into_bytes()),
        Format::Png => {
            let (width, height) = picture.size();
            encode_png(width, height, &pixels(picture)?)
        }
    }
}

/// Makes the built-in font plotters' `sans-serif`.
///
/// It is a subset of Noto Sans (SIL Open Font License) with the letters of European languages.
fn use_built_in_font() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let font = include_bytes!("../assets/plot.ttf");
        assert!(register_font(FONT, FontStyle::Normal, font).is_ok(), "the asset is a font");
    });
}

fn svg(picture: &impl Picture) -> Result<String, PlotError> {
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, picture.size()).into_drawing_area();
    draw_on_white(picture, &area)?;
    drop(area);
    Ok(text)
}

/// RGB, row by row.
fn pixels(picture: &impl Picture) -> Result<Vec<u8>, PlotError> {
    let (width, height) = picture.size();
    let mut pixels = vec![0; 3 * width as usize * height as usize];
    let area = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
    draw_on_white(picture, &area)?;
    drop(area);
    Ok(pixels)
}

fn draw_on_white<B: DrawingBackend>(
    picture: &impl Picture,
    area: &DrawingArea<B, Shift>,
) -> Result<(), PlotError> {
    let draw = || {
        area.fill(&WHITE)?;
        picture.draw(area)?;
        area.present()
    };
    draw().map_err(|error| PlotError::draw(&error))
}

/// RGB pixels as a PNG file.
fn encode_png(width: u32, height: u32, pixels: &[u8]) -> Result<Vec<u8>, PlotError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(pixels));
    written.map_err(|error| PlotError::draw(&error))?;
    Ok(bytes)
}

/// The text, shortened if it has more than `limit` characters.
fn shortened(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(limit.saturating_sub(1)).collect();
    short.push('…');
    short
}
