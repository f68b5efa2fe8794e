//! Images in, numbers out.

use classifier::{Error, RgbImage};

use crate::{
    error::{Failure, SeesawStatus, guard},
    memory,
    model::{Model, SeesawModel},
    registry,
};

/// The most pixels of an image; no camera makes as many.
const MAX_PIXELS: usize = 1 << 28;

/// The logits of `n` images, from 1 to the `batch` of the options.
///
/// `images` is `[n, 3, size, size]` with the channels red, green and blue, normalized as the net was
/// trained; `logits` is `[n, classes]`. Lengths count values.
///
/// # Safety
/// `images` points at `images_length` readable and `logits` at `logits_length` writable values, which
/// do not overlap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seesaw_run(
    model: *const SeesawModel,
    images: *const f32,
    images_length: usize,
    logits: *mut f32,
    logits_length: usize,
) -> SeesawStatus {
    guard(|| {
        let model = registry::get(model)?;
        // SAFETY: the caller says so.
        let images = unsafe { memory::input("images", images, images_length) }?;
        // SAFETY: the caller says so.
        let logits = unsafe { memory::output("logits", logits, logits_length) }?;
        let count = count_images(&model, images)?;
        check_length("logits", logits, count * model.classifier.labels().len())?;
        let found = model.classifier.plan().logits(images);
        logits.copy_from_slice(&found.map_err(|error| Failure::argument(error.to_string()))?);
        Ok(())
    })
}

/// The features of `n` images: what the net's last layer reads, `[n, features]`. Otherwise as
/// `seesaw_run`.
///
/// # Safety
/// As `seesaw_run`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seesaw_features(
    model: *const SeesawModel,
    images: *const f32,
    images_length: usize,
    features: *mut f32,
    features_length: usize,
) -> SeesawStatus {
    guard(|| {
        let model = registry::get(model)?;
        // SAFETY: the caller says so.
        let images = unsafe { memory::input("images", images, images_length) }?;
        // SAFETY: the caller says so.
        let features = unsafe { memory::output("features", features, features_length) }?;
        let count = count_images(&model, images)?;
        check_length("features", features, count * model.classifier.net().head.channels)?;
        let found = model.classifier.plan().pooled(images);
        features.copy_from_slice(&found.map_err(|error| Failure::argument(error.to_string()))?);
        Ok(())
    })
}

/// The probability of each class, 0 to 1, of an image of any size, which is scaled and normalized as
/// the model wants it.
///
/// A pixel is a byte of red, of green and of blue. Rows begin `stride` bytes apart, at least
/// `3 * width`; `rgb_length` is at least `stride * (height - 1) + 3 * width`.
///
/// # Safety
/// `rgb` points at `rgb_length` readable bytes, `probabilities` at `probabilities_length` writable
/// values.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seesaw_classify_rgb(
    model: *const SeesawModel,
    rgb: *const u8,
    rgb_length: usize,
    width: usize,
    height: usize,
    stride: usize,
    probabilities: *mut f32,
    probabilities_length: usize,
) -> SeesawStatus {
    guard(|| {
        let model = registry::get(model)?;
        // SAFETY: the caller says so.
        let rgb = unsafe { memory::input("rgb", rgb, rgb_length) }?;
        // SAFETY: the caller says so.
        let target =
            unsafe { memory::output("probabilities", probabilities, probabilities_length) }?;
        let image = image(rgb, width, height, stride)?;
        give_probabilities(&model, target, |model| model.classifier.classify(&image))
    })
}

