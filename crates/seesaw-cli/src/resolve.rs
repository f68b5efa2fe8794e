//! From a NET or FILE of the command line to a net and its weights.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use seesaw::bundled::Bundled;
use seesaw_arch::{ArchError, Net, zoo};
use seesaw_export::ExportError;
use seesaw_format::{Contents, Model, Note};

use crate::{
    args::{NetArgs, ShapeArgs},
    failure::{self, Failure},
    output,
};

/// The longest description of a net; keeps `summary /dev/zero` from filling the memory.
const MAX_DESCRIPTION: u64 = 1 << 20;
/// The most bytes that a batch of images may take.
const MAX_IMAGES: u64 = 4 << 30;

/// What NET stands for.
pub enum Source {
    /// The name of a built-in net, or a description.
    Net(Net),
    /// A file of weights.
    Weights(PathBuf),
}

impl Source {
    /// The name of a built-in net or of bundled weights, a TOML file, or any other file, which should then hold weights.
    pub fn parse(name: &str) -> Result<Self, Failure> {
        let path = Path::new(name);
        if is_toml(path) {
            return read_description(path).map(Self::Net);
        }
        match zoo::net(name) {
            Ok(net) => Ok(Self::Net(net)),
            Err(ArchError::UnknownNet { .. })
                if path.exists() || is_path(path) || bundled(path).is_some() =>
            {
                Ok(Self::Weights(path.to_owned()))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The net of that name, or the one that a TOML file describes.
pub fn net(name: &str) -> Result<Net, Failure> {
    match Source::parse(name)? {
        Source::Net(net) => Ok(net),
        Source::Weights(path) => {
            Err(Failure::file(&path, "neither the name of a net nor a TOML file"))
        }
    }
}

/// The weights in a file, with their net.
pub fn weights(path: &Path, args: &NetArgs) -> Result<Model, Failure> {
    let net = args.net.as_deref().map(net).transpose()?;
    let model = load_keyed(path, net, args.key.as_deref())?;
    match args.classes {
        Some(classes) if classes != model.net.classes => {
            let what = format_args!("weights for {} classes, not {classes}", model.net.classes);
            Err(Failure::file(path, what).hint("omit `--classes`: the weights determine it"))
        }
        _ => Ok(model),
    }
}

/// The bundled weights that `path` names. A file of that name takes precedence.
pub fn bundled(path: &Path) -> Option<&'static Bundled> {
    path.to_str().and_then(Bundled::named).filter(|_| !path.exists())
}

/// The weights in a file or the bundled ones of that name, for `net` if it is given.
pub fn load(path: &Path, net: Option<Net>) -> Result<Model, Failure> {
    load_keyed(path, net, None)
}

/// As [`load`], from the place in the file that `key` names. Prints what was chosen and left out.
fn load_keyed(path: &Path, net: Option<Net>, key: Option<&str>) -> Result<Model, Failure> {
    let contents = match (bundled(path), key) {
        (Some(bundled), None) => Contents::from_bytes(bundled.bytes),
        (Some(_), Some(_)) => {
            let what = "bundled weights, which have no keys";
            return Err(Failure::file(path, what).hint("omit `--key`"));
        }
        (None, None) if is_onnx(path) => return onnx(path, net),
        (None, key) => seesaw_format::load_keyed(path, key),
    };
    let model = contents.and_then(|contents| contents.into_model(net, path));
    let model = model.map_err(|error| Failure::format(path, &error))?;
    for note in &model.notes {
        let message = format_args!("{}: {note}{}", path.display(), remedy(note));
        if note.is_assumption() { failure::warn(message) } else { failure::note(message) }
    }
    Ok(model)
}

/// Which argument decides otherwise.
fn remedy(note: &Note) -> &'static str {
    match note {
        Note::Chosen { .. } => " (`--key` decides)",
        Note::Assumed(_) => " (`--net` decides)",
        _ => "",
    }
}

/// Whether a file is called an ONNX file, or begins as one.
fn is_onnx(path: &Path) -> bool {
    let named = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("onnx"));
    let mut start = Vec::new();
    // A pipe would lose what is read from it here; what cannot be opened is reported later.
    if !named && path.is_file() {
        let _ = File::open(path).and_then(|file| file.take(9).read_to_end(&mut start));
    }
    named || seesaw_export::onnx::is_onnx(&start)
}

/// The model in an ONNX file that `seesaw export` wrote.
fn onnx(path: &Path, net: Option<Net>) -> Result<Model, Failure> {
    let model = seesaw_export::onnx::read(path).map_err(|error| match error {
        ExportError::Io { .. } => Failure::new(error),
        _ => Failure::in_file(path, &error),
    })?;
    match net {
        Some(net) if net.name != model.net.name => {
            let what = format_args!("an ONNX file of {}, not of {}", model.net.name, net.name);
            Err(Failure::file(path, what).hint("omit `--net`: the file says which net it holds"))
        }
        _ => Ok(model),
    }
}

/// The net with the requested changes, and the side of its images.
pub fn reshaped(mut net: Net, shape: &ShapeArgs) -> Result<(Net, usize), Failure> {
    if let Some(classes) = shape.classes {
        net = net.with_classes(classes);
    }
    if let Some(width) = shape.width {
        net = net.with_width(width)?;
    }
    let input_size = shape.input_size.unwrap_or(net.input_size);
    Ok((net, input_size))
}

/// Whether `name` looks like a file's and not like a net's.
fn is_path(name: &Path) -> bool {
    let known = ["safetensors", "pth", "pt", "tar", "onnx"];
    name.components().count() > 1
        || name.extension().is_some_and(|e| known.iter().any(|k| e.eq_ignore_ascii_case(k)))
}

/// Whether `path` has the extension of a description.
fn is_toml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
}

fn read_description(path: &Path) -> Result<Net, Failure> {
    let text = text(path, MAX_DESCRIPTION)?;
    Net::from_toml(&text).map_err(|error| Failure::in_file(path, &error))
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

/// Makes sure that `output` has the extension of its format, and is not `input` itself.
pub fn check_output(output: &Path, input: &Path) -> Result<(), Failure> {
    if !output.extension().is_some_and(|e| e.eq_ignore_ascii_case("safetensors")) {
        let what = "the name of a safetensors file ends in .safetensors";
        return Err(Failure::file(output, what).hint("choose another name for the output"));
    }
    check_distinct(output, input)
}

/// Makes sure that `output` is not `input` itself.
pub fn check_distinct(output: &Path, input: &Path) -> Result<(), Failure> {
    match (output.canonicalize(), input.canonicalize()) {
        (Ok(output), Ok(input)) if output == input => {
            Err(Failure::file(&input, "input and output are the same file")
                .hint("choose another name for the output"))
        }
        _ => Ok(()),
    }
}

/// Makes sure that a batch of RGB images of `side` pixels does not take an absurd amount of memory.
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
