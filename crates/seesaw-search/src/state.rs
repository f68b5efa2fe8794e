//! What a journal adds up to.

use seesaw_arch::{Net, space::Space};

use crate::{
    explore::{Explorer, Origin},
    journal::{Entrant, Header, Kind, Phase, Proposal, Record},
};

/// A search as its journal tells it.
#[derive(Debug, Clone)]
pub struct State {
    /// What it is for.
    pub header: Header,
    /// Hours that it may take.
    pub hours: f64,
    /// The latest time in the journal.
    pub clock: f64,
    /// What it is doing.
    pub phase: Phase,
    /// All trainings, by their numbers.
    pub trials: Vec<Trial>,
    /// What was learned of the space.
    pub explorer: Explorer,
    /// The trial of each of the explorer's.
    explored: Vec<usize>,
}

/// A training of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// What is trained.
    pub proposal: Proposal,
    /// The latest of those who began or continued it.
    pub worker: Option<String>,
    /// How it ended; `None` until then.
    pub outcome: Option<Outcome>,
    /// Its number in the explorer, if it explores.
    explored: Option<usize>,
}

/// How a training ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// With a result.
    Finished {
        /// See [`Record::Finished`].
        score: f64,
        /// Share of the held-out images that were classified correctly.
        top1: f64,
        /// What it took.
        seconds: f64,
    },
    /// Without one.
    Failed {
        /// The reason.
        why: String,
    },
}

impl Trial {
    /// Whether it is long.
    pub fn is_long(&self) -> bool {
        matches!(self.proposal.kind, Kind::Selection { .. } | Kind::Final { .. })
    }

    /// Its score, if it has one.
    pub fn score(&self) -> Option<f64> {
        match self.outcome {
            Some(Outcome::Finished { score, .. }) => Some(score),
            _ => None,
        }
    }

    /// Its accuracy on the held-out images, if it has one.
    pub fn top1(&self) -> Option<f64> {
        match self.outcome {
            Some(Outcome::Finished { top1, .. }) => Some(top1),
            _ => None,
        }
    }
}

impl State {
    /// The state after the first line.
    pub fn new(header: Header, space: &Space) -> Self {
        let levels = space.factors().iter().map(|factor| factor.levels.len()).collect();
        let explorer = Explorer::new(levels, header.settings.seed, header.settings.explore);
        Self {
            hours: header.settings.hours,
            header,
            clock: 0.0,
            phase: Phase::Explore,
            trials: vec![],
            explorer,
            explored: vec![],
        }
    }

    /// Adds a line.
    ///
    /// # Errors
    /// What does not fit the lines before.
    pub fn apply(&mut self, record: Record, space: &Space) -> Result<(), String> {
        let clock = match record {
            Record::Search(_) => return Err("a second first line".to_owned()),
            Record::Proposed(proposal) => {
                let clock = proposal.clock;
                self.propose(*proposal, space)?;
                clock
            }
            Record::Started { trial, worker, clock } => {
                self.open(trial)?.worker = Some(worker);
                clock
            }
            Record::Epoch { trial, clock, .. } => {
                self.open(trial)?;
                clock
            }
            Record::Finished { trial, score, top1, seconds, clock } => {
                self.end(trial, Outcome::Finished { score, top1, seconds })?;
                clock
            }
            Record::Failed { trial, why, clock } => {
                self.end(trial, Outcome::Failed { why })?;
                clock
            }
            Record::Phase { phase, clock, .. } => {
                self.check_phase(&phase)?;
                self.phase = phase;
                clock
            }
            Record::Left { clock, .. } => clock,
            Record::Hours { hours, clock } => {
                self.hours = hours;
                clock
            }
        };
        if !clock.is_finite() {
            return Err("a time that is no number".to_owned());
        }
        self.clock = self.clock.max(clock);
        Ok(())
    }

    fn propose(&mut self, proposal: Proposal, space: &Space) -> Result<(), String> {
        if proposal.trial != self.trials.len() {
            return Err(format!("trial {} where {} is next", proposal.trial, self.trials.len()));
        }
        proposal.net.validate().map_err(|error| error.to_string())?;
        let explored = match proposal.kind {
            Kind::Explore { origin } => {
                let named: Vec<_> = proposal.choices.iter().collect();
                let choices = space.parse(&named).map_err(|error| error.to_string())?;
                self.explored.push(proposal.trial);
                Some(self.explorer.restore(choices, origin))
            }
            Kind::Selection { source } => self.explored_net(source).map(|_| None)?,
            Kind::Final { ref entrant } => self.entrant_net(entrant).map(|_| None)?,
            Kind::Reference => None,
        };
        self.trials.push(Trial { proposal, worker: None, outcome: None, explored });
        Ok(())
    }

