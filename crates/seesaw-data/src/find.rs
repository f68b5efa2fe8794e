//! Finding photos in files, folders and patterns.

mod leftovers;
mod skipped;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use seesaw_image::Format;
use walkdir::WalkDir;

pub use leftovers::is_leftover;
pub use skipped::Skipped;

/// An error of finding photos.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// Neither a file, nor a folder, nor a pattern.
    #[error("{}: no such file or folder", .0.display())]
    Missing(PathBuf),
    /// A folder without photos in it or its subfolders.
    #[error("{}: no photos in this folder; supported are {}{}", .folder.display(), Format::EXTENSIONS.join(", "), other_files(skipped))]
    NoPhotos {
        /// The folder.
        folder: PathBuf,
        /// What is there instead.
        skipped: Skipped,
    },
    /// A pattern without a match.
    #[error("{}: no file or folder matches this pattern", .0.display())]
    NoMatch(PathBuf),
    /// An invalid pattern.
    #[error("{}: invalid pattern ({reason}); `*` matches any name and `**` any folders", .pattern.display())]
    Pattern {
        /// The pattern.
        pattern: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A folder, or an entry of one, that could not be read.
    #[error("{}: {source}", .path.display())]
    Read {
        /// What could not be read.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Finds the photos at `paths`: in the order of the paths, and within a folder or pattern in the order
/// of names.
///
/// - A file is a photo, whatever its name.
/// - A folder stands for the files in it and its subfolders that have the extension of a supported
///   format, in any case. [Leftovers](is_leftover) of systems are ignored, and all other files are
///   counted. Symbolic links are followed, but not in circles.
/// - A path that does not exist and contains `*`, `?` or `[` is a pattern, which stands for the files
///   and folders that it matches.
///
/// One bad path does not hide the photos at the others.
pub fn find_photos<P: AsRef<Path>>(paths: &[P]) -> FoundPhotos {
    let mut found = FoundPhotos::default();
    for path in paths {
        found.expand(path.as_ref());
    }
    found
}

/// The result of [`find_photos`].
#[derive(Debug, Default)]
pub struct FoundPhotos {
    /// The photos.
    pub photos: Vec<PathBuf>,
    /// The errors, in their order.
    pub errors: Vec<FindError>,
    /// The files in folders that are no photos by their names.
    pub skipped: Skipped,
}

impl FoundPhotos {
    fn expand(&mut self, path: &Path) {
        match path.metadata() {
            Ok(metadata) if metadata.is_dir() => self.walk(path),
            Ok(_) => self.photos.push(path.to_owned()),
            Err(_) if is_pattern(path) => self.expand_pattern(path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.errors.push(FindError::Missing(path.to_owned()));
            }
            Err(source) => {
                self.errors.push(FindError::Read { path: path.to_owned(), source });
            }
        }
    }

    fn walk(&mut self, folder: &Path) {
        let before = (self.photos.len(), self.errors.len());
        let mut skipped = Skipped::default();
        let mut entries = WalkDir::new(folder).follow_links(true).sort_by_file_name().into_iter();
        while let Some(entry) = entries.next() {
            match entry {
                Ok(entry)
                    if entry.depth() > 0 && is_leftover(&entry.file_name().to_string_lossy()) =>
                {
                    skipped.add_leftover();
                    if entry.file_type().is_dir() {
                        entries.skip_current_dir();
                    }
                }
                Ok(entry) if entry.file_type().is_dir() => {}
                Ok(entry) if entry.file_type().is_file() && is_photo(entry.path()) => {
                    self.photos.push(entry.into_path());
                }
                Ok(entry) => skipped.add_file(entry.path()),
                // A loop leads to files that were found already.
                Err(error) if error.loop_ancestor().is_some() => {}
                Err(error) => self.errors.extend(entry_error(error, folder)),
            }
        }
        if (self.photos.len(), self.errors.len()) == before {
            let (folder, skipped) = (folder.to_owned(), skipped.clone());
            self.errors.push(FindError::NoPhotos { folder, skipped });
        }
        self.skipped.add(&skipped);
    }

    fn expand_pattern(&mut self, pattern: &Path) {
        let invalid = |reason| FindError::Pattern { pattern: pattern.to_owned(), reason };
        let Some(text) = pattern.to_str() else {
            return self.errors.push(invalid("not Unicode"));
        };
        let matches = match glob::glob(text) {
            Ok(matches) => matches,
            Err(error) => return self.errors.push(invalid(error.msg)),
        };
        let mut any = false;
        // `**` matches a folder and also what is in it.
        let mut walked: Vec<PathBuf> = vec![];
        for path in matches {
            any = true;
            match path {
                Ok(path) if walked.iter().any(|folder| path.starts_with(folder)) => {}
                Ok(path) if path.is_dir() => {
                    self.walk(&path);
                    walked.push(path);
                }
                Ok(path) => self.photos.push(path),
                Err(error) => {
                    let path = error.path().to_owned();
                    self.errors.push(FindError::Read { path, source: error.into() });
                }
            }
        }
        if !any {
            self.errors.push(FindError::NoMatch(pattern.to_owned()));
        }
    }
}

/// What is wrong with an entry that could not be read. A dangling link matters only where it is named
/// like a photo.
fn entry_error(error: walkdir::Error, folder: &Path) -> Option<FindError> {
    let path = error.path().unwrap_or(folder).to_owned();
    let source = std::io::Error::from(error);
    let is_leftover = path.file_name().is_some_and(|name| is_leftover(&name.to_string_lossy()));
    let is_gone = source.kind() == std::io::ErrorKind::NotFound && !is_photo(&path);
    let matters = path == folder || !(is_leftover || is_gone);
    matters.then_some(FindError::Read { path, source })
}

/// What a folder without photos holds, to be appended to an error.
fn other_files(skipped: &Skipped) -> String {
    if skipped.files() == 0 { String::new() } else { format!(". {skipped}") }
}

fn is_pattern(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?', '['])
}

pub(crate) fn is_photo(path: &Path) -> bool {
    path.extension().and_then(|extension| extension.to_str()).is_some_and(|found| {
        Format::EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(found))
    })
}
