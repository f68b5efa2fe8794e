//! What can go wrong in training.

use std::path::{Path, PathBuf};

/// Why a net cannot be trained, or a run cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The net breaks a rule.
    #[error(transparent)]
    Arch(#[from] seesaw_arch::ArchError),
    /// The kernels refuse: an instruction set is absent, or a shape is not theirs.
    #[error(transparent)]
    Kernel(#[from] seesaw_kernels::KernelError),
    /// A file of weights cannot be read or written.
    #[error(transparent)]
    Format(#[from] seesaw_format::FormatError),
    /// A file of the run cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The net cannot be trained with these sizes.
    #[error("{0}")]
    Shape(String),
}

impl TrainError {
    /// An input or output error at `path`.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { path, error }
    }
}
