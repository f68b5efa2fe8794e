use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use seesaw_arch::Filter;

use super::*;
use crate::resize::resize_and_crop;

/// Smooth areas, edges and fine texture.
fn picture(width: u16, height: u16) -> Vec<u8> {
    let pixel = move |x: u16, y: u16| {
        let (fx, fy) = (f32::from(x), f32::from(y));
        let wave = (fx / 37.0).sin() * 50.0 + (fy / 91.0).cos() * 40.0 + 128.0;
        let edge = if (x / 150 + y / 130).is_multiple_of(2) { 30.0 } else { 0.0 };
        let texture = ((fx * 12.9898 + fy * 78.233).sin() * 43_758.547).fract() * 20.0;
        [wave + edge, wave + texture, 255.0 - wave - edge].map(|sample| sample as u8)
    };
    (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect()
}

fn progressive(width: u16, height: u16, sampling: SamplingFactor) -> Vec<u8> {
    let mut bytes = vec![];
    let mut encoder = Encoder::new(&mut bytes, 88);
    encoder.set_sampling_factor(sampling);
    encoder.set_progressive(true);
    encoder.encode(&picture(width, height), width, height, ColorType::Rgb).unwrap();
    bytes
}

/// The input of a net from a JPEG decoded at a fraction, and at full size.
fn both(bytes: &[u8], divisor: u64) -> [RgbImage; 2] {
    let (outline, result) = Outline::read(bytes);
    result.unwrap();
    let image = scaled(bytes, &outline, divisor).unwrap();
    assert_eq!(u64::from(image.width()), u64::from(outline.width).div_ceil(divisor));
    assert_eq!(u64::from(image.height()), u64::from(outline.height).div_ceil(divisor));
    [image, full(bytes, &outline).unwrap()]
        .map(|image| resize_and_crop(&image, 256, 224, Filter::Bilinear).unwrap())
}

#[test]
fn a_fraction_gives_nearly_the_same_input() {
    // The shorter side is 1024 and more of the fraction, as it is where a fraction is chosen.
    for (divisor, width, height) in [(2, 2749, 2050), (4, 5461, 4099)] {
        let [fraction, full] = both(&progressive(width, height, SamplingFactor::R_4_2_0), divisor);
        let differences: Vec<f64> = fraction
            .pixels()
            .iter()
            .zip(full.pixels())
            .map(|(a, b)| f64::from(a.abs_diff(*b)))
            .collect();
        let mean = differences.iter().sum::<f64>() / differences.len() as f64;
        let largest = differences.iter().fold(0.0, |a: f64, b| a.max(*b));
        assert!(mean <= 1.6 && largest <= 8.0, "1/{divisor}: mean {mean}, largest {largest}");
    }
}

#[test]
fn both_decoders_agree_at_full_size() {
    use SamplingFactor as S;
    for sampling in [S::R_4_4_4, S::R_4_2_2, S::R_4_2_0] {
        let [found, expected] = both(&progressive(299, 271, sampling), 1);
        let differences = found.pixels().iter().zip(expected.pixels()).map(|(a, b)| a.abs_diff(*b));
        assert!(differences.max().unwrap() <= 3, "{sampling:?}");
    }
}

#[test]
fn the_fraction_keeps_what_is_needed() {
    let outline = |width, height| {
        let mut outline = Outline::default();
        (outline.width, outline.height) = (width, height);
        outline
    };
    assert_eq!(divisor(&outline(8160, 6120), 1024), 4);
    assert_eq!(divisor(&outline(6120, 8160), 1024), 4);
    assert_eq!(divisor(&outline(8192, 8192), 1024), 8);
    assert_eq!(divisor(&outline(8160, 6120), 2000), 2);
    assert_eq!(divisor(&outline(8160, 6120), 3061), 1);
    assert_eq!(divisor(&outline(50_000, 900), 1024), 1);
}
