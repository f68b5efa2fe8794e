//! Random crops.

use seesaw_arch::Filter;
use seesaw_image::{
    RgbImage,
    resize::{self, Rect},
};

use super::Padding;
use crate::rng::Rng;

/// A rectangle of random area and shape, scaled to `size` by `size`.
pub(super) fn resized(
    image: &RgbImage,
    scale: [f64; 2],
    ratio: [f64; 2],
    size: u32,
    rng: &mut Rng,
) -> Option<RgbImage> {
    let region = region(image.width(), image.height(), scale, ratio, rng);
    resize::resize_region(image, &region, size)
}

/// The rectangle, by torchvision's rule: ten tries, and then the largest centered rectangle whose shape
/// is in the range.
fn region(width: u32, height: u32, scale: [f64; 2], ratio: [f64; 2], rng: &mut Rng) -> Rect {
    let (full_width, full_height) = (f64::from(width), f64::from(height));
    for _ in 0..10 {
        let area = full_width * full_height * rng.uniform(scale[0], scale[1]);
        let shape = rng.uniform(ratio[0].ln(), ratio[1].ln()).exp();
        let w = (area * shape).sqrt().round_ties_even();
        let h = (area / shape).sqrt().round_ties_even();
        if (1.0..=full_width).contains(&w) && (1.0..=full_height).contains(&h) {
            let (w, h) = (w as u32, h as u32);
            let top = rng.below(u64::from(height - h) + 1) as u32;
            let left = rng.below(u64::from(width - w) + 1) as u32;
            return Rect { left, top, width: w, height: h };
        }
    }
    let shape = full_width / full_height;
    let (w, h) = if shape < ratio[0] {
        (full_width, full_width / ratio[0])
    } else if shape > ratio[1] {
        (full_height * ratio[1], full_height)
    } else {
        (full_width, full_height)
    };
    let side = |side: f64, full: u32| (side.round_ties_even() as u32).clamp(1, full);
    let (w, h) = (side(w, width), side(h, height));
    Rect { left: (width - w) / 2, top: (height - h) / 2, width: w, height: h }
}

/// The image scaled to a square of `size` pixels, and moved by up to `padding` pixels in both directions.
pub(super) fn padded(
    image: &RgbImage,
    padding: u32,
    mode: Padding,
    size: u32,
    rng: &mut Rng,
) -> Option<RgbImage> {
    let scaled;
    let square = if (image.width(), image.height()) == (size, size) {
        image
    } else {
        scaled = resize::resize_and_crop(image, size, size, Filter::Bilinear)?;
        &scaled
    };
    let mut shift = || rng.below(2 * u64::from(padding) + 1) as i64 - i64::from(padding);
    let (down, right) = (shift(), shift());
    let source = |at: i64| source(at, i64::from(size), mode);
    let columns: Vec<Option<usize>> = (0..i64::from(size)).map(|x| source(x + right)).collect();
    let row_len = 3 * size as usize;
    let mut pixels = vec![0; square.pixels().len()];
    for (y, row) in pixels.chunks_exact_mut(row_len).enumerate() {
        let Some(from) = source(y as i64 + down) else { continue };
        let from = &square.pixels()[from * row_len..][..row_len];
        for (pixel, column) in row.chunks_exact_mut(3).zip(&columns) {
            if let Some(column) = column {
                pixel.copy_from_slice(&from[3 * column..][..3]);
            }
        }
    }
    RgbImage::new(size, size, pixels)
}

/// Which of `len` pixels is seen at `at`, which may be outside of them.
fn source(at: i64, len: i64, mode: Padding) -> Option<usize> {
    if (0..len).contains(&at) {
        return Some(at as usize);
    }
    if mode == Padding::Zero {
        return None;
    }
    let period = (2 * (len - 1)).max(1);
    let at = at.rem_euclid(period);
    Some(if at < len { at } else { period - at } as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Purpose;

    fn rng(index: u64) -> Rng {
        Rng::new(3, Purpose::Augment, [0, index])
    }

    #[test]
    fn regions_lie_in_the_image_and_have_the_asked_area_and_shape() {
        let (scale, ratio) = ([0.08, 0.9], [0.75, 4.0 / 3.0]);
        let mut shares = vec![];
        for index in 0..2000 {
            let Rect { left, top, width: w, height: h } =
                region(500, 400, scale, ratio, &mut rng(index));
            assert!(left + w <= 500 && top + h <= 400);
            shares.push(f64::from(w * h) / 200_000.0);
            let shape = f64::from(w) / f64::from(h);
            assert!((0.74..1.35).contains(&shape), "{w}x{h}");
        }
        let (least, most) =
            shares.iter().fold((1.0_f64, 0.0_f64), |(a, b), &s| (a.min(s), b.max(s)));
        assert!((0.078..0.1).contains(&least) && (0.85..0.902).contains(&most), "{least} {most}");
    }

    fn rect(left: u32, top: u32, width: u32, height: u32) -> Rect {
        Rect { left, top, width, height }
    }

    #[test]
    fn where_no_try_fits_the_center_is_taken() {
        let full = [1.0, 1.0];
        assert_eq!(region(900, 10, full, [0.5, 2.0], &mut rng(0)), rect(440, 0, 20, 10));
        assert_eq!(region(10, 900, full, [0.5, 2.0], &mut rng(0)), rect(0, 440, 10, 20));
        assert_eq!(region(1, 1, [0.001, 0.001], [1.0, 1.0], &mut rng(0)), rect(0, 0, 1, 1));
        assert_eq!(region(1, 900, full, [50.0, 60.0], &mut rng(0)), rect(0, 449, 1, 1));
    }

    #[test]
    fn a_padded_crop_is_the_image_moved() {
        let image = RgbImage::new(3, 3, (0..27).collect()).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for index in 0..400 {
            let cut = padded(&image, 1, Padding::Zero, 3, &mut rng(index)).unwrap();
            let reflected = padded(&image, 1, Padding::Reflect, 3, &mut rng(index)).unwrap();
            for (zero, reflected) in cut.pixels().iter().zip(reflected.pixels()) {
                assert!(zero == reflected || *zero == 0);
            }
            seen.insert(cut.into_pixels());
        }
        assert_eq!(seen.len(), 9, "each of 3 by 3 places");
        assert!(seen.contains(image.pixels()));
    }

    #[test]
    fn reflection_does_not_repeat_the_edge() {
        let row = |len| {
            [-5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7].map(|at| source(at, len, Padding::Reflect))
        };
        assert_eq!(row(3), [1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1].map(Some));
        assert_eq!(row(1), [Some(0); 13]);
    }
}
