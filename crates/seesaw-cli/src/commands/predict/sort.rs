//! Photos in folders that are named after their classes.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    io::{self, BufReader, ErrorKind, Read},
    path::{Path, PathBuf},
};

use seesaw::answer::class_folder;

use crate::failure::Failure;

/// Copies photos into the folders of their classes, or links them, and overwrites nothing.
pub struct Sorter {
    root: PathBuf,
    link: bool,
    /// The folder of each class so far.
    folders: HashMap<String, PathBuf>,
    /// The names of these folders, in lower case.
    taken: HashSet<String>,
}

impl Sorter {
    pub fn new(root: &Path, link: bool) -> Result<Self, Failure> {
        fs::create_dir_all(root).map_err(|error| Failure::file(root, error))?;
        Ok(Self { root: root.to_owned(), link, folders: HashMap::new(), taken: HashSet::new() })
    }

    /// Puts the photo into the folder of the class; where it is now. A photo that is there already
    /// stays as it is, and one of the same name and other content gets a number.
    pub fn place(&mut self, photo: &Path, class: &str) -> Result<PathBuf, Failure> {
        let folder = self.folder(class)?;
        let stem = photo.file_stem().unwrap_or_default().to_string_lossy();
        let extension = photo.extension().map(|e| format!(".{}", e.to_string_lossy()));
        let extension = extension.unwrap_or_default();
        for number in 1.. {
            let suffix = if number == 1 { String::new() } else { format!("-{number}") };
            let place = folder.join(format!("{stem}{suffix}{extension}"));
            let placed = if self.link { link(photo, &place) } else { copy(photo, &place) };
            match placed {
                Ok(()) => return Ok(place),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    if is_same(photo, &place).unwrap_or(false) {
                        return Ok(place);
                    }
                }
                Err(error) => return Err(Failure::file(&place, error)),
            }
        }
        unreachable!("numbers do not end")
    }

    /// The folder of a class, which is created when it is first needed.
    fn folder(&mut self, class: &str) -> Result<PathBuf, Failure> {
        if let Some(folder) = self.folders.get(class) {
            return Ok(folder.clone());
        }
        let mut name = class_folder(class);
        while !self.taken.insert(name.to_lowercase()) {
            name.push('_');
        }
        let folder = self.root.join(name);
        fs::create_dir_all(&folder).map_err(|error| Failure::file(&folder, error))?;
        self.folders.insert(class.to_owned(), folder.clone());
        Ok(folder)
    }
}

/// Copies a file with its time to a place where nothing is yet. It appears there whole.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let folder = to.parent().unwrap_or(Path::new("."));
    let mut source = File::open(from)?;
    let metadata = source.metadata()?;
    let mut temporary = tempfile::Builder::new().prefix(".seesaw-").tempfile_in(folder)?;
    io::copy(&mut source, temporary.as_file_mut())?;
    let file = temporary.as_file();
    file.set_permissions(metadata.permissions())?;
    if let Ok(modified) = metadata.modified() {
        // A time that cannot be kept is no reason to lose the copy.
        let _ = file.set_modified(modified);
    }
    temporary.persist_noclobber(to).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(unix)]
fn link(from: &Path, to: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(fs::canonicalize(from)?, to)
}

#[cfg(windows)]
fn link(from: &Path, to: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(fs::canonicalize(from)?, to)
}

#[cfg(not(any(unix, windows)))]
fn link(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::Error::new(ErrorKind::Unsupported, "this system has no symbolic links"))
}

/// Whether two files have the same content.
fn is_same(a: &Path, b: &Path) -> io::Result<bool> {
    let (a, b) = (File::open(a)?, File::open(b)?);
    if a.metadata()?.len() != b.metadata()?.len() {
        return Ok(false);
    }
    let (mut a, mut b) = (BufReader::new(a).bytes(), BufReader::new(b).bytes());
    loop {
        match (a.next().transpose()?, b.next().transpose()?) {
            (None, None) => return Ok(true),
            (x, y) if x != y => return Ok(false),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_of_equal_folders_get_their_own() {
        let place = tempfile::tempdir().unwrap();
        let mut sorter = Sorter::new(place.path(), false).unwrap();
        let folders = ["a/b", "a_b", "A_B", "a/b"].map(|class| sorter.folder(class).unwrap());
        let names = folders.map(|folder| folder.file_name().unwrap().to_owned());
        assert_eq!(names, ["a_b", "a_b_", "A_B__", "a_b"]);
    }

    #[test]
    fn nothing_is_overwritten_and_nothing_copied_twice() {
        let place = seesaw_testing::folder([("x/1.jpg", "one"), ("y/1.jpg", "two")]);
        let photo = |name: &str| place.path().join(name);
        let mut sorter = Sorter::new(&photo("sorted"), false).unwrap();
        let mut sorted = |name: &str| {
            let path = sorter.place(&photo(name), "cat").unwrap();
            path.strip_prefix(place.path()).unwrap().to_string_lossy().replace('\\', "/")
        };
        assert_eq!(sorted("x/1.jpg"), "sorted/cat/1.jpg");
        assert_eq!(sorted("y/1.jpg"), "sorted/cat/1-2.jpg");
        assert_eq!(sorted("x/1.jpg"), "sorted/cat/1.jpg");
        assert_eq!(sorted("y/1.jpg"), "sorted/cat/1-2.jpg");
        let read = |name: &str| fs::read_to_string(photo(name)).unwrap();
        assert_eq!(
            (read("sorted/cat/1.jpg"), read("sorted/cat/1-2.jpg")),
            ("one".into(), "two".into())
        );
        assert_eq!(fs::read_dir(photo("sorted/cat")).unwrap().count(), 2);
    }
}
