//! Errors of exporting, and of reading what was exported.

use std::path::{Path, PathBuf};

use seesaw_engine::EngineError;
use seesaw_format::FormatError;

/// Why a net cannot be exported, or an exported file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The file cannot be opened, read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// The net and the weights do not belong together.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The metadata or the weights break a rule.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The file would be larger than ONNX files can be.
    #[error(
        "its weights take {bytes} bytes, and an ONNX file has at most {limit}; write groups as groups, \
         or store 16-bit weights"
    )]
    TooLarge {
        /// Bytes of its weights.
        bytes: u64,
        /// The limit of the format.
        limit: u64,
    },
    /// A file to be read is larger than any that is read.
    #[error("{len} bytes, and the limit for weights is {max}")]
    FileTooLarge {
        /// Its length.
        len: u64,
        /// The limit.
        max: u64,
    },
    /// An ONNX file of another program.
    #[error(
        "an ONNX file that `seesaw export` did not write: weights in it cannot be assigned to the \
         layers of a net; read the PyTorch checkpoint that it was made from instead"
    )]
    Foreign,
    /// An ONNX file of ours that is damaged or was changed.
    #[error("a damaged ONNX file: {0}")]
    Damaged(String),
    /// No folder has the WebAssembly modules.
    #[error(
        "no WebAssembly modules: {} and {} are not in {}",
        seesaw_web::MODULES[0],
        seesaw_web::MODULES[1],
        shown(folders)
    )]
    NoModules {
        /// Where they were looked for.
        folders: Vec<PathBuf>,
    },
    /// A file is not a WebAssembly module.
    #[error("{}: not a WebAssembly module", path.display())]
    NotWebAssembly {
        /// The file.
        path: PathBuf,
    },
    /// The recipe asks for something that the PyTorch code does not have.
    #[error("the recipe's `{field}`: {why}")]
    Recipe {
        /// The dotted key.
        field: &'static str,
        /// Why not.
        why: &'static str,
    },
}

/// Folders as a list.
fn shown(folders: &[PathBuf]) -> String {
    let names: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
    names.join(", ")
}

impl ExportError {
    /// Adds the path to an input or output error.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { path, error }
    }
}
