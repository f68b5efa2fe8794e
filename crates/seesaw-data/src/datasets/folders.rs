//! One folder of photos per class, and folders of such folders for the parts of a data set.

mod listing;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{DataError, Found, Kind, Note, Part, findings::Findings, item::Item};
use crate::{FindError, find::FoundPhotos, find_photos};

use listing::Listing;

/// How many folders that hold nothing but the next one are gone through.
const WRAPPERS: usize = 4;

/// What the images are for, which decides what is missing and what is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Training images of at least two classes are needed.
    Training,
    /// Images of any part and any number of classes are enough.
    Evaluation,
}

/// Opens the class folders at `path`, or those of the parts that are folders at `path`.
pub(super) fn find(path: &Path, purpose: Purpose) -> Result<Found, DataError> {
    let mut reader = Reader { purpose, findings: Findings::default() };
    let photos = match reader.layout(path)? {
        Layout::Classes(folder) => reader.classes(&folder)?,
        Layout::Parts(folders) => reader.parts(&folders)?,
    };
    reader.found(path, photos)
}

/// All photos at any depth, as one class; those of the parts apart, where there is one for training.
pub(super) fn find_unlabeled(path: &Path) -> Result<Found, DataError> {
    let mut reader = Reader { purpose: Purpose::Evaluation, findings: Findings::default() };
    let listing = Listing::read(path)?;
    let folders = match listing.subfolders.keys().any(|name| Part::named(name) == Some(Part::Train))
    {
        true => reader.part_folders(&listing)?,
        false => BTreeMap::from([(Part::Train, path.to_owned())]),
    };
    let mut photos = BTreeMap::new();
    for (part, folder) in &folders {
        let class = BTreeMap::from([("photo".to_owned(), folder.clone())]);
        photos.insert(*part, Photos { root: folder.clone(), of: reader.photos(&class, *part)? });
    }
    let found = reader.found(path, photos)?;
    Ok(Found { kind: Kind::Photos, classes: vec!["photo".to_owned()], ..found })
}

/// What the folders at a path are.
enum Layout {
    /// The path's subfolders are classes.
    Classes(PathBuf),
    /// Subfolders are parts, with one folder per class in each.
    Parts(BTreeMap<Part, PathBuf>),
}

/// The photos of a part, by class, as paths that begin with `root`.
struct Photos {
    root: PathBuf,
    of: BTreeMap<String, Vec<PathBuf>>,
}

struct Reader {
    purpose: Purpose,
    findings: Findings,
}

impl Reader {
    fn note(&mut self, note: Note) {
        self.findings.notes.push(note);
    }

    /// Finds out what the folders at `path` are, and goes into folders that only wrap others.
    fn layout(&mut self, path: &Path) -> Result<Layout, DataError> {
        let mut listing = Listing::read(path)?;
        for _ in 0..WRAPPERS {
            if has_parts(&listing, self.purpose)? {
                return self.part_folders(&listing).map(Layout::Parts);
            }
            match self.wrapped(&listing)? {
                Some(inner) => listing = inner,
                None => break,
            }
        }
        if listing.folder != path {
            self.note(Note::Inside(listing.folder.clone()));
        }
        let names: Vec<String> = listing.subfolders.keys().cloned().collect();
        if !names.is_empty() && names.iter().all(|name| Part::named(name).is_some()) {
            return Err(DataError::OnlyParts { path: listing.folder, folders: names });
        }
        self.note_loose(&listing);
        Ok(Layout::Classes(listing.folder))
    }

    /// The only thing in a folder, if it is a folder that cannot be a class: it repeats the name, or
    /// holds parts, or holds classes where one class is not enough.
    fn wrapped(&self, listing: &Listing) -> Result<Option<Listing>, DataError> {
        let Some((name, folder)) = listing.only_subfolder() else { return Ok(None) };
        let inner = Listing::read(folder)?;
        let own = listing.folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let repeats = own.eq_ignore_ascii_case(name)
            || (Part::named(name).is_some() && Part::named(name) == Part::named(&own));
        let holds_classes = self.purpose == Purpose::Training && inner.photos == 0;
        let is_wrapper = match inner.subfolders.len() {
            0 => false,
            1 => repeats || has_parts(&inner, self.purpose)?,
            _ => repeats || holds_classes || has_parts(&inner, self.purpose)?,
        };
        Ok(is_wrapper.then_some(inner))
    }

