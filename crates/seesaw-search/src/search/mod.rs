//! A search in its folder: which training is next, and who takes it.

mod next;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    fs::{File, TryLockError},
    io::Read,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use seesaw_arch::{
    Net,
    space::{Choices, Space},
};
use seesaw_format::replace_file;

use crate::{
    SearchError,
    cost::{Costs, Goal},
    journal::{Header, Journal, Proposal, Record},
    state::State,
};

use next::Next;

/// The most bytes of a space that are read.
const MAX_SPACE: u64 = 1 << 20;
/// Trainings that may fail one after another.
const MOST_FAILURES: usize = 5;

/// A search that this process works on, maybe with others.
///
/// | file | holds |
/// |---|---|
/// | `space.toml` | the space |
/// | `journal.jsonl` | [all that happened](crate::journal) |
/// | `trials/0007/` | the run of a trial |
/// | `trials/0007.lock` | who works on it holds a lock on this file |
/// | `blocks.csv` | how long parts of nets take here, if the cost is in milliseconds |
#[derive(Debug)]
pub struct Search {
    folder: PathBuf,
    space: Space,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    journal: Journal,
    state: State,
    costs: Costs,
    /// The search's clock when `since` was taken.
    base: f64,
    since: Instant,
    /// Nets of choices that were brought to the cost but not proposed.
    nets: HashMap<Choices, Net>,
    cut: bool,
}

/// What there is to do.
#[derive(Debug)]
pub enum Claim {
    /// A trial, which nobody else takes as long as this is kept.
    Trial(Box<Claimed>),
    /// Nothing until others have finished theirs.
    Wait,
    /// Nothing more.
    Done,
}

/// A trial that is this worker's.
#[derive(Debug)]
pub struct Claimed {
    /// What is to be trained.
    pub proposal: Proposal,
    /// Held until this is dropped.
    _lock: File,
}

impl Search {
    /// Starts a search in a new folder.
    ///
    /// # Errors
    /// [`SearchError::Exists`]; [`SearchError::Setting`]; when files cannot be written.
    pub fn create(folder: &Path, space: &Space, header: Header) -> Result<Self, SearchError> {
        check(&header)?;
        let journal = folder.join("journal.jsonl");
        if journal.exists() {
            return Err(SearchError::Exists { folder: folder.to_owned() });
        }
        let trials = folder.join("trials");
        std::fs::create_dir_all(&trials).map_err(SearchError::io(&trials))?;
        let path = folder.join("space.toml");
        let text = space.to_toml()?;
        replace_file(&path, |file| std::io::Write::write_all(file, text.as_bytes()))
            .map_err(SearchError::io(&path))?;
        // The journal comes last: with it, the folder holds a search.
        Journal::create(&journal, header)?;
        Self::open(folder)
    }

