//! What a search for photos passed over.

use std::{collections::BTreeMap, fmt, path::Path};

use seesaw_image::Format;

/// The files that a search did not look at, and what it ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Skipped {
    /// The number of files of each extension, in lower case; the empty one for files without any.
    by_extension: BTreeMap<String, usize>,
    leftovers: usize,
}

impl Skipped {
    /// What a search passed over at another time.
    pub(crate) fn from_counts(by_extension: BTreeMap<String, usize>, leftovers: usize) -> Self {
        Self { by_extension, leftovers }
    }

    /// The number of files of each extension, in lower case; the empty one for files without any.
    pub fn by_extension(&self) -> &BTreeMap<String, usize> {
        &self.by_extension
    }

    /// Hidden files and folders, and others that systems leave behind, which are ignored.
    pub fn leftovers(&self) -> usize {
        self.leftovers
    }

    /// The number of files that were not looked at, without leftovers.
    pub fn files(&self) -> usize {
        self.by_extension.values().fold(0, |sum, &count| sum.saturating_add(count))
    }

    /// The number of files that may be photos, by their extension or for the lack of one.
    pub fn likely_photos(&self) -> usize {
        self.count(may_be_photo)
    }

    /// Adds what another search passed over.
    pub fn add(&mut self, other: &Self) {
        for (extension, count) in &other.by_extension {
            *self.by_extension.entry(extension.clone()).or_default() += count;
        }
        self.leftovers += other.leftovers;
    }

    pub(crate) fn add_file(&mut self, path: &Path) {
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        *self.by_extension.entry(extension).or_default() += 1;
    }

    pub(crate) fn add_leftover(&mut self) {
        self.leftovers += 1;
    }

    fn count(&self, of: fn(&str) -> bool) -> usize {
        self.by_extension
            .iter()
            .filter(|(extension, _)| of(extension))
            .fold(0, |sum, (_, &count)| sum.saturating_add(count))
    }

    /// The sentences for people: none where no file was passed over.
    pub fn sentences(&self) -> Vec<String> {
        let mut sentences = vec![];
        let photos = self.likely_photos();
        if photos > 0 {
            sentences.push(format!(
                "{} not looked at ({}); convert photos to JPEG, PNG or WebP, or give JPEGs the \
                 extension .jpg",
                were(photos, "file that may be a photo", "files that may be photos"),
                self.list(may_be_photo)
            ));
        }
        let others = self.files() - photos;
        if others > 0 {
            let list = self.list(|extension| !may_be_photo(extension));
            sentences.push(format!(
                "{} not looked at ({list})",
                were(others, "other file", "other files")
            ));
        }
        sentences
    }

    /// The extensions with their numbers, the most frequent first.
    fn list(&self, of: fn(&str) -> bool) -> String {
        let mut counts: Vec<(&String, &usize)> =
            self.by_extension.iter().filter(|(extension, _)| of(extension)).collect();
        counts.sort_by_key(|&(extension, count)| (std::cmp::Reverse(count), extension));
        let named = counts.iter().take(NAMED).map(|(extension, count)| match extension.as_str() {
            "" => format!("{count} without extension"),
            extension => format!("{count} .{extension}"),
        });
        let mut list: Vec<String> = named.collect();
        let rest: usize = counts.iter().skip(NAMED).map(|(_, count)| *count).sum();
        if rest > 0 {
            list.push(format!("{rest} others"));
        }
        list.join(", ")
    }
}

/// How many extensions are listed.
const NAMED: usize = 8;

/// The sentences, separated by semicolons.
impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentences().join("; "))
    }
}

fn were(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one} was") } else { format!("{count} {many} were") }
}

/// Whether a file that is not read by its extension, in lower case, may hold a photo all the same:
/// of another format, without an extension, or with one like `jpg_large`.
fn may_be_photo(extension: &str) -> bool {
    let resembles = |known: &str| extension.starts_with(known) && extension != known;
    extension.is_empty()
        || Format::FOREIGN_EXTENSIONS.contains(&extension)
        || ["jpg", "jpeg", "png", "webp"].into_iter().any(resembles)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skipped(names: &[&str]) -> Skipped {
        let mut skipped = Skipped::default();
        names.iter().for_each(|name| skipped.add_file(Path::new(name)));
        skipped
    }

    #[test]
    fn files_are_counted_by_extension_and_photos_come_first() {
        let skipped =
            skipped(&["a.AVIF", "b.avif", "c", "d.jpg_large", "e.txt", "f.json", "g.json"]);
        assert_eq!((skipped.files(), skipped.likely_photos()), (7, 4));
        let [photos, others] = &skipped.sentences()[..] else { panic!("{skipped}") };
        let expected = "4 files that may be photos were not looked at (2 .avif, 1 without \
                        extension, 1 .jpg_large); convert";
        assert!(photos.starts_with(expected), "{photos}");
        assert_eq!(others, "3 other files were not looked at (2 .json, 1 .txt)");
    }

    #[test]
    fn long_lists_end_with_a_count() {
        let names: Vec<String> = (0..12).map(|n| format!("a.x{n:02}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let text = skipped(&names).to_string();
        assert!(text.ends_with("1 .x07, 4 others)"), "{text}");
        assert_eq!(Skipped::default().to_string(), "");
    }
}
