//! Global average pool.

use crate::simd::CBLOCK;

/// The mean over the pixels of each channel of a blocked map `[blocks][pixels][8]`.
///
/// Means go to `out` as pixel `image` of a map `[blocks][images][8]`, the linear layer's input.
///
/// # Panics
/// When a slice has another length than its shape, or `image` is not below `images`.
pub fn global_average_pool(x: &[f32], pixels: usize, out: &mut [f32], image: usize, images: usize) {
    assert!(image < images && pixels > 0);
    assert_eq!(x.len() / pixels, out.len() / images, "as many channels out as in");
    let scale = 1.0 / pixels as f32;
    for (map, means) in x.chunks_exact(pixels * CBLOCK).zip(out.chunks_exact_mut(images * CBLOCK)) {
        // Four sums for each lane hide the latency of additions.
        let mut sums = [[0.0f32; CBLOCK]; 4];
        for (i, pixel) in map.chunks_exact(CBLOCK).enumerate() {
            for (sum, value) in sums[i % 4].iter_mut().zip(pixel) {
                *sum += value;
            }
        }
        for (lane, mean) in means[image * CBLOCK..][..CBLOCK].iter_mut().enumerate() {
            let pairs = (sums[0][lane] + sums[1][lane]) + (sums[2][lane] + sums[3][lane]);
            *mean = pairs * scale;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{layout, reference};

    #[test]
    fn means_agree_with_the_reference() {
        for (channels, pixels) in [(1, 1), (8, 49), (13, 7), (3, 64)] {
            let x: Vec<f32> = (0..channels * pixels).map(|i| (i % 17) as f32 - 3.0).collect();
            let mut blocked = vec![0.0; layout::cblocks(channels) * pixels * CBLOCK];
            layout::to_cblocks(&x, channels, &mut blocked);
            let mut means = vec![9.0; layout::cblocks(channels) * 2 * CBLOCK];
            global_average_pool(&blocked, pixels, &mut means, 1, 2);
            let mut planar = vec![0.0; channels * 2];
            layout::to_planar(&means, channels, &mut planar);
            for (pair, mean) in planar.chunks(2).zip(reference::global_average_pool(&x, channels)) {
                assert_eq!(pair[0], 9.0, "the other image is left alone");
                assert!((pair[1] - mean).abs() <= 1e-5, "{} {mean}", pair[1]);
            }
        }
    }
}