    /// The folder of each part. Others are not used.
    fn part_folders(&mut self, listing: &Listing) -> Result<BTreeMap<Part, PathBuf>, DataError> {
        let (mut parts, mut others) = (BTreeMap::<Part, Vec<&str>>::new(), vec![]);
        for name in listing.subfolders.keys() {
            match Part::named(name) {
                Some(part) => parts.entry(part).or_default().push(name),
                None => others.push(name.clone()),
            }
        }
        if parts.len() == 1 && !others.is_empty() && listing.any_has_photos(&others)? {
            let part = parts.values().flatten().map(|&name| name.to_owned()).collect();
            return Err(DataError::PartOrClass { path: listing.folder.clone(), part, others });
        }
        let mut folders = BTreeMap::new();
        for (part, names) in parts {
            let &[name] = &names[..] else {
                let names = names.into_iter().map(str::to_owned).collect();
                return Err(DataError::TwoParts { path: listing.folder.clone(), part, names });
            };
            let folder = listing.subfolders[name].clone();
            if !["train", "val", "test"].contains(&name) {
                self.note(Note::TakenFor { folder: folder.clone(), part });
            }
            folders.insert(part, folder);
        }
        self.note_loose(listing);
        if !others.is_empty() {
            self.note(Note::Unused(others));
        }
        Ok(folders)
    }

    fn note_loose(&mut self, listing: &Listing) {
        if listing.photos > 0 {
            self.note(Note::Loose { folder: listing.folder.clone(), photos: listing.photos });
        }
    }

    /// The photos of parts that are folders of class folders.
    fn parts(
        &mut self,
        folders: &BTreeMap<Part, PathBuf>,
    ) -> Result<BTreeMap<Part, Photos>, DataError> {
        let mut photos = BTreeMap::new();
        for (&part, folder) in folders {
            let mut listing = Listing::read(folder)?;
            for _ in 0..WRAPPERS {
                let Some(inner) = self.wrapped(&listing)? else { break };
                listing = inner;
            }
            if listing.folder != *folder {
                self.note(Note::Inside(listing.folder.clone()));
            }
            self.note_loose(&listing);
            if !listing.subfolders.is_empty() {
                let of = self.photos(&listing.subfolders, part)?;
                photos.insert(part, Photos { root: listing.folder, of });
            }
        }
        Ok(photos)
    }

    /// The photos of class folders, which may have folders for the parts in them.
    fn classes(&mut self, folder: &Path) -> Result<BTreeMap<Part, Photos>, DataError> {
        let folders = Listing::read(folder)?.subfolders;
        let all = self.photos(&folders, Part::Train)?;
        let root = folder.to_owned();
        if !have_parts(folders.values())? {
            return Ok(BTreeMap::from([(Part::Train, Photos { root, of: all })]));
        }
        self.note(Note::PartsInClasses);
        let mut parts = BTreeMap::<Part, Photos>::new();
        for (class, photos) in all {
            for photo in photos {
                let within = photo.strip_prefix(&folders[&class]).unwrap_or(&photo);
                let part =
                    within.iter().next().and_then(|name| Part::named(&name.to_string_lossy()));
                let part = parts
                    .entry(part.unwrap_or(Part::Train))
                    .or_insert_with(|| Photos { root: root.clone(), of: BTreeMap::new() });
                part.of.entry(class.clone()).or_default().push(photo);
            }
        }
        Ok(parts)
    }

