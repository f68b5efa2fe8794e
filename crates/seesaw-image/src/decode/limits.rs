//! How large a picture may be.

use super::{ImageError, Quantity};

/// What a picture may cost; all of it is checked before the memory is asked for.
///
/// The default admits JPEGs up to about 50 Mpx (27 where they are progressive or on their side),
/// PNGs up to 40 Mpx and WebPs up to 30 Mpx (20 where they are lossless, 14 with lossy alpha), and
/// keeps a process that decodes one picture at a time below 200 MB. There is one known gap: a
/// lossless WebP made for the purpose can spend far more on its Huffman tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the encoded file; 64 MiB by default.
    pub file_bytes: u64,
    /// Pixels of the longer side; 65,535 by default.
    pub side: u32,
    /// Pixels of the picture; 50 million by default.
    pub pixels: u64,
    /// Bytes that decoding takes at its peak, the encoded file included; 160 MiB by default.
    pub memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file_bytes: 64 << 20, side: 65_535, pixels: 50_000_000, memory: 160 << 20 }
    }
}

/// The limits for one file, whose bytes are in memory already.
pub(super) struct Budget<'a> {
    limits: &'a Limits,
    file_len: u64,
}

impl<'a> Budget<'a> {
    pub fn new(limits: &'a Limits, file_len: usize) -> Self {
        Self { limits, file_len: file_len as u64 }
    }

    /// Checks a picture whose decoding takes `bytes_per_pixel` of memory, and returns its pixels.
    pub fn admit(&self, width: u32, height: u32, bytes_per_pixel: u64) -> Result<u64, ImageError> {
        let side = u64::from(width.max(height));
        ImageError::check(Quantity::Side, side, u64::from(self.limits.side))?;
        let pixels = u64::from(width) * u64::from(height);
        ImageError::check(Quantity::Pixels, pixels, self.limits.pixels)?;
        self.admit_bytes(pixels.saturating_mul(bytes_per_pixel))?;
        Ok(pixels)
    }

    /// Checks a peak of `bytes` beside the file's own.
    pub fn admit_bytes(&self, bytes: u64) -> Result<(), ImageError> {
        ImageError::check(Quantity::Memory, self.file_len.saturating_add(bytes), self.limits.memory)
    }
}
