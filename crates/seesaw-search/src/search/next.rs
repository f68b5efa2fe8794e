//! Which training is next.

use seesaw_arch::{
    Net,
    space::{Choices, Space},
};

use super::Inner;
use crate::{
    SearchError,
    explore::Origin,
    journal::{Entrant, Kind, Phase},
};

/// What follows from the state.
pub(super) enum Next {
    Propose(Kind, Option<Choices>, Net),
    Phase(Phase, &'static str),
    Wait,
    Done,
}

impl Inner {
    /// What is to be done in this phase.
    pub(super) fn next<Q>(
        &mut self,
        space: &Space,
        quiet: &impl Fn() -> Q,
    ) -> Result<Next, SearchError> {
        match self.state.phase.clone() {
            Phase::Explore => self.next_to_explore(space, quiet),
            Phase::Selection => Ok(self.next_to_select()),
            Phase::Final { winner, random } => Ok(self.next_final(winner, random)),
        }
    }

    /// References, then what the explorer asks for, until their share of the time is over.
    fn next_to_explore<Q>(
        &mut self,
        space: &Space,
        quiet: &impl Fn() -> Q,
    ) -> Result<Next, SearchError> {
        let tried = self.state.references().count();
        let settings = &self.state.header.settings;
        let ends = 3600.0 * self.state.hours * settings.explore_share;
        let over = self.clock() + self.state.seconds(false).unwrap_or(0.0) > ends;
        let explored = self.state.explorer.trials().len();
        let why = if explored >= settings.trials {
            Some("all short trainings are done")
        } else if self.state.explorer.has_converged() {
            Some("more short trainings would bring little")
        } else if over && explored > 0 {
            Some("the time for short trainings is over")
        } else {
            None
        };
        if let Some(why) = why {
            return Ok(Next::Phase(Phase::Selection, why));
        }
        if let Some(net) = space.reference_nets()?.get(tried) {
            let net = self.fit(net, quiet)?;
            return Ok(Next::Propose(Kind::Reference, None, net));
        }
        match self.ask(space, quiet)? {
            Some((choices, origin, net)) => {
                Ok(Next::Propose(Kind::Explore { origin }, Some(choices), net))
            }
            None => Ok(Next::Phase(Phase::Selection, "every net of the space was tried")),
        }
    }

    /// The explorer's next choices and their net. The explorer itself learns of them by the journal.
    fn ask<Q>(
        &mut self,
        space: &Space,
        quiet: &impl Fn() -> Q,
    ) -> Result<Option<(Choices, Origin, Net)>, SearchError> {
        let mut explorer = self.state.explorer.clone();
        let (mut fatal, mut last) = (None, None);
        let asked = explorer.ask(&mut |choices| {
            let fitted = space.net(choices).map_err(SearchError::from);
            let fitted = fitted.and_then(|net| self.fit(&net, quiet));
            let checked = fitted.and_then(|net| Ok(space.check_net(&net).map(|()| net)?));
            match checked {
                Ok(net) => {
                    self.nets.insert(choices.to_vec(), net);
                    true
                }
                Err(SearchError::Space(why)) => {
                    last = Some(why);
                    false
                }
                Err(error) => {
                    fatal = Some(error);
                    false
                }
            }
        });
        match (fatal, asked, last) {
            (Some(error), ..) => Err(error),
            (None, Some(number), _) => {
                let trial = &explorer.trials()[number];
                let net = self.nets.remove(&trial.choices).expect("it was legal");
                self.nets.clear();
                Ok(Some((trial.choices.clone(), trial.origin, net)))
            }
            (None, None, Some(last)) if explorer.trials().is_empty() => {
                Err(SearchError::NoNet { last })
            }
            (None, None, _) => Ok(None),
        }
    }

    fn fit<Q>(&mut self, net: &Net, quiet: &impl Fn() -> Q) -> Result<Net, SearchError> {
        self.costs.fit(net, quiet)
    }

