//! A file of weights, whatever its kind, as a net and its weights.

use std::{fs::File, io::Read, path::Path};

use seesaw_arch::{Net, zoo};

use crate::{
    FormatError, Metadata, NetWeights, Preprocess, Tensors,
    convert::fits,
    names::{CLASSIFIERS, Scheme},
    pytorch, safetensors,
};

/// The longest file that is read: 1 GiB.
const MAX_FILE: u64 = 1 << 30;
/// Width multipliers that are tried when no net of the zoo fits as it is.
const WIDTHS: [f64; 7] = [0.25, 0.35, 0.5, 0.75, 1.3, 1.4, 2.0];

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Contents {
    /// Its tensors.
    pub tensors: Tensors,
    /// What it says of itself.
    pub metadata: Option<Metadata>,
}

/// A net with its weights and what is known of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The net.
    pub net: Net,
    /// Its weights.
    pub weights: NetWeights,
    /// Class names in order of the logits; empty when they are not known.
    pub labels: Vec<String>,
    /// How a photo becomes an input, where the file says it.
    pub preprocess: Option<Preprocess>,
    /// Where the weights came from, where the file says it.
    pub origin: Option<String>,
    /// A choice that was made for the user and that they should hear of.
    pub note: Option<String>,
}

/// Reads a safetensors file or a PyTorch checkpoint; which it is shows in its first bytes.
///
/// # Errors
/// When it cannot be read, is neither, or is damaged.
pub fn load(path: &Path) -> Result<Contents, FormatError> {
    let io = || FormatError::io(path);
    let mut file = File::open(path).map_err(io())?;
    let metadata = file.metadata().map_err(io())?;
    let len = metadata.len();
    if len > MAX_FILE {
        return Err(FormatError::TooLarge { path: path.to_owned(), len, max: MAX_FILE });
    }
    let mut bytes = Vec::new();
    (&mut file).take(16).read_to_end(&mut bytes).map_err(io())?;
    let native = safetensors::is_safetensors(&bytes);
    // What is not a regular file, such as a pipe, has no length to go by.
    if native && metadata.is_file() {
        let (tensors, metadata) = safetensors::read_from(bytes.as_slice().chain(file), len)?;
        return Ok(Contents { tensors, metadata });
    }
    if !native && !pytorch::is_pytorch(&bytes) {
        return Err(FormatError::UnknownKind);
    }
    file.take(MAX_FILE).read_to_end(&mut bytes).map_err(io())?;
    contents(&bytes)
}

fn contents(bytes: &[u8]) -> Result<Contents, FormatError> {
    if safetensors::is_safetensors(bytes) {
        let (tensors, metadata) = safetensors::read(bytes)?;
        return Ok(Contents { tensors, metadata });
    }
    Ok(Contents { tensors: pytorch::read(bytes)?, metadata: None })
}

/// Reads a file of weights as a model. `net` says which net it is where the file does not; its
/// number of classes is taken from the file.
///
/// # Errors
/// As [`load`]; when the net is not recognized, or the tensors are not those of the net.
pub fn load_model(path: &Path, net: Option<Net>) -> Result<Model, FormatError> {
    model(load(path)?, net, path)
}

impl Model {
    /// Reads a model from the bytes of a file, such as one that a program carries in itself.
    ///
    /// # Errors
    /// As [`load_model`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        model(contents(bytes)?, None, Path::new(""))
    }
}

/// The model of a file called `path`.
fn model(contents: Contents, net: Option<Net>, path: &Path) -> Result<Model, FormatError> {
    let Contents { tensors, metadata } = contents;
    let (net, note) = match (net, &metadata) {
        (Some(net), _) => {
            let classes = classes_of(&tensors).unwrap_or(net.classes);
            (net.with_classes(classes), None)
        }
        (None, Some(metadata)) => (metadata.net.clone(), None),
        (None, None) => choose(recognize(&tensors)?, path)?,
    };
    let weights = NetWeights::take_tensors(&net, tensors)?;
    let (mut labels, preprocess, origin) = match metadata {
        Some(m) => (m.labels, m.preprocess, m.origin),
        None => (Vec::new(), None, None),
    };
    if labels.len() != net.classes {
        // They belong to the metadata's net, and the caller asked for another one.
        labels.clear();
    }
    Ok(Model { net, weights, labels, preprocess, origin, note })
}

/// The nets of the zoo that have exactly these tensors, by names and shapes, with as many classes
/// as the linear layer has rows.
///
/// Names and shapes do not tell everything: Seesaw-shuffle and Seesaw-share v1 have the same
/// tensors, and so have MobileNetV2's two geometries.
///
/// # Errors
/// [`FormatError::Unrecognized`] when there is none.
pub fn recognize(tensors: &Tensors) -> Result<Vec<Net>, FormatError> {
    let unknown = || FormatError::Unrecognized(tensors.len());
    let classes = classes_of(tensors).ok_or_else(unknown)?;
    let fitting = |nets: Vec<Net>| -> Vec<Net> {
        let nets = nets.into_iter().map(|net| net.with_classes(classes));
        nets.filter(|net| net.validate().is_ok() && fits(net, tensors)).collect()
    };
    let mut nets = fitting(zoo::all());
    if nets.is_empty() {
        let scaled = |width: &f64| {
            let width = *width;
            zoo::all().into_iter().filter_map(move |net| net.with_width(width).ok())
        };
        nets = fitting(WIDTHS.iter().flat_map(scaled).collect());
    }
    if Scheme::of(tensors) == Scheme::Torchvision {
        // torchvision has MobileNetV2 for 224 pixels only.
        nets.retain(|net| net.stem.stride == 2);
    }
    if nets.is_empty() { Err(unknown()) } else { Ok(nets) }
}

/// The one candidate, or the one whose family the file's name tells.
fn choose(candidates: Vec<Net>, path: &Path) -> Result<(Net, Option<String>), FormatError> {
    if let [net] = candidates.as_slice() {
        return Ok((net.clone(), None));
    }
    let file = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let told =
        |net: &&Net| ["shuffle", "share"].iter().any(|w| file.contains(w) && net.name.contains(w));
    let mut named = candidates.iter().filter(told);
    if let (Some(net), None) = (named.next(), named.next()) {
        let others: Vec<&str> =
            candidates.iter().map(|n| n.name.as_str()).filter(|n| *n != net.name).collect();
        let note = format!(
            "taken for {} because of the file's name; the tensors would also fit {} (`--net` decides)",
            net.name,
            others.join(" and ")
        );
        return Ok((net.clone(), Some(note)));
    }
    let candidates = candidates.into_iter().map(|net| net.name).collect();
    Err(FormatError::Ambiguous { candidates })
}

/// Rows of the linear layer.
fn classes_of(tensors: &Tensors) -> Option<usize> {
    let weight = |name: &&str| tensors.get(&format!("{name}.weight"));
    let tensor = CLASSIFIERS.iter().find_map(weight)?;
    tensor.shape.first().copied()
}
