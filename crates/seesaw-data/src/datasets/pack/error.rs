//! Errors of packing a data set.

use std::{io, path::PathBuf};

use super::super::{DataError, Kind};

/// An error of packing a data set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// The data set cannot be opened, or has none but broken images.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A data set that is a few large files already.
    #[error("{}: {kind} is a few large files already, and need not be packed", .path.display())]
    FewFiles {
        /// The data set.
        path: PathBuf,
        /// Its layout.
        kind: Kind,
    },
    /// An option that is out of range.
    #[error("packing: {option} is {value}, and must be {least} to {most}")]
    Option {
        /// What it sets.
        option: &'static str,
        /// Its value.
        value: u64,
        /// The least that is possible.
        least: u64,
        /// The most.
        most: u64,
    },
    /// More images than can be numbered.
    #[error("packing: {0} images in one part, and the limit is 4294967295")]
    TooMany(usize),
    /// Names that JSON and other systems cannot have.
    #[error(
        "{count} names of images are not Unicode, the first of them {}; rename these files",
        .first.display()
    )]
    NotUnicode {
        /// How many.
        count: usize,
        /// The first of them.
        first: PathBuf,
    },
    /// One of the two folders is in the other.
    #[error(
        "{}: this is the data set, or in it; name a folder outside of it for what is packed",
        .0.display()
    )]
    Inside(PathBuf),
    /// There is a packed data set already.
    #[error(
        "{}: a packed data set is here already; delete it, or name another folder",
        .0.display()
    )]
    Exists(PathBuf),
    /// The folder has other files.
    #[error("{}: the folder is not empty; name a new one", .0.display())]
    NotEmpty(PathBuf),
    /// What was begun there has other images or settings.
    #[error(
        "{}: packing was interrupted here with other images or options; repeat it with those, or \
         delete the folder",
        .0.display()
    )]
    Other(PathBuf),
    /// Another process packs into the same folder.
    #[error("{}: another process is packing into this folder", .0.display())]
    Busy(PathBuf),
    /// The caller asked to stop.
    #[error("stopped after {done} of {total} images; the same command continues")]
    Stopped {
        /// Images that are packed.
        done: usize,
        /// All images.
        total: usize,
    },
    /// A file or folder that cannot be written.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl PackError {
    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
