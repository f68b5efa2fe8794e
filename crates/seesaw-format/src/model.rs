//! Files of weights of either kind, as a net and its weights.

use std::{fs::File, io::Read, path::Path};

use seesaw_arch::{Net, Preprocess, zoo};

use crate::{
    FileKind, FormatError, Metadata, NetWeights, Note, Tensors,
    convert::{fits, strays},
    derive,
    error::shown,
    names::Scheme,
    parts, prefix,
    recognize::{adapt, choose, count_classes, recognize},
    safetensors,
};

/// The longest file that is read: 1 GiB.
pub(crate) const MAX_FILE: u64 = 1 << 30;
/// The first bytes of a file that say what it is.
const FIRST: usize = 512;

/// The contents of a file of weights.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Contents {
    /// Its tensors.
    pub tensors: Tensors,
    /// Its metadata, where it has any.
    pub metadata: Option<Metadata>,
    /// How the tensors were chosen, and what was skipped. Users should be told.
    pub notes: Vec<Note>,
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
    /// How weights and net were chosen, and what was left out. Users should be told.
    pub notes: Vec<Note>,
}

/// Reads a safetensors file or a PyTorch checkpoint, recognized by its first bytes.
///
/// # Errors
/// Those of [`load_keyed`].
pub fn load(path: &Path) -> Result<Contents, FormatError> {
    load_keyed(path, None)
}

/// Reads the weights at `key` in a file: a place in a checkpoint such as `checkpoint.model`, or what the
/// names of the tensors begin with. Without it, see [`pytorch::read_keyed`](crate::pytorch::read_keyed).
///
/// The file is a safetensors file, a PyTorch checkpoint, or the index of a model in several such files.
///
/// # Errors
/// When the file cannot be read, is of another kind, or is damaged; when nothing is at the key, or the
/// caller must choose one.
pub fn load_keyed(path: &Path, key: Option<&str>) -> Result<Contents, FormatError> {
    parts::check_part(path)?;
    load_file(path, key)
}

