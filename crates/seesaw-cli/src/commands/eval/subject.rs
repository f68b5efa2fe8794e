//! What is evaluated, and on what.

use std::path::{Path, PathBuf};

use seesaw::{Builder, Classifier, labels::LabelFile};
use seesaw_data::{
    Dataset,
    datasets::{Entry, Part, Verify},
};
use seesaw_train::{
    metrics::{MatchedBy, match_classes},
    run::{Config, RunFolder},
};

use crate::{
    args::EvalArgs,
    commands::check,
    failure::{self, Failure},
    model, output, resolve,
};

use super::selection::{Run, Selection, Source};

/// Images that one run of the net takes.
const BATCH: usize = 16;

/// A model, and the data that it is evaluated on.
pub struct Subject {
    pub classifier: Classifier,
    /// The file of the weights.
    pub weights: PathBuf,
    /// The identifiers of the classes, if the file of class names has a column for them.
    ids: Vec<String>,
    pub data: PathBuf,
    /// Whether the outputs have names.
    is_named: bool,
    /// Whether classes are matched by order, whatever their names.
    by_order: bool,
    /// The model's run.
    run: Option<Run>,
}

impl Subject {
    /// The model and the data set that the arguments name.
    pub fn new(args: &EvalArgs) -> Result<Self, Failure> {
        let (weights, run) = weights_and_run(&args.model)?;
        let model = resolve::weights(&weights, &args.net)?;
        let LabelFile { names, ids } = model::labels(&model, args.labels.as_deref())?;
        let preprocess = model::preprocess(&model, &args.sizes)?;
        resolve::check_batch(args.batch, preprocess.crop as usize)?;
        let data = match (&args.data, &run) {
            (Some(data), _) => data.clone(),
            (None, Some(run)) => run.config.data.path.clone(),
            (None, None) => {
                let what = "no data set to evaluate on";
                return Err(Failure::new(what).hint("add `--data FOLDER`"));
            }
        };
        let (is_named, by_order) = (!names.is_empty(), args.by_order);
        let classifier = Builder::new(&args.threads.machine()?)
            .batch(BATCH)
            .labels(names)
            .preprocess(preprocess)
            .build(model)?;
        Ok(Self { classifier, weights, ids, data, is_named, by_order, run })
    }

    /// The images without those that cannot be decoded.
    pub fn images(&self, args: &EvalArgs) -> Result<Images, Failure> {
        let known = self.run.as_ref().and_then(|run| run.register.as_ref());
        let Selection { mut dataset, part } =
            Source { data: &self.data, run: self.run.as_ref() }.select(args.split)?;
        if dataset.is_empty() {
            return Err(Failure::file(&self.data, "no images to evaluate on"));
        }
        if let Some(limit) = args.limit {
            dataset.sample(limit, 0);
        }
        let how = Verify::new(args.threads.count()).part(part.unwrap_or(Part::Val)).known(known);
        let report = check::verify(&mut dataset, how, "images checked")?;
        let is_trained = |entry: &&Entry| {
            entry.broken.is_empty() && known.is_some_and(|known| known.is_trained(entry.content))
        };
        let trained = match part {
            Some(Part::Train) => 0,
            _ => report.entries.iter().filter(is_trained).count(),
        };
        self.report_trained(trained, dataset.len())?;
        Ok(Images { dataset, part, broken: report.broken.len(), trained })
    }

    /// An accuracy on images that a net was trained on is none.
    fn report_trained(&self, trained: usize, images: usize) -> Result<(), Failure> {
        if trained == images {
            let what = "the net was trained on each of these images";
            let hint = "`--split train` measures how well it knows them";
            return Err(Failure::file(&self.data, what).hint(hint));
        }
        if trained > 0 {
            failure::warn(format_args!(
                "the net was trained on {trained} of these {images} images, which flatters the \
                 accuracy"
            ));
        }
        Ok(())
    }

    /// For each class of the data set, the index of its output.
    pub fn columns(&self, classes: &[String]) -> Result<Vec<u32>, Failure> {
        let outputs = self.classifier.net().classes;
        if self.by_order && classes.len() == outputs {
            return Ok((0..outputs as u32).collect());
        }
        if !self.ids.is_empty()
            && let Ok(matching) = match_classes(classes, &self.ids, outputs)
        {
            return Ok(matching.columns);
        }
        let labels = if self.is_named { self.classifier.labels() } else { &[] };
        let labels = if self.by_order { &[] } else { labels };
        let matching = match_classes(classes, labels, outputs).map_err(|error| {
            let hint = "`--labels FILE` gives the outputs of the net other names, and `--by-order` \
                        matches as many classes by their order";
            Failure::file(&self.weights, error).hint(hint)
        })?;
        match matching.by {
            MatchedBy::Order => failure::warn(
                "the weights hold no class names, so classes are matched by their order, which is \
                 that of their names as text",
            ),
            MatchedBy::Number => {
                output::say("classes are numbers, and taken for the indices of outputs");
            }
            _ => {}
        }
        Ok(matching.columns)
    }
}

/// The images of an evaluation.
pub struct Images {
    pub dataset: Dataset,
    /// The part that they are; `None` for the whole data set.
    pub part: Option<Part>,
    /// How many cannot be decoded.
    pub broken: usize,
    /// How many the net was trained on, as far as that is known; 0 for training images.
    pub trained: usize,
}

/// The weights of a run folder, or the file itself; and the run in the same folder, if there is one.
fn weights_and_run(model: &Path) -> Result<(PathBuf, Option<Run>), Failure> {
    if !model.is_dir() {
        let folder = RunFolder::new(model.parent().unwrap_or(Path::new("")));
        let run = Config::read(&folder.config()).ok().map(|config| Run::new(&folder, config));
        return Ok((model.to_owned(), run.transpose()?));
    }
    let run = RunFolder::new(model);
    let config = Config::read(&run.config())
        .map_err(|error| Failure::from(error).hint("name a file of weights, or a run folder"))?;
    if !run.best().is_file() {
        let what = "the run has no model yet, because no epoch is finished";
        return Err(Failure::file(model, what));
    }
    Ok((run.best(), Some(Run::new(&run, config)?)))
}