    /// One long training of each of the best. While others still explore, references are trained, which
    /// the final comparison needs anyway.
    fn next_to_select(&self) -> Next {
        let state = &self.state;
        let is_open = |long: bool| {
            state.trials.iter().any(|trial| trial.is_long() == long && trial.outcome.is_none())
        };
        if is_open(false) {
            return self.next_filler();
        }
        let best = state.best(self.affordable_finalists());
        let Some(&first) = best.first() else { return Next::Done };
        let selection = |source: usize| {
            state.trials.iter().find(|t| t.proposal.kind == Kind::Selection { source })
        };
        let begun = state.trials.iter().any(|t| matches!(t.proposal.kind, Kind::Selection { .. }));
        // Once some are proposed, it is those that were the best then.
        if best.len() > 1 && (!begun || best.iter().any(|source| selection(*source).is_some())) {
            if let Some(source) = best.iter().find(|source| selection(**source).is_none()) {
                let net = state.trials[*source].proposal.net.clone();
                return Next::Propose(Kind::Selection { source: *source }, None, net);
            }
            if best.iter().any(|source| selection(*source).is_some_and(|t| t.outcome.is_none())) {
                return self.next_filler();
            }
        }
        let top1 = |source: &usize| selection(*source).and_then(|trial| trial.top1());
        let scored = best.iter().filter_map(|source| Some((top1(source)?, *source)));
        // Among equals, the better of the short trials, which comes first.
        let winner = scored.rev().max_by(|a, b| a.0.total_cmp(&b.0)).map_or(first, |(_, s)| s);
        let random = state.best_random().filter(|random| *random != winner);
        Next::Phase(Phase::Final { winner, random }, "the winner is chosen")
    }

    /// How many nets can be trained for long, one after another, to choose among them: none of the time
    /// for the winner and the best reference may be taken.
    fn affordable_finalists(&self) -> usize {
        let settings = &self.state.header.settings;
        let Some(seconds) = self.state.seconds(true) else { return 1 };
        let slots = self.state.left(self.selection_began()) * settings.workers as f64 / seconds;
        let spare = (slots - 2.0).max(0.0) as usize;
        if spare < 2 { 1 } else { settings.finalists.min(spare) }
    }

    /// When the choice among finalists began, so that their number does not change meanwhile.
    fn selection_began(&self) -> f64 {
        let selections =
            self.state.trials.iter().filter(|t| matches!(t.proposal.kind, Kind::Selection { .. }));
        let first = selections.map(|trial| trial.proposal.clock).reduce(f64::min);
        first.unwrap_or_else(|| self.clock())
    }

    /// A training of a reference with the first fresh seed.
    fn next_filler(&self) -> Next {
        let references = self.state.references().count();
        let entrants = (0..references).map(Entrant::Reference).collect::<Vec<_>>();
        match self.missing(&entrants, 1) {
            Some(entrant) if self.is_affordable() => self.propose_final(entrant),
            _ => Next::Wait,
        }
    }

    fn next_final(&self, winner: usize, random: Option<usize>) -> Next {
        let mut entrants = vec![Entrant::Winner(winner)];
        entrants.extend((0..self.state.references().count()).map(Entrant::Reference));
        entrants.extend(random.map(Entrant::Random));
        match self.missing(&entrants, self.state.header.settings.seeds) {
            Some(entrant) if self.is_affordable() => self.propose_final(entrant),
            _ => Next::Done,
        }
    }

    /// What has the fewest trainings with fresh seeds, the first among equals, if they are fewer than
    /// `seeds`.
    fn missing(&self, entrants: &[Entrant], seeds: usize) -> Option<Entrant> {
        let runs = |entrant: &Entrant| {
            let is_own =
                |kind: &Kind| matches!(kind, Kind::Final { entrant: own } if own == entrant);
            self.state.trials.iter().filter(|trial| is_own(&trial.proposal.kind)).count()
        };
        let fewest = entrants.iter().min_by_key(|entrant| runs(entrant))?;
        (runs(fewest) < seeds).then(|| fewest.clone())
    }

    fn is_affordable(&self) -> bool {
        let seconds = self.state.seconds(true).unwrap_or(0.0);
        self.state.left(self.clock()) >= seconds
    }

    fn propose_final(&self, entrant: Entrant) -> Next {
        let net = self.state.entrant_net(&entrant).expect("it takes part").clone();
        Next::Propose(Kind::Final { entrant }, None, net)
    }
}
