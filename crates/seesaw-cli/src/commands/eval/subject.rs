//! What is evaluated, and on what.

use std::path::{Path, PathBuf};

use seesaw::{Builder, Classifier, labels::LabelFile};
use seesaw_data::{
    Dataset,
    datasets::{Kind, OpenOptions, open},
};
use seesaw_train::{
    metrics::match_classes,
    run::{Config, RunFolder},
};

use crate::{
    args::{EvalArgs, Split},
    commands::check,
    failure::Failure,
    model, resolve,
};

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
    /// The model's run, if the model is evaluated on the run's data.
    run: Option<Config>,
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
            (None, Some(run)) => run.data.path.clone(),
            (None, None) => {
                let what = "no data set to evaluate on";
                return Err(Failure::new(what).hint("add `--data FOLDER`"));
            }
        };
        let same = |run: &Config| match (run.data.path.canonicalize(), data.canonicalize()) {
            (Ok(theirs), Ok(ours)) => theirs == ours,
            _ => false,
        };
        let run = run.filter(same);
        let classifier = Builder::new(&args.threads.machine()?)
            .batch(BATCH)
            .labels(names)
            .preprocess(preprocess)
            .build(model)?;
        Ok(Self { classifier, weights, ids, data, run })
    }

    /// The images without those that cannot be decoded, and the number of the latter.
    pub fn verified(&self, args: &EvalArgs) -> Result<(Dataset, usize), Failure> {
        let mut dataset = self.dataset(args.split)?;
        if dataset.is_empty() {
            return Err(Failure::file(&self.data, "no images to evaluate on"));
        }
        if let Some(limit) = args.limit {
            dataset.sample(limit, 0);
        }
        let broken = check::verify(&mut dataset, args.threads.count(), "images checked")?;
        Ok((dataset, broken))
    }

    /// The requested part. A run's validation images are the same here; where nothing tells which
    /// images a net was not trained on, all are used.
    fn dataset(&self, split: Split) -> Result<Dataset, Failure> {
        let options = match &self.run {
            Some(Config { recipe, .. }) => {
                OpenOptions::new().val_split(recipe.val_split).seed(recipe.seed)
            }
            None => OpenOptions::new(),
        };
        let parts = open(&self.data, &options)?;
        if self.run.is_none() && matches!(parts.kind, Kind::Folders | Kind::List) {
            let whole = options.val_split(0.0);
            let whole = open(&self.data, &whole)?.train;
            // Any images held out were taken from the training images.
            if parts.val.is_empty() || whole.len() > parts.train.len() {
                return Ok(whole);
            }
        }
        Ok(match split {
            Split::Val => parts.val,
            Split::Train => parts.train,
        })
    }

    /// For each class of the data set, the index of its output.
    pub fn columns(&self, classes: &[String]) -> Result<Vec<u32>, Failure> {
        let outputs = self.classifier.net().classes;
        if !self.ids.is_empty()
            && let Ok(columns) = match_classes(classes, &self.ids, usize::MAX)
        {
            return Ok(columns);
        }
        match_classes(classes, self.classifier.labels(), outputs).map_err(|error| {
            let hint = "`--labels FILE` can give the net's classes the names of the data set";
            Failure::file(&self.weights, error).hint(hint)
        })
    }
}

/// The weights of a run folder, or the file itself; and the run in the same folder, if there is one.
fn weights_and_run(model: &Path) -> Result<(PathBuf, Option<Config>), Failure> {
    if !model.is_dir() {
        let folder = RunFolder::new(model.parent().unwrap_or(Path::new("")));
        return Ok((model.to_owned(), Config::read(&folder.config()).ok()));
    }
    let run = RunFolder::new(model);
    let config = Config::read(&run.config())
        .map_err(|error| Failure::from(error).hint("name a file of weights, or a run folder"))?;
    if !run.best().is_file() {
        let what = "the run has no model yet, because no epoch is finished";
        return Err(Failure::file(model, what));
    }
    Ok((run.best(), Some(config)))
}
