use super::*;

#[test]
fn the_crop_begins_where_torchvisions_does() {
    assert_eq!([0, 1, 2, 3, 4, 5, 6, 7].map(half_to_even), [0, 0, 1, 2, 2, 2, 3, 4]);
    // 500x375 to 341x256: the crop of 224 begins at round(58.5) = 58.
    let axis = Axis::new(500, 375, 256, 224);
    assert_eq!((axis.target, axis.len), (0, 224));
    assert!((axis.source - 58.0 * 500.0 / 341.0).abs() < 1e-9);
    // Padding: 10 to 13 leaves 3, of which 1 is before.
    let axis = Axis::new(10, 10, 10, 13);
    assert_eq!(axis, Axis { source: 0.0, source_len: 10.0, target: 1, len: 10 });
}

#[test]
fn a_picture_of_the_right_size_is_left_alone() {
    let image = RgbImage::new(3, 2, (0..18).collect()).unwrap();
    let cut = resize_and_crop(&image, 2, 2, Filter::Bilinear).unwrap();
    // round(0.5) is 0.
    assert_eq!(cut.pixels(), [0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14]);
}

#[test]
fn planes_are_scaled_one_by_one_as_pictures_are() {
    let samples: Vec<u8> = (0..2 * 25).map(|i| (i * 37 % 251) as u8).collect();
    let planes: Vec<f32> = samples.iter().map(|&sample| f32::from(sample)).collect();
    let whole = Rect { left: 0, top: 0, width: 5, height: 5 };
    for size in [3, 5, 12] {
        let scaled = resize_planes(&planes, 5, size).unwrap();
        for (plane, scaled) in samples.chunks(25).zip(scaled.chunks(size * size)) {
            let gray = plane.iter().flat_map(|&sample| [sample; 3]).collect();
            let image = RgbImage::new(5, 5, gray).unwrap();
            let expected = resize_region(&image, &whole, size as u32).unwrap();
            for (sample, pixel) in scaled.iter().zip(expected.pixels().chunks(3)) {
                assert!((sample - f32::from(pixel[0])).abs() <= 1.0, "{sample}, {pixel:?}");
            }
        }
    }
    assert_eq!(resize_planes(&planes, 5, 5).unwrap(), planes);
    assert_eq!(resize_planes(&planes[1..], 5, 6), None);
    assert_eq!(resize_planes(&planes, 5, 0), None);
}

#[test]
fn a_shrunk_picture_shows_an_evaluation_what_the_whole_one_does() {
    for (width, height) in [(100, 70), (70, 131), (81, 81)] {
        let pixels = (0..3 * width * height).map(|i| (i / 3 % width * 3 + i / (3 * width)) as u8);
        let image = RgbImage::new(width, height, pixels.collect()).unwrap();
        let shrunk = shrink(&image, 32).unwrap();
        let long = width.max(height) * 32 / width.min(height);
        assert_eq!(shrunk.width().min(shrunk.height()), 32);
        assert_eq!(shrunk.width().max(shrunk.height()), long);
        let [of_whole, of_shrunk] = [&image, &shrunk]
            .map(|image| resize_and_crop(image, 32, 28, Filter::Bilinear).unwrap());
        for (a, b) in of_whole.pixels().iter().zip(of_shrunk.pixels()) {
            assert!(a.abs_diff(*b) <= 1, "{width}x{height}: {a} {b}");
        }
    }
}

#[test]
fn pictures_are_not_enlarged() {
    let image = RgbImage::new(3, 2, vec![0; 18]).unwrap();
    assert_eq!([0, 2, 3, u32::MAX].map(|side| shrink(&image, side)), [const { None }; 4]);
    let long = RgbImage::new(65_535, 2, vec![7; 6 * 65_535]).unwrap();
    assert_eq!(shrink(&long, 1).unwrap().width(), 32_767);
}

#[test]
fn extreme_shapes_cost_no_more_than_the_crop() {
    for (width, height) in [(1, 65_535), (65_535, 1), (1, 1)] {
        let image = RgbImage::new(width, height, vec![77; 3 * (width * height) as usize]);
        let cut = resize_and_crop(&image.unwrap(), 256, 224, Filter::Bicubic).unwrap();
        assert!(cut.pixels().iter().all(|&sample| sample == 77), "{width}x{height}");
    }
}

#[test]
fn sizes_out_of_range_give_nothing() {
    let image = RgbImage::new(1, 1, vec![0; 3]).unwrap();
    for (resize, crop) in [(0, 1), (1, 0), (MAX_SIDE + 1, 1), (1, u32::MAX)] {
        assert!(
            resize_and_crop(&image, resize, crop, Filter::Bilinear).is_none(),
            "{resize}, {crop}"
        );
    }
}

