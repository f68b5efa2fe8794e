//! Decoding photos from bytes or files: JPEG, PNG, WebP, HEIC, GIF, TIFF, BMP and Netpbm to 8-bit RGB.
//!
//! The format is recognized from the content, never from the name. The pixels are what Pillow's
//! `ImageOps.exif_transpose(Image.open(path)).convert("RGB")` gives: the EXIF orientation is
//! applied, alpha is dropped, gray is repeated, palettes are looked up, CMYK and YCCK follow Adobe's
//! inverted convention, and 16-bit samples keep their high byte (gray ones too, which Pillow turns
//! white). JPEG samples can differ from Pillow's by rounding, usually by 1 or 2 of 255; very large
//! ones are decoded [at a fraction of their size](Limits). Of an animation, the first frame is read.
//!
//! A file whose picture is whole is read, also where a checksum or the end is missing or bytes are in
//! between; a part of a picture is an error.
//!
//! Every size is checked against [`Limits`] before memory is allocated for it.

mod bmp;
mod error;
mod exif;
mod format;
mod gif;
mod heic;
mod jpeg;
mod limits;
mod png;
mod pnm;
mod tiff;
mod webp;

use std::{fs::File, io::Read, panic, path::Path};

pub use error::{ImageError, Quantity};
pub use format::Format;
pub use limits::Limits;

use crate::RgbImage;
use limits::Budget;

/// Reads and decodes the image at `path`, upright.
///
/// # Errors
/// As [`decode`], and [`ImageError::Io`]. Errors do not contain the path.
pub fn open(path: impl AsRef<Path>, limits: &Limits) -> Result<RgbImage, ImageError> {
    decode(&read(path.as_ref(), limits)?, limits)
}

/// Decodes the image that `bytes` hold, upright.
///
/// # Errors
/// [`ImageError`], except for [`ImageError::Io`]. Data that ends early is [`ImageError::Truncated`],
/// not an image whose rest is gray; as in Pillow, only a truncated JPEG to which an end marker was
/// added passes.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<RgbImage, ImageError> {
    ImageError::check(Quantity::FileBytes, bytes.len() as u64, limits.file_bytes)?;
    let format = Format::detect(bytes)?;
    let budget = Budget::new(limits, bytes.len());
    let run = || match format {
        Format::Jpeg => jpeg::decode(bytes, &budget),
        Format::Png => png::decode(bytes, &budget),
        Format::WebP => webp::decode(bytes, &budget),
        Format::Bmp => bmp::decode(bytes, &budget),
        Format::Gif => gif::decode(bytes, &budget),
        Format::Tiff => tiff::decode(bytes, &budget),
        Format::Pnm => pnm::decode(bytes, &budget),
        Format::Heic => heic::decode(bytes, &budget),
    };
    // The decoders are large and not ours: one bad photo in a million must not end the program.
    let Decoded { mut image, orientation } =
        panic::catch_unwind(run).unwrap_or_else(|_| Err(ImageError::damaged(format, GAVE_UP)))?;
    let two_fit = budget.admit_bytes(2 * image.pixels().len() as u64).is_ok();
    exif::upright(&mut image, orientation, !two_fit);
    Ok(image)
}

/// The reason given for a decoder's panic.
const GAVE_UP: &str = "the decoder gave up";

/// A decoder's result: the image as stored.
struct Decoded {
    image: RgbImage,
    /// The EXIF orientation, 1 to 8.
    orientation: u16,
}

impl Decoded {
    /// The result for `image`, which is `None` where the file has no pixels, and its EXIF block.
    fn new(
        format: Format,
        image: Option<RgbImage>,
        exif: Option<&[u8]>,
    ) -> Result<Self, ImageError> {
        let image = image.ok_or_else(|| ImageError::damaged(format, "it has no pixels"))?;
        Ok(Self { image, orientation: exif.map_or(1, exif::orientation) })
    }
}

/// The RGB colors of indices into a palette; black where the palette is too short, as in Pillow.
fn look_up(indices: &[u8], palette: &[u8]) -> Vec<u8> {
    let (colors, _) = palette.as_chunks::<3>();
    let color = |&index: &u8| colors.get(usize::from(index)).copied().unwrap_or_default();
    indices.iter().flat_map(color).collect()
}

/// RGB of an amount of ink each of cyan, magenta, yellow and black, as Pillow converts it.
fn cmyk([c, m, y, k]: [u8; 4]) -> [u8; 3] {
    let light = u32::from(255 - k);
    [c, m, y].map(|ink| {
        // Divided by 255 and rounded.
        let product = u32::from(ink) * light + 128;
        (light - (((product >> 8) + product) >> 8).min(light)) as u8
    })
}

/// Converts RGBA to RGB in place.
fn drop_alpha(samples: &mut Vec<u8>) {
    let pixels = samples.len() / 4;
    for i in 0..pixels {
        samples.copy_within(4 * i..4 * i + 3, 3 * i);
    }
    samples.truncate(3 * pixels);
    samples.shrink_to_fit();
}

/// Reads a file of limited size. The limit also holds for devices and for files that grow.
///
/// # Errors
/// [`ImageError::Io`] and [`ImageError::TooLarge`].
pub fn read(path: &Path, limits: &Limits) -> Result<Vec<u8>, ImageError> {
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    ImageError::check(Quantity::FileBytes, len, limits.file_bytes)?;
    let mut bytes = Vec::with_capacity(usize::try_from(len).map_or(0, |len| len + 1));
    file.take(limits.file_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
