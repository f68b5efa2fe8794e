//! What is evaluated, and on what.

use std::path::{Path, PathBuf};

use seesaw::{Builder, Classifier, Machine, labels::LabelFile};
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
    /// The file that the weights are of.
    pub weights: PathBuf,
    /// What the classes are called in a file of labels that has a column for it.
    ids: Vec<String>,
    pub data: PathBuf,
    /// The run that the model is of, if it is evaluated on the run's data.
    run: Option<Config>,
}

impl Subject {
    pub fn of(args: &EvalArgs) -> Result<Self, Failure> {
        let (weights, run) = weights_and_run(&args.model)?;
        let model = resolve::weights(&weights, &args.net)?;
        let LabelFile { names, ids } = model::labels(&model, args.labels.as_deref())?;
        let preprocess = model::preprocess(&model, &args.sizes)?;
        resolve::check_batch(args.batch, preprocess.crop as usize)?;
        let data = match (&args.data, &run) {
            (Some(data), _) => data.clone(),
            (None, Some(run)) => run.data.path.clone(),
            (None, None) => {
                let what = "no data to evaluate on";
                return Err(Failure::new(what).hint("pass `--data FOLDER`"));
            }
        };
        let same = |run: &Config| match (run.data.path.canonicalize(), data.canonicalize()) {
            (Ok(theirs), Ok(ours)) => theirs == ours,
            _ => false,
        };
        let run = run.filter(same);
        let machine = Machine::from_env(args.threads.count())?;
        let classifier = Builder::new(&machine)
            .batch(BATCH)
            .labels(names)
            .preprocess(preprocess)
            .build(model)?;
        Ok(Self { classifier, weights, ids, data, run })
    }

    /// The images, without those that cannot be decoded, and how many these are.
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

    /// The part that was asked for. What validated a run, validates here; where nothing says which
    /// images a net was not trained on, all are taken.
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
            // Then what was held out came from the images to train on.
            if parts.val.is_empty() || whole.len() > parts.train.len() {
                return Ok(whole);
            }
        }
        Ok(match split {
            Split::Val => parts.val,
            Split::Train => parts.train,
        })
    }

    /// For each class of the data, its place among the net's outputs.
    pub fn columns(&self, classes: &[String]) -> Result<Vec<u32>, Failure> {
        let outputs = self.classifier.net().classes;
        if !self.ids.is_empty()
            && let Ok(columns) = match_classes(classes, &self.ids, usize::MAX)
        {
            return Ok(columns);
        }
        match_classes(classes, self.classifier.labels(), outputs).map_err(|error| {
            let hint = "`--labels FILE` names the net's classes as the data do";
            Failure::file(&self.weights, error).hint(hint)
        })
    }
}

/// The weights of a run's folder, or the file itself; and the run beside them, if there is one.
fn weights_and_run(model: &Path) -> Result<(PathBuf, Option<Config>), Failure> {
    if !model.is_dir() {
        let beside = RunFolder::new(model.parent().unwrap_or(Path::new("")));
        return Ok((model.to_owned(), Config::read(&beside.config()).ok()));
    }
    let run = RunFolder::new(model);
    let config = Config::read(&run.config()).map_err(|error| {
        Failure::new(error).hint("name a file of weights, or the folder of a run")
    })?;
    if !run.best().is_file() {
        let what = "the run has not ended an epoch yet, and has no model";
        return Err(Failure::file(model, what));
    }
    Ok((run.best(), Some(config)))
}
