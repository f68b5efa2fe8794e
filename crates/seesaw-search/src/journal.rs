//! `journal.jsonl`: all that happened in a search, a JSON object per line.
//!
//! Lines are only ever appended, under a lock that processes on other machines respect as well if the
//! file system does, and are on disk before anything follows from them. A process that was killed
//! while it wrote a line leaves half of it; the next one removes that half.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{ErrorKind, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use seesaw_arch::Net;
use seesaw_train::recipe::Recipe;
use serde::{Deserialize, Serialize};

use crate::{SearchError, cost::Goal, explore};

/// The format of the lines.
pub const FORMAT: u32 = 1;

/// The longest journal that is read.
const MAX_BYTES: u64 = 1 << 28;

/// A line of the journal. Times are seconds of the search's clock, which stands still while nobody
/// works on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Record {
    /// The first line: what the search is for, and how.
    Search(Box<Header>),
    /// A net is to be trained.
    Proposed(Box<Proposal>),
    /// Somebody begins or continues a trial.
    Started {
        /// The trial.
        trial: usize,
        /// Who: machine, process and thread.
        worker: String,
        /// When.
        clock: f64,
    },
    /// A trial has finished an epoch.
    Epoch {
        /// The trial.
        trial: usize,
        /// The epoch, from 1.
        epoch: usize,
        /// Its mean training loss.
        train_loss: f64,
        /// When.
        clock: f64,
    },
    /// A trial is done.
    Finished {
        /// The trial.
        trial: usize,
        /// The mean training loss of all epochs but the first, negated, so that more is better.
        score: f64,
        /// Share of the held-out images that were classified correctly after the last epoch.
        top1: f64,
        /// Seconds of training and validation, without interruptions.
        seconds: f64,
        /// When.
        clock: f64,
    },
    /// A trial cannot be finished, for a reason in the net.
    Failed {
        /// The trial.
        trial: usize,
        /// The reason.
        why: String,
        /// When.
        clock: f64,
    },
    /// Somebody stops working before the search is over.
    Left {
        /// Who: machine, process and thread.
        worker: String,
        /// When.
        clock: f64,
    },
    /// The search goes on to another phase.
    Phase {
        /// Which.
        phase: Phase,
        /// Why it left the one before.
        why: String,
        /// When.
        clock: f64,
    },
    /// The search is given another amount of time.
    Hours {
        /// Hours in all.
        hours: f64,
        /// When.
        clock: f64,
    },
}

/// What a search is for, and how it is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The format of the journal, [`FORMAT`].
    pub format: u32,
    /// The version of this crate.
    pub version: String,
    /// The data set.
    pub data: PathBuf,
    /// How many random images are used; all, without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// What every net costs.
    pub goal: Goal,
    /// Side of the images that costs are for, in pixels.
    pub input_size: usize,
    /// The instruction set.
    pub isa: String,
    /// How the search is done.
    #[serde(flatten)]
    pub settings: Settings,
    /// How nets are trained to be explored.
    pub short: Recipe,
    /// How nets are trained to be compared.
    pub long: Recipe,
}

/// How a search is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Hours that it may take, while somebody works on it.
    pub hours: f64,
    /// Share of them for short trainings.
    pub explore_share: f64,
    /// The most short trainings.
    pub trials: usize,
    /// The seed of all that is random.
    pub seed: u64,
    /// Trainings at the same time in the process that began the search.
    pub workers: usize,
    /// Nets of the space that are trained once for long before one of them is the winner.
    pub finalists: usize,
    /// Fresh seeds with which the winner is compared with the references.
    pub seeds: usize,
    /// How proposals are made.
    pub explore: explore::Settings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hours: 6.0,
            explore_share: 0.6,
            trials: 1_000,
            seed: 1,
            workers: 1,
            finalists: 3,
            seeds: 3,
            explore: explore::Settings::default(),
        }
    }
}

/// A net to be trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// Its number, from 0; also that of its folder.
    pub trial: usize,
    /// What for.
    pub kind: Kind,
    /// What was chosen from the space, by name; nothing for a net that is not of the space.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub choices: BTreeMap<String, String>,
    /// The net at the search's cost.
    pub net: Net,
    /// The seed of its training.
    pub seed: u64,
    /// When it was proposed.
    pub clock: f64,
}

/// What a training is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "snake_case")]
pub enum Kind {
    /// Short, of a net to compare with.
    Reference,
    /// Short, to learn about the space.
    Explore {
        /// Where the proposal came from.
        origin: explore::Origin,
    },
    /// Long, to choose the winner.
    Selection {
        /// The short trial of the same net.
        source: usize,
    },
    /// Long, with a seed that chose nothing.
    Final {
        /// What takes part.
        entrant: Entrant,
    },
}

/// What takes part in the final comparison.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entrant {
    /// The net that the search chose, by its short trial.
    Winner(usize),
    /// A net to compare with, by its number in the space.
    Reference(usize),
    /// The best of the nets that were drawn at random, by its short trial.
    Random(usize),
}

