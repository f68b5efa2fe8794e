//! Which nets to try: an ask-and-tell interface over choices that are numbers.
//!
//! An [`Explorer`] asks for the score of a few choices that spread evenly over all levels. Then a model
//! of [main effects](crate::effects) proposes mutants of the best, and every sixth proposal is random,
//! so that the model can be wrong. It knows nothing of nets: `legal` says which choices there are.
//!
//! ```
//! use seesaw_search::explore::{Explorer, Settings};
//!
//! // Three factors with three levels each, of which the last are best.
//! let mut explorer = Explorer::new(vec![3; 3], 1, Settings::default());
//! for _ in 0..24 {
//!     let trial = explorer.ask(&mut |_| true).expect("27 choices are more than 24");
//!     let score = explorer.trials()[trial].choices.iter().sum::<usize>() as f64;
//!     explorer.tell(trial, Some(score));
//! }
//! assert_eq!(explorer.best(1)[0].choices, [2, 2, 2]);
//! ```

mod random;
#[cfg(test)]
mod simulation;

use std::collections::HashSet;

use seesaw_arch::space::Choices;
use serde::{Deserialize, Serialize};

use crate::effects::MainEffects;
use random::Random;

/// How an [`Explorer`] proposes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Trials that spread evenly over all levels, before a model proposes any.
    pub start: usize,
    /// One of so many later proposals is random.
    pub random_every: usize,
    /// Choices among which the model looks for the best: random ones, and as many mutants again and a
    /// half.
    pub pool: usize,
    /// Trials whose mutants are looked at: the best by the model.
    pub parents: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { start: 21, random_every: 6, pool: 200, parents: 6 }
    }
}

/// Where a proposal came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The even spread over all levels, at random otherwise.
    Start,
    /// At random.
    Random,
    /// A model of the trials so far.
    Model,
}

/// Choices that were proposed.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// A level for each factor.
    pub choices: Choices,
    /// Who proposed it.
    pub origin: Origin,
    /// Its score, of which more is better; `None` as long as it is not told.
    pub score: Option<f64>,
    /// Whether it ended without a score.
    pub failed: bool,
}

/// Proposes choices, and learns from their scores.
///
/// The next proposal depends on the seed, the trials and their scores alone, so a search that was
/// interrupted goes on as it would have: see [`Self::restore`].
#[derive(Debug, Clone)]
pub struct Explorer {
    levels: Vec<usize>,
    seed: u64,
    settings: Settings,
    start: Vec<Choices>,
    trials: Vec<Trial>,
    /// Choices that are not legal, so that nobody has to ask again.
    illegal: HashSet<Choices>,
}

/// Attempts to find something new at random before a space counts as exhausted.
const ATTEMPTS: usize = 1_000;

impl Explorer {
    /// An explorer of factors with so many levels.
    ///
    /// # Panics
    /// When a factor has no level, or no setting is at least 1.
    pub fn new(levels: Vec<usize>, seed: u64, settings: Settings) -> Self {
        assert!(levels.iter().all(|count| *count > 0), "a level of each factor");
        let Settings { random_every, pool, parents, .. } = settings;
        assert!(random_every > 0 && pool > 0 && parents > 0, "settings of at least 1");
        let start = even_spread(&levels, seed, settings.start);
        Self { levels, seed, settings, start, trials: vec![], illegal: HashSet::new() }
    }

    /// All trials, by the numbers that [`Self::ask`] gave them.
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// A new trial, by its number; `None` when nothing new was found. `legal` says whether choices can
    /// be tried at all.
    pub fn ask(&mut self, legal: &mut dyn FnMut(&[usize]) -> bool) -> Option<usize> {
        let mut random = Random::new(self.seed, self.trials.len() as u64);
        let number = self.trials.len();
        let (choices, origin) = match self.start.get(number).cloned() {
            Some(choices) if self.is_free(&choices, legal) => (choices, Origin::Start),
            Some(_) => (self.any(&mut random, legal)?, Origin::Start),
            None => {
                let later = number - self.start.len();
                let by_model = match (later + 1).is_multiple_of(self.settings.random_every) {
                    true => None,
                    false => self.by_model(&mut random, legal),
                };
                match by_model {
                    Some(choices) => (choices, Origin::Model),
                    None => (self.any(&mut random, legal)?, Origin::Random),
                }
            }
        };
        Some(self.restore(choices, origin))
    }

