//! The parts of a data set, and the names that folders and lists give them.

use std::fmt;

/// What images of a data set are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Part {
    /// To train on.
    Train,
    /// To validate on: to watch the training, and to choose among models.
    Val,
    /// To measure what was chosen; training never looks at them.
    Test,
}

/// The words that name each part.
const WORDS: [(Part, &[&str]); 3] = [
    (Part::Train, &["train", "training", "trn"]),
    (
        Part::Val,
        &["val", "valid", "validation", "validate", "validating", "dev", "eval", "evaluation"],
    ),
    (Part::Test, &["test", "testing", "tst"]),
];

/// Words that accompany them, as in `seg_train`, `test-images` and `val_set`.
const COMPANIONS: [&str; 14] = [
    "seg", "set", "split", "data", "dataset", "image", "images", "img", "imgs", "photo", "photos",
    "pics", "raw", "folder",
];

impl Part {
    /// The part that a folder, or a cell of a list, of this name is for: one of the usual words in any
    /// case, alone or with a companion and numbers, as in `Training`, `seg_test` and `val2017`.
    ///
    /// ```
    /// use seesaw_data::datasets::Part;
    ///
    /// assert_eq!(Part::named("Testing"), Some(Part::Test));
    /// assert_eq!(Part::named("valid_images"), Some(Part::Val));
    /// assert_eq!(Part::named("train station"), None);
    /// ```
    pub fn named(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        let words = name
            .split(|c: char| !c.is_alphabetic())
            .filter(|word| !word.is_empty() && !COMPANIONS.contains(word));
        let mut found = words.map(Self::of_word);
        match (found.next(), found.next()) {
            (Some(part), None) => part,
            _ => None,
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        // Written together: `trainset`, `testdata`.
        let stem = ["set", "data"].into_iter().find_map(|end| word.strip_suffix(end));
        let is_named =
            |words: &[&str]| words.contains(&word) || stem.is_some_and(|s| words.contains(&s));
        WORDS.into_iter().find(|(_, words)| is_named(words)).map(|(part, _)| part)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Train => "training",
            Self::Val => "validation",
            Self::Test => "test",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_many_names() {
        for name in
            ["train", "Train", "TRAINING", "seg_train", "train_set", "trainset", "train2017"]
        {
            assert_eq!(Part::named(name), Some(Part::Train), "{name}");
        }
        for name in ["val", "Valid", "validation", "dev", "Validation-Images", "val_2", "eval"] {
            assert_eq!(Part::named(name), Some(Part::Val), "{name}");
        }
        for name in ["test", "Testing", "testdata", "test images", "seg_test"] {
            assert_eq!(Part::named(name), Some(Part::Test), "{name}");
        }
    }

    #[test]
    fn classes_are_no_parts() {
        for name in
            ["cat", "train station", "blood_test", "trains", "images", "data", "", "7", "testudo"]
        {
            assert_eq!(Part::named(name), None, "{name}");
        }
        assert_eq!(Part::named("train_test"), None);
    }
}
