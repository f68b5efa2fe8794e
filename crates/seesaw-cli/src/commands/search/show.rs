//! The progress of a search: a bar on a terminal, a line per finished training, JSON for machines.

use std::{
    collections::{BTreeMap, HashSet},
    io::{self, Write},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use seesaw_search::{
    explore::Origin,
    journal::{Entrant, Kind, Proposal},
    run::Event,
    search::Search,
};
use serde::Serialize;

use crate::{
    failure::{self, Failure},
    output,
};

/// Listens to a search, from several threads, and shows its progress.
pub struct Show<'a> {
    search: &'a Search,
    bar: ProgressBar,
    json: bool,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// What is being trained: the epoch, epochs, and the share of the epoch that is done.
    open: BTreeMap<usize, (usize, usize, f64)>,
    /// Trainings of nets of the space that this process has finished.
    explored: usize,
    /// The lowest loss of a short training, and which.
    best: Option<(f64, usize)>,
    notes: HashSet<String>,
    unwritten: Option<io::Error>,
}

/// What `--json` prints of a training.
#[derive(Serialize)]
struct Line<'a> {
    trial: usize,
    what: &'static str,
    choices: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    train_loss: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top1: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<&'a str>,
    hours: f64,
}

impl<'a> Show<'a> {
    pub fn new(search: &'a Search, json: bool) -> Self {
        let style = ProgressStyle::with_template("{wide_bar} {percent} %, {msg}");
        let bar = ProgressBar::new(10_000);
        let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let mut seen = Seen::default();
        let state = search.state();
        for trial in state.trials.iter().filter(|trial| !trial.is_long()) {
            seen.better(trial.score(), trial.proposal.trial);
        }
        Self { search, bar, json, seen: Mutex::new(seen) }
    }

    /// Says what is going to be done.
    pub fn introduce(&self, workers: usize) {
        let state = self.search.state();
        let space = self.search.space();
        output::say(format_args!(
            "{}, {:.0} combinations, each net at {}; {} at a time: {}",
            space.name,
            space.size(),
            state.header.goal,
            if workers == 1 { "1 training".to_owned() } else { format!("{workers} trainings") },
            self.search.folder().display(),
        ));
        if state.trials.is_empty() {
            return;
        }
        let ended = state.trials.iter().filter(|trial| trial.outcome.is_some()).count();
        output::say(format_args!(
            "resuming after {:.2} of {} hours: {ended} trainings are done, {} begun",
            state.clock / 3600.0,
            state.hours,
            state.trials.len() - ended,
        ));
    }

    pub fn on(&self, event: Event<'_>) {
        match event {
            // What holds for the data is noted by every training.
            Event::Note { trial, note } if self.seen().notes.insert(note.to_owned()) => {
                self.bar.suspend(|| failure::warn(format_args!("trial {trial}: {note}")));
            }
            Event::Batch { trial, epoch, epochs, done } => {
                self.seen().open.insert(trial, (epoch, epochs, done));
                self.draw();
            }
            Event::Finished { proposal, score, top1 } => {
                self.ended(proposal, Some((score, top1)), None);
            }
            Event::Failed { proposal, why } => self.ended(proposal, None, Some(why)),
            _ => {}
        }
    }

    /// Ends the bar; the first error of writing to standard output.
    pub fn finish(self) -> Result<(), Failure> {
        self.bar.finish_and_clear();
        let seen = self.seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        seen.unwritten.map_or(Ok(()), |error| Err(error.into()))
    }

    fn ended(&self, proposal: &Proposal, result: Option<(f64, f64)>, why: Option<&str>) {
        let mut seen = self.seen();
        seen.open.remove(&proposal.trial);
        let is_short = matches!(proposal.kind, Kind::Reference | Kind::Explore { .. });
        if is_short {
            seen.better(result.map(|(score, _)| score), proposal.trial);
            seen.explored += 1;
        }
        let line = Line {
            trial: proposal.trial,
            what: what(&proposal.kind),
            choices: &proposal.choices,
            train_loss: result.map(|(score, _)| -score),
            top1: result.map(|(_, top1)| top1),
            failed: why,
            hours: self.search.clock() / 3600.0,
        };
        let written =
            self.bar.suspend(|| if self.json { print_json(&line) } else { say(&line, proposal) });
        if let Err(error) = written {
            seen.unwritten.get_or_insert(error);
        }
    }

    fn draw(&self) {
        if self.bar.is_hidden() {
            return;
        }
        let clock = self.search.clock();
        let seconds = 3600.0 * self.search.hours();
        let seen = self.seen();
        let open: Vec<String> = seen
            .open
            .iter()
            .map(|(trial, (epoch, epochs, done))| {
                format!("{trial}: {epoch}/{epochs} {:.0} %", 100.0 * done)
            })
            .collect();
        let mut message = format!("trial {}", open.join(", "));
        if let Some((loss, trial)) = seen.best {
            message += &format!("; best loss {loss:.4} (trial {trial})");
        }
        let started = self.bar.elapsed().as_secs_f64() / 3600.0;
        if seen.explored > 0 {
            message += &format!("; {:.1} candidates/h", seen.explored as f64 / started);
        }
        let left = Duration::from_secs_f64((seconds - clock).max(0.0));
        message += &format!("; {} left", HumanDuration(left));
        self.bar.set_position((1e4 * clock / seconds) as u64);
        self.bar.set_message(message);
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn better(&mut self, score: Option<f64>, trial: usize) {
        if let Some(loss) = score.map(|score| -score)
            && self.best.is_none_or(|(best, _)| loss < best)
        {
            self.best = Some((loss, trial));
        }
    }
}

fn what(kind: &Kind) -> &'static str {
    match kind {
        Kind::Reference => "reference",
        Kind::Explore { origin: Origin::Start } => "start",
        Kind::Explore { origin: Origin::Random } => "random",
        Kind::Explore { origin: Origin::Model } => "model",
        Kind::Selection { .. } => "selection",
        Kind::Final { entrant: Entrant::Winner(_) } => "final of the winner",
        Kind::Final { entrant: Entrant::Reference(_) } => "final of a reference",
        Kind::Final { entrant: Entrant::Random(_) } => "final of random search",
    }
}

fn print_json(line: &Line<'_>) -> io::Result<()> {
    let mut out = output::stdout();
    serde_json::to_writer(&mut out, line)?;
    writeln!(out)?;
    out.flush()
}

fn say(line: &Line<'_>, proposal: &Proposal) -> io::Result<()> {
    let choices: Vec<String> =
        line.choices.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let choices = if choices.is_empty() { proposal.net.name.clone() } else { choices.join(" ") };
    let result = match (line.train_loss, line.top1, line.failed) {
        (Some(loss), Some(top1), _) => format!("loss {loss:.4}, top-1 {:.2} %", 100.0 * top1),
        (.., why) => format!("failed: {}", why.unwrap_or("no result")),
    };
    let (trial, what, hours) = (line.trial, line.what, line.hours);
    output::say(format_args!("{hours:6.2} h  trial {trial:4}, {what}: {result}  {choices}"));
    Ok(())
}
