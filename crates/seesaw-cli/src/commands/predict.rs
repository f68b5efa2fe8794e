//! `seesaw predict`: the classes of photos.

use std::{
    io::{self, Write},
    path::Path,
};

use indicatif::{ProgressBar, ProgressStyle};
use seesaw::{Builder, Guess, Model, bundled::Bundled};
use seesaw_data::{FoundPhotos, find_photos};
use serde::Serialize;

use crate::{
    args::{NetArgs, PredictArgs},
    commands::Outcome,
    failure::{self, Failure},
    model, output, resolve,
};

pub fn run(args: &PredictArgs) -> Result<Outcome, Failure> {
    let model = load(args.weights.as_deref(), &args.net)?;
    let labels = model::labels(&model, args.labels.as_deref())?.names;
    let preprocess = model::preprocess(&model, &args.sizes)?;
    let FoundPhotos { photos, errors: mut problems, skipped } = find_photos(&args.paths);
    if photos.is_empty() && !problems.is_empty() {
        return Err(problems.swap_remove(0).into());
    }
    for problem in &problems {
        failure::error(problem);
    }
    let batch = args.batch.min(photos.len().max(1));
    resolve::check_batch(batch, preprocess.crop as usize)?;
    let classifier = Builder::new(&args.threads.machine()?)
        .batch(batch)
        .labels(labels)
        .preprocess(preprocess)
        .build(model)?;
    let mut printer = Printer::new(args, photos.len());
    classifier.classify_files(&photos, |path, guesses| match guesses {
        Ok(guesses) => printer.classified(path, &guesses),
        Err(error) => printer.failed(path, &error.to_string()),
    })?;
    let outcome = printer.finish(photos.len(), problems.len());
    skipped.sentences().iter().for_each(failure::warn);
    outcome
}

fn load(weights: Option<&Path>, net: &NetArgs) -> Result<Model, Failure> {
    let Some(weights) = weights else {
        if net.net.is_some() || net.classes.is_some() {
            let what = "`--net` and `--classes` describe weights, but no weights are given";
            return Err(Failure::new(what).hint("add `--weights FILE`"));
        }
        return Ok(Bundled::default().model()?);
    };
    resolve::weights(weights, net)
}

/// Writes results to standard output, failures to standard error, and counts them.
struct Printer {
    out: Box<dyn Write>,
    bar: ProgressBar,
    top: usize,
    json: bool,
    failed: usize,
}

/// What `--json` prints of a photo.
#[derive(Serialize)]
struct Line<'a> {
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    top: Option<Vec<Ranked<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct Ranked<'a> {
    class: &'a str,
    probability: f64,
}

impl Printer {
    fn new(args: &PredictArgs, photos: usize) -> Self {
        // Draws nothing unless standard error is a terminal.
        let bar = ProgressBar::new(photos as u64);
        let template = "{bar:30} {pos}/{len} photos, {per_sec}, {eta} left";
        bar.set_style(
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        let (out, top) = (Box::new(output::stdout()), args.top as usize);
        Self { out, bar, top, json: args.json, failed: 0 }
    }

    /// Writes the most likely classes of a photo.
    fn classified(&mut self, path: &Path, guesses: &[Guess<'_>]) -> Result<(), Failure> {
        let ranked: Vec<Ranked<'_>> = guesses
            .iter()
            .take(self.top)
            .map(|guess| Ranked { class: guess.label, probability: guess.probability })
            .collect();
        let (out, json) = (&mut self.out, self.json);
        self.bar.suspend(|| match json {
            true => {
                line(out, &Line { path: &path.to_string_lossy(), top: Some(ranked), error: None })
            }
            false => text(out, path, &ranked),
        })?;
        self.bar.inc(1);
        Ok(self.out.flush()?)
    }

    /// Reports and counts a photo that could not be read.
    fn failed(&mut self, path: &Path, error: &str) -> Result<(), Failure> {
        self.failed += 1;
        let (out, json) = (&mut self.out, self.json);
        self.bar.suspend(|| {
            failure::error(format_args!("{}: {error}", path.display()));
            let path = path.to_string_lossy();
            if json {
                line(out, &Line { path: &path, top: None, error: Some(error) })
            } else {
                Ok(())
            }
        })?;
        self.bar.inc(1);
        Ok(())
    }

    /// Says how many of the `photos` failed; `missing` arguments named none.
    fn finish(self, photos: usize, missing: usize) -> Result<Outcome, Failure> {
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

fn line(out: &mut impl Write, line: &Line<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    writeln!(out)
}

fn text(out: &mut impl Write, path: &Path, ranked: &[Ranked<'_>]) -> io::Result<()> {
    let path = path.display();
    if let [Ranked { class, probability }] = ranked {
        return writeln!(out, "{path}: {class} ({:.1} %)", 100.0 * probability);
    }
    writeln!(out, "{path}")?;
    ranked.iter().try_for_each(|Ranked { class, probability }| {
        writeln!(out, "  {:5.1} %  {class}", 100.0 * probability)
    })
}