    /// Opens the search in a folder, to continue it alone or with others.
    ///
    /// # Errors
    /// [`SearchError::None`]; when its files are damaged, or of another machine or version.
    pub fn open(folder: &Path) -> Result<Self, SearchError> {
        let mut journal = Journal::open(&folder.join("journal.jsonl"))?;
        let path = folder.join("space.toml");
        let space = Space::from_toml(&read_space(&path)?)?;
        journal.lock()?;
        let (records, cut) = journal.read()?;
        journal.unlock()?;
        let mut records = records.into_iter();
        let Some((_, Record::Search(header))) = records.next() else {
            return Err(journal.damaged(1, "not the first line of a search's journal".to_owned()));
        };
        check(&header)?;
        let costs = match header.goal {
            Goal::Madds(madds) => Costs::madds(madds, header.input_size),
            Goal::Ms(ms) => Costs::ms(ms, header.input_size, &folder.join("blocks.csv"))?,
        };
        let mut state = State::new(*header, &space);
        for (line, record) in records {
            state.apply(record, &space).map_err(|why| journal.damaged(line, why))?;
        }
        let (base, since, nets) = (state.clock, Instant::now(), HashMap::new());
        let inner = Inner { journal, state, costs, base, since, nets, cut };
        Ok(Self { folder: folder.to_owned(), space, inner: Mutex::new(inner) })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The space.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// The run folder of a trial.
    pub fn trial_folder(&self, trial: usize) -> PathBuf {
        self.folder.join("trials").join(format!("{trial:04}"))
    }

    /// The search as of the last time that this process looked.
    pub fn state(&self) -> State {
        self.inner().state.clone()
    }

    /// Whether half a line was removed that a killed process had left in the journal.
    pub fn was_cut(&self) -> bool {
        self.inner().cut
    }

    /// Seconds of the search's clock.
    pub fn clock(&self) -> f64 {
        self.inner().clock()
    }

    /// Hours that the search may take.
    pub fn hours(&self) -> f64 {
        self.inner().state.hours
    }

    /// Gives it so many hours in all.
    ///
    /// # Errors
    /// [`SearchError::Setting`]; when the journal cannot be written.
    pub fn set_hours(&self, hours: f64) -> Result<(), SearchError> {
        check_hours(hours)?;
        self.record(|clock| Record::Hours { hours, clock })
    }

    /// Adds a line to the journal, which gets the time.
    ///
    /// # Errors
    /// When the journal cannot be read or written.
    pub fn record(&self, record: impl FnOnce(f64) -> Record) -> Result<(), SearchError> {
        self.locked(|inner, space| {
            let record = record(inner.clock());
            inner.append(record, space)
        })
    }

    /// A trial for a worker: one that was begun and left, or a new one.
    ///
    /// `quiet` is called before anything is timed, and what it returns is dropped afterwards.
    ///
    /// # Errors
    /// [`SearchError::NoNet`]; [`SearchError::AllFail`]; when a file cannot be read or written.
    pub fn claim<Q>(&self, worker: &str, quiet: impl Fn() -> Q) -> Result<Claim, SearchError> {
        self.locked(|inner, space| {
            loop {
                if let Some(claimed) = self.take(inner, worker, space)? {
                    return Ok(Claim::Trial(Box::new(claimed)));
                }
                let (count, why) = inner.state.failed_in_a_row();
                if count >= MOST_FAILURES {
                    let why = why.unwrap_or_default().to_owned();
                    return Err(SearchError::AllFail { count, why });
                }
                match inner.next(space, &quiet)? {
                    Next::Propose(kind, choices, net) => {
                        let trial = inner.state.trials.len();
                        let choices = choices
                            .map(|c| space.named(&c).into_iter().collect())
                            .unwrap_or_default();
                        // Every training has a seed of its own.
                        let seed =
                            inner.state.header.settings.seed.wrapping_mul(10_000) + trial as u64;
                        let clock = inner.clock();
                        let proposal = Proposal { trial, kind, choices, net, seed, clock };
                        inner.append(Record::Proposed(Box::new(proposal)), space)?;
                    }
                    Next::Phase(phase, why) => {
                        let (clock, why) = (inner.clock(), why.to_owned());
                        inner.append(Record::Phase { phase, why, clock }, space)?;
                    }
                    Next::Wait => return Ok(Claim::Wait),
                    Next::Done => return Ok(Claim::Done),
                }
            }
        })
    }

    /// The first trial without an end that nobody works on.
    fn take(
        &self,
        inner: &mut Inner,
        worker: &str,
        space: &Space,
    ) -> Result<Option<Claimed>, SearchError> {
        let open = inner.state.trials.iter().filter(|trial| trial.outcome.is_none());
        let open: Vec<Proposal> = open.map(|trial| trial.proposal.clone()).collect();
        for proposal in open {
            let path = self.trial_folder(proposal.trial).with_extension("lock");
            let lock = File::options().create(true).append(true).open(&path);
            let lock = lock.map_err(SearchError::io(&path))?;
            match lock.try_lock() {
                Ok(()) => {
                    let (trial, worker) = (proposal.trial, worker.to_owned());
                    let clock = inner.clock();
                    inner.append(Record::Started { trial, worker, clock }, space)?;
                    return Ok(Some(Claimed { proposal, _lock: lock }));
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(SearchError::io(&path)(error)),
            }
        }
        Ok(None)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A thread that panicked appended whole lines or none.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something while nobody else does, after all that others did is known.
    fn locked<T>(
        &self,
        work: impl FnOnce(&mut Inner, &Space) -> Result<T, SearchError>,
    ) -> Result<T, SearchError> {
        let inner = &mut *self.inner();
        inner.journal.lock()?;
        let done = inner.catch_up(&self.space).and_then(|()| work(inner, &self.space));
        let unlocked = inner.journal.unlock();
        done.and_then(|done| unlocked.map(|()| done))
    }
}

impl Inner {
    fn clock(&self) -> f64 {
        self.base + self.since.elapsed().as_secs_f64()
    }

    fn catch_up(&mut self, space: &Space) -> Result<(), SearchError> {
        let (records, _) = self.journal.read()?;
        for (line, record) in records {
            let applied = self.state.apply(record, space);
            applied.map_err(|why| self.journal.damaged(line, why))?;
        }
        // The clock of who started later, or whose own clock is slower, follows the others.
        if self.state.clock > self.clock() {
            (self.base, self.since) = (self.state.clock, Instant::now());
        }
        Ok(())
    }

    fn append(&mut self, record: Record, space: &Space) -> Result<(), SearchError> {
        self.journal.append(&record)?;
        let applied = self.state.apply(record, space);
        applied.map_err(|why| self.journal.damaged(0, why))
    }
}

fn read_space(path: &Path) -> Result<String, SearchError> {
    let mut text = String::new();
    let file = File::open(path).map_err(SearchError::io(path))?;
    file.take(MAX_SPACE).read_to_string(&mut text).map_err(SearchError::io(path))?;
    Ok(text)
}

fn check(header: &Header) -> Result<(), SearchError> {
    let settings = &header.settings;
    check_hours(settings.hours)?;
    let whole = [
        ("trials", settings.trials, 1),
        ("workers", settings.workers, 1),
        ("finalists", settings.finalists, 1),
        ("seeds", settings.seeds, 1),
        ("start", settings.explore.start, 1),
        ("random_every", settings.explore.random_every, 1),
        ("pool", settings.explore.pool, 1),
        ("parents", settings.explore.parents, 1),
    ];
    for (name, value, least) in whole {
        if !(least..=100_000).contains(&value) {
            let (value, rule) = (value.to_string(), "from 1 to 100000");
            return Err(SearchError::Setting { name, value, rule });
        }
    }
    if !(0.05..=0.95).contains(&settings.explore_share) {
        let (value, rule) = (settings.explore_share.to_string(), "from 0.05 to 0.95");
        return Err(SearchError::Setting { name: "explore_share", value, rule });
    }
    Ok(())
}

fn check_hours(hours: f64) -> Result<(), SearchError> {
    if hours > 0.0 && hours <= 100_000.0 {
        return Ok(());
    }
    let rule = "above 0, at most 100000";
    Err(SearchError::Setting { name: "hours", value: hours.to_string(), rule })
}
