//! What opening a data set found that its owner should know.

use std::{fmt, path::PathBuf};

use super::Part;
use crate::find::Skipped;

/// What opening a data set found that its owner should know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Findings {
    /// How the layout was understood where it is not the plain one, and what of it is not used.
    pub notes: Vec<Note>,
    /// The files that were not looked at.
    pub skipped: Skipped,
}

impl Findings {
    /// What to show at every use: the notes, and the files that were not looked at.
    pub fn sentences(&self) -> Vec<String> {
        self.notes.iter().map(Note::to_string).chain(self.skipped.sentences()).collect()
    }
}

/// How a data set was understood, or what of it is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// The class folders are further down than the path that was given.
    Inside(PathBuf),
    /// A folder of another name than `train`, `val` or `test` was taken for a part.
    TakenFor {
        /// The folder.
        folder: PathBuf,
        /// The part.
        part: Part,
    },
    /// The parts are folders within the folders of the classes.
    PartsInClasses,
    /// Folders next to those of the parts.
    Unused(Vec<String>),
    /// Photos that are in no class folder.
    Loose {
        /// The folder that they are in.
        folder: PathBuf,
        /// How many.
        photos: usize,
    },
    /// A class without photos.
    EmptyClass {
        /// The class.
        class: String,
        /// The part where its folder is empty. Of the training images it is left out altogether.
        part: Part,
    },
    /// Two names of classes that differ by case or spaces alone.
    SimilarClasses(String, String),
    /// A data set with test images and no validation images, which are validated on by convention.
    TestIsVal(&'static str),
    /// The data set's own validation images are not used, because a share is held out.
    ValUnused(usize),
    /// Names of images that the pattern for groups does not match.
    NoGroup {
        /// How many.
        images: usize,
        /// The first of them.
        first: String,
    },
    /// Columns of a list that were recognized under another name.
    Columns(String),
    /// Paths of a list in which `\` stands for `/`.
    Backslashes(usize),
    /// Files that a list names more than once.
    Repeated {
        /// How many.
        files: usize,
        /// The first of them.
        first: PathBuf,
    },
    /// What was found when a data set was packed.
    Packed(String),
    /// Images that were shrunk when their data set was packed.
    Shrunk {
        /// How many.
        shrunk: usize,
        /// Of how many.
        images: usize,
        /// Pixels of their shorter side.
        side: u32,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inside(folder) => write!(f, "the data set is taken from {}", folder.display()),
            Self::TakenFor { folder, part } => {
                write!(f, "{} is taken for the {part} images", folder.display())
            }
            Self::PartsInClasses => f.write_str(
                "the folders of the classes have folders named like parts, which are taken for them",
            ),
            Self::Unused(folders) => {
                write!(f, "not used, next to the training images: {}", folders.join(", "))
            }
            Self::Loose { folder, photos: 1 } => write!(
                f,
                "{}: 1 photo directly in this folder belongs to no class and is not used",
                folder.display()
            ),
            Self::Loose { folder, photos } => write!(
                f,
                "{}: {photos} photos directly in this folder belong to no class and are not used",
                folder.display()
            ),
            Self::EmptyClass { class, part: Part::Train } => {
                write!(f, "class `{class}` has no photos and is left out")
            }
            Self::EmptyClass { class, part } => write!(f, "class `{class}` has no {part} images"),
            Self::SimilarClasses(one, other) => {
                write!(f, "`{one}` and `{other}` are two classes; merge them if they mean the same")
            }
            Self::TestIsVal(name) => write!(
                f,
                "{name} has no validation images, so its test images are validated on, as in most \
                 papers; `--val-split 0.1` holds out training images instead"
            ),
            Self::ValUnused(images) => write!(
                f,
                "the data set's own {images} validation images are not used, because a share of the \
                 training images is held out"
            ),
            Self::NoGroup { images, first } => write!(
                f,
                "the pattern for groups matches nothing in {images} names, such as {first}; each of \
                 these images is a group of its own"
            ),
            Self::Columns(columns) => write!(f, "the list's columns were recognized: {columns}"),
            Self::Backslashes(paths) => write!(f, "`\\` is taken for `/` in {paths} paths of the list"),
            Self::Packed(sentence) => f.write_str(sentence),
            Self::Shrunk { shrunk, images, side } => write!(
                f,
                "{shrunk} of the {images} packed images were shrunk to a shorter side of {side} pixels"
            ),
            Self::Repeated { files: 1, first } => {
                write!(f, "1 file is listed more than once and used once: {}", first.display())
            }
            Self::Repeated { files, first } => write!(
                f,
                "{files} files are listed more than once and used once, the first of them {}",
                first.display()
            ),
        }
    }
}
