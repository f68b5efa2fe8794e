//! What is said of a photo: what `seesaw predict --json` prints, and what a service answers.

use std::path::PathBuf;

use serde::Serialize;

use crate::Guess;

/// What a photo is called whose most likely class is not likely enough.
pub const UNKNOWN: &str = "unknown";

/// What is said of a photo. As JSON, it is one line of `seesaw predict --json`.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Answer<'a> {
    /// The photo's path or name.
    pub path: String,
    /// Whether the most likely class is not likely enough.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unknown: bool,
    /// The most likely classes, most likely first.
    pub top: Vec<Ranked<'a>>,
    /// Where the photo was sorted to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sorted: Option<PathBuf>,
    /// Where the picture is of where the most likely class was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explained: Option<PathBuf>,
}

/// One of the most likely classes.
#[derive(Debug, Clone, Serialize)]
pub struct Ranked<'a> {
    /// Its name, or its index where the model has no names.
    pub class: &'a str,
    /// Its softmax probability, 0 to 1.
    pub probability: f64,
}

/// What is said of a photo that cannot be read.
#[derive(Debug, Clone, Serialize)]
pub struct Unread<'a> {
    /// The photo's path or name.
    pub path: &'a str,
    /// Why it cannot be read.
    pub error: &'a str,
}

impl<'a> Answer<'a> {
    /// The `top` most likely classes of `guesses`, which are sorted; unknown if the first is less likely
    /// than `least`.
    pub fn new(path: String, guesses: &[Guess<'a>], top: usize, least: Option<f64>) -> Self {
        let best = guesses.first().map_or(0.0, |guess| guess.probability);
        let ranked = guesses
            .iter()
            .take(top)
            .map(|guess| Ranked { class: guess.label, probability: guess.probability });
        Self {
            path,
            unknown: least.is_some_and(|least| best < least),
            top: ranked.collect(),
            sorted: None,
            explained: None,
        }
    }

    /// The class that the photo is counted to.
    pub fn class(&self) -> &'a str {
        match self.top.first() {
            Some(ranked) if !self.unknown => ranked.class,
            _ => UNKNOWN,
        }
    }
}

/// The name of a folder for a class: without what no folder's name may have on one system or another.
/// It never leads out of the folder that it is in.
pub fn class_folder(class: &str) -> String {
    let replace = |c: char| match c {
        '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => '_',
        c if c.is_control() => '_',
        c => c,
    };
    let name: String = class.chars().map(replace).collect();
    let name = name.trim().trim_end_matches('.');
    match name.strip_prefix('.') {
        Some(rest) => format!("_{rest}"),
        None if name.is_empty() => "_".to_owned(),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_become_names_of_folders() {
        for (class, folder) in [
            ("golf ball", "golf ball"),
            ("church, or bell/cote", "church, or bell_cote"),
            ("..", "_"),
            (".hidden", "_hidden"),
            ("a:b?\n", "a_b__"),
            (" dots... ", "dots"),
            ("", "_"),
        ] {
            assert_eq!(class_folder(class), folder, "{class:?}");
        }
    }

    #[test]
    fn a_photo_is_unknown_below_the_threshold() {
        let guess = |class, label, probability| Guess { class, label, probability };
        let guesses = [guess(1, "cat", 0.5), guess(0, "dog", 0.3), guess(2, "cow", 0.2)];
        let answer = |least| Answer::new("a.jpg".to_owned(), &guesses, 2, least);
        assert_eq!(answer(None).class(), "cat");
        assert_eq!(answer(Some(0.5)).class(), "cat", "as likely as asked for");
        assert_eq!(answer(Some(0.51)).class(), UNKNOWN);
        assert_eq!((answer(None).top.len(), answer(Some(0.9)).unknown), (2, true));
    }
}
