//! BMP. The format is simple enough to read here; the libraries that read it are large, or fill in what
//! a truncated file lacks.

use super::{Budget, Decoded, Format, ImageError};
use crate::RgbImage;

const TRUNCATED: ImageError = ImageError::Truncated(Format::Bmp);

pub(super) fn decode(bytes: &[u8], budget: &Budget) -> Result<Decoded, ImageError> {
    let header = Header::read(bytes)?;
    let stored = bytes.get(header.pixels_at..).ok_or(TRUNCATED)?;
    budget.admit(header.width, header.height, 3)?;
    let pixels = match header.encoding {
        Encoding::Indexed { bits } => indexed(&header, stored, bits)?,
        Encoding::Packed { bits, masks } => packed(&header, stored, bits, masks)?,
        Encoding::RunLength { bits } => run_length(&header, stored, bits)?,
    };
    Decoded::new(Format::Bmp, RgbImage::new(header.width, header.height, pixels), None)
}

/// How the pixels are stored.
enum Encoding {
    /// Indices into the palette, 1, 4 or 8 bits each.
    Indexed { bits: usize },
    /// 16, 24 or 32 bits a pixel, with a mask each for red, green and blue.
    Packed { bits: usize, masks: [u32; 3] },
    /// Runs of indices, 4 or 8 bits each.
    RunLength { bits: usize },
}

struct Header {
    width: u32,
    height: u32,
    /// Whether the first stored row is the top one; usually it is the bottom one.
    top_down: bool,
    pixels_at: usize,
    encoding: Encoding,
    palette: Vec<[u8; 3]>,
}

impl Header {
    /// Reads the file header (14 bytes), the information header and the palette.
    fn read(bytes: &[u8]) -> Result<Self, ImageError> {
        const FILE_HEADER: usize = 14;
        let u16_at = |at| read_u16(bytes, at).ok_or(TRUNCATED);
        let u32_at = |at| read_u32(bytes, at).ok_or(TRUNCATED);
        let pixels_at = u32_at(10)? as usize;
        let header_len = u32_at(FILE_HEADER)? as usize;
        let (width, height, bits, compression) = match header_len {
            12 => (u16_at(18)?.into(), u16_at(20)?.into(), u16_at(24)?, 0),
            40.. => (u32_at(18)?, u32_at(22)? as i32, u16_at(28)?, u32_at(30)?),
            _ => return Err(ImageError::Unsupported("a BMP with an OS/2 header".into())),
        };
        // Masks are part of longer headers, and follow the header of 40 bytes.
        let masks_at = FILE_HEADER + 40;
        let masks_follow = header_len == 40 && compression == 3;
        let palette_at = FILE_HEADER + header_len + if masks_follow { 12 } else { 0 };
        let bits = usize::from(bits);
        let encoding = match (bits, compression) {
            (1 | 4 | 8, 0) => Encoding::Indexed { bits },
            (8, 1) | (4, 2) => Encoding::RunLength { bits },
            (16, 0) => Encoding::Packed { bits, masks: [0x7C00, 0x03E0, 0x001F] },
            (24 | 32, 0) => Encoding::Packed { bits, masks: [0xFF_0000, 0xFF00, 0xFF] },
            (16 | 32, 3 | 6) => Encoding::Packed {
                bits,
                masks: [u32_at(masks_at)?, u32_at(masks_at + 4)?, u32_at(masks_at + 8)?],
            },
            _ => {
                let what = format!("a BMP of {bits} bits a pixel and compression {compression}");
                return Err(ImageError::Unsupported(what));
            }
        };
        let palette = if bits <= 8 {
            let entry_len = if header_len == 12 { 3 } else { 4 };
            let used = if header_len == 12 { 0 } else { u32_at(46)? as usize };
            let entries = if (1..1 << bits).contains(&used) { used } else { 1 << bits };
            let end = pixels_at.clamp(palette_at, palette_at + entries * entry_len);
            let stored = bytes.get(palette_at..end).ok_or(TRUNCATED)?;
            stored.chunks_exact(entry_len).map(|bgr| [bgr[2], bgr[1], bgr[0]]).collect()
        } else {
            vec![]
        };
        if width == 0 || height == 0 || width > i32::MAX as u32 {
            return Err(ImageError::damaged(Format::Bmp, "it has no pixels"));
        }
        let (top_down, height) = (height < 0, height.unsigned_abs());
        Ok(Self { width, height, top_down, pixels_at, encoding, palette })
    }

    /// The color of an index; black where the palette is too short, as in Pillow.
    fn color(&self, index: u8) -> [u8; 3] {
        self.palette.get(usize::from(index)).copied().unwrap_or_default()
    }

