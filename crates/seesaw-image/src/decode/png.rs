//! PNG, with the `png` crate.

use std::io::{Cursor, ErrorKind};

use png::{ColorType, Decoder, DecodingError, Transformations};

use super::{Budget, Decoded, Format, ImageError};
use crate::RgbImage;

/// Bytes that a row of samples and the metadata may take in addition to the image.
const METADATA_BYTES: usize = 8 << 20;

pub(super) fn decode(bytes: &[u8], budget: &Budget) -> Result<Decoded, ImageError> {
    let limits = png::Limits { bytes: METADATA_BYTES };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    // Text and color profiles are not needed here, and can unpack to far more than the file.
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let (width, height) = {
        let info = decoder.read_header_info().map_err(convert)?;
        // A transparent color or palette entry adds alpha; whether there is one is only known later.
        let gray = matches!(info.color_type, ColorType::Grayscale | ColorType::GrayscaleAlpha);
        budget.admit(info.width, info.height, if gray { 3 } else { 4 })?;
        (info.width, info.height)
    };

    let mut reader = decoder.read_info().map_err(convert)?;
    // The decoder panics on a palette that ends within an entry.
    if reader.info().palette.as_ref().is_some_and(|palette| palette.len() % 3 != 0) {
        return Err(ImageError::damaged(Format::Png, "its palette ends within a color"));
    }
    let pixels = width as usize * height as usize;
    let channels = reader.output_color_type().0.samples();
    let mut samples = vec![0; pixels * channels.max(3)];
    reader.next_frame(&mut samples[..pixels * channels]).map_err(convert)?;
    to_rgb(&mut samples, pixels, channels);
    // EXIF may follow the image. Damage there does not affect the image, which is complete.
    let _ = reader.finish();
    let exif = reader.info().exif_metadata.as_ref().map(|exif| exif.to_vec());
    Decoded::new(Format::Png, RgbImage::new(width, height, samples), exif)
}

/// Converts `pixels` pixels of this many channels at the start of `samples` to RGB, in place.
fn to_rgb(samples: &mut Vec<u8>, pixels: usize, channels: usize) {
    match channels {
        // Gray, with or without alpha, grows: from the end, so that nothing is overwritten early.
        1 | 2 => {
            for i in (0..pixels).rev() {
                let gray = samples[channels * i];
                samples[3 * i..3 * i + 3].fill(gray);
            }
        }
        4 => super::drop_alpha(samples),
        _ => {}
    }
}

fn convert(error: DecodingError) -> ImageError {
    match error {
        DecodingError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            ImageError::Truncated(Format::Png)
        }
        DecodingError::LimitsExceeded => {
            ImageError::damaged(Format::Png, "its metadata is out of proportion")
        }
        error => ImageError::damaged(Format::Png, error),
    }
}
