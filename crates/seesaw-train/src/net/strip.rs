//! Maps in pieces that stay in the second-level cache.

use std::ops::Range;

use seesaw_kernels::train::Storage;

/// f32 of a strip's maps that should stay in the second-level cache.
const STRIP_LEN: usize = 96 * 1024;

/// Some neighboring pixels of a part's map.
#[derive(Clone, Copy)]
pub(super) struct Strip {
    /// Pixels of the whole map.
    pub pixels: usize,
    /// The first pixel of the strip.
    pub first: usize,
    /// Pixels of the strip.
    pub count: usize,
}

impl Strip {
    /// Cuts a map of `pixels` pixels, for convolutions that read and write `channels` channels.
    pub fn cut(pixels: usize, channels: usize) -> impl Iterator<Item = Self> {
        let step = strip_pixels(pixels, channels);
        (0..pixels).step_by(step).map(move |first| {
            let count = step.min(pixels - first);
            Self { pixels, first, count }
        })
    }

    /// Where the strip lies in channel block `block` of the map.
    pub fn range(self, block: usize, storage: Storage) -> Range<usize> {
        let first = (block * self.pixels + self.first) * storage.pixel();
        first..first + self.count * storage.pixel()
    }
}

/// Pixels of a strip of a map with `channels` channels read and written.
fn strip_pixels(pixels: usize, channels: usize) -> usize {
    let fits = (STRIP_LEN / channels.max(1)).clamp(16, pixels.max(16));
    // Strips of nearly one size, and of whole pairs of pixels where there are several.
    let strips = pixels.div_ceil(fits);
    pixels.div_ceil(strips).next_multiple_of(2).min(pixels)
}
