//! Errors of reading, recognizing and writing weights.

use std::path::{Path, PathBuf};

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
    /// The file is neither a safetensors file nor a PyTorch checkpoint.
    #[error("neither a safetensors file nor a PyTorch checkpoint")]
    UnknownKind,
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
    #[error("no known net has these {tensors} tensors")]
    Unrecognized {
        /// How many tensors the file holds.
        tensors: usize,
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
