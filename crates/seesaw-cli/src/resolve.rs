//! From what a user writes as NET or FILE to a net and its weights.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use seesaw_arch::{ArchError, Net, zoo};
use seesaw_format::{Model, load_model};

use crate::{
    args::{NetArgs, ShapeArgs},
    failure::{self, Failure},
    output,
};

/// No description of a net is longer; keeps `summary /dev/zero` from filling the memory.
const MAX_DESCRIPTION: u64 = 1 << 20;
/// The most bytes that a batch of images may take.
const MAX_IMAGES: u64 = 4 << 30;

/// What a user means by NET.
pub enum Source {
    /// A name of the zoo, or a description.
    Net(Net),
    /// A file of weights.
    Weights(PathBuf),
}

impl Source {
    /// A name of the zoo, a TOML file, or any other file, which then should hold weights.
    pub fn of(name: &str) -> Result<Self, Failure> {
        let path = Path::new(name);
        if is_toml(path) {
            return from_file(path).map(Self::Net);
        }
        match zoo::net(name) {
            Ok(net) => Ok(Self::Net(net)),
            Err(ArchError::UnknownNet { .. }) if path.exists() || is_path(path) => {
                Ok(Self::Weights(path.to_owned()))
            }
            Err(error) => Err(Failure::new(error)),
        }
    }
}

/// The net of that name, or the one that a TOML file describes.
pub fn net(name: &str) -> Result<Net, Failure> {
    match Source::of(name)? {
        Source::Net(net) => Ok(net),
        Source::Weights(path) => Err(Failure::file(&path, "neither a net's name nor a TOML file")),
    }
}

/// The weights in a file, with the net that they are of.
pub fn weights(path: &Path, args: &NetArgs) -> Result<Model, Failure> {
    let model = load(path, args.net.as_deref().map(net).transpose()?)?;
    match args.classes {
        Some(classes) if classes != model.net.classes => {
            let what = format_args!("weights of {} classes, not {classes}", model.net.classes);
            Err(Failure::file(path, what).hint("leave `--classes` out: the weights tell"))
        }
        _ => Ok(model),
    }
}

/// The weights in a file, of `net` if it is given.
pub fn load(path: &Path, net: Option<Net>) -> Result<Model, Failure> {
    let model = load_model(path, net).map_err(|error| Failure::format(path, &error))?;
    if let Some(assumption) = &model.assumption {
        failure::warn(format_args!("{}: {assumption} (`--net` decides)", path.display()));
    }
    Ok(model)
}

/// The net with the changes asked for, and the side of its images.
pub fn reshaped(mut net: Net, shape: &ShapeArgs) -> Result<(Net, usize), Failure> {
    if let Some(classes) = shape.classes {
        net = net.with_classes(classes);
    }
    if let Some(width) = shape.width {
        net = net.with_width(width).map_err(Failure::new)?;
    }
    let input_size = shape.input_size.unwrap_or(net.input_size);
    Ok((net, input_size))
}

/// Whether `name` is written as a file's and not as a net's.
fn is_path(name: &Path) -> bool {
    let known = ["safetensors", "pth", "pt", "tar"];
    name.components().count() > 1
        || name.extension().is_some_and(|e| known.iter().any(|k| e.eq_ignore_ascii_case(k)))
}

/// Whether `path` is named like a description.
fn is_toml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
}

fn from_file(path: &Path) -> Result<Net, Failure> {
    let text = text(path, MAX_DESCRIPTION)?;
    Net::from_toml(&text).map_err(|error| {
        let failure = Failure::file(path, &error);
        match error {
            ArchError::Toml(_) => {
                failure.hint("`seesaw summary NET --toml` prints a description to start from")
            }
            _ => failure,
        }
    })
}

/// The text of a file of at most `limit` bytes.
pub fn text(path: &Path, limit: u64) -> Result<String, Failure> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(limit + 1).read_to_string(&mut text));
    match read {
        Ok(length) if length as u64 > limit => {
            Err(Failure::file(path, format_args!("longer than {limit} bytes")))
        }
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::file(path, error)),
    }
}

/// Makes sure that `output` is named as what is written there, and is not `input` itself.
pub fn check_output(output: &Path, input: &Path) -> Result<(), Failure> {
    if !output.extension().is_some_and(|e| e.eq_ignore_ascii_case("safetensors")) {
        let what = "the output is a safetensors file; name it so";
        return Err(Failure::file(output, what).hint("give a name that ends in .safetensors"));
    }
    match (output.canonicalize(), input.canonicalize()) {
        (Ok(output), Ok(input)) if output == input => {
            Err(Failure::file(&input, "input and output are one file")
                .hint("write to another name"))
        }
        _ => Ok(()),
    }
}

/// Makes sure that a batch of RGB images of `side` pixels takes no absurd amount of memory.
pub fn check_batch(batch: usize, side: usize) -> Result<(), Failure> {
    let bytes =
        [4, 3, side, side].iter().fold(batch, |product, n| product.saturating_mul(*n)) as u64;
    if bytes <= MAX_IMAGES {
        return Ok(());
    }
    let size = output::bytes(bytes);
    Err(Failure::new(format_args!("{batch} images of {side} pixels take {size}"))
        .hint("choose a smaller batch or smaller images"))
}
