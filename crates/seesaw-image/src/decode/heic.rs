//! HEIC, with the `heifer` crate.

use heifer::{Error, Options, heifer_hevc_dec as hevc, heifer_isobmff as boxes};

use super::{Budget, Decoded, Format, ImageError};
use crate::RgbImage;

/// Peak bytes of memory per pixel: RGBA, and the planes or a turned copy.
const BYTES_PER_PIXEL: u64 = 8;

/// The primary image, upright: it is turned as the file says, and EXIF repeats that.
pub(super) fn decode(bytes: &[u8], budget: &Budget) -> Result<Decoded, ImageError> {
    let file = boxes::HeifFile::parse(bytes).map_err(|error| convert(error.into()))?;
    let size = file.image_size(file.primary_id).map_err(|error| convert(error.into()))?;
    let (width, height) = size.ok_or_else(|| damaged("its primary image has no size"))?;
    let pixels = budget.admit(width, height, BYTES_PER_PIXEL)?;
    // Tiles at the edge may reach beyond the image.
    let options = Options { max_threads: 1, max_pixels: pixels.max(1 << 20) };
    let image = heifer::decode_rgba8(bytes, &options).map_err(convert)?;
    let (width, height) = (image.width, image.height);
    budget.admit(width, height, BYTES_PER_PIXEL)?;
    Decoded::new(Format::Heic, RgbImage::new(width, height, image.into_rgb8()), None)
}

fn damaged(reason: &str) -> ImageError {
    ImageError::damaged(Format::Heic, reason)
}

fn convert(error: Error) -> ImageError {
    match error {
        Error::Container(boxes::Error::UnexpectedEof) | Error::Hevc(hevc::Error::UnexpectedEof) => {
            ImageError::Truncated(Format::Heic)
        }
        Error::Unsupported(what) => ImageError::Unsupported(format!("HEIC with {what}")),
        Error::Hevc(hevc::Error::Unimplemented(what)) => {
            ImageError::Unsupported(format!("HEIC with {what}"))
        }
        other => ImageError::damaged(Format::Heic, other),
    }
}