    /// The photos in each class's folder; classes without any are noted and left out.
    fn photos(
        &mut self,
        folders: &BTreeMap<String, PathBuf>,
        part: Part,
    ) -> Result<BTreeMap<String, Vec<PathBuf>>, DataError> {
        let mut by_class = BTreeMap::new();
        for (class, folder) in folders {
            let FoundPhotos { photos, errors, skipped } = find_photos(&[folder]);
            self.findings.skipped.add(&skipped);
            let needs_photos = part == Part::Train && self.purpose == Purpose::Training;
            match errors.into_iter().next() {
                None => {
                    by_class.insert(class.clone(), photos);
                }
                // An empty folder is no class; one of photos that cannot be read is a mistake.
                Some(FindError::NoPhotos { skipped, .. })
                    if !needs_photos || skipped.likely_photos() == 0 =>
                {
                    self.note(Note::EmptyClass { class: class.clone(), part });
                }
                Some(source) => return Err(DataError::Class { class: class.clone(), source }),
            }
        }
        Ok(by_class)
    }

    /// The images of the parts. The classes are those of the training images or, for an evaluation,
    /// of all parts.
    fn found(mut self, path: &Path, parts: BTreeMap<Part, Photos>) -> Result<Found, DataError> {
        let trains = |part: Part| part == Part::Train || self.purpose == Purpose::Evaluation;
        let classes: BTreeSet<&String> = parts
            .iter()
            .filter(|(part, _)| trains(**part))
            .flat_map(|(_, p)| p.of.keys())
            .collect();
        let classes: Vec<String> = classes.into_iter().cloned().collect();
        if classes.is_empty() {
            let found = match self.findings.notes.iter().find(|n| matches!(n, Note::Loose { .. })) {
                Some(_) => "its photos are in no class folders",
                None => "it has no class folders with photos",
            };
            return Err(DataError::Unrecognized { path: path.to_owned(), found: found.to_owned() });
        }
        self.note_similar(&classes);
        let mut items = BTreeMap::new();
        for (part, photos) in parts {
            items.insert(part, photos.items(&classes)?);
        }
        Ok(Found {
            kind: Kind::Folders,
            classes,
            train: items.remove(&Part::Train).unwrap_or_default(),
            val: items.remove(&Part::Val),
            test: items.remove(&Part::Test),
            findings: self.findings,
            packed: None,
        })
    }

    /// Notes classes whose names are the same to people.
    fn note_similar(&mut self, classes: &[String]) {
        let mut seen = BTreeMap::<String, &String>::new();
        for class in classes {
            let plain = class.to_lowercase().replace(['_', '-'], " ");
            if let Some(other) = seen.insert(plain.trim().to_owned(), class) {
                self.note(Note::SimilarClasses(other.clone(), class.clone()));
            }
        }
    }
}

impl Photos {
    fn items(self, classes: &[String]) -> Result<Vec<Item>, DataError> {
        let root: Arc<Path> = self.root.as_path().into();
        let mut items = vec![];
        for (class, photos) in self.of {
            let Ok(label) = classes.binary_search(&class) else {
                return Err(DataError::UnknownClass { path: self.root, class });
            };
            items.extend(photos.into_iter().map(|photo| {
                let name = photo.strip_prefix(&root).map(Path::to_owned).unwrap_or(photo);
                Item::file(&root, name, label as u32)
            }));
        }
        Ok(items)
    }
}

/// Whether subfolders are the parts of a data set: one for training has class folders or, for an
/// evaluation, one of any part.
fn has_parts(listing: &Listing, purpose: Purpose) -> Result<bool, DataError> {
    for (name, folder) in &listing.subfolders {
        let counts = match Part::named(name) {
            Some(Part::Train) => true,
            Some(_) => purpose == Purpose::Evaluation,
            None => false,
        };
        if counts && !Listing::read(folder)?.subfolders.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether each of the class folders has nothing but folders named like parts, one for training among
/// them.
fn have_parts<'a>(folders: impl Iterator<Item = &'a PathBuf>) -> Result<bool, DataError> {
    let mut any = false;
    for folder in folders {
        let Listing { subfolders, photos, .. } = Listing::read(folder)?;
        let parts: Vec<Option<Part>> = subfolders.keys().map(|name| Part::named(name)).collect();
        let only_parts = photos == 0 && !parts.contains(&None);
        if !only_parts || !parts.contains(&Some(Part::Train)) {
            return Ok(false);
        }
        any = true;
    }
    Ok(any)
}
