//! Photos from what was named on a command line.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// The extensions of photos, in lower case.
const EXTENSIONS: [&str; 5] = ["jpg", "jpeg", "png", "webp", "bmp"];

/// Why an argument, or a part of it, gave no photos.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// Neither a file, nor a folder, nor a pattern.
    #[error("{}: no such file or folder", .0.display())]
    Missing(PathBuf),
    /// A folder without a photo in it or below it.
    #[error("{}: no photos in this folder; jpg, jpeg, png, webp and bmp are looked for", .0.display())]
    NoPhotos(PathBuf),
    /// A pattern that nothing matches.
    #[error("{}: no file or folder matches this pattern", .0.display())]
    NoMatch(PathBuf),
    /// A pattern that is none.
    #[error("{}: not a pattern ({reason}); `*` stands for any name and `**` for any folders", .pattern.display())]
    Pattern {
        /// What was named.
        pattern: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A folder, or something in it, that could not be read.
    #[error("{}: {source}", .path.display())]
    Read {
        /// What could not be read.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Expands `arguments` into photos: in the order of the arguments, and each folder and pattern in
/// the order of names.
///
/// - A file is taken as it is, whatever its name.
/// - A folder gives the files in it and below it whose extension is jpg, jpeg, png, webp or bmp in
///   any case. Symbolic links are followed, but never round in circles.
/// - A path that does not exist and holds `*`, `?` or `[` is a pattern; what it matches is treated
///   as if it had been named.
///
/// Errors come beside the photos, so that one bad argument does not hide the others.
pub fn find_photos<P: AsRef<Path>>(arguments: &[P]) -> (Vec<PathBuf>, Vec<FindError>) {
    let mut found = Found::default();
    for argument in arguments {
        found.expand(argument.as_ref());
    }
    (found.photos, found.errors)
}

#[derive(Default)]
struct Found {
    photos: Vec<PathBuf>,
    errors: Vec<FindError>,
}

impl Found {
    fn expand(&mut self, argument: &Path) {
        match argument.metadata() {
            Ok(metadata) if metadata.is_dir() => self.walk(argument),
            Ok(_) => self.photos.push(argument.to_owned()),
            Err(_) if is_pattern(argument) => self.expand_pattern(argument),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.errors.push(FindError::Missing(argument.to_owned()));
            }
            Err(source) => {
                self.errors.push(FindError::Read { path: argument.to_owned(), source });
            }
        }
    }

    fn walk(&mut self, folder: &Path) {
        let before = (self.photos.len(), self.errors.len());
        for entry in WalkDir::new(folder).follow_links(true).sort_by_file_name() {
            match entry {
                Ok(entry) if entry.file_type().is_file() && is_photo(entry.path()) => {
                    self.photos.push(entry.into_path());
                }
                Ok(_) => {}
                // A loop leads to what has been seen already.
                Err(error) if error.loop_ancestor().is_some() => {}
                Err(error) => {
                    let path = error.path().unwrap_or(folder).to_owned();
                    let source = std::io::Error::from(error);
                    // A dangling link is no loss where it is not a photo's.
                    if source.kind() != std::io::ErrorKind::NotFound || is_photo(&path) {
                        self.errors.push(FindError::Read { path, source });
                    }
                }
            }
        }
        if (self.photos.len(), self.errors.len()) == before {
            self.errors.push(FindError::NoPhotos(folder.to_owned()));
        }
    }

    fn expand_pattern(&mut self, pattern: &Path) {
        let not_a_pattern = |reason| FindError::Pattern { pattern: pattern.to_owned(), reason };
        let Some(text) = pattern.to_str() else {
            return self.errors.push(not_a_pattern("it is not Unicode"));
        };
        let matches = match glob::glob(text) {
            Ok(matches) => matches,
            Err(error) => return self.errors.push(not_a_pattern(error.msg)),
        };
        let mut any = false;
        // `**` matches a folder and then, once more, what lies in it.
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

fn is_pattern(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?', '['])
}

fn is_photo(path: &Path) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|found| EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(found)))
}

#[cfg(test)]
mod tests;
