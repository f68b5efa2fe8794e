//! Why a data set cannot be had.

use std::{io, path::PathBuf};

use seesaw_image::ImageError;

use crate::FindError;

/// Why a folder or file did not become a data set, or an image of one could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// Nothing of that name.
    #[error("{}: no such file or folder", .0.display())]
    NoSuchPath(PathBuf),
    /// A file or folder that could not be read.
    #[error("{}: {source}", .path.display())]
    Io {
        /// What could not be read.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No known layout.
    #[error(
        "{}: no data set: {found}. Known are CIFAR-10 and CIFAR-100 in their binary layouts, \
         MNIST's idx files, `train` and `val` with a folder for each class, a folder of such \
         folders, and a .csv list of `path,label`",
        .path.display()
    )]
    Unrecognized {
        /// What was named.
        path: PathBuf,
        /// What is there instead.
        found: String,
    },
    /// A known layout with a part missing.
    #[error("{}: {layout} needs {missing}, which is not there", .path.display())]
    Incomplete {
        /// The folder.
        path: PathBuf,
        /// Which layout it has begun to be.
        layout: &'static str,
        /// The names of the missing files.
        missing: String,
    },
    /// A file that contradicts its format.
    #[error("{}: damaged: {reason}; copy or download it again", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A line of a list that makes no sense.
    #[error("{}: line {line}: {reason}", .path.display())]
    List {
        /// The list.
        path: PathBuf,
        /// Its line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A folder of a class holds no photos, or could not be read.
    #[error("class `{class}`: {source}; add photos or remove the folder")]
    Class {
        /// The class.
        class: String,
        /// What its folder lacks.
        source: FindError,
    },
    /// Nothing to tell apart.
    #[error("{}: {found} classes, and a classifier needs at least two", .path.display())]
    TooFewClasses {
        /// What was named.
        path: PathBuf,
        /// 0 or 1.
        found: usize,
    },
    /// A class to validate on that was not trained.
    #[error("{}: class `{class}` is not among the training images", .path.display())]
    UnknownClass {
        /// The folder or list of the validation images.
        path: PathBuf,
        /// The class.
        class: String,
    },
    /// A share that is none.
    #[error("validation split: {0} must be at least 0 and less than 1")]
    ValSplit(f64),
    /// No image is left to train or to validate on.
    #[error(
        "no images left: all {broken} are broken, the first of them {}: {reason}",
        .first.display()
    )]
    NoneLeft {
        /// How many were left out.
        broken: usize,
        /// One of them.
        first: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// An image that could not be decoded.
    #[error("{}: {source}", .path.display())]
    Image {
        /// The image.
        path: PathBuf,
        /// Why.
        source: ImageError,
    },
    /// An index that is none.
    #[error("image {index} of a data set of {len}")]
    OutOfRange {
        /// The index.
        index: usize,
        /// Images in the set.
        len: usize,
    },
}

impl DataError {
    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| match source.kind() {
            io::ErrorKind::NotFound => Self::NoSuchPath(path),
            _ => Self::Io { path, source },
        }
    }

    pub(super) fn damaged(path: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self::Damaged { path: path.into(), reason: reason.into() }
    }
}