    /// Adds a trial that an explorer like this one proposed earlier; its number.
    ///
    /// # Panics
    /// When the choices are not one level for each factor.
    pub fn restore(&mut self, choices: Choices, origin: Origin) -> usize {
        let fits = choices.len() == self.levels.len()
            && choices.iter().zip(&self.levels).all(|(choice, count)| choice < count);
        assert!(fits, "a level for each factor");
        self.trials.push(Trial { choices, origin, score: None, failed: false });
        self.trials.len() - 1
    }

    /// The score of a trial, of which more is better; `None` if it has none because it failed.
    ///
    /// # Panics
    /// When there is no such trial.
    pub fn tell(&mut self, trial: usize, score: Option<f64>) {
        let trial = &mut self.trials[trial];
        trial.score = score.filter(|score| score.is_finite());
        trial.failed = trial.score.is_none();
    }

    /// The main effects of what was told so far; `None` with fewer than three scores.
    pub fn model(&self) -> Option<MainEffects> {
        MainEffects::fit(&self.levels, &self.scored())
    }

    /// The trials with a score.
    pub fn scored(&self) -> Vec<(&[usize], f64)> {
        let scored = |trial: &'_ Trial| trial.score.is_some();
        let scored = self.trials.iter().filter(|trial| scored(trial));
        scored.map(|trial| (&trial.choices[..], trial.score.unwrap_or_default())).collect()
    }

    /// The best trials: by the mean of their own score and the model's, which knows of other trials
    /// with the same levels.
    pub fn best(&self, count: usize) -> Vec<&Trial> {
        let model = self.model();
        let value = |trial: &Trial| {
            let own = trial.score.unwrap_or(f64::NEG_INFINITY);
            model.as_ref().map_or(own, |model| (own + model.predict(&trial.choices)) / 2.0)
        };
        let mut trials: Vec<(f64, &Trial)> =
            self.trials.iter().filter(|t| t.score.is_some()).map(|t| (value(t), t)).collect();
        // Among equals, the earlier.
        trials.sort_by(|a, b| b.0.total_cmp(&a.0));
        trials.into_iter().take(count).map(|(_, trial)| trial).collect()
    }

    /// Whether the last three times six proposals made the best choices of the model better by no more
    /// than a standard error, so that more trials would bring little.
    pub fn has_converged(&self) -> bool {
        let scored = self.scored();
        let earlier = scored.len().saturating_sub(3 * self.settings.random_every);
        if earlier < self.settings.start.max(3) {
            return false;
        }
        let best = |trials: &[(&[usize], f64)]| {
            let model = MainEffects::fit(&self.levels, trials)?;
            let all = trials.iter().map(|(choices, _)| (model.predict(choices), *choices));
            let (value, choices) = all.max_by(|a, b| a.0.total_cmp(&b.0))?;
            Some((value, model.standard_error(choices)))
        };
        match (best(&scored[..earlier]), best(&scored)) {
            (Some((before, _)), Some((now, error))) => now - before <= error,
            _ => false,
        }
    }

    /// Whether choices are new and legal.
    fn is_free(&mut self, choices: &[usize], legal: &mut dyn FnMut(&[usize]) -> bool) -> bool {
        if self.trials.iter().any(|t| t.choices == choices) || self.illegal.contains(choices) {
            return false;
        }
        let fits = legal(choices);
        if !fits {
            self.illegal.insert(choices.to_vec());
        }
        fits
    }

    fn any(
        &mut self,
        random: &mut Random,
        legal: &mut dyn FnMut(&[usize]) -> bool,
    ) -> Option<Choices> {
        let mut attempts = (0..ATTEMPTS).map(|_| random.choices(&self.levels)).collect::<Vec<_>>();
        attempts.retain(|choices| !self.illegal.contains(choices));
        attempts.into_iter().find(|choices| self.is_free(choices, legal))
    }

