//! Pictures of where the net sees a class.

use std::{
    collections::HashSet,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use seesaw::Classifier;
use seesaw_format::replace_file;
use seesaw_plot::HeatMap;

use crate::failure::Failure;

/// Draws a picture for each photo into a folder.
pub struct Explainer<'a> {
    folder: PathBuf,
    classifier: &'a Classifier,
    /// The files that were written.
    written: HashSet<PathBuf>,
}

impl<'a> Explainer<'a> {
    pub fn new(folder: &Path, classifier: &'a Classifier) -> Result<Self, Failure> {
        fs::create_dir_all(folder).map_err(|error| Failure::file(folder, error))?;
        Ok(Self { folder: folder.to_owned(), classifier, written: HashSet::new() })
    }

    /// Draws where the class is seen in the photo; the picture's path. Photos of equal names in
    /// several folders get pictures of their own.
    pub fn draw(&mut self, photo: &Path, class: usize) -> Result<PathBuf, Failure> {
        let explanation = self.classifier.explain_file(photo)?;
        let (map, seen) = (explanation.maps.of(class), &explanation.seen);
        let picture = HeatMap {
            photo: seen.pixels(),
            side: seen.width() as usize,
            map: &map,
            cells: explanation.maps.side,
        };
        let png = picture.png().map_err(Failure::new)?;
        let path = self.free(photo);
        replace_file(&path, |file| file.write_all(&png))
            .map_err(|error| Failure::file(&path, error))?;
        self.written.insert(path.clone());
        Ok(path)
    }

    /// A name that no other photo of this run has.
    fn free(&self, photo: &Path) -> PathBuf {
        let name = photo.file_name().unwrap_or_default().to_string_lossy();
        let path = |number: usize| match number {
            1 => self.folder.join(format!("{name}.png")),
            _ => self.folder.join(format!("{name}-{number}.png")),
        };
        (1..).map(path).find(|path| !self.written.contains(path)).expect("numbers do not end")
    }
}
