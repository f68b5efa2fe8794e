//! Errors between a model file and the names of a photo's classes.

use std::path::PathBuf;

use seesaw_image::{ImageError, PreprocessError};

/// Why a model cannot be opened or photos cannot be classified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The model file cannot be read, is damaged, or holds another net.
    #[error("{}{source}", file(path))]
    Format {
        /// The file; none when the model came from memory.
        path: Option<PathBuf>,
        /// What is wrong with it.
        source: seesaw_format::FormatError,
    },
    /// The net cannot be compiled at this size and batch.
    #[error(transparent)]
    Engine(#[from] seesaw_engine::EngineError),
    /// The preprocessing is out of range.
    #[error(transparent)]
    Preprocess(#[from] seesaw_arch::ArchError),
    /// There are too few or too many class names.
    #[error("{found} class names for a net of {classes} classes")]
    LabelCount {
        /// How many there are.
        found: usize,
        /// Classes of the net.
        classes: usize,
    },
    /// A photo cannot be classified.
    #[error("{}{source}", file(path))]
    Photo {
        /// The photo; none when it came from memory.
        path: Option<PathBuf>,
        /// Why.
        source: PhotoError,
    },
}

/// Why one photo cannot be classified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PhotoError {
    /// It cannot be read or decoded.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// It cannot be prepared.
    #[error(transparent)]
    Preprocess(#[from] PreprocessError),
    /// The logits are not numbers.
    #[error("the net's output is not finite; its weights are damaged")]
    NotFinite,
}

impl From<PhotoError> for Error {
    fn from(source: PhotoError) -> Self {
        Self::Photo { path: None, source }
    }
}

fn file(path: &Option<PathBuf>) -> String {
    path.as_ref().map(|path| format!("{}: ", path.display())).unwrap_or_default()
}
