//! WebP, with the `image-webp` crate. The container is checked first, because the decoder trusts it.

use std::{
    borrow::Cow,
    io::{Cursor, ErrorKind},
};

use image_webp::{DecodingError, WebPDecoder};

use super::{Budget, Decoded, Format, ImageError};
use crate::RgbImage;

const TRUNCATED: ImageError = ImageError::Truncated(Format::WebP);

/// Where a frame's flags are in its chunk, and the one that says that its pixels replace the canvas's.
const FRAME_FLAGS: usize = 15;
const REPLACES: u8 = 0b10;

/// Peak bytes of memory per pixel while decoding.
mod bytes_per_pixel {
    /// Three planes of chroma and luma (1.5), and RGB.
    pub const LOSSY: u64 = 5;
    /// The planes, RGBA, and the alpha plane with the RGBA that it is decoded as.
    pub const LOSSY_ALPHA: u64 = 11;
    /// RGBA, RGB at the same time, and the transforms.
    pub const LOSSLESS: u64 = 8;
    /// In addition, the frame and the canvas of an animation.
    pub const ANIMATED: u64 = 8;
}

pub(super) fn decode(bytes: &[u8], budget: &Budget) -> Result<Decoded, ImageError> {
    let outline = Outline::read(bytes)?;
    let bytes = if outline.frame.is_some() {
        // Over the empty canvas, blending changes nothing but for the decoder's rounding.
        budget.admit_bytes(bytes.len() as u64)?;
        let mut replacing = bytes.to_vec();
        replacing[outline.flags_at] |= REPLACES;
        Cow::Owned(replacing)
    } else {
        Cow::Borrowed(bytes)
    };
    let copied = if outline.frame.is_some() { bytes.len() as u64 } else { 0 };
    let mut decoder = WebPDecoder::new(Cursor::new(&bytes[..])).map_err(convert)?;
    decoder.set_memory_limit(bytes.len());
    let (width, height) = decoder.dimensions();
    let per_pixel = match (outline.lossy_size, decoder.has_alpha()) {
        (Some(_), false) => bytes_per_pixel::LOSSY,
        (Some(_), true) => bytes_per_pixel::LOSSY_ALPHA,
        (None, _) => bytes_per_pixel::LOSSLESS,
    };
    let per_pixel = per_pixel + if outline.frame.is_some() { bytes_per_pixel::ANIMATED } else { 0 };
    let pixels = budget.admit(width, height, per_pixel)?;
    // The decoder reads a whole lossy chunk, and copies it.
    budget.admit_bytes(copied + pixels * per_pixel + 2 * outline.lossy_len)?;
    let pixels = pixels as usize;
    let frame = outline.frame.unwrap_or((width, height));
    if frame.0 > width || frame.1 > height {
        return Err(damaged("its first frame is larger than its canvas"));
    }
    if outline.lossy_size.is_some_and(|size| size != frame) {
        return Err(damaged("the image differs in size from its frame"));
    }
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    let mut samples = vec![0; pixels * channels];
    if decoder.is_animated() {
        decoder.read_frame(&mut samples).map_err(convert)?;
    } else {
        decoder.read_image(&mut samples).map_err(convert)?;
    }
    if channels == 4 {
        super::drop_alpha(&mut samples);
    }
    let exif = decoder.exif_metadata().ok().flatten();
    Decoded::new(Format::WebP, RgbImage::new(width, height, samples), exif.as_deref())
}

/// What the chunks of a complete file say (RFC 9649, section 2).
struct Outline {
    /// The size in the first lossy chunk's own header. The decoder allocates memory for it before
    /// comparing it with the container's.
    lossy_size: Option<(u32, u32)>,
    /// The length of that chunk in bytes.
    lossy_len: u64,
    /// The size of an animation's first frame.
    frame: Option<(u32, u32)>,
    /// Where that frame's flags are.
    flags_at: usize,
}

impl Outline {
    fn read(bytes: &[u8]) -> Result<Self, ImageError> {
        let riff_len =
            bytes.get(4..).and_then(<[u8]>::first_chunk).map(|&len| u32::from_le_bytes(len));
        let riff_len = riff_len.ok_or(TRUNCATED)? as usize;
        if bytes.len() < riff_len.saturating_add(8) {
            return Err(TRUNCATED);
        }
        let mut outline = Self { lossy_size: None, lossy_len: 0, frame: None, flags_at: 0 };
        outline.read_chunks(bytes.get(12..).unwrap_or_default(), bytes.len())?;
        Ok(outline)
    }

    /// Reads chunks up to the first picture's last.
    fn read_chunks(&mut self, mut rest: &[u8], file_len: usize) -> Result<(), ImageError> {
        while let Some((header, body)) = rest.split_first_chunk::<8>() {
            let [name @ .., l0, l1, l2, l3] = *header;
            let len = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
            let needed = matches!(&name, b"VP8 " | b"VP8L" | b"ALPH" | b"ANMF");
            let Some(content) = body.get(..len).or((!needed).then_some(body)) else {
                return Err(TRUNCATED);
            };
            if &name == b"ANMF" && self.frame.is_none() {
                let (size, chunks) = frame_header(content).ok_or(TRUNCATED)?;
                self.frame = Some(size);
                // `rest` ends with the file.
                self.flags_at = file_len - body.len() + FRAME_FLAGS;
                return self.read_chunks(chunks, file_len);
            }
            if &name == b"VP8 " && self.lossy_size.is_none() {
                self.lossy_size = Some(lossy_header(content).ok_or(TRUNCATED)?);
                self.lossy_len = len as u64;
            }
            rest = body.get(len.saturating_add(len & 1)..).unwrap_or_default();
        }
        Ok(())
    }
}

/// Width and height of an animation's frame, and the chunks in it.
fn frame_header(chunk: &[u8]) -> Option<((u32, u32), &[u8])> {
    let (&[_, _, _, _, _, _, w0, w1, w2, h0, h1, h2, _, _, _, _], chunks) =
        chunk.split_first_chunk()?;
    let side = |b0, b1, b2| u32::from_le_bytes([b0, b1, b2, 0]) + 1;
    Some(((side(w0, w1, w2), side(h0, h1, h2)), chunks))
}

/// Width and height in a VP8 frame header (RFC 6386, section 9.1).
fn lossy_header(chunk: &[u8]) -> Option<(u32, u32)> {
    let &[_, _, _, _, _, _, w0, w1, h0, h1] = chunk.first_chunk()?;
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3FFF);
    Some((side(w0, w1), side(h0, h1)))
}

fn damaged(reason: &str) -> ImageError {
    ImageError::damaged(Format::WebP, reason)
}

fn convert(error: DecodingError) -> ImageError {
    match error {
        DecodingError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            ImageError::Truncated(Format::WebP)
        }
        error => ImageError::damaged(Format::WebP, error),
    }
}
