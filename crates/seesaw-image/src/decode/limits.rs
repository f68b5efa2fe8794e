//! Limits on the size of images.

use super::{ImageError, Quantity};

/// Limits on the size of an image, checked before memory is allocated, and how large it is needed.
///
/// The defaults admit JPEGs up to some 58 megapixels, whatever their orientation (progressive ones of the
/// usual 4:2:0 up to 55), PNGs up to 52, and WebPs up to 40 (26 if lossless, 19 with lossy alpha), and keep
/// a process that decodes one image at a time below 250 MB. There are two known gaps: a malicious
/// lossless WebP can spend far more on its Huffman tables, and a malicious progressive JPEG that is decoded at
/// a fraction twice as much on its coefficients.
///
/// A JPEG that takes more than 160 MiB to decode because it is progressive, or because its components
/// follow each other, is decoded at 1/2, 1/4 or 1/8 of its size. Its shorter side stays at least
/// [`needed_side`](Self::needed_side).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of the encoded file; 64 MiB by default.
    pub file_bytes: u64,
    /// Pixels of the longer side; 65,535 by default.
    pub side: u32,
    /// Pixels of the image; 64 million by default.
    pub pixels: u64,
    /// Peak bytes of memory while decoding, the encoded file included; 200 MiB by default.
    pub memory: u64,
    /// Pixels that the shorter side of an image needs to have; 1024 by default. Larger images may be
    /// decoded at a fraction of their size.
    pub needed_side: u32,
}

impl Limits {
    /// The defaults.
    pub const fn new() -> Self {
        Self {
            file_bytes: 64 << 20,
            side: 65_535,
            pixels: 64_000_000,
            memory: 200 << 20,
            needed_side: 1024,
        }
    }

    /// Sets the bytes of the encoded file.
    #[must_use]
    pub const fn file_bytes(mut self, bytes: u64) -> Self {
        self.file_bytes = bytes;
        self
    }

    /// Sets the pixels of the longer side.
    #[must_use]
    pub const fn side(mut self, pixels: u32) -> Self {
        self.side = pixels;
        self
    }

    /// Sets the pixels of the image.
    #[must_use]
    pub const fn pixels(mut self, pixels: u64) -> Self {
        self.pixels = pixels;
        self
    }

    /// Sets the peak bytes of memory while decoding, the encoded file included.
    #[must_use]
    pub const fn memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// Sets the pixels that the shorter side needs to have, where they are more than the default.
    #[must_use]
    pub const fn at_least(mut self, pixels: u32) -> Self {
        if pixels > self.needed_side {
            self.needed_side = pixels;
        }
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

/// The limits for one file, whose bytes are in memory already.
pub(super) struct Budget {
    limits: Limits,
    file_len: u64,
}

impl Budget {
    pub fn new(limits: &Limits, file_len: usize) -> Self {
        // No allocation is larger than this, so that admitted sizes fit a usize on 32-bit targets too.
        let memory = limits.memory.min(isize::MAX as u64);
        Self { limits: limits.memory(memory), file_len: file_len as u64 }
    }

    /// The most pixels that an image may have.
    pub fn pixels(&self) -> u64 {
        self.limits.pixels
    }

    /// Pixels that the shorter side needs to have.
    pub fn needed_side(&self) -> u32 {
        self.limits.needed_side
    }

    /// Checks an image that takes `bytes_per_pixel` to decode, and returns its number of pixels.
    pub fn admit(&self, width: u32, height: u32, bytes_per_pixel: u64) -> Result<u64, ImageError> {
        let side = u64::from(width.max(height));
        ImageError::check(Quantity::Side, side, u64::from(self.limits.side))?;
        let pixels = u64::from(width) * u64::from(height);
        ImageError::check(Quantity::Pixels, pixels, self.limits.pixels)?;
        self.admit_bytes(pixels.saturating_mul(bytes_per_pixel))?;
        Ok(pixels)
    }

    /// Checks a peak of `bytes` in addition to the file's own.
    pub fn admit_bytes(&self, bytes: u64) -> Result<(), ImageError> {
        ImageError::check(Quantity::Memory, self.file_len.saturating_add(bytes), self.limits.memory)
    }
}
