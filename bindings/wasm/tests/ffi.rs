//! The functions, called as a host calls them.

use std::{ffi::CStr, path::Path, ptr, slice};

use seesaw_wasm::{ffi::*, model::Model};

/// A buffer of the module with these bytes.
fn give(bytes: &[u8]) -> *mut u8 {
    let buffer = seesaw_alloc(bytes.len());
    // SAFETY: the buffer is that long, and new.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), buffer, bytes.len()) };
    buffer
}

fn load(bytes: &[u8]) -> *mut Model {
    // SAFETY: a buffer of the module, which is used nowhere else.
    unsafe { seesaw_load(give(bytes), bytes.len()) }
}

fn prepare(model: *mut Model, rgba: &[u8], width: u32) -> bool {
    // SAFETY: a model that is loaded, and a buffer of the module, which is used nowhere else.
    unsafe { seesaw_prepare(model, give(rgba), rgba.len(), width) }
}

/// A copy of `len` numbers; none where there is an error.
fn numbers(from: *const f32, len: usize) -> Vec<f32> {
    if from.is_null() {
        return Vec::new();
    }
    // SAFETY: the functions return as many numbers as the description says.
    unsafe { slice::from_raw_parts(from, len) }.to_vec()
}

fn last_error() -> String {
    // SAFETY: the text is valid until the next failure.
    unsafe { CStr::from_ptr(seesaw_last_error()) }.to_str().unwrap().to_owned()
}

fn imagenette() -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../weights");
    std::fs::read(folder.join("seesaw-shuffle-0.5d-imagenette.safetensors")).unwrap()
}

#[test]
fn a_photo_has_logits_features_and_maps() {
    let model = load(&imagenette());
    assert!(!model.is_null(), "{}", last_error());
    // SAFETY: a model that is loaded.
    let text = unsafe { CStr::from_ptr(seesaw_describe(model)) }.to_str().unwrap();
    let description: serde_json::Value = serde_json::from_str(text).unwrap();
    let number = |name: &str| description[name].as_u64().unwrap() as usize;
    let (classes, size, side) = (number("classes"), number("inputSize"), number("mapSide"));
    assert_eq!(description["labels"].as_array().unwrap().len(), classes);
    let photo: Vec<u8> = (0..4 * 90 * 70).map(|i| (i * 7 % 251) as u8).collect();
    assert!(prepare(model, &photo, 90), "{}", last_error());
    // SAFETY: a model that is loaded, for all five.
    let (input, logits, features, map, none) = unsafe {
        let input = numbers(seesaw_input(model), 3 * size * size);
        let logits = numbers(seesaw_logits(model), classes);
        let features = numbers(seesaw_features(model), number("features"));
        let map = numbers(seesaw_explain(model, 3), side * side);
        (input, logits, features, map, seesaw_explain(model, classes))
    };
    assert!(input.iter().any(|x| *x != 0.0) && features.iter().any(|x| *x > 0.0));
    let mean = map.iter().sum::<f32>() / map.len() as f32;
    assert!((mean - logits[3]).abs() < 1e-3, "{mean} {}", logits[3]);
    assert!(none.is_null());
    assert_eq!(last_error(), format!("class {classes}: the model has {classes}, numbered from 0"));
    // SAFETY: it is not used any more.
    unsafe { seesaw_unload(model) };
}

#[test]
fn alpha_is_dropped_and_other_sizes_are_refused() {
    let mut model = Model::from_bytes(&imagenette()).unwrap();
    let photo = |alpha: u8| [10, 200, 30, alpha, 90, 80, 70, alpha].to_vec();
    model.prepare(photo(255), 2).unwrap();
    let opaque = model.input().to_vec();
    model.prepare(photo(0), 2).unwrap();
    assert_eq!(model.input(), opaque);
    for (bytes, width) in [(7, 1), (8, 0), (0, 1), (12, 2), (8, u32::MAX)] {
        let error = model.prepare(vec![0; bytes], width).unwrap_err().to_string();
        assert!(error.contains("not whole rows"), "{bytes} bytes in rows of {width}: {error}");
    }
    assert_eq!(model.input(), opaque, "a photo that is refused changes nothing");
}

#[test]
fn what_is_no_model_is_refused() {
    let mut damaged = imagenette();
    damaged.truncate(1_000_000);
    for (bytes, message) in [
        (&b""[..], "not a safetensors file; `seesaw import`"),
        (b"PK\x03\x04", "not a safetensors file"),
        (b"\x02\0\0\0\0\0\0\0{}", "without Seesaw's metadata"),
        (&damaged, "the model: "),
    ] {
        assert!(load(bytes).is_null());
        assert!(last_error().contains(message), "{}", last_error());
    }
}
