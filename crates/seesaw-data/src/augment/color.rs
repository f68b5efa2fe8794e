//! Changes of color, with the arithmetic of Pillow's `ImageEnhance`.

use seesaw_image::RgbImage;

use super::Jitter;
use crate::rng::Rng;

/// Torchvision's `ColorJitter`: each change that has a range once, in random order.
pub(super) fn jitter(image: &mut RgbImage, ranges: &Jitter, rng: &mut Rng) {
    type Change = fn(&mut RgbImage, f64);
    let mut changes: [(Change, f64, f64); 4] = [
        (brightness, 1.0, ranges.brightness),
        (contrast, 1.0, ranges.contrast),
        (saturation, 1.0, ranges.saturation),
        (hue, 0.0, ranges.hue),
    ];
    rng.shuffle(&mut changes);
    for (change, center, range) in changes {
        if range > 0.0 {
            change(image, rng.uniform(center - range, center + range));
        }
    }
}

/// Black at 0, the image at 1.
pub(super) fn brightness(image: &mut RgbImage, factor: f64) {
    map(image, |sample| blend(0, sample, factor));
}

/// The image's mean gray at 0, the image at 1.
pub(super) fn contrast(image: &mut RgbImage, factor: f64) {
    let pixels = image.pixels().chunks_exact(3);
    let sum: u64 = pixels.map(|pixel| u64::from(gray(pixel))).sum();
    let count = image.pixels().len() as f64 / 3.0;
    let mean = (sum as f64 / count + 0.5) as u8;
    map(image, |sample| blend(mean, sample, factor));
}

/// Gray at 0, the image at 1.
pub(super) fn saturation(image: &mut RgbImage, factor: f64) {
    for pixel in image.pixels_mut().chunks_exact_mut(3) {
        let gray = gray(pixel);
        for sample in pixel {
            *sample = blend(gray, *sample, factor);
        }
    }
}

/// Turns the hue by this share of the circle.
fn hue(image: &mut RgbImage, turn: f64) {
    for pixel in image.pixels_mut().chunks_exact_mut(3) {
        let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(f32::from);
        let (most, least) = (r.max(g).max(b), r.min(g).min(b));
        let range = most - least;
        if range == 0.0 {
            continue;
        }
        let sector = if most == r {
            (g - b) / range
        } else if most == g {
            2.0 + (b - r) / range
        } else {
            4.0 + (r - g) / range
        };
        let turned = sector + 6.0 * turn as f32;
        // Red, green and blue are full within one sector of their own, and absent from two sectors on.
        for (sample, center) in pixel.iter_mut().zip([0.0, 2.0, 4.0]) {
            let away = (turned - center).rem_euclid(6.0);
            let away = away.min(6.0 - away);
            *sample = (least + range * (2.0 - away).clamp(0.0, 1.0)).round() as u8;
        }
    }
}

/// From `low` at 0 to `high` at 1, extrapolated beyond; truncated as in Pillow.
pub(super) fn blend(low: u8, high: u8, factor: f64) -> u8 {
    let (low, high) = (f32::from(low), f32::from(high));
    // A cast to u8 saturates.
    (low + factor as f32 * (high - low)) as u8
}

/// ITU-R 601 luma in fixed point.
fn gray(pixel: &[u8]) -> u8 {
    let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
    ((19_595 * r + 38_470 * g + 7_471 * b + 0x8000) >> 16) as u8
}

/// Replaces every sample, whatever its channel.
pub(super) fn map(image: &mut RgbImage, change: impl Fn(u8) -> u8) {
    let table: [u8; 256] = std::array::from_fn(|sample| change(sample as u8));
    for sample in image.pixels_mut() {
        *sample = table[usize::from(*sample)];
    }
}
