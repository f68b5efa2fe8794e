//! The operations against torchvision's, and the drawing of them.

use seesaw_image::{Limits, decode};

use super::*;
use crate::rng::Purpose;

fn named(name: &str, level: f64) -> Operation {
    use Operation::*;
    match name {
        "Identity" => Identity,
        "ShearX" => ShearX(level),
        "ShearY" => ShearY(level),
        // Torchvision moves the image where we move the source.
        "TranslateX" => TranslateX(-level),
        "TranslateY" => TranslateY(-level),
        "Rotate" => Rotate(level),
        "Brightness" => Brightness(1.0 + level),
        "Color" => Saturation(1.0 + level),
        "Contrast" => Contrast(1.0 + level),
        "Sharpness" => Sharpness(1.0 + level),
        "Posterize" => Posterize(level as u32),
        "Solarize" => Solarize(level),
        "AutoContrast" => AutoContrast,
        "Equalize" => Equalize,
        other => panic!("no operation {other}"),
    }
}

#[test]
fn operations_are_torchvisions() {
    let sheet = include_bytes!("../../../tests/golden/augment.png");
    let sheet = decode::decode(sheet, &Limits::default()).unwrap();
    let cases: Vec<(String, f64)> =
        serde_json::from_str(include_str!("../../../tests/golden/augment.json")).unwrap();
    let (width, height) = (sheet.width(), sheet.height() / cases.len() as u32);
    let mut images = sheet.pixels().chunks_exact((3 * width * height) as usize);
    let first = RgbImage::new(width, height, images.clone().next().unwrap().to_vec()).unwrap();
    for (name, level) in &cases {
        let expected = images.next().unwrap();
        let found = named(name, *level).apply(first.clone());
        let pixels = found.pixels().chunks_exact(3).zip(expected.chunks_exact(3));
        let differing = pixels.filter(|(found, expected)| found != expected).count();
        // Which of two pixels is the nearest is a matter of rounding where both are as near.
        let allowed = if matches!(name.as_str(), "Rotate" | "ShearX" | "ShearY") { 4 } else { 0 };
        assert!(differing <= allowed, "{name} {level}: {differing} pixels of {}", width * height);
    }
}

#[test]
fn small_pictures_survive_every_operation() {
    for (width, height) in [(1, 1), (1, 5), (5, 1), (2, 2)] {
        let pixels = (0..3 * width * height).map(|n| n as u8 * 9).collect();
        let image = RgbImage::new(width, height, pixels).unwrap();
        for index in 0..500 {
            let mut rng = Rng::new(0, Purpose::Augment, [0, index]);
            let found = apply(image.clone(), &mut rng);
            assert_eq!((found.width(), found.height()), (width, height));
        }
    }
}

#[test]
fn every_operation_is_drawn_as_often_and_at_every_strength() {
    let mut seen = std::collections::BTreeMap::<String, (u32, Vec<String>)>::new();
    for index in 0..28_000 {
        let drawn = format!("{:?}", draw(&mut Rng::new(0, Purpose::Augment, [0, index])));
        let (name, level) = drawn.split_once('(').unwrap_or((&drawn, ""));
        let (count, levels) = seen.entry(name.to_owned()).or_default();
        *count += 1;
        levels.push(level.to_owned());
    }
    assert_eq!(seen.len(), 14);
    for (name, (count, mut levels)) in seen {
        // 2000 each, 5 standard deviations are 215.
        assert!(count.abs_diff(2000) < 215, "{name}: {count}");
        levels.sort();
        levels.dedup();
        let expected = match name.as_str() {
            "Identity" | "AutoContrast" | "Equalize" => 1,
            "Posterize" => 7,
            "Solarize" => 31,
            // Zero has a sign, which shows where nothing is added to it.
            "ShearX" | "ShearY" | "Rotate" | "TranslateX" | "TranslateY" => 62,
            _ => 61,
        };
        assert_eq!(levels.len(), expected, "{name}: {levels:?}");
    }
}
