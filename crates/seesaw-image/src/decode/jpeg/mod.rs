//! JPEG, with `zune-jpeg`, and with `jpeg-decoder` where that decodes wrongly or takes too much memory.
//! The markers are read first, to know what decoding will cost.

mod entropy;
mod outline;

use std::borrow::Cow;

use jpeg_decoder::{ColorTransform, PixelFormat};
use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
use zune_jpeg::{JpegDecoder, errors::DecodeErrors};

use super::{Budget, Decoded, Format, ImageError, exif};
use crate::RgbImage;
use outline::{Color, Outline};

/// The side of a block of coefficients.
const BLOCK: u64 = 8;

/// The most memory that decoding at full size takes. What takes more is decoded at a fraction, which
/// follows from the file and the needed side alone: everybody who decodes it gets the same pixels.
const FULL_SIZE_MEMORY: u64 = 160 << 20;

pub(super) fn decode(bytes: &[u8], budget: &Budget) -> Result<Decoded, ImageError> {
    let (bytes, outline) = repaired(bytes, budget)?;
    let orientation = outline.exif.clone().map_or(1, |block| exif::orientation(&bytes[block]));
    let (width, height) = (u32::from(outline.width), u32::from(outline.height));
    budget.admit(width, height, 0)?;
    let full_size = outline.peak_bytes() <= FULL_SIZE_MEMORY || !outline.keeps_coefficients;
    let image = if full_size && !is_misread(&outline) {
        budget.admit(width, height, 3)?;
        budget.admit_bytes(outline.peak_bytes())?;
        full(&bytes, &outline)?
    } else {
        let divisor = if full_size { 1 } else { divisor(&outline, budget.needed_side()) };
        budget.admit_bytes(outline.scaled_peak_bytes(divisor))?;
        if outline.color_is_plain() {
            scaled(&bytes, &outline, divisor)?
        } else {
            // Its color is known, and the decoder refuses markers that it does not know.
            let (copied, all) = (bytes.len() as u64, outline.scaled_peak_bytes(divisor));
            budget.admit_bytes(copied + all)?;
            scaled(&without_metadata(&bytes, &outline), &outline, divisor)?
        }
    };
    Ok(Decoded { orientation, ..Decoded::new(Format::Jpeg, Some(image), None)? })
}

/// The file with what decoders refuse mended, where nothing of the image is missing: bytes between the
/// segments, and the end mark.
fn repaired<'a>(bytes: &'a [u8], budget: &Budget) -> Result<(Cow<'a, [u8]>, Outline), ImageError> {
    let (outline, result) = Outline::read(bytes);
    let Err(error) = result else {
        if !outline.has_junk {
            return Ok((Cow::Borrowed(bytes), outline));
        }
        budget.admit_bytes(bytes.len() as u64)?;
        let joined: Vec<u8> =
            outline.parts.iter().flat_map(|part| &bytes[part.clone()]).copied().collect();
        return reread(joined);
    };
    if !matches!(error, ImageError::Truncated(_) | ImageError::Damaged { .. }) {
        return Err(error);
    }
    // Whatever follows the last block without an end mark, a video for example, may contain anything.
    budget.admit(outline.width.into(), outline.height.into(), 0)?;
    budget.admit_bytes(bytes.len() as u64)?;
    let Some(end) = entropy::end_of_image(bytes, &outline) else { return Err(error) };
    reread([&bytes[..end], &[0xFF, 0xD9]].concat())
}

fn without_metadata(bytes: &[u8], outline: &Outline) -> Vec<u8> {
    let is_metadata = |part: &[u8]| matches!(part, [0xFF, 0xE0..=0xEF, ..]);
    let parts = outline.parts.iter().map(|part| &bytes[part.clone()]);
    parts.filter(|part| !is_metadata(part)).flatten().copied().collect()
}

fn reread(bytes: Vec<u8>) -> Result<(Cow<'static, [u8]>, Outline), ImageError> {
    let (outline, result) = Outline::read(&bytes);
    result.map(|()| (Cow::Owned(bytes), outline))
}

