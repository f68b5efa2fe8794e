//! The images of a run.

use std::{
    path::Path,
    sync::{Arc, mpsc},
};

use seesaw_data::{
    Dataset,
    datasets::{Kind, OpenOptions, Splits, open},
};
use seesaw_kernels::Machine;

use super::{Event, Listener, RunOptions};
use crate::{TrainError, recipe::Recipe};

/// A data set to open.
pub(super) struct Source<'a> {
    pub path: &'a Path,
    /// Decides which images are held out.
    pub recipe: &'a Recipe,
    /// How many random images are drawn for training, and as many for validation.
    pub limit: Option<usize>,
    /// Whether folders are no classes.
    pub unlabeled: bool,
}

/// Images that can be decoded.
pub(super) struct Data {
    pub kind: Kind,
    pub train: Arc<Dataset>,
    pub val: Dataset,
}

impl Source<'_> {
    /// Opens the data set and decodes every image once, to leave out those that are broken.
    pub fn open(
        &self,
        machine: &Machine,
        options: &RunOptions,
        on: Listener<'_>,
    ) -> Result<Data, TrainError> {
        let Self { path, recipe, limit, unlabeled } = *self;
        let options = OpenOptions::new()
            .val_split(recipe.val_split)
            .seed(recipe.seed)
            .unlabeled(unlabeled)
            .cache_bytes(options.cache_bytes);
        let Splits { mut train, mut val, kind } = open(path, &options)?;
        if let Some(limit) = limit {
            train.sample(limit, recipe.seed);
            // Runs with other seeds validate on the same images.
            val.sample(limit, 0);
        }
        verify(&mut train, "training", machine.threads(), on)?;
        verify(&mut val, "validation", machine.threads(), on)?;
        if train.is_empty() || val.is_empty() {
            let (train, val) = (train.len(), val.len());
            return Err(TrainError::NeedsImages { data: path.to_owned(), train, val });
        }
        Ok(Data { kind, train: Arc::new(train), val })
    }
}

/// Decodes every image once, and reports those that are left out.
fn verify(
    dataset: &mut Dataset,
    part: &'static str,
    threads: usize,
    on: Listener<'_>,
) -> Result<(), TrainError> {
    let total = dataset.len();
    let report = std::thread::scope(|scope| {
        // Only the caller's thread reports events.
        let (sender, done) = mpsc::channel();
        let work = scope.spawn(move || {
            let report = dataset.verify(threads, &|done| {
                // The receiver lives as long as this thread.
                let _ = sender.send(done);
            });
            drop(sender);
            report
        });
        for done in done {
            on(Event::Verifying { part, done, total });
        }
        work.join()
    });
    let report = match report {
        Ok(report) => report?,
        Err(panic) => std::panic::resume_unwind(panic),
    };
    for (path, reason) in &report.broken {
        on(Event::Broken { path, reason });
    }
    Ok(())
}
