//! TrivialAugment, wide: one operation, drawn uniformly, at one of 31 strengths
//! (Müller and Hutter, 2021, <https://arxiv.org/abs/2103.10158>), with torchvision's ranges.

use seesaw_image::RgbImage;

use super::color;
use crate::rng::Rng;

/// An operation on an image with its strength.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Operation {
    Identity,
    /// Source columns per row, around the upper left corner.
    ShearX(f64),
    ShearY(f64),
    /// Pixels to the left.
    TranslateX(f64),
    TranslateY(f64),
    /// Degrees counterclockwise, around the center.
    Rotate(f64),
    /// Factors: 1 changes nothing.
    Brightness(f64),
    Saturation(f64),
    Contrast(f64),
    Sharpness(f64),
    /// Bits to keep.
    Posterize(u32),
    /// Samples from this value on are inverted.
    Solarize(f64),
    AutoContrast,
    Equalize,
}

pub(super) fn apply(image: RgbImage, rng: &mut Rng) -> RgbImage {
    draw(rng).apply(image)
}

fn draw(rng: &mut Rng) -> Operation {
    use Operation::*;
    let operation = rng.below(14);
    let strength = rng.below(31) as f64 / 30.0;
    let signed = if rng.chance(0.5) { -strength } else { strength };
    match operation {
        0 => Identity,
        1 => ShearX(0.99 * signed),
        2 => ShearY(0.99 * signed),
        3 => TranslateX((32.0 * signed).trunc()),
        4 => TranslateY((32.0 * signed).trunc()),
        5 => Rotate(135.0 * signed),
        6 => Brightness(1.0 + 0.99 * signed),
        7 => Saturation(1.0 + 0.99 * signed),
        8 => Contrast(1.0 + 0.99 * signed),
        9 => Sharpness(1.0 + 0.99 * signed),
        10 => Posterize(8 - (6.0 * strength).round_ties_even() as u32),
        11 => Solarize(255.0 * (1.0 - strength)),
        12 => AutoContrast,
        _ => Equalize,
    }
}

impl Operation {
    pub(super) fn apply(self, mut image: RgbImage) -> RgbImage {
        match self {
            Self::Identity => {}
            Self::ShearX(level) => return affine(&image, [1.0, level, 0.0, 0.0, 1.0, 0.0]),
            Self::ShearY(level) => return affine(&image, [1.0, 0.0, 0.0, level, 1.0, 0.0]),
            Self::TranslateX(pixels) => return affine(&image, [1.0, 0.0, pixels, 0.0, 1.0, 0.0]),
            Self::TranslateY(pixels) => return affine(&image, [1.0, 0.0, 0.0, 0.0, 1.0, pixels]),
            Self::Rotate(degrees) => return rotate(&image, degrees),
            Self::Brightness(factor) => color::brightness(&mut image, factor),
            Self::Saturation(factor) => color::saturation(&mut image, factor),
            Self::Contrast(factor) => color::contrast(&mut image, factor),
            Self::Sharpness(factor) => return sharpen(&image, factor),
            Self::Posterize(bits) => {
                let mask = (0xFF00_u32 >> bits) as u8;
                color::map(&mut image, |sample| sample & mask);
            }
            Self::Solarize(threshold) => {
                let invert =
                    |sample: u8| if f64::from(sample) < threshold { sample } else { !sample };
                color::map(&mut image, invert);
            }
            Self::AutoContrast => by_channel(&mut image, stretch),
            Self::Equalize => by_channel(&mut image, equalize),
        }
        image
    }
}

fn rotate(image: &RgbImage, degrees: f64) -> RgbImage {
    let (sin, cos) = (-degrees.to_radians()).sin_cos();
    let (x, y) = (f64::from(image.width()) / 2.0, f64::from(image.height()) / 2.0);
    affine(image, [cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y])
}

/// Each pixel from where `[a, b, c, d, e, f]` says: column `ax + by + c`, row `dx + ey + f`, of
/// pixel centers, the nearest; black from outside.
fn affine(image: &RgbImage, [a, b, c, d, e, f]: [f64; 6]) -> RgbImage {
    let (width, height) = (f64::from(image.width()), f64::from(image.height()));
    let row_len = 3 * image.width() as usize;
    let mut moved = image.clone();
    for (y, row) in moved.pixels_mut().chunks_exact_mut(row_len).enumerate() {
        let y = y as f64 + 0.5;
        for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
            let x = x as f64 + 0.5;
            let (from_x, from_y) = (a * x + b * y + c, d * x + e * y + f);
            if (0.0..width).contains(&from_x) && (0.0..height).contains(&from_y) {
                let from = from_y as usize * row_len + 3 * from_x as usize;
                pixel.copy_from_slice(&image.pixels()[from..from + 3]);
            } else {
                pixel.fill(0);
            }
        }
    }
    moved
}

/// The smoothed image at 0, the image at 1; the outermost pixels stay.
fn sharpen(image: &RgbImage, factor: f64) -> RgbImage {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let mut sharp = image.clone();
    let from = image.pixels();
    for y in 1..height.saturating_sub(1) {
        for at in 3 * (y * width + 1)..3 * ((y + 1) * width).saturating_sub(1) {
            let row =
                |at: usize| [at - 3, at, at + 3].map(|at| u32::from(from[at])).iter().sum::<u32>();
            let around = row(at - 3 * width) + row(at) + row(at + 3 * width);
            let smooth = (around + 4 * u32::from(from[at]) + 6) / 13;
            sharp.pixels_mut()[at] = color::blend(smooth as u8, from[at], factor);
        }
    }
    sharp
}

/// Replaces the samples of each channel by a table computed from its histogram.
fn by_channel(image: &mut RgbImage, table: fn(&[u32; 256]) -> [u8; 256]) {
    for channel in 0..3 {
        let mut histogram = [0; 256];
        for pixel in image.pixels().chunks_exact(3) {
            histogram[usize::from(pixel[channel])] += 1;
        }
        let table = table(&histogram);
        for pixel in image.pixels_mut().chunks_exact_mut(3) {
            pixel[channel] = table[usize::from(pixel[channel])];
        }
    }
}

const UNCHANGED: fn(usize) -> u8 = |sample| sample as u8;

/// The darkest sample to 0 and the brightest to 255.
fn stretch(histogram: &[u32; 256]) -> [u8; 256] {
    let low = histogram.iter().position(|&n| n > 0).unwrap_or(0);
    let high = histogram.iter().rposition(|&n| n > 0).unwrap_or(0);
    if high <= low {
        return std::array::from_fn(UNCHANGED);
    }
    let scale = 255.0 / (high - low) as f64;
    // A cast to u8 saturates.
    std::array::from_fn(|sample| (sample as f64 * scale - low as f64 * scale) as u8)
}

/// Makes every brightness equally frequent, as far as equal samples must stay equal.
fn equalize(histogram: &[u32; 256]) -> [u8; 256] {
    let last = histogram.iter().rposition(|&n| n > 0).unwrap_or(0);
    let step = histogram[..last].iter().sum::<u32>() / 255;
    if step == 0 {
        return std::array::from_fn(UNCHANGED);
    }
    let mut below = step / 2;
    histogram.map(|n| {
        let sample = (below / step).min(255) as u8;
        below += n;
        sample
    })
}

#[cfg(test)]
mod tests;
