//! The effects of augmentation, and its serialized form.

use seesaw_arch::Filter;

use super::*;
use crate::rng::Purpose;

fn rng(index: u64) -> Rng {
    Rng::new(11, Purpose::Augment, [0, index])
}

/// A view of an image: its shorter side scaled to `resize`, and a square of `crop`.
fn view(resize: u32, crop: u32) -> Preprocess {
    Preprocess { resize, crop, ..Preprocess::cifar() }
}

fn gradient(width: u32, height: u32) -> RgbImage {
    let pixels = (0..3 * width * height).map(|n| (n * 37 % 251) as u8).collect();
    RgbImage::new(width, height, pixels).unwrap()
}

#[test]
fn the_default_is_the_crop_of_evaluation() {
    let image = gradient(50, 40);
    let found = Augment::default().apply(&image, &view(24, 20), &mut rng(0)).unwrap();
    assert_eq!(found, resize::resize_and_crop(&image, 24, 20, Filter::Bilinear).unwrap());
    let mut planes = [1.0; 3 * 4];
    Augment::default().erase(&mut planes, 2, &mut rng(0));
    assert_eq!(planes, [1.0; 12]);
    assert!(!Augment::default().mixes());
}

#[test]
fn half_of_the_images_are_mirrored() {
    let image = gradient(8, 8);
    let mut mirrored = image.clone();
    mirrored.flip_horizontal();
    let augment = Augment { flip: true, ..Augment::default() };
    let flips = (0..400).filter(|&index| {
        let found = augment.apply(&image, &view(8, 8), &mut rng(index)).unwrap();
        assert!(found == image || found == mirrored);
        found == mirrored
    });
    let flips = flips.count();
    assert!((150..250).contains(&flips), "{flips}");
}

#[test]
fn a_resized_crop_of_everything_is_the_whole_picture() {
    let image = gradient(30, 30);
    let whole =
        Augment { crop: Crop::Resized, scale: [1.0, 1.0], ratio: [1.0, 1.0], ..Augment::default() };
    let found = whole.apply(&image, &view(9, 12), &mut rng(0)).unwrap();
    assert_eq!(found, resize::resize_and_crop(&image, 12, 12, Filter::Bilinear).unwrap());
    let part = Augment { scale: [0.1, 0.5], ..whole };
    let seen: std::collections::BTreeSet<_> = (0..50)
        .map(|index| part.apply(&image, &view(9, 12), &mut rng(index)).unwrap().into_pixels())
        .collect();
    assert!(seen.len() > 45);
}

#[test]
fn every_crop_fits_every_picture() {
    for crop in [Crop::Center, Crop::Resized, Crop::Padded] {
        for (width, height) in [(1, 1), (1, 700), (700, 1), (31, 32), (33, 90)] {
            for index in 0..20 {
                let augment = Augment { crop, padding: 40, ..Augment::default() };
                let found = augment.apply(&gradient(width, height), &view(36, 32), &mut rng(index));
                let found = found.unwrap_or_else(|| panic!("{crop:?} of {width}x{height}"));
                assert_eq!((found.width(), found.height()), (32, 32));
            }
        }
        let augment = Augment { crop, ..Augment::default() };
        assert!(augment.apply(&gradient(3, 3), &view(8, 0), &mut rng(0)).is_none());
        assert!(
            augment.apply(&gradient(3, 3), &view(8, resize::MAX_SIDE + 1), &mut rng(0)).is_none()
        );
    }
}

#[test]
fn jitter_stays_in_its_range_and_turns_hues() {
    let gray = RgbImage::new(1, 1, vec![100; 3]).unwrap();
    let jitter = Jitter { brightness: 0.2, ..Jitter::default() };
    let samples = (0..500).map(|index| {
        let mut image = gray.clone();
        color::jitter(&mut image, &jitter, &mut rng(index));
        image.pixels()[0]
    });
    let (least, most) = samples.fold((255, 0), |(a, b), s| (a.min(s), b.max(s)));
    assert!((80..83).contains(&least) && (117..=120).contains(&most), "{least} to {most}");

    // Red goes through the whole circle; gray has no hue.
    let red = RgbImage::new(2, 1, vec![200, 0, 0, 90, 90, 90]).unwrap();
    let jitter = Jitter { hue: 0.5, ..Jitter::default() };
    let mut strongest = [0; 3];
    for index in 0..300 {
        let mut image = red.clone();
        color::jitter(&mut image, &jitter, &mut rng(index));
        let [r, g, b, rest @ ..] = image.pixels() else { unreachable!() };
        assert_eq!(rest, [90; 3]);
        assert_eq!((*r.max(g).max(b), *r.min(g).min(b)), (200, 0));
        strongest[[r, g, b].iter().position(|&&sample| sample == 200).unwrap()] += 1;
    }
    assert!(strongest.iter().all(|&n| (60..140).contains(&n)), "{strongest:?}");
}

