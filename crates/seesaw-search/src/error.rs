//! Why a search cannot go on.

use std::path::{Path, PathBuf};

use seesaw_arch::{ArchError, space::SpaceError};
use seesaw_engine::EngineError;
use seesaw_train::TrainError;

/// Why a search cannot be started, continued or reported. What it has done so far is in its folder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// The folder already holds a search.
    #[error("{} already holds a search", folder.display())]
    Exists {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder holds no search.
    #[error("{} holds no search: there is no `journal.jsonl`", folder.display())]
    None {
        /// The folder.
        folder: PathBuf,
    },
    /// The journal was written by a version whose journals this one does not read.
    #[error("{}: written by version {version} in format {format}; this version reads format {}",
        path.display(), crate::journal::FORMAT)]
    Version {
        /// The journal.
        path: PathBuf,
        /// Its format.
        format: u32,
        /// The version that wrote it.
        version: String,
    },
    /// A whole line of the journal is damaged.
    #[error("{}, line {line}: {why}", path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// A setting out of its range.
    #[error("`{name}` is {value}; it must be {rule}")]
    Setting {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        rule: &'static str,
    },
    /// The space is not that of the search.
    #[error("the space is not the one in {}, which this search began with", path.display())]
    OtherSpace {
        /// The search's space.
        path: PathBuf,
    },
    /// No choices of the space make a legal net of the cost.
    #[error("the space has no net of this cost: {last}")]
    NoNet {
        /// Why the last one that was tried is none.
        last: SpaceError,
    },
    /// The time is less than that of one trial.
    #[error(
        "{hours} hours are too few: one short training takes about {:.2} hours here",
        trial_hours
    )]
    TooShort {
        /// The budget.
        hours: f64,
        /// What a trial takes.
        trial_hours: f64,
    },
    /// Milliseconds of another processor do not count.
    #[error("the milliseconds in {} are of {there}; this is {here}", path.display())]
    OtherMachine {
        /// The table of blocks.
        path: PathBuf,
        /// The processor and instruction set that it was measured on.
        there: String,
        /// Those of this machine.
        here: String,
    },
    /// Too many trainings failed for one reason to go on.
    #[error("{count} trainings in a row failed; the last one: {why}")]
    AllFail {
        /// How many.
        count: usize,
        /// Why the last one failed.
        why: String,
    },
    /// The space is invalid.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// A net is invalid.
    #[error(transparent)]
    Net(#[from] ArchError),
    /// A net cannot be run.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A training cannot go on.
    #[error("trial {trial}: {error}")]
    Train {
        /// The trial.
        trial: usize,
        /// Its error.
        error: Box<TrainError>,
    },
}

impl SearchError {
    /// What makes a system's error one of a file.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        |error| Self::Io { path: path.to_owned(), error }
    }
}
