//! The photos that arguments name.

use std::path::{Path, PathBuf};

use seesaw_data::{FoundPhotos, find::Skipped, find_photos};

use crate::failure::{self, Failure};

/// The photos that arguments name.
pub struct Photos {
    pub photos: Vec<PathBuf>,
    /// How many arguments named none, which is reported.
    pub problems: usize,
    skipped: Skipped,
}

/// Finds the photos, except for those in the folders that the command itself writes to.
pub fn find(paths: &[PathBuf], written: [Option<&Path>; 2]) -> Result<Photos, Failure> {
    let FoundPhotos { mut photos, errors: mut problems, skipped } = find_photos(paths);
    if photos.is_empty() && !problems.is_empty() {
        return Err(problems.swap_remove(0).into());
    }
    problems.iter().for_each(failure::error);
    let written: Vec<PathBuf> =
        written.into_iter().flatten().filter_map(|folder| folder.canonicalize().ok()).collect();
    if !written.is_empty() {
        let before = photos.len();
        let is_own = |photo: &PathBuf| {
            photo.canonicalize().is_ok_and(|path| written.iter().any(|w| path.starts_with(w)))
        };
        photos.retain(|photo| !is_own(photo));
        if photos.len() < before {
            failure::warn(format_args!(
                "{} photos are in the folder that is written to, and are left out",
                before - photos.len()
            ));
        }
    }
    Ok(Photos { photos, problems: problems.len(), skipped })
}

impl Photos {
    /// Says which files in folders were not looked at.
    pub fn report_skipped(&self) {
        self.skipped.sentences().iter().for_each(failure::warn);
    }
}
