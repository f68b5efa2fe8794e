//! What a graph does with its input before the net.

use seesaw_arch::{Filter, Fit, Preprocess};

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
            let pixels = builder.node("Div", "photo.pixels", &[&square, &full], []);
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

/// Makes a photo `[height, width, 3]` square: f32 `[1, 3, crop, crop]`, from 0 to 255.
///
/// It is scaled in 8 bits: scaled as floats, samples would differ from Pillow's everywhere by parts of
/// one. Without `exclude_outside`, the edges would differ by several.
fn square(builder: &mut Builder, preprocess: &Preprocess, image: &str) -> String {
    let planes = builder.node("Transpose", "photo.planes", &[image], [ints("perm", [2, 0, 1])]);
    let axis = builder.integers("photo.batch_axis", &[0]);
    let x = builder.node("Unsqueeze", "photo.batch", &[&planes, &axis], []);
    let (crop, filter) = (preprocess.crop, preprocess.filter);
    match preprocess.fit {
        Fit::Squeeze => {
            let sides = builder.integers("photo.square_sides", &[crop.into(), crop.into()]);
            let x = resize(builder, filter, &x, &sides);
            samples(builder, &x)
        }
        Fit::Pad => {
            let (sides, before) = padded_sides(builder, crop, &x);
            let x = resize(builder, filter, &x, &sides);
            let x = samples(builder, &x);
            pad_with_color(builder, preprocess, &x, [&sides, &before])
        }
        Fit::Crop => {
            let sides = sides(builder, &x);
            let sizes = scaled_sides(builder, preprocess, &sides);
            let x = resize(builder, filter, &x, &sizes);
            // Only then can a scaled photo be smaller than the crop.
            let (x, sizes) = match preprocess.resize < crop {
                true => pad(builder, crop, &x, &sizes),
                false => (x, sizes),
            };
            let x = center(builder, crop, &x, &sizes);
            samples(builder, &x)
        }
    }
}

/// Samples as floats.
fn samples(builder: &mut Builder, x: &str) -> String {
    builder.node("Cast", "photo.samples", &[x], [int("to", data_type::FLOAT.into())])
}

/// Height and width of a map.
fn sides(builder: &mut Builder, x: &str) -> String {
    builder.node("Shape", "photo.sides", &[x], [int("start", 2), int("end", 4)])
}

/// The sides of a photo whose longer one is scaled to `crop`, each rounded and at least 1, and where it
/// begins in the square. With only whole numbers: `n / d` is rounded as `(2 n + d) / (2 d)`.
fn padded_sides(builder: &mut Builder, crop: u32, x: &str) -> (String, String) {
    let sides = sides(builder, x);
    let [one, two] = [1, 2].map(|n| builder.integers(&format!("photo.{n}"), &[n]));
    let crop = builder.integers("photo.crop", &[crop.into()]);
    let twice_crop = builder.node("Mul", "photo.twice_crop", &[&crop, &two], []);
    let longer = builder.node("ReduceMax", "photo.longer", &[&sides], [int("keepdims", 1)]);
    let divisor = builder.node("Mul", "photo.twice_longer", &[&longer, &two], []);
    let product = builder.node("Mul", "photo.product", &[&sides, &twice_crop], []);
    let sum = builder.node("Add", "photo.sum", &[&product, &longer], []);
    let rounded = builder.node("Div", "photo.rounded_sides", &[&sum, &divisor], []);
    let scaled = builder.node("Max", "photo.scaled_sides", &[&rounded, &one], []);
    // Half of what is missing to the longer side, times `crop / longer`.
    let missing = builder.node("Sub", "photo.missing", &[&longer, &sides], []);
    let product = builder.node("Mul", "photo.missing_product", &[&missing, &crop], []);
    let sum = builder.node("Add", "photo.missing_sum", &[&product, &longer], []);
    let rounded = builder.node("Div", "photo.missing_rounded", &[&sum, &divisor], []);
    let most = builder.node("Sub", "photo.missing_most", &[&crop, &scaled], []);
    (scaled, builder.node("Min", "photo.missing_before", &[&rounded, &most], []))
}

/// Adds the mean color around samples of these sides, of which the first begins there.
fn pad_with_color(
    builder: &mut Builder,
    preprocess: &Preprocess,
    x: &str,
    [sides, before]: [&str; 2],
) -> String {
    let color = preprocess.mean_color().map(f32::from);
    let color = builder.floats("photo.color", &[1, 3, 1, 1], &color);
    let rest = builder.node("Sub", "photo.missing_both", &["photo.crop", sides], []);
    let after = builder.node("Sub", "photo.missing_after", &[&rest, before], []);
    let none = builder.integers("photo.no_padding", &[0, 0]);
    let parts = [none.as_str(), before, &none, &after];
    let pads = builder.node("Concat", "photo.pads", &parts, [int("axis", 0)]);
    // Padding is of one number, so that the color becomes 0 for a while.
    let shifted = builder.node("Sub", "photo.shifted", &[x, &color], []);
    let padded = builder.node("Pad", "photo.padded", &[&shifted, &pads], []);
    builder.node("Add", "photo.square", &[&padded, &color], [])
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