#[test]
fn erasing_takes_rectangles_of_the_asked_size() {
    let size = 40;
    let erased = |augment: &Augment, index| {
        let mut planes = vec![1.0; 3 * size * size];
        augment.erase(&mut planes, size, &mut rng(index));
        let zeros = planes.iter().filter(|&&number| number == 0.0).count();
        assert!(zeros.is_multiple_of(3), "the same in each plane");
        zeros / 3
    };
    let sometimes = Augment { erasing: 0.25, ..Augment::default() };
    let counts: Vec<usize> = (0..800).map(|index| erased(&sometimes, index)).collect();
    let hit = counts.iter().filter(|&&count| count > 0).count();
    assert!((150..250).contains(&hit), "{hit}");
    // 2 to 33 % of 1600, with the rounding of the sides.
    assert!(counts.iter().all(|&count| count == 0 || (25..560).contains(&count)));

    let cutout = Augment { cutout: 10, ..Augment::default() };
    let counts: Vec<usize> = (0..400).map(|index| erased(&cutout, index)).collect();
    assert_eq!((counts.iter().max(), counts.iter().min() >= Some(&25)), (Some(&100), true));
    let larger = Augment { cutout: 200, ..Augment::default() };
    assert_eq!(erased(&larger, 0), 1600);
}

#[test]
fn settings_out_of_range_are_named() {
    let refused = |change: fn(&mut Augment)| {
        let mut augment = Augment::default();
        augment.validate().unwrap();
        change(&mut augment);
        augment.validate().unwrap_err().to_string()
    };
    for (error, part) in [
        (refused(|a| a.scale = [0.0, 1.0]), "`scale` is [0, 1], and must be two rising"),
        (refused(|a| a.scale = [0.5, 0.4]), "`scale`"),
        (refused(|a| a.scale = [0.5, 1.1]), "`scale`"),
        (refused(|a| a.ratio = [1.0, f64::INFINITY]), "`ratio`"),
        (refused(|a| a.ratio = [f64::NAN, 1.0]), "`ratio`"),
        (refused(|a| a.padding = 5000), "`padding` is 5000, and must be at most 4096"),
        (refused(|a| a.cutout = 5000), "`cutout`"),
        (refused(|a| a.jitter.brightness = 1.5), "`jitter.brightness`"),
        (refused(|a| a.jitter.contrast = -0.5), "`jitter.contrast`"),
        (refused(|a| a.jitter.saturation = f64::NAN), "`jitter.saturation`"),
        (refused(|a| a.jitter.hue = 0.6), "`jitter.hue` is 0.6, and must be from 0 to 0.5"),
        (refused(|a| a.erasing = 2.0), "`erasing`"),
        (refused(|a| a.mixup = 5.0), "`mixup`"),
        (refused(|a| a.cutmix = -1.0), "`cutmix`"),
        (refused(|a| a.mix_probability = 1.5), "`mix_probability`"),
    ] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn recipes_name_what_they_change_and_nothing_unknown() {
    let text =
        r#"{"crop": "padded", "padding_mode": "reflect", "jitter": {"hue": 0.1}, "mixup": 0.2}"#;
    let augment: Augment = serde_json::from_str(text).unwrap();
    let jitter = Jitter { hue: 0.1, ..Jitter::default() };
    let (crop, padding_mode) = (Crop::Padded, Padding::Reflect);
    assert_eq!(augment, Augment { crop, padding_mode, jitter, mixup: 0.2, ..Augment::default() });
    let written = serde_json::to_string(&augment).unwrap();
    assert_eq!(serde_json::from_str::<Augment>(&written).unwrap(), augment);
    for unknown in [r#"{"flips": true}"#, r#"{"jitter": {"gamma": 1}}"#, r#"{"crop": "centered"}"#]
    {
        assert!(serde_json::from_str::<Augment>(unknown).is_err(), "{unknown}");
    }
}