/// A plain two-dimensional triangle filter on all pixels that it reaches within `source`.
fn plainly(image: &RgbImage, source: Rect<f64>, width: u32, height: u32) -> Vec<f64> {
    let weights = |start: f64, len: f64, count: u32, side: u32| -> Vec<Vec<(usize, f64)>> {
        let scale = len / f64::from(count);
        let reach = scale.max(1.0);
        (0..count)
            .map(|i| {
                let center = start + (f64::from(i) + 0.5) * scale;
                let weight = |at: u32| 1.0 - ((f64::from(at) + 0.5 - center) / reach).abs();
                let near: Vec<_> = (0..side)
                    .filter(|&at| weight(at) > 0.0)
                    .map(|at| (at as usize, weight(at)))
                    .collect();
                let sum: f64 = near.iter().map(|(_, weight)| weight).sum();
                near.into_iter().map(|(at, weight)| (at, weight / sum)).collect()
            })
            .collect()
    };
    let across = weights(source.left, source.width, width, image.width());
    let down = weights(source.top, source.height, height, image.height());
    let sample = |x: usize, y: usize, c: usize| {
        f64::from(image.pixels()[3 * (y * image.width() as usize + x) + c])
    };
    let mut scaled = vec![];
    for rows in &down {
        for columns in &across {
            for c in 0..3 {
                let each = |&(y, v): &(usize, f64)| -> f64 {
                    columns.iter().map(|&(x, h)| v * h * sample(x, y, c)).sum()
                };
                scaled.push(rows.iter().map(each).sum());
            }
        }
    }
    scaled
}

fn noise(width: u32, height: u32) -> RgbImage {
    let pixels = (0..3 * width * height).map(|i| (i * i * 31 % 251) as u8).collect();
    RgbImage::new(width, height, pixels).unwrap()
}

fn whole(image: &RgbImage) -> Rect<f64> {
    Rect { left: 0, top: 0, width: image.width(), height: image.height() }.to_f64()
}

#[test]
fn a_squeezed_picture_is_all_of_it() {
    for (width, height) in [(40, 30), (9, 70), (16, 16), (5, 4), (1, 20)] {
        let image = noise(width, height);
        let squeeze = Preprocess { crop: 16, fit: Fit::Squeeze, ..Preprocess::imagenet(224) };
        let found = to_square(&image, &squeeze).unwrap();
        let expected = plainly(&image, whole(&image), 16, 16);
        for (found, expected) in found.pixels().iter().zip(expected) {
            assert!(
                (f64::from(*found) - expected).abs() <= 1.5,
                "{width}x{height}: {found}, {expected}"
            );
        }
    }
}

#[test]
fn a_padded_picture_lies_in_the_mean_color() {
    // Width and height, and the rectangle where the image lies on 16 pixels.
    let cases = [
        (40, 30, [0, 2, 16, 12]),
        (30, 40, [2, 0, 12, 16]),
        (20, 20, [0, 0, 16, 16]),
        (8, 3, [0, 5, 16, 6]),
        // Less than a pixel, of which one is left.
        (200, 3, [0, 8, 16, 1]),
    ];
    for (width, height, [left, top, w, h]) in cases {
        let image = noise(width, height);
        let pad = Preprocess { crop: 16, fit: Fit::Pad, ..Preprocess::imagenet(224) };
        let found = to_square(&image, &pad).unwrap();
        let expected = plainly(&image, whole(&image), w, h);
        for (i, pixel) in (0..).zip(found.pixels().chunks(3)) {
            let (x, y) = (i % 16, i / 16);
            if (left..left + w).contains(&x) && (top..top + h).contains(&y) {
                let at = 3 * ((y - top) * w + x - left) as usize;
                for (found, expected) in pixel.iter().zip(&expected[at..at + 3]) {
                    let difference = (f64::from(*found) - expected).abs();
                    assert!(difference <= 1.5, "{width}x{height} at {x}, {y}");
                }
            } else {
                // ImageNet's mean in 255ths.
                assert_eq!(pixel, [124, 116, 104], "{width}x{height} at {x}, {y}");
            }
        }
    }
}

#[test]
fn a_view_must_show_something() {
    let image = noise(4, 4);
    let view = |left, width| {
        let view = Rect { left, top: 0.0, width, height: 4.0 };
        resize_view(&image, &view, 8, Filter::Bilinear, [0; 3])
    };
    assert!(view(-3.5, 4.0).is_some());
    for (left, width) in
        [(4.0, 4.0), (-4.0, 4.0), (0.0, 0.0), (0.0, -1.0), (0.0, f64::NAN), (f64::NAN, 4.0)]
    {
        assert!(view(left, width).is_none(), "{left}, {width}");
    }
}
