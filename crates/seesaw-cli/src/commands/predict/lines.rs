//! Answers as CSV.

use std::path::{Path, PathBuf};

use seesaw::answer::{Answer, UNKNOWN};

use crate::{failure::Failure, output};

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