    /// Decodes rows of fixed length: `row` turns a stored row into RGB.
    fn rows(
        &self,
        stored: &[u8],
        bits: usize,
        row: impl Fn(&[u8], &mut [u8]),
    ) -> Result<Vec<u8>, ImageError> {
        // Rows are padded to four bytes, except that some files lack the padding of the last row.
        let row_len = (u64::from(self.width) * bits as u64).div_ceil(8);
        let stride = row_len.next_multiple_of(4);
        let needed = stride * u64::from(self.height - 1) + row_len;
        if (stored.len() as u64) < needed {
            return Err(TRUNCATED);
        }
        // They fit, because the stored rows are in memory.
        let (row_len, stride) = (row_len as usize, stride as usize);
        let (width, height) = (self.width as usize, self.height as usize);
        let stored = &stored[..needed as usize];
        let mut pixels = vec![0; 3 * width * height];
        for (i, stored) in stored.chunks(stride).take(height).enumerate() {
            let y = if self.top_down { i } else { height - 1 - i };
            row(&stored[..row_len], &mut pixels[3 * width * y..3 * width * (y + 1)]);
        }
        Ok(pixels)
    }
}

fn indexed(header: &Header, stored: &[u8], bits: usize) -> Result<Vec<u8>, ImageError> {
    header.rows(stored, bits, |row, out| {
        for (x, pixel) in out.chunks_exact_mut(3).enumerate() {
            let bit = x * bits;
            let index = row[bit / 8] >> (8 - bits - bit % 8) & (0xFF >> (8 - bits));
            pixel.copy_from_slice(&header.color(index));
        }
    })
}

fn packed(
    header: &Header,
    stored: &[u8],
    bits: usize,
    masks: [u32; 3],
) -> Result<Vec<u8>, ImageError> {
    let channels = masks.map(|mask| (mask, mask.trailing_zeros(), u64::from(mask.count_ones())));
    header.rows(stored, bits, |row, out| {
        for (stored, pixel) in row.chunks_exact(bits / 8).zip(out.chunks_exact_mut(3)) {
            let value = stored.iter().rev().fold(0, |value, &byte| value << 8 | u32::from(byte));
            for (sample, (mask, shift, ones)) in pixel.iter_mut().zip(channels) {
                let part = u64::from((value & mask).checked_shr(shift).unwrap_or(0));
                // Scaled to 255 and rounded down, as Pillow does for five and six bits.
                *sample = (part * 255).checked_div((1 << ones) - 1).unwrap_or(0).min(255) as u8;
            }
        }
    })
}

/// Runs and literal stretches of indices, from the bottom row up; skipped pixels have index 0.
fn run_length(header: &Header, stored: &[u8], bits: usize) -> Result<Vec<u8>, ImageError> {
    let (width, height) = (header.width as usize, header.height as usize);
    let mut pixels = header.color(0).repeat(width * height);
    let (mut x, mut row) = (0, 0);
    let mut put = |x: usize, row: usize, index: u8| {
        // Runs that go past the edge are clipped.
        if x < width && row < height {
            let y = if header.top_down { row } else { height - 1 - row };
            let at = 3 * (width * y + x);
            pixels[at..at + 3].copy_from_slice(&header.color(index));
        }
    };
    let index_at = |byte: u8, i: usize| match (bits, i % 2) {
        (8, _) => byte,
        (_, 0) => byte >> 4,
        _ => byte & 0x0F,
    };
    let mut rest = stored;
    let mut take = |len: usize| {
        let (taken, left) = rest.split_at_checked(len).ok_or(TRUNCATED)?;
        rest = left;
        Ok::<_, ImageError>(taken)
    };
    // The end marker may be missing after the last row.
    while row < height {
        let pair = take(2)?;
        match (pair[0], pair[1]) {
            (0, 0) => (x, row) = (0, row + 1),
            (0, 1) => break,
            (0, 2) => {
                let offset = take(2)?;
                (x, row) = (x + usize::from(offset[0]), row + usize::from(offset[1]));
            }
            (0, count) => {
                let count = usize::from(count);
                let literal = take((count * bits).div_ceil(8).next_multiple_of(2))?;
                (0..count).for_each(|i| put(x + i, row, index_at(literal[i * bits / 8], i)));
                x += count;
            }
            (count, byte) => {
                let count = usize::from(count);
                (0..count).for_each(|i| put(x + i, row, index_at(byte, i)));
                x += count;
            }
        }
    }
    Ok(pixels)
}

fn read_u16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|&bytes| u16::from_le_bytes(bytes))
}

fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|&bytes| u32::from_le_bytes(bytes))
}