    /// The choices with the best prediction, among random ones and mutants of the best trials.
    fn by_model(
        &mut self,
        random: &mut Random,
        legal: &mut dyn FnMut(&[usize]) -> bool,
    ) -> Option<Choices> {
        let model = self.model()?;
        let mut pool: Vec<Choices> =
            (0..self.settings.pool).map(|_| random.choices(&self.levels)).collect();
        let mut parents: Vec<(f64, &Choices)> =
            self.trials.iter().map(|t| (model.predict(&t.choices), &t.choices)).collect();
        parents.sort_by(|a, b| b.0.total_cmp(&a.0));
        parents.truncate(self.settings.parents);
        for mutant in 0..self.settings.pool * 3 / 2 {
            let (_, parent) = parents[mutant % parents.len()];
            pool.push(random.mutant(parent, &self.levels));
        }
        let mut pool: Vec<(f64, Choices)> =
            pool.into_iter().map(|choices| (model.predict(&choices), choices)).collect();
        pool.sort_by(|a, b| b.0.total_cmp(&a.0));
        pool.into_iter().map(|(_, choices)| choices).find(|choices| self.is_free(choices, legal))
    }
}

/// So many choices in which the levels of each factor are about equally frequent.
fn even_spread(levels: &[usize], seed: u64, count: usize) -> Vec<Choices> {
    let mut random = Random::new(seed, u64::MAX);
    let columns: Vec<Vec<usize>> = levels
        .iter()
        .map(|&levels| {
            // Which levels come once more than others is random too.
            let first = random.below(levels);
            let mut column: Vec<usize> = (0..count).map(|i| (first + i) % levels).collect();
            random.shuffle(&mut column);
            column
        })
        .collect();
    (0..count).map(|row| columns.iter().map(|column| column[row]).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(choices: &[usize]) -> f64 {
        choices.iter().enumerate().map(|(factor, level)| (factor + 1) as f64 * *level as f64).sum()
    }

    #[test]
    fn the_start_spreads_evenly() {
        let levels = [2, 3, 7];
        let start = even_spread(&levels, 5, 21);
        for (factor, &count) in levels.iter().enumerate() {
            for level in 0..count {
                let found = start.iter().filter(|choices| choices[factor] == level).count();
                assert!(found.abs_diff(21 / count) <= 1, "factor {factor}, level {level}: {found}");
            }
        }
        assert_ne!(start, even_spread(&levels, 6, 21));
    }

    #[test]
    fn a_restored_explorer_proposes_the_same() {
        let mut explorer = Explorer::new(vec![4; 6], 9, Settings::default());
        let legal = &mut |choices: &[usize]| choices[0] + choices[1] != 3;
        for _ in 0..40 {
            let trial = explorer.ask(legal).unwrap();
            // Some are still in work when the next is asked for.
            if !trial.is_multiple_of(3) {
                let score = score(&explorer.trials()[trial].choices);
                explorer.tell(trial, (trial != 10).then_some(score));
            }
        }
        for known in [0, 5, 21, 22, 33, 39] {
            let mut other = Explorer::new(vec![4; 6], 9, Settings::default());
            for trial in &explorer.trials()[..known] {
                let number = other.restore(trial.choices.clone(), trial.origin);
                if trial.score.is_some() || trial.failed {
                    other.tell(number, trial.score);
                }
            }
            let next = other.ask(legal).unwrap();
            let (found, expected) = (&other.trials()[next], &explorer.trials()[known]);
            assert_eq!((&found.choices, found.origin), (&expected.choices, expected.origin));
        }
        let all: HashSet<&Choices> = explorer.trials().iter().map(|trial| &trial.choices).collect();
        assert_eq!(all.len(), 40, "nothing is proposed twice");
        assert!(all.iter().all(|choices| choices[0] + choices[1] != 3));
        let random =
            explorer.trials().iter().filter(|trial| trial.origin == Origin::Random).count();
        assert_eq!(random, (40 - 21) / 6);
    }

    #[test]
    fn a_space_is_exhausted_and_a_hopeless_search_converges() {
        let mut explorer = Explorer::new(vec![2, 2], 1, Settings::default());
        let mut found = 0;
        while let Some(trial) = explorer.ask(&mut |choices| choices != [1, 1]) {
            explorer.tell(trial, Some(0.0));
            found += 1;
        }
        assert_eq!(found, 3);
        let mut explorer = Explorer::new(vec![5; 8], 1, Settings::default());
        let mut noise = 1;
        let mut trials = 0;
        while !explorer.has_converged() {
            let trial = explorer.ask(&mut |_| true).unwrap();
            let score = seesaw_arch::splitmix64::next(&mut noise) as f64 / u64::MAX as f64;
            explorer.tell(trial, Some(score));
            trials += 1;
            assert!(trials < 200, "noise has no best");
        }
        assert!(trials >= 21 + 18, "{trials}");
    }
}