/// What a search is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Many short trainings.
    Explore,
    /// A long one of each of the best, to choose the winner.
    Selection,
    /// Long ones of the winner and what it is compared with.
    Final {
        /// The winner's short trial.
        winner: usize,
        /// The short trial of the best net that was drawn at random.
        random: Option<usize>,
    },
}

/// The file of a search's journal.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    /// What has been read: bytes and lines.
    bytes: u64,
    lines: usize,
}

impl Journal {
    /// Creates the journal of a new search.
    ///
    /// # Errors
    /// [`SearchError::Exists`]; when it cannot be written.
    pub fn create(path: &Path, header: Header) -> Result<Self, SearchError> {
        let options = OpenOptions::new().read(true).append(true).create_new(true).clone();
        let file = options.open(path).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => {
                SearchError::Exists { folder: path.parent().unwrap_or(path).to_owned() }
            }
            _ => SearchError::io(path)(error),
        })?;
        let mut journal = Self { path: path.to_owned(), file, bytes: 0, lines: 0 };
        journal.lock()?;
        journal.append(&Record::Search(Box::new(header)))?;
        journal.unlock()?;
        Ok(journal)
    }

    /// Opens the journal of a search.
    ///
    /// # Errors
    /// [`SearchError::None`]; when it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, SearchError> {
        let options = OpenOptions::new().read(true).append(true).clone();
        let file = options.open(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                SearchError::None { folder: path.parent().unwrap_or(path).to_owned() }
            }
            _ => SearchError::io(path)(error),
        })?;
        Ok(Self { path: path.to_owned(), file, bytes: 0, lines: 0 })
    }

    /// Waits until no other process reads or writes the journal, and keeps them from it.
    ///
    /// # Errors
    /// When the file system has no locks.
    pub fn lock(&self) -> Result<(), SearchError> {
        self.file.lock().map_err(SearchError::io(&self.path))
    }

    /// Lets others read and write it. The lock ends with the process at the latest.
    ///
    /// # Errors
    /// When the file system has no locks.
    pub fn unlock(&self) -> Result<(), SearchError> {
        self.file.unlock().map_err(SearchError::io(&self.path))
    }

    /// What others have appended since the last call, and whether half a line was removed. Only while
    /// it is [locked](Self::lock).
    ///
    /// # Errors
    /// [`SearchError::Damaged`]; [`SearchError::Version`]; when it cannot be read.
    pub fn read(&mut self) -> Result<(Vec<(usize, Record)>, bool), SearchError> {
        let io = || SearchError::io(&self.path);
        self.file.seek(SeekFrom::Start(self.bytes)).map_err(io())?;
        let mut bytes = Vec::new();
        Read::by_ref(&mut self.file).take(MAX_BYTES).read_to_end(&mut bytes).map_err(io())?;
        if bytes.len() as u64 == MAX_BYTES {
            let why = format!("more than {MAX_BYTES} bytes follow");
            return Err(self.damaged(self.lines + 1, why));
        }
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let cut = whole < bytes.len();
        if cut {
            self.file.set_len(self.bytes + whole as u64).map_err(io())?;
        }
        let mut records = Vec::new();
        for line in bytes[..whole].split_inclusive(|byte| *byte == b'\n') {
            self.lines += 1;
            records.push((self.lines, self.parse(line)?));
        }
        self.bytes += whole as u64;
        Ok((records, cut))
    }

    fn parse(&self, line: &[u8]) -> Result<Record, SearchError> {
        if self.lines == 1 {
            self.check_version(line)?;
        }
        serde_json::from_slice(line).map_err(|error| self.damaged(self.lines, error.to_string()))
    }

    /// Before anything else of a journal is understood.
    fn check_version(&self, line: &[u8]) -> Result<(), SearchError> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
            version: String,
        }
        match serde_json::from_slice(line) {
            Ok(Version { format: FORMAT, .. }) => Ok(()),
            Ok(Version { format, version }) => {
                let version = version.chars().take(40).collect();
                Err(SearchError::Version { path: self.path.clone(), format, version })
            }
            Err(_) => Err(self.damaged(1, "not the first line of a search's journal".to_owned())),
        }
    }

    /// The error of a line.
    pub fn damaged(&self, line: usize, why: String) -> SearchError {
        SearchError::Damaged { path: self.path.clone(), line, why }
    }

    /// Appends a line and waits until it is on disk. Only while it is [locked](Self::lock), and when
    /// everything before it has been read.
    ///
    /// # Errors
    /// When it cannot be written; the journal is then as it was.
    pub fn append(&mut self, record: &Record) -> Result<(), SearchError> {
        let mut line = serde_json::to_vec(record).expect("records have JSON forms");
        line.push(b'\n');
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // On a full disk, there may be half a line.
            let _ = self.file.set_len(self.bytes);
            return Err(SearchError::io(&self.path)(error));
        }
        self.bytes += line.len() as u64;
        self.lines += 1;
        Ok(())
    }
}