/// As `seesaw_classify_rgb`, of a photo as its file has it: JPEG, PNG, WebP, GIF, TIFF, BMP, PNM or
/// HEIC, turned upright as its camera says.
///
/// # Safety
/// `photo` points at `photo_length` readable bytes, `probabilities` at `probabilities_length`
/// writable values.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seesaw_classify_photo(
    model: *const SeesawModel,
    photo: *const u8,
    photo_length: usize,
    probabilities: *mut f32,
    probabilities_length: usize,
) -> SeesawStatus {
    guard(|| {
        let model = registry::get(model)?;
        // SAFETY: the caller says so.
        let photo = unsafe { memory::input("photo", photo, photo_length) }?;
        // SAFETY: the caller says so.
        let target =
            unsafe { memory::output("probabilities", probabilities, probabilities_length) }?;
        give_probabilities(&model, target, |model| model.classifier.classify_bytes(photo))
    })
}

/// The features of an image of any size. Otherwise as `seesaw_classify_rgb`.
///
/// # Safety
/// As `seesaw_classify_rgb`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seesaw_features_rgb(
    model: *const SeesawModel,
    rgb: *const u8,
    rgb_length: usize,
    width: usize,
    height: usize,
    stride: usize,
    features: *mut f32,
    features_length: usize,
) -> SeesawStatus {
    guard(|| {
        let model = registry::get(model)?;
        // SAFETY: the caller says so.
        let rgb = unsafe { memory::input("rgb", rgb, rgb_length) }?;
        // SAFETY: the caller says so.
        let target = unsafe { memory::output("features", features, features_length) }?;
        check_length("features", target, model.classifier.net().head.channels)?;
        let image = image(rgb, width, height, stride)?;
        target.copy_from_slice(&model.classifier.features(&image)?);
        Ok(())
    })
}

/// Classes of an image as probabilities in the order of the classes.
fn give_probabilities(
    model: &Model,
    target: &mut [f32],
    classify: impl FnOnce(&Model) -> Result<Vec<classifier::Guess<'_>>, Error>,
) -> Result<(), Failure> {
    check_length("probabilities", target, model.classifier.labels().len())?;
    for guess in classify(model)? {
        target[guess.class] = guess.probability as f32;
    }
    Ok(())
}

fn count_images(model: &Model, images: &[f32]) -> Result<usize, Failure> {
    let plan = model.classifier.plan();
    let image = 3 * plan.input_size() * plan.input_size();
    let (count, batch) = (images.len() / image, plan.batch());
    if count * image == images.len() && (1..=batch).contains(&count) {
        return Ok(count);
    }
    let found = images.len();
    let limit = if batch == 1 { "one of them".into() } else { format!("1 to {batch} of them") };
    Err(Failure::argument(format!(
        "images has {found} values; an image has {image}, {limit} a call"
    )))
}

fn check_length(name: &str, values: &[f32], expected: usize) -> Result<(), Failure> {
    let found = values.len();
    if found == expected {
        return Ok(());
    }
    Err(Failure::argument(format!("{name} has {found} values instead of {expected}")))
}

/// A copy of the pixels without what lies between the rows.
fn image(rgb: &[u8], width: usize, height: usize, stride: usize) -> Result<RgbImage, Failure> {
    let pixels = width.checked_mul(height).filter(|pixels| (1..=MAX_PIXELS).contains(pixels));
    let Some(pixels) = pixels else {
        let message = format!("an image of {width}x{height} pixels; 1 to {MAX_PIXELS} are allowed");
        return Err(Failure::argument(message));
    };
    let row = 3 * width;
    if stride < row {
        let message = format!("stride is {stride}, less than the {row} bytes of a row");
        return Err(Failure::argument(message));
    }
    let needed = stride.checked_mul(height - 1).and_then(|bytes| bytes.checked_add(row));
    if needed.is_none_or(|needed| rgb.len() < needed) {
        let message = format!("rgb has {} bytes, fewer than {height} rows need", rgb.len());
        return Err(Failure::argument(message));
    }
    let mut copy = Vec::with_capacity(3 * pixels);
    for line in rgb.chunks(stride).take(height) {
        copy.extend_from_slice(&line[..row]);
    }
    let side = |side: usize| u32::try_from(side).expect("no more than the pixels");
    Ok(RgbImage::new(side(width), side(height), copy).expect("three bytes a pixel"))
}
