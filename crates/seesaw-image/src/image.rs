//! An image in memory.

/// An image of 8-bit RGB pixels: interleaved `[height, width, 3]`, row by row from the top, without
/// padding. Neither side is 0.
#[derive(Clone, PartialEq, Eq)]
pub struct RgbImage {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

impl RgbImage {
    /// An image of these pixels; `None` where a side is 0 or `pixels` does not hold
    /// `3 * width * height` bytes.
    pub fn new(width: u32, height: u32, pixels: Vec<u8>) -> Option<Self> {
        let expected = 3 * u128::from(width) * u128::from(height);
        (expected > 0 && pixels.len() as u128 == expected).then_some(Self { width, height, pixels })
    }

    /// Pixels in a row.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The samples, interleaved `[height, width, 3]`.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The samples, without a copy.
    pub fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }

    /// The samples, for changes in place.
    pub fn pixels_mut(&mut self) -> &mut [u8] {
        &mut self.pixels
    }

    /// Whether 999 of 1000 samples are below 16 of 255: a night without lights, a lens cap, or samples of 12
    /// bits that were saved in 16.
    pub fn is_nearly_black(&self) -> bool {
        let mut allowed = self.pixels.len() / 1000;
        // Ends early where the image is anything else.
        self.pixels.iter().filter(|&&sample| sample >= 16).all(|_| {
            let is_allowed = allowed > 0;
            allowed = allowed.saturating_sub(1);
            is_allowed
        })
    }

    /// Mirrors the image: left and right change places.
    pub fn flip_horizontal(&mut self) {
        for row in self.pixels.chunks_exact_mut(3 * self.width as usize) {
            reverse_pixels(row);
        }
    }

    /// Turns the image upside down, by half a turn.
    pub fn rotate_180(&mut self) {
        reverse_pixels(&mut self.pixels);
    }

    /// Exchanges rows and columns: mirrors the image along its main diagonal.
    pub fn transpose(&mut self) {
        // A tile's columns stay in the cache while its rows are written.
        const TILE: usize = 32;
        let (width, height) = (self.width as usize, self.height as usize);
        let mut turned = vec![0; self.pixels.len()];
        for top in (0..height).step_by(TILE) {
            for left in (0..width).step_by(TILE) {
                for x in left..width.min(left + TILE) {
                    for y in top..height.min(top + TILE) {
                        let (from, to) = (3 * (y * width + x), 3 * (x * height + y));
                        turned[to..to + 3].copy_from_slice(&self.pixels[from..from + 3]);
                    }
                }
            }
        }
        self.pixels = turned;
        std::mem::swap(&mut self.width, &mut self.height);
    }
}

impl RgbImage {
    /// The same as [`transpose`](Self::transpose), in memory for a few dozen columns and rows instead of
    /// a second image.
    ///
    /// Rotates the columns, permutes each row and then each column, so that every pixel is moved at most
    /// three times (Catanzaro, Keller and Garland 2014, "A decomposition for in-place matrix
    /// transposition", algorithm 1).
    pub fn transpose_in_place(&mut self) {
        let (n, m) = (self.width as usize, self.height as usize);
        let common = greatest_common_divisor(m, n);
        let (rows_each, columns_each) = (m / common, n / common);
        if common > 1 {
            self.permute_columns(|i, j| (i + j / columns_each) % m);
        }
        let mut moved = vec![0; 3 * n];
        for (i, row) in self.pixels.chunks_exact_mut(3 * n).enumerate() {
            for (j, pixel) in row.chunks_exact(3).enumerate() {
                let to = ((i + j / columns_each) % m + j * m) % n;
                moved[3 * to..3 * to + 3].copy_from_slice(pixel);
            }
            row.copy_from_slice(&moved);
        }
        // (j + i * n - i / rows_each) modulo m, without a negative number.
        self.permute_columns(|i, j| (j + i * n + m - i / rows_each % m) % m);
        std::mem::swap(&mut self.width, &mut self.height);
    }

    /// Moves the pixel at row `from(i, j)` of column j to row i, for each row and column.
    fn permute_columns(&mut self, from: impl Fn(usize, usize) -> usize) {
        // So many columns are a cache line or more.
        const COLUMNS: usize = 32;
        let (width, height) = (self.width as usize, self.height as usize);
        let mut moved = vec![0; 3 * COLUMNS * height];
        for first in (0..width).step_by(COLUMNS) {
            let columns = COLUMNS.min(width - first);
            for (i, row) in moved.chunks_exact_mut(3 * COLUMNS).enumerate() {
                for (j, pixel) in row.chunks_exact_mut(3).take(columns).enumerate() {
                    let at = 3 * (from(i, first + j) * width + first + j);
                    pixel.copy_from_slice(&self.pixels[at..at + 3]);
                }
            }
            let rows = self.pixels.chunks_exact_mut(3 * width).zip(moved.chunks_exact(3 * COLUMNS));
            for (row, moved) in rows {
                row[3 * first..3 * (first + columns)].copy_from_slice(&moved[..3 * columns]);
            }
        }
    }
}

fn greatest_common_divisor(mut a: usize, mut b: usize) -> usize {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Shows the size alone: nobody reads a million samples.
impl std::fmt::Debug for RgbImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RgbImage({}x{})", self.width, self.height)
    }
}

fn reverse_pixels(samples: &mut [u8]) {
    samples.reverse();
    for pixel in samples.chunks_exact_mut(3) {
        pixel.swap(0, 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_pictures_can_be_made() {
        assert!(RgbImage::new(2, 1, vec![0; 6]).is_some());
        assert!(RgbImage::new(2, 1, vec![0; 5]).is_none());
        assert!(RgbImage::new(0, 1, vec![]).is_none());
        assert!(RgbImage::new(u32::MAX, u32::MAX, vec![]).is_none());
    }

    #[test]
    fn a_transpose_moves_every_pixel_also_across_tiles() {
        let (width, height) = (70_u32, 37_u32);
        let pixel = |x: u32, y: u32| [x as u8, y as u8, 7];
        let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect();
        let mut image = RgbImage::new(width, height, pixels).unwrap();
        image.transpose();
        assert_eq!((image.width(), image.height()), (height, width));
        for (i, found) in image.pixels().chunks_exact(3).enumerate() {
            let (x, y) = (i as u32 % height, i as u32 / height);
            assert_eq!(found, pixel(y, x), "at {x}, {y}");
        }
    }

    #[test]
    fn dark_pictures_are_told() {
        let is_dark =
            |samples: &[u8]| RgbImage::new(100, 20, samples.to_vec()).unwrap().is_nearly_black();
        let mut samples: Vec<u8> = (0..6000).map(|i| (i % 16) as u8).collect();
        assert!(is_dark(&samples));
        samples[..6].fill(255);
        assert!(is_dark(&samples), "six hot samples of 6000");
        samples[6] = 16;
        assert!(!is_dark(&samples));
    }

    #[test]
    fn a_transpose_in_place_is_the_same() {
        let mut sizes: Vec<(u32, u32)> =
            (1..14).flat_map(|w| (1..14).map(move |h| (w, h))).collect();
        sizes.extend([(70, 37), (64, 96), (96, 64), (33, 120), (100, 1), (1, 100), (77, 77)]);
        for (width, height) in sizes {
            let pixels = (0..3 * width * height).map(|i| (i * 7 % 251) as u8).collect();
            let mut expected = RgbImage::new(width, height, pixels).unwrap();
            let mut found = expected.clone();
            expected.transpose();
            found.transpose_in_place();
            assert!(found == expected, "{width}x{height}");
        }
    }
}
