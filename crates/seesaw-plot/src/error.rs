//! Errors of drawing.

use std::{fmt::Display, path::PathBuf};

/// Why a picture cannot be drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlotError {
    /// The name of a file does not tell a supported format.
    #[error("{}: the name of a picture must end in .svg or .png", path.display())]
    Extension {
        /// The file.
        path: PathBuf,
    },
    /// The drawing backend or the encoder failed.
    #[error("cannot draw the picture: {0}")]
    Draw(String),
}

impl PlotError {
    pub(crate) fn draw(error: &dyn Display) -> Self {
        Self::Draw(error.to_string())
    }
}
