//! One folder of photos per class.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{DataError, Found, Kind, dataset::Item};
use crate::{find::FoundPhotos, find_photos};

/// Names of the folder next to `train`; the first that exists is used.
const VAL: [&str; 4] = ["val", "validation", "valid", "test"];

pub(super) fn find(path: &Path) -> Result<Found, DataError> {
    let train_folder = path.join("train");
    let two_parts = train_folder.is_dir();
    let folder = if two_parts { &train_folder } else { path };
    let folders = class_folders(folder)?;
    if folders.is_empty() {
        let found = "it has no class folders".to_owned();
        return Err(DataError::Unrecognized { path: folder.to_owned(), found });
    }
    let classes: Vec<String> = folders.keys().cloned().collect();
    let train = items(folder, &folders, &classes)?;
    let val_folder = VAL.map(|name| path.join(name)).into_iter().find(|folder| folder.is_dir());
    let val = match val_folder {
        Some(folder) if two_parts => Some(items(&folder, &class_folders(&folder)?, &classes)?),
        _ => None,
    };
    Ok(Found { kind: Kind::Folders, classes, train, val })
}

/// All photos at any depth, as one class; those of `train` and `val` apart, where there are both.
pub(super) fn find_unlabeled(path: &Path) -> Result<Found, DataError> {
    let train = path.join("train");
    let val = VAL.map(|name| path.join(name)).into_iter().find(|folder| folder.is_dir());
    let all = |folder: &Path| {
        let class = "photo".to_owned();
        items(folder, &BTreeMap::from([(class.clone(), folder.to_owned())]), &[class])
    };
    let (train, val) = match val {
        Some(val) if train.is_dir() => (all(&train)?, Some(all(&val)?)),
        _ => (all(path)?, None),
    };
    Ok(Found { kind: Kind::Photos, classes: vec!["photo".to_owned()], train, val })
}

/// The folders in a folder, by name, except for hidden ones, which belong to tools.
fn class_folders(folder: &Path) -> Result<BTreeMap<String, PathBuf>, DataError> {
    let mut folders = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(DataError::io(folder))? {
        let entry = entry.map_err(DataError::io(folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() && !name.starts_with('.') {
            folders.insert(name, entry.path());
        }
    }
    Ok(folders)
}

fn items(
    root: &Path,
    folders: &BTreeMap<String, PathBuf>,
    classes: &[String],
) -> Result<Vec<Item>, DataError> {
    let shared: Arc<Path> = root.into();
    let mut items = vec![];
    for (class, folder) in folders {
        let label = classes
            .binary_search(class)
            .map_err(|_| DataError::UnknownClass { path: root.to_owned(), class: class.clone() })?;
        let FoundPhotos { photos, errors } = find_photos(&[folder]);
        if let Some(source) = errors.into_iter().next() {
            return Err(DataError::Class { class: class.clone(), source });
        }
        items.extend(photos.into_iter().map(|photo| {
            let name = photo.strip_prefix(root).map(Path::to_owned).unwrap_or(photo);
            Item::file(&shared, name, label as u32)
        }));
    }
    Ok(items)
}
