//! `seesaw predict`: the classes of photos.

mod explain;
mod lines;
mod printer;
mod sort;

use std::path::Path;

use seesaw::{Builder, Classifier, Guess, Model, answer::Answer, bundled::Bundled};

use crate::{
    args::{NetArgs, PredictArgs},
    commands::{Outcome, photos},
    failure::Failure,
    model, output, resolve,
};

use explain::Explainer;
use lines::Lines;
use printer::Printer;
use sort::Sorter;

pub fn run(args: &PredictArgs) -> Result<Outcome, Failure> {
    if let Some(path) = &args.csv {
        output::check_file(path, &["csv"])?;
    }
    let model = load(args.weights.as_deref(), &args.net)?;
    let labels = model::labels(&model, args.labels.as_deref())?.names;
    let preprocess = model::preprocess(&model, &args.sizes)?;
    let folders = [args.sort_into.as_deref(), args.explain.as_deref()];
    let found = photos::find(&args.paths, folders)?;
    let batch = args.batch.min(found.photos.len().max(1));
    resolve::check_batch(batch, preprocess.crop as usize)?;
    let classifier = Builder::new(&args.threads.machine()?)
        .batch(batch)
        .labels(labels)
        .preprocess(preprocess)
        .build(model)?;
    let mut session = Session::new(args, &classifier, found.photos.len())?;
    classifier.classify_files(&found.photos, |path, guesses| match guesses {
        Ok(guesses) => session.classified(path, &guesses),
        Err(error) => session.failed(path, &error.to_string()),
    })?;
    session.lines.write()?;
    let outcome = session.printer.finish(found.photos.len(), found.problems);
    found.report_skipped();
    outcome
}

/// The model that the arguments name, or the default of the bundled ones.
pub fn load(weights: Option<&Path>, net: &NetArgs) -> Result<Model, Failure> {
    let Some(weights) = weights else {
        if net.net.is_some() || net.classes.is_some() || net.key.is_some() {
            let what =
                "`--net`, `--classes` and `--key` describe weights, but no weights are given";
            return Err(Failure::new(what).hint("add `--weights FILE`"));
        }
        return Ok(Bundled::default().model()?);
    };
    resolve::weights(weights, net)
}

/// Everything that is done with an answer.
struct Session<'a> {
    args: &'a PredictArgs,
    printer: Printer,
    lines: Lines,
    sorter: Option<Sorter>,
    explainer: Option<Explainer<'a>>,
}

impl<'a> Session<'a> {
    fn new(
        args: &'a PredictArgs,
        classifier: &'a Classifier,
        photos: usize,
    ) -> Result<Self, Failure> {
        let columns = (args.top as usize).min(classifier.labels().len());
        let sorter = args.sort_into.as_deref().map(|folder| Sorter::new(folder, args.link));
        let explainer = args.explain.as_deref().map(|folder| Explainer::new(folder, classifier));
        Ok(Self {
            args,
            printer: Printer::new(args.json, photos),
            lines: Lines::new(args.csv.clone(), columns),
            sorter: sorter.transpose()?,
            explainer: explainer.transpose()?,
        })
    }

    fn classified(&mut self, path: &Path, guesses: &[Guess<'_>]) -> Result<(), Failure> {
        let (top, least) = (self.args.top as usize, self.args.unknown_below);
        let mut answer = Answer::new(path.to_string_lossy().into_owned(), guesses, top, least);
        if let Some(sorter) = &mut self.sorter {
            answer.sorted = Some(sorter.place(path, answer.class())?);
        }
        if let (Some(explainer), Some(best)) = (&mut self.explainer, guesses.first()) {
            answer.explained = Some(explainer.draw(path, best.class)?);
        }
        self.lines.answer(&answer);
        self.printer.answer(&answer)
    }

    /// Reports and counts a photo that could not be read.
    fn failed(&mut self, path: &Path, error: &str) -> Result<(), Failure> {
        self.lines.failed(path, error);
        self.printer.failed(path, error)
    }
}