/// Reads a file, which may be one part of several.
pub(crate) fn load_file(path: &Path, key: Option<&str>) -> Result<Contents, FormatError> {
    let io = || FormatError::io(path);
    if path.is_dir() {
        return Err(FormatError::OtherKind(FileKind::of_folder(path)));
    }
    let mut file = File::open(path).map_err(io())?;
    let metadata = file.metadata().map_err(io())?;
    let len = metadata.len();
    if len > MAX_FILE {
        return Err(FormatError::TooLarge { path: path.to_owned(), len, max: MAX_FILE });
    }
    let mut bytes = Vec::new();
    (&mut file).take(FIRST as u64).read_to_end(&mut bytes).map_err(io())?;
    let native = safetensors::is_safetensors(&bytes);
    // Pipes and other special files do not know their length.
    if native && metadata.is_file() {
        let (tensors, metadata) = safetensors::read_from(bytes.as_slice().chain(file), len)?;
        return Contents { tensors, metadata, notes: Vec::new() }.at(key);
    }
    if parts::is_index(path) {
        return parts::load(path, file, bytes)?.at(key);
    }
    if !native && !is_pytorch(&bytes) {
        return Err(FileKind::error(&bytes, path));
    }
    file.take(MAX_FILE).read_to_end(&mut bytes).map_err(io())?;
    Contents::from_keyed_bytes(&bytes, key)
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
        Self::from_keyed_bytes(bytes, None)
    }

    /// Reads what is at `key` in the bytes of a file, as [`load_keyed`] does.
    ///
    /// # Errors
    /// As [`Self::from_bytes`], and when nothing is at the key or the caller must choose one.
    pub fn from_keyed_bytes(bytes: &[u8], key: Option<&str>) -> Result<Self, FormatError> {
        if safetensors::is_safetensors(bytes) {
            let (tensors, metadata) = safetensors::read(bytes)?;
            return Self { tensors, metadata, notes: Vec::new() }.at(key);
        }
        if !is_pytorch(bytes) {
            return Err(FileKind::error(&bytes[..bytes.len().min(FIRST)], Path::new("")));
        }
        let (tensors, notes) = read_pytorch(bytes, key)?;
        Ok(Self { tensors, metadata: None, notes })
    }

    /// Those tensors whose names begin with the key.
    fn at(self, key: Option<&str>) -> Result<Self, FormatError> {
        let Some(key) = key else { return Ok(self) };
        Ok(Self { tensors: prefix::at_key(self.tensors, key)?, ..self })
    }

    /// The model in the file called `path`. `net` says which net it is, with the number of classes of
    /// the file; without it, the file's metadata says so, else the tensors and the file's name.
    ///
    /// # Errors
    /// When the net is not recognized, or the tensors are not those of the net.
    pub fn into_model(self, net: Option<Net>, path: &Path) -> Result<Model, FormatError> {
        let Self { tensors, metadata, mut notes } = self;
        let mut tensors = prefix::select(tensors, &mut notes)?;
        drop_background(&mut tensors, &mut notes);
        let net = match (net, &metadata) {
            (Some(net), _) => {
                let classes = count_classes(&tensors).unwrap_or(net.classes);
                as_given(net.with_classes(classes), &tensors, path, &mut notes)
            }
            (None, Some(metadata)) => metadata.net.clone(),
            (None, None) => {
                let (net, assumption) = choose(&recognize(&tensors)?, path)?;
                notes.extend(assumption.map(Note::Assumed));
                if let Some(from) = net.name.strip_suffix(derive::CUSTOM) {
                    notes.push(Note::Derived { from: from.to_owned() });
                }
                let (net, adapted) = adapt(net, &tensors, path);
                notes.extend(adapted);
                net
            }
        };
        let strays = strays(&net, &tensors).unwrap_or_default();
        if !strays.is_empty() {
            strays.iter().for_each(|name| drop(tensors.remove(name)));
            notes.push(Note::LeftOut { names: strays.iter().map(|name| shown(name)).collect() });
        }
        let weights = NetWeights::take_tensors(&net, tensors)?;
        let mut model = Model { notes, ..Model::new(net, weights) };
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

/// The net that the caller named. One of the zoo takes channel counts and, where the package that names
/// the tensors defines it differently, padding from the tensors.
fn as_given(net: Net, tensors: &Tensors, path: &Path, notes: &mut Vec<Note>) -> Net {
    if !zoo::names().contains(&net.name) {
        return net;
    }
    let net = if fits(&net, tensors, true) {
        net
    } else {
        let derived = derive::like(&net, tensors).filter(|derived| fits(derived, tensors, true));
        notes.extend(derived.iter().map(|_| Note::Derived { from: net.name.clone() }));
        derived.map_or_else(|| net.clone(), |derived| derive::named(&net, derived))
    };
    let (net, adapted) = adapt(net, tensors, path);
    notes.extend(adapted);
    net
}

/// Leaves out TensorFlow's background, the first of 1001 classes in Hugging Face's weights, so that the
/// others are numbered as everywhere else.
fn drop_background(tensors: &mut Tensors, notes: &mut Vec<Note>) {
    let names = ["classifier.weight", "classifier.bias"];
    let is_ours = |name: &&str| {
        tensors.get(name).is_some_and(|tensor| {
            tensor.shape.first() == Some(&1001) && tensor.data.len().is_multiple_of(1001)
        })
    };
    if Scheme::detect(tensors) != Scheme::HuggingFace || !names.iter().all(is_ours) {
        return;
    }
    for name in names {
        let mut tensor = tensors.remove(name).expect("it is there");
        tensor.data.drain(..tensor.data.len() / 1001);
        tensor.shape[0] = 1000;
        tensors.insert(name, tensor);
    }
    notes.push(Note::Background);
}

impl Model {
    /// A net and its weights, of which nothing else is known.
    pub fn new(net: Net, weights: NetWeights) -> Self {
        let (labels, notes) = (Vec::new(), Vec::new());
        Self { net, weights, labels, preprocess: None, origin: None, notes }
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
use crate::pytorch::read_keyed as read_pytorch;

#[cfg(not(feature = "pytorch"))]
fn read_pytorch(_: &[u8], _: Option<&str>) -> Result<(Tensors, Vec<Note>), FormatError> {
    Err(FormatError::NoPyTorch)
}
