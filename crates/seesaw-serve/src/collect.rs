//! Photos that users file under a class, for a training.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use seesaw::answer::class_folder;
use seesaw_image::Format;

use crate::{ServeError, error::Problem};

/// The longest name of a class or a photo, in bytes; with a number and an extension, every file system
/// takes it.
const MAX_NAME: usize = 120;

/// A folder of class folders to which photos are added; nothing in it is overwritten.
#[derive(Debug)]
pub struct Collection {
    root: PathBuf,
    /// Photos that may still be added.
    left: AtomicU64,
}

impl Collection {
    /// Adds at most `most` photos to a folder, which is created if need be.
    ///
    /// # Errors
    /// [`ServeError::Collect`].
    pub fn new(root: &Path, most: u64) -> Result<Self, ServeError> {
        fs::create_dir_all(root)
            .map_err(|source| ServeError::Collect { path: root.to_owned(), source })?;
        Ok(Self { root: root.to_owned(), left: AtomicU64::new(most) })
    }

    /// Files a photo under a class; its path below the folder. A photo that is there already stays as it
    /// is, and one of the same name and other content gets a number.
    pub fn add(&self, name: &str, class: &str, photo: &[u8]) -> Result<String, Problem> {
        let class = named(class, "class")?;
        let extension = extension(photo)?;
        let stem = Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let stem = if stem.is_empty() || stem == "-" { "photo" } else { stem };
        let stem = named(stem, "name")?;
        let folder = self.root.join(&class);
        let failed = |error: io::Error| {
            let status = axum::http::StatusCode::INTERNAL_SERVER_ERROR;
            Problem::new(status, format!("the photo cannot be stored: {}", error.kind()))
        };
        for number in 1.. {
            let suffix = if number == 1 { String::new() } else { format!("-{number}") };
            let file = format!("{stem}{suffix}.{extension}");
            let path = folder.join(&file);
            match fs::read(&path) {
                Ok(content) if content == photo => return Ok(format!("{class}/{file}")),
                Ok(_) => continue,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed(error)),
            }
            self.take_place()?;
            match self.write(&folder, &path, photo) {
                Ok(()) => return Ok(format!("{class}/{file}")),
                // Another worker was faster.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    self.left.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => return Err(failed(error)),
            }
        }
        unreachable!("numbers do not end")
    }

    /// Writes a file that appears whole, where nothing is yet.
    fn write(&self, folder: &Path, path: &Path, photo: &[u8]) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut temporary = tempfile::Builder::new().prefix(".seesaw-").tempfile_in(folder)?;
        io::Write::write_all(&mut temporary, photo)?;
        temporary.persist_noclobber(path).map_err(|error| error.error)?;
        Ok(())
    }

    fn take_place(&self) -> Result<(), Problem> {
        let one_less = |left: u64| left.checked_sub(1);
        let taken = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
        taken.map(|_| ()).map_err(|_| {
            let status = axum::http::StatusCode::INSUFFICIENT_STORAGE;
            Problem::new(status, "as many photos were collected as this service may store")
        })
    }
}

/// A text as the name of a file or folder.
fn named(text: &str, what: &str) -> Result<String, Problem> {
    let name = class_folder(text);
    if name.len() > MAX_NAME {
        let message = format!("a {what} of {} bytes, and the limit is {MAX_NAME}", name.len());
        return Err(Problem::bad(message));
    }
    Ok(name)
}

/// The extension of a photo, by its content: those that training looks for.
fn extension(photo: &[u8]) -> Result<&'static str, Problem> {
    let format = Format::detect(photo).map_err(|error| {
        Problem::new(axum::http::StatusCode::UNSUPPORTED_MEDIA_TYPE, error.to_string())
    })?;
    Ok(format.extension())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn photos_are_filed_once_and_overwrite_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let collection = Collection::new(folder.path(), 3).unwrap();
        let [red, blue] = [[9, 0, 0], [0, 0, 9]].map(|color| seesaw_testing::bmp(2, 2, color));
        let add = |name: &str, class: &str, photo: &[u8]| collection.add(name, class, photo);
        assert_eq!(add("a.jpg", "cat", &red).unwrap(), "cat/a.bmp");
        assert_eq!(add("a.jpg", "cat", &blue).unwrap(), "cat/a-2.bmp");
        assert_eq!(add("a.jpg", "cat", &blue).unwrap(), "cat/a-2.bmp", "it is there already");
        assert_eq!(add("../../../etc/x", "../..", &red).unwrap(), "_/x.bmp");
        assert!(folder.path().join("_/x.bmp").is_file());
        let problem = add("b.jpg", "cat", &red).unwrap_err();
        assert_eq!(problem.status.as_u16(), 507, "the limit");
        assert_eq!(fs::read(folder.path().join("cat/a.bmp")).unwrap(), red);
    }

    #[test]
    fn what_is_no_photo_or_has_no_name_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let collection = Collection::new(folder.path(), 3).unwrap();
        assert_eq!(collection.add("a", "cat", b"text").unwrap_err().status.as_u16(), 415);
        let photo = seesaw_testing::bmp(1, 1, [0; 3]);
        assert_eq!(collection.add("a", &"x".repeat(121), &photo).unwrap_err().status, 400);
        assert_eq!(collection.add("-", "", &photo).unwrap(), "_/photo.bmp");
        assert!(fs::read_dir(folder.path()).unwrap().count() == 1);
    }
}
