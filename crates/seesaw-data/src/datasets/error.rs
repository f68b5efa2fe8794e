//! Errors of opening a data set.

use std::{io, path::PathBuf};

use seesaw_image::ImageError;

use super::{ListError, Part};
use crate::FindError;

/// An error of opening a data set, or of reading one of its images.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The path does not exist.
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
    /// No layout is recognized.
    #[error(
        "{}: not a data set: {found}. Supported are CIFAR-10 and CIFAR-100 in their binary layouts, \
         MNIST's idx files, `train`, `val` and `test` with one folder per class, a single folder of \
         class folders, a .csv list of `path,label`, and packed data sets",
        .path.display()
    )]
    Unrecognized {
        /// The path.
        path: PathBuf,
        /// What is there instead.
        found: String,
    },
    /// A file of the layout is missing.
    #[error("{}: {layout} needs {missing}, which is missing", .path.display())]
    Incomplete {
        /// The folder.
        path: PathBuf,
        /// The layout.
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
    /// Images of a packed data set that are not what was packed.
    #[error(
        "{images} images of the packed data set are damaged, in {}. The first of them: {first}",
        list(.shards)
    )]
    DamagedImages {
        /// How many.
        images: usize,
        /// The files that they are in.
        shards: Vec<PathBuf>,
        /// What is wrong with the first.
        first: Box<DataError>,
    },
    /// An image that was broken when its data set was packed, and is not in it.
    #[error("{}: left out when it was packed: {reason}", .path.display())]
    LeftOut {
        /// The image.
        path: PathBuf,
        /// What was wrong with it.
        reason: String,
    },
    /// A data set that was not packed to its end.
    #[error(
        "{}: packing this data set was interrupted; pack it again, which finishes it",
        .0.display()
    )]
    Unfinished(PathBuf),
    /// An invalid line of a list.
    #[error("{}: {source}", .path.display())]
    List {
        /// The list.
        path: PathBuf,
        /// The line, and what is wrong with it.
        source: ListError,
    },
    /// The folder of a class has no photos, or could not be read.
    #[error("class `{class}`: {source}; add photos or remove the folder")]
    Class {
        /// The class.
        class: String,
        /// What is wrong with its folder.
        source: FindError,
    },
    /// Fewer than two classes.
    #[error(
        "{}: {}, and a classifier needs at least two; name the folder that has one subfolder per class",
        .path.display(),
        if let [class] = &classes[..] { format!("one class, `{class}`") } else { "no classes".into() }
    )]
    TooFewClasses {
        /// The data set.
        path: PathBuf,
        /// None or one.
        classes: Vec<String>,
    },
    /// All folders are named like parts of a data set, and none has class folders.
    #[error(
        "{}: the folders {} are named like the parts of a data set, but those for training have no \
         class folders. Put the photos of each class into a folder of its own, or rename the folders \
         if they are the classes",
        .path.display(),
        .folders.join(", ")
    )]
    OnlyParts {
        /// The data set.
        path: PathBuf,
        /// The names of the folders.
        folders: Vec<String>,
    },
    /// A folder is named like a part and could be a class.
    #[error(
        "{}: `{}` could hold the training images or be a class like {}. If it is the data set, name \
         that folder; if it is a class, rename it",
        .path.display(),
        .part.join("`, `"),
        .others.join(", ")
    )]
    PartOrClass {
        /// The data set.
        path: PathBuf,
        /// The name of the folder.
        part: Vec<String>,
        /// The other folders.
        others: Vec<String>,
    },
    /// Two folders are named like the same part.
    #[error(
        "{}: {} could each hold the {part} images; rename or move all but one",
        .path.display(),
        .names.join(", ")
    )]
    TwoParts {
        /// The data set.
        path: PathBuf,
        /// The part.
        part: Part,
        /// The names of the folders.
        names: Vec<String>,
    },
    /// An invalid pattern for groups.
    #[error("the pattern for groups `{pattern}` is no regular expression: {reason}")]
    GroupPattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A class of the validation images that has no training images.
    #[error("{}: class `{class}` is not among the training images", .path.display())]
    UnknownClass {
        /// The folder or list of the validation images.
        path: PathBuf,
        /// The class.
        class: String,
    },
    /// An invalid share to hold out.
    #[error("validation split: {0} must be at least 0 and less than 1")]
    ValSplit(f64),
    /// All images are broken.
    #[error(
        "no images left: all {broken} are broken, the first of them {}: {reason}",
        .first.display()
    )]
    NoneLeft {
        /// How many there are.
        broken: usize,
        /// The first of them.
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
    /// An invalid index.
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

/// How many files are named.
const NAMED: usize = 5;

fn list(paths: &[PathBuf]) -> String {
    let mut names: Vec<String> =
        paths.iter().take(NAMED).map(|path| path.display().to_string()).collect();
    if paths.len() > NAMED {
        names.push(format!("{} others", paths.len() - NAMED));
    }
    names.join(", ")
}
