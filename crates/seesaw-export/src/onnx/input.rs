//! What a graph does with its input before the net.

use seesaw_arch::{Filter, Preprocess};

use super::{
    Input,
    graph::{Builder, fixed, float, int, ints, named, text, value},
    proto::{ValueInfo, data_type},
};

/// Adds the input, and what turns it into normalized images `[n, 3, crop, crop]`. Returns the input and
/// the name of the images.
pub(super) fn add(
    builder: &mut Builder,
    preprocess: &Preprocess,
    input: Input,
) -> (ValueInfo, String) {
    let crop = fixed(preprocess.crop as usize);
    match input {
        Input::Tensor | Input::Pixels => {
            let sizes = [named("batch"), fixed(3), crop.clone(), crop];
            let images = value("images", data_type::FLOAT, sizes);
            let name = match input {
                Input::Pixels => normalize(builder, preprocess, "images"),
                _ => "images".to_owned(),
            };
            (images, name)
        }
        Input::Photo => {
            let sizes = [named("height"), named("width"), fixed(3)];
            let image = value("image", data_type::UINT8, sizes);
            let square = square(builder, preprocess, "image");
            let full = builder.floats("photo.white", &[], &[255.0]);
            let to = [int("to", data_type::FLOAT.into())];
            let samples = builder.node("Cast", "photo.samples", &[&square], to);
            let pixels = builder.node("Div", "photo.pixels", &[&samples, &full], []);
            (image, normalize(builder, preprocess, &pixels))
        }
    }
}

/// `(x - mean) / std`, for each color.
fn normalize(builder: &mut Builder, preprocess: &Preprocess, x: &str) -> String {
    let dims = [1, 3, 1, 1];
    let mean = builder.floats("normalize.mean", &dims, &preprocess.mean);
    let std = builder.floats("normalize.std", &dims, &preprocess.std);
    let centered = builder.node("Sub", "normalize.centered", &[x, &mean], []);
    builder.node("Div", "normalized", &[&centered, &std], [])
}

/// Scales a photo `[height, width, 3]` and cuts its center out: `[1, 3, crop, crop]`, all in 8 bits.
///
/// Scaled as floats, samples would differ from Pillow's everywhere by parts of one. Without
/// `exclude_outside`, the edges would differ by several.
fn square(builder: &mut Builder, preprocess: &Preprocess, image: &str) -> String {
    let planes = builder.node("Transpose", "photo.planes", &[image], [ints("perm", [2, 0, 1])]);
    let axis = builder.integers("photo.batch_axis", &[0]);
    let x = builder.node("Unsqueeze", "photo.batch", &[&planes, &axis], []);
    let range = [int("start", 2), int("end", 4)];
    let sides = builder.node("Shape", "photo.sides", &[&x], range);
    let sizes = scaled_sides(builder, preprocess, &sides);
    let x = resize(builder, preprocess.filter, &x, &sizes);
    // Only then can a scaled photo be smaller than the crop.
    let (x, sizes) = match preprocess.resize < preprocess.crop {
        true => pad(builder, preprocess.crop, &x, &sizes),
        false => (x, sizes),
    };
    center(builder, preprocess.crop, &x, &sizes)
}

/// Height and width once the shorter side is `resize`; the longer one is rounded down.
///
/// `keep_aspect_ratio_policy` would scale both sides by the same factor, which is not what torchvision
/// does: the longer side would be off by parts of a pixel, and samples by up to 61 of 255.
fn scaled_sides(builder: &mut Builder, preprocess: &Preprocess, sides: &str) -> String {
    let resize = builder.integers("photo.resize", &[preprocess.resize.into()]);
    let shorter = builder.node("ReduceMin", "photo.shorter", &[sides], [int("keepdims", 1)]);
    let product = builder.node("Mul", "photo.product", &[sides, &resize], []);
    builder.node("Div", "photo.scaled_sides", &[&product, &shorter], [])
}

fn resize(builder: &mut Builder, filter: Filter, x: &str, sizes: &str) -> String {
    let inputs = [x, "", "", sizes];
    let common = [
        ints("axes", [2, 3]),
        int("antialias", 1),
        int("exclude_outside", 1),
        text("coordinate_transformation_mode", "half_pixel"),
    ];
    let [axes, antialias, exclude, mode] = common;
    match filter {
        Filter::Bilinear => {
            let attributes = [axes, antialias, exclude, mode, text("mode", "linear")];
            builder.node("Resize", "photo.scaled", &inputs, attributes)
        }
        Filter::Bicubic => {
            // Pillow's; the default of ONNX is -0.75.
            let cubic = float("cubic_coeff_a", -0.5);
            let attributes = [axes, antialias, exclude, mode, text("mode", "cubic"), cubic];
            builder.node("Resize", "photo.scaled", &inputs, attributes)
        }
    }
}

/// Adds black around a map that is smaller than the crop; the larger half of an odd number after it.
/// Returns the map and its sides.
fn pad(builder: &mut Builder, crop: u32, x: &str, sizes: &str) -> (String, String) {
    let crop = builder.integers("photo.pad_to", &[crop.into(), crop.into()]);
    let two = builder.integers("photo.two", &[2]);
    let padded = builder.node("Max", "photo.padded_sides", &[sizes, &crop], []);
    let missing = builder.node("Sub", "photo.missing", &[&padded, sizes], []);
    let before = builder.node("Div", "photo.missing_before", &[&missing, &two], []);
    let after = builder.node("Sub", "photo.missing_after", &[&missing, &before], []);
    let none = builder.integers("photo.no_padding", &[0, 0]);
    let parts = [none.as_str(), &before, &none, &after];
    let pads = builder.node("Concat", "photo.pads", &parts, [int("axis", 0)]);
    (builder.node("Pad", "photo.padded", &[x, &pads], []), padded)
}

/// Cuts out the center, whose first row is half the excess rounded to even, as Python's `round` does.
fn center(builder: &mut Builder, crop: u32, x: &str, sizes: &str) -> String {
    let crop = builder.integers("photo.crop", &[crop.into(), crop.into()]);
    let half = builder.floats("photo.half", &[], &[0.5]);
    let axes = builder.integers("photo.axes", &[2, 3]);
    let excess = builder.node("Sub", "photo.excess", &[sizes, &crop], []);
    let to = [int("to", data_type::FLOAT.into())];
    let excess = builder.node("Cast", "photo.excess_float", &[&excess], to);
    let halves = builder.node("Mul", "photo.excess_half", &[&excess, &half], []);
    let rounded = builder.node("Round", "photo.excess_rounded", &[&halves], []);
    let to = [int("to", data_type::INT64.into())];
    let start = builder.node("Cast", "photo.start", &[&rounded], to);
    let end = builder.node("Add", "photo.end", &[&start, &crop], []);
    builder.node("Slice", "photo.square", &[x, &start, &end, &axes], [])
}