/// Whether zune-jpeg 0.5.15 decodes this file to wrong colors: components one after the other in a file
/// that is not progressive, where rows of some are fewer (zune-image issues 419 and 422), and markers that
/// contradict each other.
fn is_misread(outline: &Outline) -> bool {
    let sequential_parts = outline.keeps_coefficients && !outline.progressive;
    sequential_parts && outline.max_factors() != (1, 1) || !outline.color_is_plain()
}

fn full(bytes: &[u8], outline: &Outline) -> Result<RgbImage, ImageError> {
    // Strict, because the lenient mode fills missing parts with gray.
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(outline.width.into())
        .set_max_height(outline.height.into())
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(convert)?;
    let found = decoder.info().map(|info| (info.width, info.height, info.components.into()));
    if found != Some((outline.width, outline.height, outline.components.len())) {
        return Err(damaged("its markers are ambiguous"));
    }
    let pixels = decoder.decode().map_err(convert)?;
    image(outline.width.into(), outline.height.into(), pixels)
}

/// The largest of 8, 4 and 2 that leaves the shorter side with at least `needed` pixels; 1 where none does.
fn divisor(outline: &Outline, needed: u32) -> u64 {
    let short = u64::from(outline.width.min(outline.height));
    [8, 4, 2].into_iter().find(|divisor| short / divisor >= u64::from(needed)).unwrap_or(1)
}

/// The image at 1/`divisor`: 1, 2, 4 or 8.
fn scaled(bytes: &[u8], outline: &Outline, divisor: u64) -> Result<RgbImage, ImageError> {
    let counted_differently =
        outline.components.len() > 1 && outline.keeps_coefficients && outline.blocks_differ();
    if counted_differently {
        return Err(ImageError::Unsupported("a JPEG with components of these sizes".into()));
    }
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    decoder.set_color_transform(match outline.color() {
        Color::Gray => ColorTransform::Grayscale,
        Color::YCbCr => ColorTransform::YCbCr,
        Color::Rgb => ColorTransform::RGB,
        Color::Cmyk => ColorTransform::CMYK,
        Color::Ycck => ColorTransform::YCCK,
    });
    let [width, height] =
        [outline.width, outline.height].map(|full| u64::from(full).div_ceil(divisor));
    let size = decoder.scale(width as u16, height as u16).map_err(convert_scaled)?;
    if (u64::from(size.0), u64::from(size.1)) != (width, height) {
        return Err(damaged("its markers are ambiguous"));
    }
    let samples = decoder.decode().map_err(convert_scaled)?;
    let samples = match decoder.info().map(|info| info.pixel_format) {
        Some(PixelFormat::RGB24) => samples,
        Some(PixelFormat::L8) => samples.iter().flat_map(|&gray| [gray; 3]).collect(),
        Some(PixelFormat::CMYK32) => {
            let (pixels, _) = samples.as_chunks::<4>();
            pixels.iter().flat_map(|&inks| super::cmyk(inks)).collect()
        }
        _ => return Err(damaged("its samples have an unknown format")),
    };
    image(width as u32, height as u32, samples)
}

fn image(width: u32, height: u32, pixels: Vec<u8>) -> Result<RgbImage, ImageError> {
    RgbImage::new(width, height, pixels).ok_or_else(|| damaged("it has no pixels"))
}

fn damaged(reason: &str) -> ImageError {
    ImageError::damaged(Format::Jpeg, reason)
}

fn convert_scaled(error: jpeg_decoder::Error) -> ImageError {
    match error {
        jpeg_decoder::Error::Io(_) => ImageError::Truncated(Format::Jpeg),
        jpeg_decoder::Error::Unsupported(what) => {
            ImageError::Unsupported(format!("a JPEG of this kind ({what:?})"))
        }
        error => ImageError::damaged(Format::Jpeg, error),
    }
}

fn convert(error: DecodeErrors) -> ImageError {
    match error {
        DecodeErrors::ExhaustedData | DecodeErrors::IoErrors(_) => {
            ImageError::Truncated(Format::Jpeg)
        }
        DecodeErrors::FormatStatic(reason) => ImageError::damaged(Format::Jpeg, reason),
        DecodeErrors::Format(reason) | DecodeErrors::HuffmanDecode(reason) => {
            ImageError::damaged(Format::Jpeg, reason.trim())
        }
        other => ImageError::damaged(Format::Jpeg, format!("{other:?}").trim()),
    }
}

#[cfg(test)]
mod tests;
