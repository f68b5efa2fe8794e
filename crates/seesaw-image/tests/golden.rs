//! Decoding and resizing against Pillow and torchvision; `golden/make.py` made the data.

use std::{collections::BTreeMap, path::Path};

use seesaw_arch::Filter;
use seesaw_image::{Limits, RgbImage, decode, resize};
use serde_json::Value;

fn golden(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn number(value: &Value, field: &str) -> u32 {
    value[field].as_u64().unwrap().try_into().unwrap()
}

fn samples(value: &Value) -> Vec<u8> {
    let hex = value["rgb"].as_str().unwrap();
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

/// The largest difference of two samples.
fn difference(found: &[u8], expected: &[u8]) -> u8 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

/// How far a decoder may be from Pillow's: the inverse cosine transform of JPEG and the
/// interpolation of its chroma leave room for rounding, the other formats leave none.
fn tolerance(name: &str) -> u8 {
    if name.ends_with(".jpg") { 2 } else { 0 }
}

#[test]
fn every_kind_of_file_decodes_as_in_pillow() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/decode");
    let expected: BTreeMap<String, Value> = serde_json::from_str(&golden("decode.json")).unwrap();
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), expected.len());
    let mut wrong = vec![];
    for (name, expected) in &expected {
        match decode::open(folder.join(name), &Limits::default()) {
            Err(error) => wrong.push(format!("{name}: {error}")),
            Ok(image) => {
                let size = (number(expected, "width"), number(expected, "height"));
                assert_eq!((image.width(), image.height()), size, "{name}");
                let difference = difference(image.pixels(), &samples(expected));
                if difference > tolerance(name) {
                    wrong.push(format!("{name}: differs by {difference}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn resized_and_cropped_pictures_are_within_one_of_pillows() {
    let cases: Vec<Value> = serde_json::from_str(&golden("resize.json")).unwrap();
    for case in &cases {
        let [width, height, side, crop] =
            ["width", "height", "resize", "crop"].map(|field| number(case, field));
        let filter: Filter = serde_json::from_value(case["filter"].clone()).unwrap();
        let found = resize::resize_and_crop(&formula(width, height), side, crop, filter).unwrap();
        let difference = difference(found.pixels(), &samples(case));
        let what = format!("{width}x{height} to {side}, {crop}, {filter:?}");
        assert!(difference <= 1, "{what}: differs by {difference}");
    }
}

/// The image of `make.py`'s `formula`.
fn formula(width: u32, height: u32) -> RgbImage {
    let mut pixels = vec![];
    for y in 0..height {
        for x in 0..width {
            pixels
                .extend((0..3).map(|c| {
                    ((x * x * 7 + y * y * 13 + x * y * (c + 3) * 5 + c * 91) % 251) as u8
                }));
        }
    }
    RgbImage::new(width, height, pixels).unwrap()
}
