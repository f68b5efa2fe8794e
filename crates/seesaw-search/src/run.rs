//! Working on a search: threads that each take a trial, train it, and take the next.

use std::{
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use seesaw_train::{
    TrainError,
    trainer::{Event as TrainEvent, RunOptions, SavePolicy},
};

use crate::{
    SearchError,
    gate::Gate,
    journal::{Kind, Phase, Proposal, Record},
    search::{Claim, Search},
    trial::Training,
};

/// How often who waits for others looks again.
const POLL: Duration = Duration::from_secs(1);
/// Batches of the first training after which the length of a trial is known.
const TIMED_BATCHES: usize = 8;

/// How a process works on a search, which changes none of its results.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Trainings at the same time, each on one thread.
    pub workers: usize,
    /// Where the data set lies, if not where it was.
    pub data: Option<PathBuf>,
    /// When trainings save checkpoints.
    pub save: SavePolicy,
}

impl Default for Options {
    /// One worker that saves a checkpoint every minute.
    fn default() -> Self {
        let save = SavePolicy { every: Some(Duration::from_secs(60)), steps: None };
        Self { workers: 1, data: None, save }
    }
}

/// What is happening; for progress bars and messages.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Something that the user should know of a training.
    Note {
        /// The training.
        trial: usize,
        /// What.
        note: &'a str,
    },
    /// A training begins or goes on.
    Started {
        /// What is trained.
        proposal: &'a Proposal,
        /// Whether it was begun earlier.
        resumed: bool,
    },
    /// A batch of a training is done.
    Batch {
        /// The training.
        trial: usize,
        /// The epoch, from 1.
        epoch: usize,
        /// Epochs of the training.
        epochs: usize,
        /// Share of the epoch that is done.
        done: f64,
    },
    /// A training is finished.
    Finished {
        /// What was trained.
        proposal: &'a Proposal,
        /// Its score, of which more is better.
        score: f64,
        /// Share of the held-out images that were classified correctly.
        top1: f64,
    },
    /// A training ended without a result.
    Failed {
        /// What was trained.
        proposal: &'a Proposal,
        /// Why.
        why: &'a str,
    },
}

/// How work on a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// There is nothing more to do, or no time for it.
    Done,
    /// It was asked to stop, and can be continued.
    Stopped,
}

/// Works on a search until nothing is left to do, its time is over, or `stop` is set: then every
/// training finishes its step and saves. A worker that fails sets `stop` for the others.
///
/// # Errors
/// The first error of a worker. All that was done is in the folder.
pub fn run(
    search: &Search,
    options: &Options,
    stop: &AtomicBool,
    on: &(dyn Fn(Event<'_>) + Sync),
) -> Result<End, SearchError> {
    let gate = Gate::default();
    let failure = Mutex::new(None);
    thread::scope(|scope| {
        for number in 0..options.workers.max(1) {
            let worker = Worker { search, options, stop, on, gate: &gate, name: name(number) };
            let failure = &failure;
            scope.spawn(move || {
                if let Err(error) = worker.work() {
                    stop.store(true, Ordering::Relaxed);
                    let mut first = failure.lock().unwrap_or_else(PoisonError::into_inner);
                    first.get_or_insert(error);
                }
            });
        }
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None if stop.load(Ordering::Relaxed) => Ok(End::Stopped),
        None => Ok(End::Done),
    }
}

/// Machine, process and thread.
fn name(number: usize) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    let host = if host.is_empty() { "this machine" } else { host };
    format!("{host}, process {}, worker {}", std::process::id(), number + 1)
}

struct Worker<'a> {
    search: &'a Search,
    options: &'a Options,
    stop: &'a AtomicBool,
    on: &'a (dyn Fn(Event<'_>) + Sync),
    gate: &'a Gate,
    name: String,
}

