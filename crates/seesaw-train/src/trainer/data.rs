//! The images of a run.

use std::{
    collections::HashSet,
    path::Path,
    sync::{Arc, mpsc},
};

use seesaw_data::{
    Dataset,
    datasets::{
        Checks, Content, Entry, Kind, OpenOptions, Part, Register, Report, Splits, Verify, open,
    },
};
use seesaw_kernels::Machine;

use super::{Event, Listener, RunOptions};
use crate::{
    TrainError,
    ranks::{Ranks, unexpected},
    recipe::Recipe,
    run::DataFacts,
};

/// A data set to open.
pub(super) struct Source<'a> {
    pub path: &'a Path,
    /// Decides which images are held out.
    pub recipe: &'a Recipe,
    /// How many random images are drawn for training, and as many for validation.
    pub limit: Option<usize>,
    /// Whether folders are no classes.
    pub unlabeled: bool,
    /// The files as they were when they were last checked.
    pub known: Option<&'a Register>,
}

/// Images that can be decoded.
pub(super) struct Data {
    pub kind: Kind,
    pub train: Arc<Dataset>,
    pub val: Dataset,
    /// The files of both.
    pub register: Register,
}

impl Source<'_> {
    /// Opens the data set and decodes every image once, to leave out those that are broken.
    pub fn open(
        &self,
        machine: &Machine,
        options: &RunOptions,
        on: Listener<'_>,
    ) -> Result<Data, TrainError> {
        let Self { path, recipe, limit, unlabeled, known } = *self;
        let ranks = &options.ranks;
        let options = OpenOptions::new()
            .val_split(recipe.val_split)
            .group_by(recipe.group_by.clone())
            .seed(recipe.split_seed())
            .unlabeled(unlabeled)
            .cache_bytes(options.cache_bytes);
        let splits = ranks.agree(open(path, &options).map_err(TrainError::from))?;
        let Splits { mut train, mut val, kind, findings, .. } = splits;
        findings.sentences().iter().for_each(|sentence| on(Event::Note(sentence)));
        if let Some(limit) = limit {
            train.sample(limit, recipe.seed);
            // Runs with other seeds validate on the same images.
            val.sample(limit, 0);
        }
        ranks.compare(&[
            ("data set's number of images", format!("{} and {}", train.len(), val.len())),
            ("data set", format!("{:016x}-{:016x}", train.fingerprint(), val.fingerprint())),
        ])?;
        let threads = machine.threads();
        let before = train.class_counts();
        let mut entries = vec![];
        for (dataset, part) in [(&mut train, Part::Train), (&mut val, Part::Val)] {
            let how = Verify::new(threads).part(part).known(known);
            entries.extend(verify(dataset, how, ranks, on)?.entries);
        }
        if train.is_empty() || val.is_empty() {
            let (train, val) = (train.len(), val.len());
            return Err(TrainError::NeedsImages { data: path.to_owned(), train, val });
        }
        check_classes(&train, &before)?;
        note_copies(&entries, on);
        Ok(Data { kind, train: Arc::new(train), val, register: Register::new(entries) })
    }
}

impl Data {
    /// Checks that the images are those of a run, which knows its files or their number alone.
    pub fn check_unchanged(
        &self,
        facts: &DataFacts,
        known: Option<&Register>,
        unlabeled: bool,
    ) -> Result<(), TrainError> {
        let (train, val) = (self.train.len(), self.val.len());
        let DataFacts { train_images: run_train, val_images: run_val, classes, .. } = facts;
        let same_classes = unlabeled || self.train.classes() == classes;
        let example = known.and_then(|known| missing(known, &self.register));
        if (train, val) == (*run_train, *run_val) && same_classes && example.is_none() {
            return Ok(());
        }
        let (run_train, run_val, data) = (*run_train, *run_val, facts.path.clone());
        Err(TrainError::DataChanged { data, train, val, run_train, run_val, example })
    }
}

/// The name of a file that is in one register and not in the same part of the other.
fn missing(from: &Register, other: &Register) -> Option<String> {
    let is_used = |entry: &&Entry| entry.broken.is_empty();
    let is_there = |entry: &Entry| {
        other.get(entry.part, &entry.name).is_some_and(|other| other.broken.is_empty())
    };
    from.entries().iter().filter(is_used).find(|entry| !is_there(entry)).map(|e| e.name.clone())
}

/// A class all of whose images are broken would be an output that nothing trains.
fn check_classes(train: &Dataset, before: &[usize]) -> Result<(), TrainError> {
    let counts = train.class_counts();
    let lost = (0..counts.len()).find(|&class| counts[class] == 0 && before[class] > 0);
    lost.map_or(Ok(()), |class| {
        let images = before[class];
        Err(TrainError::EmptyClass { class: train.classes()[class].clone(), images })
    })
}

/// Notes validation images that are training images too, of which a net knows the class by heart.
fn note_copies(entries: &[Entry], on: Listener<'_>) {
    let used =
        |part| entries.iter().filter(move |entry| entry.part == part && entry.broken.is_empty());
    let trained: HashSet<Content> = used(Part::Train).map(|entry| entry.content).collect();
    let copies: Vec<&Entry> =
        used(Part::Val).filter(|entry| trained.contains(&entry.content)).collect();
    if let Some(first) = copies.first() {
        on(Event::Note(&format!(
            "{} of the validation images are copies of training images, which flatters the \
             accuracy; the first of them is {}",
            copies.len(),
            first.name
        )));
    }
}

/// Decodes every image once on one of the ranks, and reports those that are left out.
fn verify(
    dataset: &mut Dataset,
    how: Verify<'_>,
    ranks: &Ranks,
    on: Listener<'_>,
) -> Result<Report, TrainError> {
    let own = check_share(dataset, how, ranks, on);
    let report = if ranks.count() > 1 {
        let own = own.map(|own| serde_json::to_vec(&own).expect("checks are plain data"));
        let all = ranks.exchange(own)?;
        let read = |(rank, bytes): (usize, &Vec<u8>)| {
            serde_json::from_slice(bytes).map_err(|_| unexpected(rank))
        };
        let all = all.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        ranks.all_know(dataset.leave_out(all).map_err(TrainError::from))?
    } else {
        dataset.leave_out(vec![own?])?
    };
    for (path, reason) in &report.broken {
        on(Event::Broken { path, reason });
    }
    Ok(report)
}

/// Decodes this rank's share of the images.
fn check_share(
    dataset: &Dataset,
    how: Verify<'_>,
    ranks: &Ranks,
    on: Listener<'_>,
) -> Result<Checks, TrainError> {
    let part = if how.part == Part::Train { "training" } else { "validation" };
    let share = [ranks.rank(), ranks.count()];
    let total = dataset.len() / ranks.count();
    let checks = std::thread::scope(|scope| {
        // Only the caller's thread reports events.
        let (sender, done) = mpsc::channel();
        let work = scope.spawn(move || {
            let checks = dataset.check_share(how, share, &|done| {
                // The receiver lives as long as this thread.
                let _ = sender.send(done);
            });
            drop(sender);
            checks
        });
        for done in done {
            on(Event::Verifying { part, done, total });
        }
        work.join()
    });
    match checks {
        Ok(checks) => Ok(checks?),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
