//! `seesaw eval`: the accuracy of a model on a data set.

mod answers;
mod report;
mod selection;
mod subject;

use std::{path::Path, sync::Arc};

use seesaw_data::{Dataset, Loader, LoaderOptions};
use seesaw_plot::Confusion;
use seesaw_train::{
    metrics::{self, Evaluation, Keep},
    pictures::{mistake_tiles, write_picture, write_sheet},
};

use crate::{
    args::EvalArgs,
    commands::Outcome,
    failure::{self, Failure},
    output,
};

use subject::{Images, Subject};

/// Photos on the sheet of mistakes.
const MISTAKES: usize = 36;
/// Batches that are loaded in advance.
const AHEAD: usize = 2;

pub fn run(args: &EvalArgs) -> Result<Outcome, Failure> {
    let outputs =
        [(&args.confusion, &["svg", "png"][..]), (&args.worst, &["png"]), (&args.csv, &["csv"])];
    for (path, extensions) in outputs {
        path.iter().try_for_each(|path| output::check_file(path, extensions))?;
    }
    let subject = Subject::new(args)?;
    let Images { dataset, part, broken, trained } = subject.images(args)?;
    let dataset = Arc::new(dataset);
    let columns = subject.columns(dataset.classes())?;
    let evaluation = evaluate(args, &subject, &dataset, &columns)?;
    if let Some(path) = &args.confusion {
        let names = subject.classifier.labels();
        let picture = Confusion { counts: evaluation.confusion(), names };
        write_picture(path, &picture)?;
    }
    if let Some(path) = &args.worst {
        write_worst(path, &evaluation, &subject, &dataset)?;
    }
    if let Some(path) = &args.csv {
        answers::write(path, evaluation.predictions(), &dataset, subject.classifier.labels())?;
    }
    let scope = report::Scope { part, broken, trained, columns };
    let report = report::Report::new(&evaluation, &subject, &dataset, &scope);
    if args.json {
        output::json(&report)?;
    } else {
        report.print()?;
    }
    Ok(if broken == 0 { Outcome::Complete } else { Outcome::SomeFailed })
}

fn evaluate(
    args: &EvalArgs,
    subject: &Subject,
    dataset: &Arc<Dataset>,
    columns: &[u32],
) -> Result<Evaluation, Failure> {
    let classifier = &subject.classifier;
    let options = LoaderOptions::evaluate(classifier.preprocess(), args.batch)
        .workers(args.threads.count())
        .ahead(AHEAD);
    let loader = Loader::new(Arc::clone(dataset), options)?;
    let bar = output::bar(loader.images() as u64, "images classified");
    let mistakes = if args.worst.is_some() { MISTAKES } else { 0 };
    let keep = Keep::mistakes(mistakes).predictions(args.csv.is_some());
    let progress = &mut |done| bar.set_position(done as u64);
    let evaluation = metrics::evaluate(classifier.plan(), columns, &loader, keep, progress);
    bar.finish_and_clear();
    let evaluation = evaluation?;
    if !evaluation.loss().is_finite() {
        let what = "the net's output is not finite; its weights are damaged";
        return Err(Failure::file(&subject.weights, what));
    }
    Ok(evaluation)
}

/// Writes the sheet of the worst mistakes.
fn write_worst(
    path: &Path,
    evaluation: &Evaluation,
    subject: &Subject,
    dataset: &Dataset,
) -> Result<(), Failure> {
    let mistakes = evaluation.mistakes();
    if mistakes.is_empty() {
        failure::warn(format_args!("{}: not written: there are no mistakes", path.display()));
        return Ok(());
    }
    let tiles = mistake_tiles(dataset, mistakes, subject.classifier.labels())?;
    Ok(write_sheet(path, &tiles)?)
}
