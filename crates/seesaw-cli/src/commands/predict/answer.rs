//! What is said of a photo, and all of it as CSV.

use std::path::{Path, PathBuf};

use seesaw::Guess;
use serde::Serialize;

use crate::{failure::Failure, output};

/// What a photo is called whose most likely class is not likely enough.
pub const UNKNOWN: &str = "unknown";

/// What is said of a photo; `--json` prints it on a line.
#[derive(Serialize)]
pub struct Answer<'a> {
    pub path: String,
    /// Whether the most likely class is not likely enough.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unknown: bool,
    pub top: Vec<Ranked<'a>>,
    /// Where the photo was sorted to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sorted: Option<PathBuf>,
    /// The picture of where the most likely class was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explained: Option<PathBuf>,
}

#[derive(Serialize)]
pub struct Ranked<'a> {
    pub class: &'a str,
    pub probability: f64,
}

impl<'a> Answer<'a> {
    /// The `top` most likely classes; unknown if the first is less likely than `least`.
    pub fn new(path: &Path, guesses: &[Guess<'a>], top: usize, least: Option<f64>) -> Self {
        let best = guesses.first().map_or(0.0, |guess| guess.probability);
        let ranked = guesses
            .iter()
            .take(top)
            .map(|guess| Ranked { class: guess.label, probability: guess.probability });
        Self {
            path: path.to_string_lossy().into_owned(),
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

/// Lines of CSV, if a file for them was named.
pub struct Lines {
    file: Option<PathBuf>,
    columns: usize,
    lines: Vec<Vec<String>>,
}

impl Lines {
    /// With this many classes on a line.
    pub fn new(file: Option<PathBuf>, columns: usize) -> Self {
        let ranks = (1..=columns).flat_map(|rank| match rank {
            1 => ["class".to_owned(), "probability".to_owned()],
            _ => [format!("class_{rank}"), format!("probability_{rank}")],
        });
        let header = ["path".to_owned()].into_iter().chain(ranks).chain(["error".to_owned()]);
        Self { file, columns, lines: vec![header.collect()] }
    }

    pub fn answer(&mut self, answer: &Answer<'_>) {
        let mut line = vec![answer.path.clone()];
        for ranked in answer.top.iter().take(self.columns) {
            line.extend([ranked.class.to_owned(), format!("{:.6}", ranked.probability)]);
        }
        if answer.unknown {
            line[1] = UNKNOWN.to_owned();
        }
        line.push(String::new());
        self.push(line);
    }

    pub fn failed(&mut self, path: &Path, error: &str) {
        let mut line = vec![path.to_string_lossy().into_owned()];
        line.resize(1 + 2 * self.columns, String::new());
        line.push(error.to_owned());
        self.push(line);
    }

    fn push(&mut self, line: Vec<String>) {
        if self.file.is_some() {
            self.lines.push(line);
        }
    }

    /// Writes the file.
    pub fn write(&self) -> Result<(), Failure> {
        self.file.as_deref().map_or(Ok(()), |file| output::csv_file(file, &self.lines))
    }
}
