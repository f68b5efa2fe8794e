//! What is directly in a folder.

use std::{
    collections::BTreeMap,
    fs::{self, DirEntry},
    path::{Path, PathBuf},
};

use super::super::DataError;
use crate::find::{is_leftover, is_photo};

/// What is directly in a folder, without leftovers of systems.
pub(super) struct Listing {
    pub folder: PathBuf,
    /// By name.
    pub subfolders: BTreeMap<String, PathBuf>,
    /// How many files are photos by their names.
    pub photos: usize,
}

impl Listing {
    pub fn read(folder: &Path) -> Result<Self, DataError> {
        let mut listing =
            Self { folder: folder.to_owned(), subfolders: BTreeMap::new(), photos: 0 };
        for entry in fs::read_dir(folder).map_err(DataError::io(folder))? {
            let entry = entry.map_err(DataError::io(folder))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if is_leftover(&name) {
                continue;
            }
            let path = entry.path();
            if is_folder(&entry) {
                if listing.subfolders.insert(name.clone(), path).is_some() {
                    let what = format!("two folders have the same name in Unicode, `{name}`");
                    return Err(DataError::Unrecognized { path: folder.to_owned(), found: what });
                }
            } else if is_photo(&path) {
                listing.photos += 1;
            }
        }
        Ok(listing)
    }

    /// The subfolder, if there is one and no photo.
    pub fn only_subfolder(&self) -> Option<(&String, &PathBuf)> {
        let mut subfolders = self.subfolders.iter();
        match (subfolders.next(), subfolders.next()) {
            (Some(only), None) if self.photos == 0 => Some(only),
            _ => None,
        }
    }

    /// Whether one of these subfolders has photos directly in it.
    pub fn any_has_photos(&self, names: &[String]) -> Result<bool, DataError> {
        for name in names {
            if Self::read(&self.subfolders[name])?.photos > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether an entry is a folder, or a link to one.
fn is_folder(entry: &DirEntry) -> bool {
    match entry.file_type() {
        Ok(kind) if kind.is_symlink() => entry.path().is_dir(),
        Ok(kind) => kind.is_dir(),
        Err(_) => false,
    }
}
