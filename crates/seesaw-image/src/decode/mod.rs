//! Decoding photos from bytes or files: JPEG, PNG, WebP and BMP to 8-bit RGB.
//!
//! The format is recognized from the content, never from the name. The pixels are what Pillow's
//! `ImageOps.exif_transpose(Image.open(path)).convert("RGB")` gives: the EXIF orientation is
//! applied, alpha is dropped, gray is repeated, palettes are looked up, CMYK and YCCK follow Adobe's
//! inverted convention, and 16-bit samples keep their high byte (gray ones too, which Pillow turns
//! white). JPEG samples can differ from Pillow's by rounding, usually by 1 or 2 of 255.
//!
//! Every size is checked against [`Limits`] before memory is allocated for it.

mod bmp;
mod error;
mod exif;
mod jpeg;
mod limits;
mod png;
mod webp;

use std::{fmt, fs::File, io::Read, panic, path::Path};

pub use error::{ImageError, Quantity};
pub use limits::Limits;

use crate::RgbImage;
use limits::Budget;

/// A supported image format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Baseline and progressive, gray, YCbCr, RGB, CMYK, YCCK, 8 bits a sample.
    Jpeg,
    /// All color types and bit depths; of an animation, the default image.
    Png,
    /// Lossy and lossless, with or without alpha; no animations.
    WebP,
    /// 1, 4, 8, 16, 24 and 32 bits a pixel, run-length encoded or not.
    Bmp,
}

impl Format {
    /// The format that `bytes` begin with.
    ///
    /// # Errors
    /// [`ImageError::Empty`], [`ImageError::Unsupported`] for other well-known formats, and
    /// [`ImageError::NotAnImage`] for anything else.
    pub fn detect(bytes: &[u8]) -> Result<Self, ImageError> {
        let four_at = |at: usize| bytes.get(at..at + 4).unwrap_or_default();
        match bytes {
            [] => Err(ImageError::Empty),
            [0xFF, 0xD8, 0xFF, ..] => Ok(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Ok(Self::Png),
            [b'R', b'I', b'F', b'F', ..] if four_at(8) == b"WEBP" => Ok(Self::WebP),
            // A BMP's header size is small; text that begins with "BM" has letters there.
            [b'B', b'M', ..] if matches!(four_at(14), [12..=124, 0, 0, 0]) => Ok(Self::Bmp),
            [b'G', b'I', b'F', b'8', ..] => Err(ImageError::Unsupported("GIF".into())),
            [b'I', b'I', b'*', 0, ..] | [b'M', b'M', 0, b'*', ..] => {
                Err(ImageError::Unsupported("TIFF".into()))
            }
            [0xFF, 0x0A, ..] => Err(ImageError::Unsupported("JPEG XL".into())),
            _ if four_at(4) == b"JXL " => Err(ImageError::Unsupported("JPEG XL".into())),
            _ if four_at(4) == b"ftyp" => {
                Err(ImageError::Unsupported("HEIC, AVIF or video".into()))
            }
            _ => Err(ImageError::NotAnImage),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Bmp => "BMP",
        })
    }
}

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
    };
    // The decoders are large and not ours: one bad photo in a million must not end the program.
    let Decoded { mut image, exif } =
        panic::catch_unwind(run).unwrap_or_else(|_| Err(ImageError::damaged(format, GAVE_UP)))?;
    let orientation = exif.as_deref().map_or(1, exif::orientation);
    if exif::transposes(orientation) {
        budget.admit_bytes(2 * image.pixels().len() as u64)?;
    }
    exif::upright(&mut image, orientation);
    Ok(image)
}

/// The reason given for a decoder's panic.
const GAVE_UP: &str = "the decoder gave up";

/// A decoder's result: the image as stored, and its EXIF block.
struct Decoded {
    image: RgbImage,
    exif: Option<Vec<u8>>,
}

impl Decoded {
    /// The result for `image`, which is `None` where the file has no pixels.
    fn new(
        format: Format,
        image: Option<RgbImage>,
        exif: Option<Vec<u8>>,
    ) -> Result<Self, ImageError> {
        let image = image.ok_or_else(|| ImageError::damaged(format, "it has no pixels"))?;
        Ok(Self { image, exif })
    }
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
