//! The layout of feature maps: blocks of 8 channels.
//!
//! A map of `c` channels, `h` rows and `w` columns lies in memory as `[ceil(c/8)][h][w][8]`. Eight
//! neighboring channels of a pixel fill a vector, so outputs are stored whole; pixels follow each
//! other 8 values apart, so that a kernel reaches the inputs of a whole tile from one pointer with
//! constant offsets; and a group of channels is a range of blocks. Lanes after the last channel
//! hold zeros.

use crate::simd::CBLOCK;

/// Rows and columns of pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
}

impl Size {
    /// As many rows as columns.
    pub fn square(side: usize) -> Self {
        Self { rows: side, cols: side }
    }

    /// Pixels.
    pub fn pixels(self) -> usize {
        self.rows * self.cols
    }

    /// A plane of this size.
    pub(crate) fn dense(self) -> Plane {
        Plane::dense(self.rows, self.cols)
    }
}

/// From rows and columns.
impl From<(usize, usize)> for Size {
    fn from((rows, cols): (usize, usize)) -> Self {
        Self { rows, cols }
    }
}

/// Geometry of a map in blocked layout, possibly with wider rows than pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plane {
    /// Rows of pixels.
    pub rows: usize,
    /// Pixels in a row.
    pub cols: usize,
    /// f32 from one row to the next.
    pub row_stride: usize,
    /// f32 from one block of channels to the next.
    pub block_stride: usize,
}

impl Plane {
    /// Rows without anything between them.
    pub fn dense(rows: usize, cols: usize) -> Self {
        let row_stride = cols * CBLOCK;
        Self { rows, cols, row_stride, block_stride: rows * row_stride }
    }

    /// f32 that a map of `channels` channels takes.
    pub fn len(&self, channels: usize) -> usize {
        cblocks(channels) * self.block_stride
    }

    /// Pixels.
    pub fn pixels(&self) -> usize {
        self.rows * self.cols
    }
}

/// Blocks of 8 that hold `channels` channels.
pub fn cblocks(channels: usize) -> usize {
    channels.div_ceil(CBLOCK)
}

/// Copies planar channels `[c][pixels]` into the blocked layout, zeroing the lanes after the last
/// channel.
///
/// # Panics
/// When a slice has another length than its shape.
pub fn to_cblocks(planar: &[f32], channels: usize, blocked: &mut [f32]) {
    assert!(channels > 0 && planar.len().is_multiple_of(channels));
    let pixels = planar.len() / channels;
    assert_eq!(blocked.len(), cblocks(channels) * pixels * CBLOCK);
    blocked.fill(0.0);
    for (c, plane) in planar.chunks_exact(pixels.max(1)).enumerate() {
        let block = &mut blocked[c / CBLOCK * pixels * CBLOCK..];
        for (value, lanes) in plane.iter().zip(block.chunks_exact_mut(CBLOCK)) {
            lanes[c % CBLOCK] = *value;
        }
    }
}

/// Copies a blocked map into planar channels `[c][pixels]`; counterpart of [`to_cblocks`].
///
/// # Panics
/// When a slice has another length than its shape.
pub fn to_planar(blocked: &[f32], channels: usize, planar: &mut [f32]) {
    assert!(channels > 0 && planar.len().is_multiple_of(channels));
    let pixels = planar.len() / channels;
    assert_eq!(blocked.len(), cblocks(channels) * pixels * CBLOCK);
    for (c, plane) in planar.chunks_exact_mut(pixels.max(1)).enumerate() {
        let block = &blocked[c / CBLOCK * pixels * CBLOCK..];
        for (value, lanes) in plane.iter_mut().zip(block.chunks_exact(CBLOCK)) {
            *value = lanes[c % CBLOCK];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocking_and_back() {
        for (channels, pixels) in [(1, 1), (8, 5), (11, 7), (3, 49)] {
            let planar: Vec<f32> = (0..channels * pixels).map(|i| i as f32 + 1.0).collect();
            let mut blocked = vec![f32::NAN; cblocks(channels) * pixels * CBLOCK];
            to_cblocks(&planar, channels, &mut blocked);
            assert!(!blocked.iter().any(|x| x.is_nan()), "padding lanes are written");
            let mut back = vec![0.0; planar.len()];
            to_planar(&blocked, channels, &mut back);
            assert_eq!(back, planar);
        }
    }
}
