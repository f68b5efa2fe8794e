//! What can be wrong with a file of weights.

use std::path::{Path, PathBuf};

/// Why weights cannot be read, recognized or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The file cannot be opened, read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The file is larger than any weights of these nets.
    #[error("{}: {len} bytes; files of weights may have at most {max}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its length.
        len: u64,
        /// The longest that is read.
        max: u64,
    },
    /// Neither a safetensors file nor a PyTorch checkpoint.
    #[error("neither a safetensors file nor a PyTorch checkpoint")]
    UnknownKind,
    /// A safetensors file that is damaged or holds unknown types.
    #[error("not a safetensors file that can be read: {0}")]
    Safetensors(String),
    /// A PyTorch checkpoint that is damaged or holds unknown things.
    #[error("not a PyTorch checkpoint that can be read: {0}")]
    Pickle(String),
    /// A pickle that would run code.
    #[error(
        "this file wants to call `{0}`; nothing in it was run. Save the bare `state_dict` and import that"
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
    /// No net of the zoo has these tensors.
    #[error(
        "no known net has these {0} tensors; say which net it is: `--net NAME`, or `--net FILE.toml` for one of your own"
    )]
    Unrecognized(usize),
    /// Several nets have these tensors.
    #[error("these tensors fit {}; say which with `--net`", candidates.join(" and "))]
    Ambiguous {
        /// The nets' names.
        candidates: Vec<String>,
    },
    /// A weight that no net can compute with.
    #[error("tensor `{name}` holds {what}; the file is damaged, or the training diverged")]
    BadValue {
        /// The tensor.
        name: String,
        /// NaN, infinity or a negative variance.
        what: &'static str,
    },
}

/// The most characters of a file's texts that an error shows.
const MAX_SHOWN: usize = 200;

/// A text of a file as an error may show it: not endless, and without what a terminal would obey.
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
    /// An input or output error at `path`.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { path, error }
    }
}
