//! Maps in pieces that stay in the second cache.

use std::ops::Range;

use seesaw_kernels::train::Storage;

/// f32 of a strip's maps that should stay in the second cache.
const STRIP: usize = 96 * 1024;

/// Pixels of a strip of a map with `channels` channels read and written.
fn strip(pixels: usize, channels: usize) -> usize {
    let fits = (STRIP / channels.max(1)).clamp(16, pixels.max(16));
    // Strips of nearly one size, in whole tiles of pixels where there are several.
    let strips = pixels.div_ceil(fits);
    pixels.div_ceil(strips).next_multiple_of(2).min(pixels)
}

/// Some neighboring pixels of a part's map.
#[derive(Clone, Copy)]
pub(super) struct Strip {
    /// Of the map.
    pub pixels: usize,
    /// The first.
    pub first: usize,
    /// Of the strip.
    pub count: usize,
}

impl Strip {
    /// Cuts a map of `pixels` pixels, for convolutions that read and write `channels`.
    pub fn cut(pixels: usize, channels: usize) -> impl Iterator<Item = Self> {
        let step = strip(pixels, channels);
        (0..pixels).step_by(step).map(move |first| {
            let count = step.min(pixels - first);
            Self { pixels, first, count }
        })
    }

    /// Where the strip lies in block `block` of the map.
    pub fn of(self, block: usize, storage: Storage) -> Range<usize> {
        let first = (block * self.pixels + self.first) * storage.pixel();
        first..first + self.count * storage.pixel()
    }
}
