//! Errors of reading, recognizing and writing weights.

use std::path::{Path, PathBuf};

use crate::FileKind;

/// An error of reading, recognizing or writing weights.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The file cannot be opened, read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// The file is larger than the weights of any net.
    #[error("{}: {len} bytes, and the limit for weights is {max}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        len: u64,
        /// The greatest length that is read.
        max: u64,
    },
    /// The file is neither a safetensors file nor a PyTorch checkpoint, and not known otherwise.
    #[error("neither a safetensors file nor a PyTorch checkpoint")]
    UnknownKind,
    /// The file is neither a safetensors file nor a PyTorch checkpoint, but something known.
    #[error("neither a safetensors file nor a PyTorch checkpoint, but {0}")]
    OtherKind(FileKind),
    /// The file ends before it is complete.
    #[error("cut short: {}; download or copy it again", bytes_of(*len, *expected))]
    CutShort {
        /// Its length in bytes.
        len: u64,
        /// The length that it should have, where the file says so.
        expected: Option<u64>,
    },
    /// The file holds some of a net's tensors, and others hold the rest.
    #[error("part {part} of {parts} of the weights: {}", remedy_of_part(index.as_deref()))]
    Part {
        /// Its number, from 1.
        part: usize,
        /// The number of parts.
        parts: usize,
        /// The name of the file next to it that lists the parts, if there is one.
        index: Option<String>,
    },
    /// An index of parts that is damaged, or whose parts are missing.
    #[error("an index of weights in several parts: {0}")]
    Index(String),
    /// The file is a PyTorch checkpoint, and this build cannot read those.
    #[error("a PyTorch checkpoint, which this build cannot read: convert it to safetensors first")]
    NoPyTorch,
    /// A safetensors file that is damaged or holds unsupported types.
    #[error("not a safetensors file that can be read: {0}")]
    Safetensors(String),
    /// A PyTorch checkpoint that is damaged or holds unsupported objects.
    #[error("not a PyTorch checkpoint that can be read: {0}")]
    Pickle(String),
    /// A pickle that would run code.
    #[error(
        "the checkpoint asks to call `{0}`, which was refused: save only its `state_dict`, and read \
         that instead"
    )]
    Refused(String),
    /// The `seesaw` metadata is damaged or of a later version.
    #[error("the file's `seesaw` metadata: {0}")]
    Metadata(String),
    /// The net breaks a rule.
    #[error(transparent)]
    Arch(#[from] seesaw_arch::ArchError),
    /// The tensors are not those of the net.
    #[error("these weights are not of {net}: {details}")]
    Mismatch {
        /// The net's name.
        net: String,
        /// Which tensors are missing, left over or of another shape.
        details: String,
    },
    /// No net of the zoo has these tensors, so the caller must name the net.
    #[error("no known net has these {tensors} tensors: {details}")]
    Unrecognized {
        /// How many tensors the file holds.
        tensors: usize,
        /// How far they are from a known net, or what they are called.
        details: String,
        /// Whether they are named as those of nets that can be described.
        is_named: bool,
    },
    /// The file holds the weights of several nets, so the caller must choose by a key.
    #[error("it holds several nets: {}; choose one by its key", quoted(keys))]
    SeveralWeights {
        /// The keys of each, joined by dots.
        keys: Vec<String>,
    },
    /// No weights are at the key that the caller asked for.
    #[error("nothing is at `{key}`; it has {}", available_keys(available))]
    NoKey {
        /// The key.
        key: String,
        /// The keys of the weights that are there, joined by dots.
        available: Vec<String>,
    },
    /// Several nets have these tensors, so the caller must choose one.
    #[error("these tensors fit several nets: {}", candidates.join(" and "))]
    Ambiguous {
        /// The nets' names.
        candidates: Vec<String>,
    },
    /// A weight that no net can compute with.
    #[error("tensor `{name}` holds {what}: the file is damaged, or the training diverged")]
    BadValue {
        /// The tensor.
        name: String,
        /// NaN, infinity or a negative variance.
        what: &'static str,
    },
}

fn bytes_of(len: u64, expected: Option<u64>) -> String {
    match expected {
        Some(expected) => format!("{len} bytes of {expected}"),
        None => format!("{len} bytes, and the end is missing"),
    }
}

fn remedy_of_part(index: Option<&str>) -> String {
    match index {
        Some(index) => format!("read `{}`, which lists the parts", shown(index)),
        None => "read the `.index.json` that lists the parts, with all parts next to it".to_owned(),
    }
}

fn quoted(keys: &[String]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    keys.join(" and ")
}

fn available_keys(keys: &[String]) -> String {
    if keys.is_empty() {
        return "its tensors at the top".to_owned();
    }
    quoted(keys).replace(" and ", ", ")
}

/// The most characters of a file's text that an error shows.
const MAX_SHOWN: usize = 200;

/// Text from a file made safe to show in an error: limited in length, and without control characters
/// that a terminal would obey.
pub(crate) fn shown(text: &str) -> String {
    let mut chars = text.chars();
    let visible = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    let mut shown: String = chars.by_ref().take(MAX_SHOWN).map(visible).collect();
    if chars.next().is_some() {
        shown.push_str("...");
    }
    shown
}

impl FormatError {
    /// Adds the path to an input or output error.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { path, error }
    }
}
