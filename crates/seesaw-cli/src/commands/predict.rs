//! `seesaw predict`: what photos show.

use std::{
    borrow::Cow,
    io::{self, Write},
    path::{Path, PathBuf},
};

use indicatif::{ProgressBar, ProgressStyle};
use seesaw_data::{FoundPhotos, find_photos};
use seesaw_engine::{Machine, Options, Plan, compile};
use seesaw_format::Model;
use serde::Serialize;

use crate::{
    args::{NetArgs, PredictArgs},
    carried,
    commands::Outcome,
    failure::{self, Failure},
    labels, output,
    photos::Loader,
    pipeline, preprocess, ranking, resolve,
};

pub fn run(args: &PredictArgs) -> Result<Outcome, Failure> {
    let model = model(args.weights.as_deref(), &args.net)?;
    let names = labels::of(&model, args.labels.as_deref())?;
    let preprocess = preprocess::of(&model, &args.sizes)?;
    let FoundPhotos { photos, errors: mut problems } = find_photos(&args.paths);
    if photos.is_empty() && !problems.is_empty() {
        return Err(Failure::new(problems.swap_remove(0)));
    }
    for problem in &problems {
        failure::error(problem);
    }
    let threads = args.threads.count();
    let options = Options::new(&model.net)
        .input_size(preprocess.crop as usize)
        .batch(args.batch.min(photos.len().max(1)));
    let machine = Machine::from_env(threads).map_err(Failure::new)?;
    resolve::check_batch(options.batch, options.input_size)?;
    let plan = compile(&model.net, model.weights, &options, &machine).map_err(Failure::new)?;
    let loader = Loader::new(preprocess, threads);
    let mut printer = Printer::new(args, names, photos.len());
    pipeline::windows(
        &photos,
        plan.batch(),
        threads,
        |path| (path, loader.load(path)),
        |window| classify(&plan, window, &mut printer),
    )?;
    printer.finish(photos.len(), problems.len())
}

fn model(weights: Option<&Path>, net: &NetArgs) -> Result<Model, Failure> {
    let Some(weights) = weights else {
        if net.net.is_some() || net.classes.is_some() {
            let what = "`--net` and `--classes` describe weights, and there are none";
            return Err(Failure::new(what).hint("pass `--weights FILE` with them"));
        }
        return carried::model().map_err(Failure::new);
    };
    resolve::weights(weights, net)
}

/// A photo and, if it could be read, the net's input.
type Loaded<'a> = (&'a PathBuf, Result<Vec<f32>, String>);

/// Runs the net on a window of photos and prints what they show.
fn classify(plan: &Plan, window: Vec<Loaded<'_>>, printer: &mut Printer) -> Result<(), Failure> {
    let images: Vec<f32> = window.iter().flat_map(|(_, image)| image).flatten().copied().collect();
    let logits = plan.logits(&images).map_err(Failure::new)?;
    let mut logits = logits.chunks_exact(plan.classes());
    for (path, image) in window {
        match image {
            Err(error) => printer.failed(path, &error)?,
            Ok(_) => printer.seen(path, logits.next().unwrap_or_default())?,
        }
    }
    Ok(printer.out.flush()?)
}

/// Writes results to standard output, failures to standard error, and counts them.
struct Printer {
    out: Box<dyn Write>,
    bar: ProgressBar,
    names: Vec<String>,
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
    class: Cow<'a, str>,
    probability: f64,
}

impl Printer {
    fn new(args: &PredictArgs, names: Vec<String>, photos: usize) -> Self {
        // Draws nothing unless standard error is a terminal.
        let bar = ProgressBar::new(photos as u64);
        let template = "{bar:30} {pos}/{len} photos, {per_sec}, {eta} left";
        bar.set_style(
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        let (out, top) = (Box::new(output::stdout()), args.top as usize);
        Self { out, bar, names, top, json: args.json, failed: 0 }
    }

    /// Writes what a photo shows.
    fn seen(&mut self, path: &Path, logits: &[f32]) -> Result<(), Failure> {
        if logits.iter().any(|x| !x.is_finite()) {
            let what = "the net's output is not finite; its weights are damaged";
            return Err(Failure::file(path, what));
        }
        let name = |class: usize| match self.names.get(class) {
            Some(name) => Cow::Borrowed(name.as_str()),
            None => Cow::Owned(class.to_string()),
        };
        let ranked: Vec<Ranked<'_>> = ranking::top(logits, self.top)
            .into_iter()
            .map(|(class, probability)| Ranked { class: name(class), probability })
            .collect();
        let (out, json) = (&mut self.out, self.json);
        self.bar.suspend(|| match json {
            true => {
                line(out, &Line { path: &path.to_string_lossy(), top: Some(ranked), error: None })
            }
            false => text(out, path, &ranked),
        })?;
        self.bar.inc(1);
        Ok(())
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

    /// Says how many of `photos` failed, and of the arguments that named none.
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
        return writeln!(out, "{path}: {class} ({:.1}%)", 100.0 * probability);
    }
    writeln!(out, "{path}")?;
    ranked.iter().try_for_each(|Ranked { class, probability }| {
        writeln!(out, "  {:5.1}%  {class}", 100.0 * probability)
    })
}
