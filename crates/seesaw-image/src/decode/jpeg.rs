//! JPEG, with `zune-jpeg`. The markers are read first, to know what decoding will cost.

use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
use zune_jpeg::{JpegDecoder, errors::DecodeErrors};

use super::{Budget, Decoded, Format, ImageError};
use crate::RgbImage;

/// The side of a block of coefficients.
const BLOCK: u64 = 8;

pub(super) fn decode(bytes: &[u8], budget: &Budget) -> Result<Decoded, ImageError> {
    let outline = Outline::read(bytes)?;
    budget.admit(outline.width.into(), outline.height.into(), 3)?;
    budget.admit_bytes(outline.peak_bytes())?;

    // Strict, because the lenient mode fills missing parts with gray.
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(outline.width.into())
        .set_max_height(outline.height.into())
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(convert)?;
    let found = decoder.info().map(|info| (info.width, info.height, info.components.into()));
    if found != Some((outline.width, outline.height, outline.sampling.len())) {
        return Err(damaged("its markers are ambiguous"));
    }
    let exif = decoder.exif().cloned();
    let pixels = decoder.decode().map_err(convert)?;
    Decoded::new(
        Format::Jpeg,
        RgbImage::new(outline.width.into(), outline.height.into(), pixels),
        exif,
    )
}

/// What the markers say about a JPEG that has all its parts (ITU-T T.81, annex B).
#[derive(Debug, Default, PartialEq)]
struct Outline {
    width: u16,
    height: u16,
    /// Horizontal and vertical sampling factor of each component.
    sampling: Vec<(u8, u8)>,
    /// Whether the coefficients of the whole image are kept until the last scan, as in progressive
    /// files and where the components are stored one after the other.
    keeps_coefficients: bool,
    /// Bytes of application segments, which the decoder copies.
    metadata_bytes: u64,
}

impl Outline {
    /// Reads the markers up to the end of the image.
    fn read(bytes: &[u8]) -> Result<Self, ImageError> {
        const TRUNCATED: ImageError = ImageError::Truncated(Format::Jpeg);
        let mut outline = Self::default();
        let mut rest = bytes.get(2..).unwrap_or_default();
        loop {
            let marker = next_marker(&mut rest).ok_or(TRUNCATED)?;
            match marker {
                0xD9 if outline.width == 0 => return Err(damaged("it ends before its image")),
                0xD9 => return Ok(outline),
                // Stuffed zero, restart, start of image, TEM: no length follows.
                0x00 | 0x01 | 0xD0..=0xD8 => continue,
                _ => {}
            }
            let len = rest.first_chunk().map(|&len| usize::from(u16::from_be_bytes(len)));
            let len = len.ok_or(TRUNCATED)?;
            let segment = rest.get(..len).ok_or(TRUNCATED)?;
            let payload = segment.get(2..).ok_or_else(|| damaged("a segment has no length"))?;
            rest = &rest[len..];
            match marker {
                0xC4 | 0xC8 | 0xCC => {}
                0xC0..=0xCF => outline.start_of_frame(marker, payload)?,
                0xDA => outline.start_of_scan(payload)?,
                0xE0..=0xEF => outline.metadata_bytes += len as u64,
                _ => {}
            }
        }
    }

    fn start_of_frame(&mut self, marker: u8, payload: &[u8]) -> Result<(), ImageError> {
        let unsupported = |what: &str| Err(ImageError::Unsupported(what.into()));
        match marker {
            0xC0..=0xC2 => {}
            0xC9 | 0xCA => return unsupported("a JPEG with arithmetic coding"),
            0xC3 => return unsupported("a lossless JPEG"),
            _ => return unsupported("a hierarchical JPEG"),
        }
        if self.width != 0 {
            return Err(damaged("it has two headers"));
        }
        let &[precision, h1, h0, w1, w0, count, ref components @ ..] = payload else {
            return Err(damaged("its header is too short"));
        };
        (self.width, self.height) = (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]));
        if self.width == 0 || self.height == 0 {
            return Err(damaged("it has no pixels"));
        }
        if components.len() != 3 * usize::from(count) {
            return Err(damaged("its header has the wrong length"));
        }
        if precision != 8 {
            return unsupported(&format!("a JPEG of {precision} bits a sample"));
        }
        if ![1, 3, 4].contains(&count) {
            return unsupported(&format!("a JPEG of {count} components"));
        }
        self.keeps_coefficients = marker == 0xC2;
        self.sampling = components
            .chunks_exact(3)
            .map(|component| (component[1] >> 4, component[1] & 15))
            .collect();
        if self.sampling.iter().any(|&(h, v)| !(1..=4).contains(&h) || !(1..=4).contains(&v)) {
            return Err(damaged("its sampling factors are not from 1 to 4"));
        }
        Ok(())
    }

    fn start_of_scan(&mut self, payload: &[u8]) -> Result<(), ImageError> {
        if self.width == 0 {
            return Err(damaged("its image comes before its header"));
        }
        let components = payload.first().map_or(0, |&count| usize::from(count));
        self.keeps_coefficients |= components < self.sampling.len();
        Ok(())
    }

    /// Peak bytes of memory while decoding, including the image but not the file.
    fn peak_bytes(&self) -> u64 {
        let (width, height) = (u64::from(self.width), u64::from(self.height));
        let h_max = self.sampling.iter().map(|&(h, _)| u64::from(h)).max().unwrap_or(1);
        let v_max = self.sampling.iter().map(|&(_, v)| u64::from(v)).max().unwrap_or(1);
        let blocks: u64 = self.sampling.iter().map(|&(h, v)| u64::from(h) * u64::from(v)).sum();
        let row = width.div_ceil(BLOCK * h_max) * blocks * BLOCK * BLOCK * size_of::<i16>() as u64;
        let rows = height.div_ceil(BLOCK * v_max);
        // A row of blocks is decoded, and upsampled to the full size of each component.
        let upsampled = width.next_multiple_of(BLOCK * h_max)
            * BLOCK
            * v_max
            * (size_of::<i16>() * self.sampling.len()) as u64;
        let coefficients = if self.keeps_coefficients { row * rows } else { 0 };
        3 * width * height + coefficients + row + upsampled + 2 * self.metadata_bytes
    }
}

/// Moves `rest` past the next marker, and returns the second byte of the marker.
fn next_marker(rest: &mut &[u8]) -> Option<u8> {
    let start = rest.iter().position(|&byte| byte == 0xFF)?;
    let (fill, marker) = rest[start..].iter().enumerate().find(|&(_, &byte)| byte != 0xFF)?;
    *rest = &rest[start + fill + 1..];
    Some(*marker)
}

fn damaged(reason: &str) -> ImageError {
    ImageError::damaged(Format::Jpeg, reason)
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
