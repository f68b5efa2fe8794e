//! The layout of feature maps: blocks of 8 channels.
//!
//! A map of `c` channels, `h` rows and `w` columns lies in memory as `[ceil(c/8)][h][w][8]`. Eight
//! neighbouring channels of a pixel fill a vector, so outputs are stored whole; pixels follow each
//! other 8 values apart, so that a kernel reaches the inputs of a whole tile from one pointer with
//! constant offsets; and a group of channels is a range of blocks. Lanes behind the last channel
//! hold zeros.

use crate::simd::BLOCK;

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
        let row_stride = cols * BLOCK;
        Self { rows, cols, row_stride, block_stride: rows * row_stride }
    }

    /// f32 that a map of `channels` channels takes.
    pub fn len(&self, channels: usize) -> usize {
        blocks(channels) * self.block_stride
    }

    /// Pixels.
    pub fn pixels(&self) -> usize {
        self.rows * self.cols
    }
}

/// Blocks of 8 that hold `channels` channels.
pub fn blocks(channels: usize) -> usize {
    channels.div_ceil(BLOCK)
}

/// Copies planar channels `[c][pixels]` into the blocked layout, zeroing the lanes behind the last
/// channel.
///
/// # Panics
/// When a slice has another length than its shape.
pub fn block_channels(planar: &[f32], channels: usize, blocked: &mut [f32]) {
    assert!(channels > 0 && planar.len().is_multiple_of(channels));
    let pixels = planar.len() / channels;
    assert_eq!(blocked.len(), blocks(channels) * pixels * BLOCK);
    blocked.fill(0.0);
    for (c, plane) in planar.chunks_exact(pixels.max(1)).enumerate() {
        let block = &mut blocked[c / BLOCK * pixels * BLOCK..];
        for (value, lanes) in plane.iter().zip(block.chunks_exact_mut(BLOCK)) {
            lanes[c % BLOCK] = *value;
        }
    }
}

/// Copies a blocked map into planar channels `[c][pixels]`; counterpart of [`block_channels`].
///
/// # Panics
/// When a slice has another length than its shape.
pub fn planar_channels(blocked: &[f32], channels: usize, planar: &mut [f32]) {
    assert!(channels > 0 && planar.len().is_multiple_of(channels));
    let pixels = planar.len() / channels;
    assert_eq!(blocked.len(), blocks(channels) * pixels * BLOCK);
    for (c, plane) in planar.chunks_exact_mut(pixels.max(1)).enumerate() {
        let block = &blocked[c / BLOCK * pixels * BLOCK..];
        for (value, lanes) in plane.iter_mut().zip(block.chunks_exact(BLOCK)) {
            *value = lanes[c % BLOCK];
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
            let mut blocked = vec![f32::NAN; blocks(channels) * pixels * BLOCK];
            block_channels(&planar, channels, &mut blocked);
            assert!(!blocked.iter().any(|x| x.is_nan()), "padding lanes are written");
            let mut back = vec![0.0; planar.len()];
            planar_channels(&blocked, channels, &mut back);
            assert_eq!(back, planar);
        }
    }
}
