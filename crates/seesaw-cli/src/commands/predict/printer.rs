//! Answers on standard output, failures on standard error.

use std::{
    io::{self, Write},
    path::Path,
};

use indicatif::{ProgressBar, ProgressStyle};
use seesaw::answer::{Answer, Ranked, Unread};
use serde::Serialize;

use crate::{
    commands::Outcome,
    failure::{self, Failure},
    output,
};

/// Writes results to standard output, failures to standard error, and counts them.
pub struct Printer {
    out: Box<dyn Write>,
    bar: ProgressBar,
    json: bool,
    failed: usize,
}

impl Printer {
    pub fn new(json: bool, photos: usize) -> Self {
        // Draws nothing unless standard error is a terminal.
        let bar = ProgressBar::new(photos as u64);
        let template = "{bar:30} {pos}/{len} photos, {per_sec}, {eta} left";
        bar.set_style(
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        Self { out: Box::new(output::stdout()), bar, json, failed: 0 }
    }

    /// Writes the most likely classes of a photo.
    pub fn answer(&mut self, answer: &Answer<'_>) -> Result<(), Failure> {
        let (out, json) = (&mut self.out, self.json);
        self.bar.suspend(|| if json { line(out, answer) } else { text(out, answer) })?;
        self.bar.inc(1);
        Ok(self.out.flush()?)
    }

    /// Reports and counts a photo that could not be read.
    pub fn failed(&mut self, path: &Path, error: &str) -> Result<(), Failure> {
        self.failed += 1;
        let (out, json) = (&mut self.out, self.json);
        self.bar.suspend(|| {
            failure::error(format_args!("{}: {error}", path.display()));
            let path = path.to_string_lossy();
            if json { line(out, &Unread { path: &path, error }) } else { Ok(()) }
        })?;
        self.bar.inc(1);
        Ok(())
    }

    /// Says how many of the `photos` failed; `missing` arguments named none.
    pub fn finish(self, photos: usize, missing: usize) -> Result<Outcome, Failure> {
        self.bar.finish_and_clear();
        match (self.failed, missing) {
            (0, 0) => Ok(Outcome::Complete),
            (failed, _) if failed == photos => {
                Err(Failure::new(format_args!("none of {photos} photos could be read")))
            }
            (0, _) => Ok(Outcome::SomeFailed),
            (failed, _) => {
                failure::warn(format_args!("{failed} of {photos} photos could not be read"));
                Ok(Outcome::SomeFailed)
            }
        }
    }
}

fn line(out: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    writeln!(out)
}

fn text(out: &mut impl Write, answer: &Answer<'_>) -> io::Result<()> {
    let Answer { path, unknown, top, .. } = answer;
    match (&top[..], *unknown) {
        ([Ranked { class, probability }], true) => {
            writeln!(out, "{path}: unknown (perhaps {class}, {:.1} %)", 100.0 * probability)
        }
        ([Ranked { class, probability }], false) => {
            writeln!(out, "{path}: {class} ({:.1} %)", 100.0 * probability)
        }
        (ranked, unknown) => {
            writeln!(out, "{path}{}", if unknown { ": unknown" } else { "" })?;
            ranked.iter().try_for_each(|Ranked { class, probability }| {
                writeln!(out, "  {:5.1} %  {class}", 100.0 * probability)
            })
        }
    }
}
