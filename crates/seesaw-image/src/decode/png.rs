//! PNG, with the `png` crate.

use std::{
    collections::VecDeque,
    io::{self, Cursor, ErrorKind, Read},
    ops::Range,
};

use flate2::read::ZlibDecoder;
use png::{ColorType, DecodeOptions, Decoder, DecodingError, Transformations};

use super::{Budget, Decoded, Format, ImageError};
use crate::RgbImage;

/// Bytes that a row of samples and the metadata may take in addition to the image.
const METADATA_BYTES: usize = 8 << 20;

pub(super) fn decode(bytes: &[u8], budget: &Budget) -> Result<Decoded, ImageError> {
    let first = read(bytes, budget);
    let wrong = match &first {
        // Also where the data end within the image: then the second try fails too.
        Err(ImageError::Truncated(_) | ImageError::Damaged { .. }) => Repair::of(bytes),
        _ => None,
    };
    let Some(repair) = wrong else { return first };
    budget.admit_bytes(repair.bytes.len() as u64)?;
    // A wrong checksum of the stored bytes alone does not say that the image is wrong: its own checksum,
    // of the unpacked bytes, decides.
    if repair.checksums_differ && !repair.image_is_right(budget) {
        return first;
    }
    read(&repair.bytes, budget).or(first)
}

fn read(bytes: &[u8], budget: &Budget) -> Result<Decoded, ImageError> {
    let mut options = DecodeOptions::default();
    // Text and color profiles are not needed here, and can unpack to far more than the file.
    options.set_ignore_text_chunk(true);
    options.set_ignore_iccp_chunk(true);
    let mut decoder = Decoder::new_with_options(Cursor::new(bytes), options);
    decoder.set_limits(png::Limits { bytes: METADATA_BYTES });
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
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
    let exif = reader.info().exif_metadata.as_deref();
    Decoded::new(Format::Png, RgbImage::new(width, height, samples), exif)
}

/// A file whose image may be whole although its chunks are not: the chunks that matter, with right
/// checksums and an end.
struct Repair {
    bytes: Vec<u8>,
    /// The contents of the chunks of image data, in the repaired file.
    data: Vec<Range<usize>>,
    /// Whether the checksum of a chunk of image data was wrong.
    checksums_differ: bool,
}

impl Repair {
    /// `None` where nothing can be repaired: all is right, or the header or the palette is damaged, which
    /// nothing else would show.
    fn of(bytes: &[u8]) -> Option<Self> {
        const SIGNATURE_LEN: usize = 8;
        let before = bytes.get(..SIGNATURE_LEN)?.to_vec();
        let mut repair = Self { bytes: before, data: vec![], checksums_differ: false };
        let mut rest = &bytes[SIGNATURE_LEN..];
        let mut ended = false;
        while let Some((&[l0, l1, l2, l3, name @ ..], after)) = rest.split_first_chunk::<8>() {
            let len = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
            let end = len.min(after.len());
            let (body, after) = after.split_at(end);
            let stored = after.first_chunk().map(|&crc| u32::from_be_bytes(crc));
            let right = body.len() == len && stored == Some(crc32(&name, body));
            match &name {
                b"IEND" => {
                    ended = true;
                    break;
                }
                b"IHDR" | b"PLTE" if !right => return None,
                b"IDAT" => {
                    repair.checksums_differ |= stored.is_some() && !right;
                    let start = repair.bytes.len() + 8;
                    repair.data.push(start..start + body.len());
                    repair.push(&name, body);
                }
                b"IHDR" | b"PLTE" => repair.push(&name, body),
                b"tRNS" | b"eXIf" if right => repair.push(&name, body),
                _ => {}
            }
            rest = after.get(4..).unwrap_or_default();
        }
        if ended && !repair.checksums_differ {
            return None;
        }
        repair.push(b"IEND", &[]);
        Some(repair)
    }

    /// Whether the checksum of the unpacked image data is right.
    fn image_is_right(&self, budget: &Budget) -> bool {
        // Samples have two bytes at most, and rows and interlaced parts of them one more.
        let limit = budget.pixels().saturating_mul(9);
        let parts = self.data.iter().map(|part| &self.bytes[part.clone()]);
        let packed = Parts(parts.collect());
        let mut unpacked = ZlibDecoder::new(packed).take(limit);
        io::copy(&mut unpacked, &mut io::sink()).is_ok_and(|len| len < limit)
    }

    fn push(&mut self, name: &[u8; 4], body: &[u8]) {
        self.bytes.extend((body.len() as u32).to_be_bytes());
        self.bytes.extend(name);
        self.bytes.extend(body);
        self.bytes.extend(crc32(name, body).to_be_bytes());
    }
}

/// Reads slices one after the other.
struct Parts<'a>(VecDeque<&'a [u8]>);

impl Read for Parts<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(part) = self.0.front_mut() {
            if !part.is_empty() {
                return part.read(buffer);
            }
            self.0.pop_front();
        }
        Ok(0)
    }
}

/// The checksum of a chunk (PNG, annex D).
fn crc32(name: &[u8; 4], body: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            let mut crc = byte as u32;
            let mut bit = 0;
            while bit < 8 {
                crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
                bit += 1;
            }
            table[byte] = crc;
            byte += 1;
        }
        table
    };
    !name
        .iter()
        .chain(body)
        .fold(u32::MAX, |crc, &byte| crc >> 8 ^ TABLE[(crc as u8 ^ byte) as usize])
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
