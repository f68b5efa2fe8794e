//! Files of weights of either kind, as a net and its weights.

use std::{fmt, fs::File, io::Read, path::Path};

use seesaw_arch::{Net, Preprocess, zoo};

use crate::{
    FormatError, Metadata, NetWeights, Tensors,
    convert::fits,
    names::{CLASSIFIERS, Scheme},
    safetensors,
};

/// The longest file that is read: 1 GiB.
const MAX_FILE: u64 = 1 << 30;
/// Width multipliers that are tried when no net of the zoo fits unscaled.
const WIDTHS: [f64; 7] = [0.25, 0.35, 0.5, 0.75, 1.3, 1.4, 2.0];

/// The contents of a file of weights.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Contents {
    /// Its tensors.
    pub tensors: Tensors,
    /// Its metadata, where it has any.
    pub metadata: Option<Metadata>,
}

/// A net with its weights and what is known about them.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Model {
    /// The net.
    pub net: Net,
    /// Its weights.
    pub weights: NetWeights,
    /// Class names in the order of the logits; empty when they are unknown, or when the file names
    /// another number of classes.
    pub labels: Vec<String>,
    /// How a photo becomes the net's input, where the file says so.
    pub preprocess: Option<Preprocess>,
    /// Where the weights came from, where the file says so.
    pub origin: Option<String>,
    /// How the net was chosen, where the tensors fit several. Users should be told.
    pub assumption: Option<Assumption>,
}

/// A net that was chosen by the file's name, because the tensors fit several nets.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Assumption {
    /// The name of the chosen net.
    pub chosen: String,
    /// The names of the other nets that the tensors fit.
    pub others: Vec<String>,
}

impl fmt::Display for Assumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (chosen, others) = (&self.chosen, self.others.join(" and "));
        write!(f, "assumed to be {chosen} by the file's name; the tensors also fit {others}")
    }
}

/// Reads a safetensors file or a PyTorch checkpoint, recognized by its first bytes.
///
/// # Errors
/// When the file cannot be read, is neither kind, or is damaged.
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
    // Pipes and other special files do not know their length.
    if native && metadata.is_file() {
        let (tensors, metadata) = safetensors::read_from(bytes.as_slice().chain(file), len)?;
        return Ok(Contents { tensors, metadata });
    }
    if !native && !is_pytorch(&bytes) {
        return Err(FormatError::UnknownKind);
    }
    file.take(MAX_FILE).read_to_end(&mut bytes).map_err(io())?;
    Contents::from_bytes(&bytes)
}

/// Reads a file of weights as a model. `net` says which net it is where the file does not; its number
/// of classes is taken from the file.
///
/// # Errors
/// Those of [`load`] and [`Contents::into_model`].
pub fn load_model(path: &Path, net: Option<Net>) -> Result<Model, FormatError> {
    load(path)?.into_model(net, path)
}

impl Contents {
    /// Reads the bytes of a safetensors file or a PyTorch checkpoint.
    ///
    /// # Errors
    /// When the bytes are neither kind, or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        if safetensors::is_safetensors(bytes) {
            let (tensors, metadata) = safetensors::read(bytes)?;
            return Ok(Self { tensors, metadata });
        }
        if !is_pytorch(bytes) {
            return Err(FormatError::UnknownKind);
        }
        Ok(Self { tensors: read_pytorch(bytes)?, metadata: None })
    }

    /// The model in the file called `path`. `net` says which net it is, with the number of classes of
    /// the file; without it, the file's metadata says so, else the tensors and the file's name.
    ///
    /// # Errors
    /// When the net is not recognized, or the tensors are not those of the net.
    pub fn into_model(self, net: Option<Net>, path: &Path) -> Result<Model, FormatError> {
        let Self { tensors, metadata } = self;
        let (net, assumption) = match (net, &metadata) {
            (Some(net), _) => {
                let classes = count_classes(&tensors).unwrap_or(net.classes);
                (net.with_classes(classes), None)
            }
            (None, Some(metadata)) => (metadata.net.clone(), None),
            (None, None) => choose(recognize(&tensors)?, path)?,
        };
        let weights = NetWeights::take_tensors(&net, tensors)?;
        let mut model = Model { assumption, ..Model::new(net, weights) };
        if let Some(metadata) = metadata {
            (model.preprocess, model.origin) = (metadata.preprocess, metadata.origin);
            // Other labels belong to the metadata's net, and the caller asked for another one.
            if metadata.labels.len() == model.net.classes {
                model.labels = metadata.labels;
            }
        }
        Ok(model)
    }
}

impl Model {
    /// A net and its weights, of which nothing else is known.
    pub fn new(net: Net, weights: NetWeights) -> Self {
        let (labels, preprocess, origin, assumption) = (Vec::new(), None, None, None);
        Self { net, weights, labels, preprocess, origin, assumption }
    }

    /// Reads a model from the bytes of a file, such as one that is compiled into a program.
    ///
    /// # Errors
    /// Those of [`load_model`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        Contents::from_bytes(bytes)?.into_model(None, Path::new(""))
    }
}

/// Whether these first bytes are a PyTorch checkpoint's: a zip archive or a pickle.
fn is_pytorch(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(&[0x80])
}

#[cfg(feature = "pytorch")]
use crate::pytorch::read as read_pytorch;

#[cfg(not(feature = "pytorch"))]
fn read_pytorch(_: &[u8]) -> Result<Tensors, FormatError> {
    Err(FormatError::NoPyTorch)
}

/// The nets of the zoo that have exactly these tensors, by names and shapes, with as many classes
/// as the linear layer has rows.
///
/// Names and shapes cannot distinguish all nets: Seesaw-shuffle and Seesaw-share v1 have the same
/// tensors, and so do MobileNetV2's two geometries.
///
/// # Errors
/// [`FormatError::Unrecognized`] when there is none.
pub fn recognize(tensors: &Tensors) -> Result<Vec<Net>, FormatError> {
    let unknown = || FormatError::Unrecognized { tensors: tensors.len() };
    let classes = count_classes(tensors).ok_or_else(unknown)?;
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
    if Scheme::detect(tensors) == Scheme::Torchvision {
        // torchvision defines MobileNetV2 for 224 pixels only.
        nets.retain(|net| net.stem.stride == 2);
    }
    if nets.is_empty() { Err(unknown()) } else { Ok(nets) }
}

/// The only candidate, or the one whose family the file's name mentions.
fn choose(candidates: Vec<Net>, path: &Path) -> Result<(Net, Option<Assumption>), FormatError> {
    if let [net] = candidates.as_slice() {
        return Ok((net.clone(), None));
    }
    let file = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let is_named =
        |net: &&Net| ["shuffle", "share"].iter().any(|w| file.contains(w) && net.name.contains(w));
    let mut named = candidates.iter().filter(is_named);
    if let (Some(net), None) = (named.next(), named.next()) {
        let others = candidates.iter().map(|other| other.name.clone());
        let others = others.filter(|name| *name != net.name).collect();
        return Ok((net.clone(), Some(Assumption { chosen: net.name.clone(), others })));
    }
    let candidates = candidates.into_iter().map(|net| net.name).collect();
    Err(FormatError::Ambiguous { candidates })
}

/// The number of rows of the linear layer.
fn count_classes(tensors: &Tensors) -> Option<usize> {
    let weight = |name: &&str| tensors.get(&format!("{name}.weight"));
    let tensor = CLASSIFIERS.iter().find_map(weight)?;
    tensor.shape.first().copied()
}
