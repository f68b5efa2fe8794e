//! Random crops.

use seesaw_arch::{Filter, Fit, Preprocess};
use seesaw_image::{
    RgbImage,
    resize::{self, Rect},
};

use super::{Augment, Padding};
use crate::rng::Rng;

/// A rectangle of random area and shape, scaled to the net's input.
pub(super) fn resized(
    image: &RgbImage,
    scale: [f64; 2],
    ratio: [f64; 2],
    preprocess: &Preprocess,
    rng: &mut Rng,
) -> Option<RgbImage> {
    let (width, height, size) = (image.width(), image.height(), preprocess.crop);
    if preprocess.fit == Fit::Crop {
        return resize::resize_region(image, &region(width, height, scale, ratio, rng), size);
    }
    // Of a square, in pixels of the image's longer side.
    let side = width.max(height);
    let Rect { left, top, width: w, height: h } = region(side, side, scale, ratio, rng).to_f64();
    let view = if preprocess.fit == Fit::Pad {
        let (left, width_seen) = inside(left, w, side, width);
        let (top, height_seen) = inside(top, h, side, height);
        Rect { left, top, width: width_seen, height: height_seen }
    } else {
        let (across, down) =
            (f64::from(width) / f64::from(side), f64::from(height) / f64::from(side));
        Rect { left: left * across, top: top * down, width: w * across, height: h * down }
    };
    resize::resize_view(image, &view, size, Filter::Bilinear, preprocess.mean_color())
}

/// Moves a part of a padded side of `side` pixels to where it shows as much as it can of the `len` pixels
/// in its middle, and as near to its first place as that allows in proportion. In pixels of the image.
fn inside(start: f64, part: f64, side: u32, len: u32) -> (f64, f64) {
    let (side, len) = (f64::from(side), f64::from(len));
    let free = side - part;
    let share = if free > 0.0 { start / free } else { 0.5 };
    // A part that is longer than the image begins before it, at most so far that it ends with it.
    (share * (len - part), part)
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

/// The image scaled to the net's input, and moved by up to `padding` pixels in both directions.
pub(super) fn padded(
    image: &RgbImage,
    augment: &Augment,
    preprocess: &Preprocess,
    rng: &mut Rng,
) -> Option<RgbImage> {
    let (padding, mode, size) = (augment.padding, augment.padding_mode, preprocess.crop);
    let scaled;
    let square = if (image.width(), image.height()) == (size, size) {
        image
    } else {
        let whole = Preprocess { resize: size, filter: Filter::Bilinear, ..preprocess.clone() };
        scaled = resize::to_square(image, &whole)?;
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
            let moved = |padding_mode| {
                let augment = Augment { padding: 1, padding_mode, ..Augment::default() };
                let three = Preprocess { crop: 3, ..Preprocess::cifar() };
                padded(&image, &augment, &three, &mut rng(index)).unwrap()
            };
            let (cut, reflected) = (moved(Padding::Zero), moved(Padding::Reflect));
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

    /// 60 by 20 pixels, each of which says where it is: red across, green down, blue 255.
    fn map() -> RgbImage {
        let pixels =
            (0..20).flat_map(|y| (0..60).flat_map(move |x| [4 * x as u8, 10 * y as u8, 255]));
        RgbImage::new(60, 20, pixels.collect()).unwrap()
    }

    fn cut(fit: Fit, scale: [f64; 2], index: u64) -> RgbImage {
        let preprocess = Preprocess { fit, crop: 32, mean: [0.0; 3], ..Preprocess::cifar() };
        resized(&map(), scale, [0.75, 4.0 / 3.0], &preprocess, &mut rng(index)).unwrap()
    }

    #[test]
    fn a_crop_of_a_squeezed_image_has_its_proportions() {
        for index in 0..200 {
            let image = cut(Fit::Squeeze, [0.3, 1.0], index);
            assert!(image.pixels().chunks(3).all(|pixel| pixel[2] == 255), "no padding");
            let (first, last) = (&image.pixels()[..3], &image.pixels()[3 * 32 * 31 + 3 * 31..]);
            // A pixel is a share of either side; the map spans 240 in red and 200 in green.
            let (across, down) =
                (f64::from(last[0] - first[0]) / 240.0, f64::from(last[1] - first[1]) / 200.0);
            assert!((0.6..1.7).contains(&(across / down)), "{index}: {across}, {down}");
            assert!((0.2..1.1).contains(&(across * down)), "{index}: {across}, {down}");
        }
    }

    #[test]
    fn a_crop_of_a_padded_image_shows_all_that_fits() {
        let mut padded = 0;
        for index in 0..300 {
            let image = cut(Fit::Pad, [0.02, 1.0], index);
            let shown: Vec<bool> = image.pixels().chunks(3).map(|pixel| pixel[2] > 0).collect();
            let rows = shown.chunks(32).filter(|row| row[0]).count();
            // Columns are never padded: the image is as wide as the square.
            assert!(
                shown.chunks(32).all(|row| row.iter().all(|&pixel| pixel == row[0])),
                "{index}"
            );
            assert!(rows > 0, "{index}: nothing is shown");
            if rows < 32 {
                padded += 1;
                // Then all rows of the image are there.
                let greens: Vec<u8> = image
                    .pixels()
                    .chunks(3)
                    .filter(|pixel| pixel[2] > 0)
                    .map(|pixel| pixel[1])
                    .collect();
                let (least, most) = (greens.iter().min().unwrap(), greens.iter().max().unwrap());
                assert!(*least < 25 && *most > 165, "{index}: {least} to {most}");
            }
        }
        assert!((100..300).contains(&padded), "{padded}");
    }
}