impl Worker<'_> {
    fn work(&self) -> Result<(), SearchError> {
        while !self.stop.load(Ordering::Relaxed) {
            match self.search.claim(&self.name, || self.gate.close())? {
                Claim::Trial(claimed) => self.train(&claimed.proposal)?,
                Claim::Wait => thread::sleep(POLL),
                Claim::Done => return Ok(()),
            }
        }
        // So that the clock has all the time that was spent.
        let worker = self.name.clone();
        self.search.record(|clock| Record::Left { worker, clock })
    }

    fn train(&self, proposal: &Proposal) -> Result<(), SearchError> {
        let state = self.search.state();
        let folder = self.search.trial_folder(proposal.trial);
        let resumed = folder.join("config.toml").exists();
        (self.on)(Event::Started { proposal, resumed });
        let training = Training {
            header: &state.header,
            proposal,
            folder,
            data: self.options.data.as_deref().unwrap_or(&state.header.data),
            is_long: matches!(proposal.kind, Kind::Selection { .. } | Kind::Final { .. }),
        };
        let first = state.seconds(false).is_none() && state.phase == Phase::Explore;
        let mut watch = Watch {
            worker: self,
            trial: proposal.trial,
            epoch: 0,
            epochs: 0,
            batches: 0,
            timed: first.then_some(None),
            hours: state.hours,
            failed: None,
        };
        self.gate.enter();
        let options = RunOptions::default().save(self.options.save);
        let trained = training.run(&options, self.stop, &mut |event| watch.on(event));
        self.gate.leave();
        if let Some(error) = watch.failed {
            return Err(error);
        }
        self.record_end(proposal, trained)
    }

    fn record_end(
        &self,
        proposal: &Proposal,
        trained: Result<Option<crate::trial::Result>, TrainError>,
    ) -> Result<(), SearchError> {
        let trial = proposal.trial;
        match trained {
            Ok(None) => Ok(()),
            Ok(Some(crate::trial::Result { score, top1, seconds })) => {
                self.search.record(|clock| Record::Finished {
                    trial,
                    score,
                    top1,
                    seconds,
                    clock,
                })?;
                (self.on)(Event::Finished { proposal, score, top1 });
                Ok(())
            }
            Err(error) if is_of_the_net(&error) => {
                let why = error.to_string();
                self.search.record(|clock| Record::Failed { trial, why: why.clone(), clock })?;
                (self.on)(Event::Failed { proposal, why: &why });
                Ok(())
            }
            Err(error) => Err(SearchError::Train { trial, error: Box::new(error) }),
        }
    }
}

/// Whether another net may do better; files and data would fail any.
fn is_of_the_net(error: &TrainError) -> bool {
    matches!(
        error,
        TrainError::Diverged { .. }
            | TrainError::Arch(_)
            | TrainError::Kernel(_)
            | TrainError::Engine(_)
            | TrainError::OneValue { .. }
    )
}

/// Listens to a training.
struct Watch<'a> {
    worker: &'a Worker<'a>,
    trial: usize,
    epoch: usize,
    epochs: usize,
    batches: usize,
    /// For the first training of a search: when its first batch was done, if it was.
    timed: Option<Option<Instant>>,
    hours: f64,
    failed: Option<SearchError>,
}

impl Watch<'_> {
    fn on(&mut self, event: TrainEvent<'_>) {
        let (worker, trial) = (self.worker, self.trial);
        match event {
            TrainEvent::EpochBegins { epoch, epochs, batches, .. } => {
                (self.epoch, self.epochs, self.batches) = (epoch, epochs, batches);
            }
            TrainEvent::Batch { done, .. } => {
                let (epoch, epochs) = (self.epoch, self.epochs);
                let done_share = done as f64 / self.batches.max(1) as f64;
                (worker.on)(Event::Batch { trial, epoch, epochs, done: done_share });
                self.check_time(done);
            }
            TrainEvent::EpochEnds { row, .. } => {
                let (epoch, train_loss) = (row.epoch, row.train_loss);
                let recorded = worker.gate.outside(|| {
                    let record = |clock| Record::Epoch { trial, epoch, train_loss, clock };
                    worker.search.record(record)
                });
                if let Err(error) = recorded {
                    self.fail(error);
                }
            }
            TrainEvent::Note(note) => (worker.on)(Event::Note { trial, note }),
            TrainEvent::Broken { path, reason } => {
                let note = format!("{}: {reason}; left out", path.display());
                (worker.on)(Event::Note { trial, note: &note });
            }
            _ => {}
        }
        worker.gate.pass();
    }

    /// Stops a search that has not the time for one training.
    fn check_time(&mut self, done: usize) {
        let Some(since) = self.timed else { return };
        let Some(since) = since else {
            // The first step is slower than others.
            self.timed = Some(Some(Instant::now()));
            return;
        };
        if done <= TIMED_BATCHES && done < self.batches {
            return;
        }
        self.timed = None;
        let batch = since.elapsed().as_secs_f64() / (done.saturating_sub(1)).max(1) as f64;
        let trial_hours = batch * (self.batches * self.epochs) as f64 / 3600.0;
        if trial_hours > self.hours {
            self.fail(SearchError::TooShort { hours: self.hours, trial_hours });
        }
    }

    /// Ends the training, and with it the work on the search.
    fn fail(&mut self, error: SearchError) {
        self.failed.get_or_insert(error);
        self.worker.stop.store(true, Ordering::Relaxed);
    }
}
