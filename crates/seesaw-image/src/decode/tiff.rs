//! The first page of a TIFF, with the `tiff` crate. Its JPEG compression is left out: there the crate
//! neither limits memory nor reports missing parts.

use std::{
    borrow::Cow,
    io::{Cursor, ErrorKind},
};

use tiff::{
    ColorType, TiffError,
    decoder::{Decoder, DecodingResult, Limits},
    tags::Tag,
};

use super::{Budget, Decoded, Format, ImageError, exif};
use crate::RgbImage;

/// The longest list of numbers in a directory: strips, tiles and the palette.
const DIRECTORY_BYTES: usize = 8 << 20;

/// Values of tag 262.
const PHOTOMETRIC: u16 = 262;
const BLACK_IS_ZERO: u16 = 1;
const PALETTE: u16 = 3;

type Reader<'a> = Decoder<Cursor<Cow<'a, [u8]>>>;

pub(super) fn decode(bytes: &[u8], budget: &Budget) -> Result<Decoded, ImageError> {
    // The crate does not decode palettes, but their indices have the layout of gray samples.
    let indexed = exif::first_directory(bytes, PHOTOMETRIC) == Some(PALETTE);
    let bytes = if indexed {
        budget.admit_bytes(bytes.len() as u64)?;
        Cow::Owned(exif::with_first_directory(bytes, PHOTOMETRIC, BLACK_IS_ZERO))
    } else {
        Cow::Borrowed(bytes)
    };
    let copied = if indexed { bytes.len() as u64 } else { 0 };
    let mut limits = Limits::default();
    limits.decoding_buffer_size = DIRECTORY_BYTES;
    limits.ifd_value_size = DIRECTORY_BYTES;
    let mut reader = Decoder::new(Cursor::new(bytes)).map_err(convert)?.with_limits(limits.clone());
    let (width, height) = reader.dimensions().map_err(convert)?;
    let color = reader.colortype().map_err(convert)?;
    let (channels, bits) = (u64::from(color.num_samples()), u64::from(color.bit_depth()));
    // Samples that do not fill a byte are unpacked to one byte each.
    let pixels = budget.admit(width, height, 3 + channels * bits.div_ceil(8))?;
    let stored = pixels * channels * bits.div_ceil(8);
    budget.admit_bytes(copied + 3 * pixels + stored)?;
    // The palette's limit too.
    limits.decoding_buffer_size = (stored as usize).max(DIRECTORY_BYTES);
    limits.intermediate_buffer_size = stored as usize + DIRECTORY_BYTES;
    reader = reader.with_limits(limits);
    if channels > 1 && tag(&mut reader, Tag::PlanarConfiguration)? == Some(2) {
        return Err(unsupported("a TIFF with its colors in separate planes"));
    }
    if channels > 1 && bits < 8 {
        return Err(unsupported(&format!("a TIFF of {channels} samples of {bits} bits")));
    }
    let orientation = tag(&mut reader, Tag::Orientation)?.unwrap_or(1);
    let palette = if indexed { Some(palette(&mut reader, bits)?) } else { None };

    let samples = eight_bits(reader.read_image().map_err(convert)?, palette.is_some())?;
    drop(reader);
    let samples = if bits < 8 {
        unpack(&samples, width as usize, bits as u32, palette.is_none())
    } else {
        samples
    };
    let samples = match palette {
        Some(palette) => super::look_up(&samples, &palette),
        None => to_rgb(samples, color)?,
    };
    let image = RgbImage::new(width, height, samples);
    Ok(Decoded { orientation, ..Decoded::new(Format::Tiff, image, None)? })
}

/// A tag's number, where the tag is there.
fn tag(reader: &mut Reader, tag: Tag) -> Result<Option<u16>, ImageError> {
    reader.find_tag_unsigned(tag).map_err(convert)
}

/// The colors of a palette: all red samples, then all green, then all blue, 16 bits each.
fn palette(reader: &mut Reader, bits: u64) -> Result<Vec<u8>, ImageError> {
    let planes = reader.get_tag_u16_vec(Tag::ColorMap).map_err(convert)?;
    let colors = 1 << bits.min(16);
    if bits > 8 || planes.len() != 3 * colors {
        return Err(damaged("its palette has the wrong length"));
    }
    let color = |i: usize| [planes[i], planes[colors + i], planes[2 * colors + i]];
    Ok((0..colors).flat_map(color).map(|sample| (sample >> 8) as u8).collect())
}

/// Samples of 8 bits, the high byte of those of 16.
fn eight_bits(samples: DecodingResult, indexed: bool) -> Result<Vec<u8>, ImageError> {
    match samples {
        DecodingResult::U8(samples) => Ok(samples),
        DecodingResult::U16(samples) if !indexed => {
            Ok(samples.into_iter().map(|sample| (sample >> 8) as u8).collect())
        }
        _ => Err(unsupported("a TIFF whose samples are not whole numbers of up to 16 bits")),
    }
}

/// Samples of 1, 2 or 4 bits, in rows that end with a byte; scaled to 255 where they are `gray`.
fn unpack(packed: &[u8], width: usize, bits: u32, gray: bool) -> Vec<u8> {
    let per_byte = 8 / bits as usize;
    let largest = 0xFF >> (8 - bits);
    let scale = if gray { 255 / largest } else { 1 };
    let sample = |row: &[u8], x: usize| {
        let shift = 8 - bits as usize * (x % per_byte + 1);
        (row[x / per_byte] >> shift & largest) * scale
    };
    let rows = packed.chunks_exact(width.div_ceil(per_byte));
    rows.flat_map(|row| (0..width).map(move |x| sample(row, x))).collect()
}

fn to_rgb(samples: Vec<u8>, color: ColorType) -> Result<Vec<u8>, ImageError> {
    let each = |channels: usize, rgb: fn(&[u8]) -> [u8; 3]| {
        samples.chunks_exact(channels).flat_map(rgb).collect()
    };
    match color {
        ColorType::RGB(_) => Ok(samples),
        ColorType::RGBA(_) => Ok(each(4, |pixel| [pixel[0], pixel[1], pixel[2]])),
        ColorType::Gray(_) => Ok(each(1, |pixel| [pixel[0]; 3])),
        // Gray and alpha.
        ColorType::Multiband { num_samples: 2, .. } => Ok(each(2, |pixel| [pixel[0]; 3])),
        ColorType::CMYK(_) => {
            Ok(each(4, |pixel| super::cmyk([pixel[0], pixel[1], pixel[2], pixel[3]])))
        }
        ColorType::CMYKA(_) => {
            Ok(each(5, |pixel| super::cmyk([pixel[0], pixel[1], pixel[2], pixel[3]])))
        }
        _ => Err(unsupported(&format!("a TIFF of the color type {color:?}"))),
    }
}

fn unsupported(what: &str) -> ImageError {
    ImageError::Unsupported(what.into())
}

fn damaged(reason: &str) -> ImageError {
    ImageError::damaged(Format::Tiff, reason)
}

fn convert(error: TiffError) -> ImageError {
    match error {
        TiffError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            ImageError::Truncated(Format::Tiff)
        }
        TiffError::UnsupportedError(what) => unsupported(&format!("this kind of TIFF ({what})")),
        TiffError::LimitsExceeded => damaged("its strips or tiles are out of proportion"),
        error => ImageError::damaged(Format::Tiff, error),
    }
}