    fn check_phase(&self, phase: &Phase) -> Result<(), String> {
        let Phase::Final { winner, random } = phase else { return Ok(()) };
        for trial in [Some(*winner), *random].into_iter().flatten() {
            self.explored_net(trial)?;
        }
        Ok(())
    }

    /// A trial that has not ended.
    fn open(&mut self, trial: usize) -> Result<&mut Trial, String> {
        match self.trials.get_mut(trial) {
            Some(open) if open.outcome.is_none() => Ok(open),
            Some(_) => Err(format!("trial {trial} has ended before")),
            None => Err(format!("trial {trial} was not proposed")),
        }
    }

    fn end(&mut self, trial: usize, outcome: Outcome) -> Result<(), String> {
        let ended = self.open(trial)?;
        ended.outcome = Some(outcome);
        let (score, explored) = (ended.score(), ended.explored);
        if let Some(number) = explored {
            self.explorer.tell(number, score);
        }
        Ok(())
    }

    /// The net of a short trial of the space.
    fn explored_net(&self, trial: usize) -> Result<&Net, String> {
        let explored = self.trials.get(trial).filter(|trial| trial.explored.is_some());
        explored.map(|t| &t.proposal.net).ok_or_else(|| format!("trial {trial} explores nothing"))
    }

    /// The net of what takes part in the final comparison.
    pub fn entrant_net(&self, entrant: &Entrant) -> Result<&Net, String> {
        match *entrant {
            Entrant::Winner(trial) | Entrant::Random(trial) => self.explored_net(trial),
            Entrant::Reference(number) => {
                let known = self.references().nth(number).map(|trial| &trial.proposal.net);
                known.ok_or_else(|| format!("reference {number} was not tried"))
            }
        }
    }

    /// The short trials of the nets to compare with.
    pub fn references(&self) -> impl Iterator<Item = &Trial> {
        self.trials.iter().filter(|trial| trial.proposal.kind == Kind::Reference)
    }

    /// The trials of that many best nets, by themselves and by the model.
    pub fn best(&self, count: usize) -> Vec<usize> {
        self.numbers_of(&self.explorer.best(count))
    }

    /// The trial of the best net, by itself alone, that was drawn at random.
    pub fn best_random(&self) -> Option<usize> {
        let random = self.explorer.trials().iter().enumerate();
        let random = random.filter(|(_, trial)| trial.origin != Origin::Model);
        let scored = random.filter_map(|(number, trial)| Some((trial.score?, number)));
        let best = scored.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        best.map(|(_, number)| self.explored[number])
    }

    fn numbers_of(&self, best: &[&crate::explore::Trial]) -> Vec<usize> {
        let all = self.explorer.trials();
        let number = |trial: &crate::explore::Trial| {
            all.iter().position(|known| known.choices == trial.choices)
        };
        best.iter().filter_map(|trial| number(trial)).map(|number| self.explored[number]).collect()
    }

    /// Seconds that are left.
    pub fn left(&self, clock: f64) -> f64 {
        3600.0 * self.hours - clock
    }

    /// Seconds that a training takes, by those that are finished; `None` before any is.
    pub fn seconds(&self, long: bool) -> Option<f64> {
        let mean = |long: bool| {
            let seconds: Vec<f64> = self
                .trials
                .iter()
                .filter(|trial| trial.is_long() == long)
                .filter_map(|trial| match trial.outcome {
                    Some(Outcome::Finished { seconds, .. }) => Some(seconds),
                    _ => None,
                })
                .collect();
            let sum: f64 = seconds.iter().sum();
            (!seconds.is_empty()).then(|| sum / seconds.len() as f64)
        };
        if !long {
            return mean(false);
        }
        let work = |recipe: &seesaw_train::recipe::Recipe| -> f64 {
            let sizes = (0..recipe.epochs.count())
                .map(|epoch| recipe.phase(epoch, self.header.input_size).size);
            sizes.map(|size| (size * size) as f64).sum()
        };
        let ratio = work(&self.header.long) / work(&self.header.short);
        mean(true).or_else(|| mean(false).map(|seconds| seconds * ratio))
    }

    /// How many trainings failed since the last that finished, and why the last one did.
    pub fn failed_in_a_row(&self) -> (usize, Option<&str>) {
        let ended: Vec<&Outcome> =
            self.trials.iter().filter_map(|trial| trial.outcome.as_ref()).collect();
        let failed = |outcome: &&&Outcome| matches!(outcome, Outcome::Failed { .. });
        let count = ended.iter().rev().take_while(failed).count();
        let why = match ended.last() {
            Some(Outcome::Failed { why }) => Some(&**why),
            _ => None,
        };
        (count, why)
    }
}
