//! What a search found.

mod markdown;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use seesaw_arch::Net;
use serde::Serialize;

use crate::{
    SearchError,
    cost::Goal,
    effects::MainEffects,
    explore::Origin,
    journal::{Entrant, Kind, Phase},
    search::Search,
    state::{Outcome, State},
    stats,
    trial::{HeldOut, held_out_file},
};

/// What a search found, in numbers. Accuracies are shares of the held-out images.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The name of the space.
    pub space: String,
    /// What every net costs.
    pub goal: Goal,
    /// Hours that the search has taken, and that it may take.
    pub hours: [f64; 2],
    /// Whether it is over; else this is what is known so far.
    pub complete: bool,
    /// How many short trainings of nets of the space are finished.
    pub explored: usize,
    /// Trainings that failed, each with its reason.
    pub failed: Vec<(usize, String)>,
    /// The net that the search chose; the best so far if it has not chosen yet.
    pub winner: Option<Winner>,
    /// The final comparison, the winner first.
    pub finals: Vec<Finalist>,
    /// Standard deviation of the accuracy between trainings that differ only in their seed, pooled over
    /// the nets of the final comparison.
    pub seed_deviation: Option<f64>,
    /// Short trainings of the nets to compare with.
    pub references: Vec<Short>,
    /// Short trainings of nets of the space.
    pub tried: Vec<Short>,
    /// Random search beside the search.
    pub random: Option<RandomSearch>,
    /// What each level adds, by factor.
    pub effects: Vec<FactorEffects>,
}

/// The net that a search chose.
#[derive(Debug, Clone, Serialize)]
pub struct Winner {
    /// Its short trial.
    pub trial: usize,
    /// What was chosen from the space.
    pub choices: BTreeMap<String, String>,
    /// The net.
    pub net: Net,
}

/// A net in the final comparison.
#[derive(Debug, Clone, Serialize)]
pub struct Finalist {
    /// `the winner`, `random search`, or the name of a reference.
    pub name: String,
    /// The net.
    pub net: Net,
    /// Learned parameters.
    pub params: usize,
    /// Multiply-adds for one image.
    pub madds: u64,
    /// The accuracy of each training, all with fresh seeds.
    pub top1: Vec<f64>,
    /// How far the winner is above it; `None` for the winner itself, or before both were trained.
    pub below_winner: Option<Difference>,
}

/// How far one net is above another.
#[derive(Debug, Clone, Serialize)]
pub struct Difference {
    /// Difference of the mean accuracies.
    pub top1: f64,
    /// Its standard error, from the images, paired, and the seeds.
    pub standard_error: f64,
    /// Trainings of both, compared image by image.
    pub pairs: Vec<Pair>,
}

/// Two trainings, compared image by image.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Pair {
    /// Images that only the winner classified correctly.
    pub only_winner: usize,
    /// Images that only the other classified correctly.
    pub only_other: usize,
    /// The probability of so uneven a split if both are equally good, by McNemar's exact test.
    pub p: f64,
}

/// A short training.
#[derive(Debug, Clone, Serialize)]
pub struct Short {
    /// Its number.
    pub trial: usize,
    /// The net's name.
    pub name: String,
    /// Mean training loss of all epochs but the first.
    pub train_loss: f64,
    /// Accuracy after the last epoch.
    pub top1: f64,
    /// The net.
    #[serde(skip)]
    pub net: Net,
}

/// What random search would have found.
#[derive(Debug, Clone, Serialize)]
pub struct RandomSearch {
    /// Nets that were drawn at random, of all that were explored.
    pub drawn: usize,
    /// The lowest training loss of them.
    pub train_loss: f64,
    /// The lowest to expect of as many random nets as were explored in all, if the losses of random
    /// nets are normally distributed.
    pub expected_train_loss: Option<f64>,
    /// The lowest of the nets that the model proposed.
    pub model_train_loss: Option<f64>,
}

/// The effects of a factor's levels.
#[derive(Debug, Clone, Serialize)]
pub struct FactorEffects {
    /// The factor.
    pub factor: String,
    /// Its levels.
    pub levels: Vec<LevelEffect>,
}

/// What a level adds to the mean over the levels of its factor.
#[derive(Debug, Clone, Serialize)]
pub struct LevelEffect {
    /// The level.
    pub level: String,
    /// Short trainings of nets with it.
    pub trials: usize,
    /// What it adds to the training loss, of which less is better.
    pub train_loss: f64,
    /// The standard error of that.
    pub train_loss_error: f64,
    /// What it adds to the accuracy after a short training.
    pub top1: f64,
    /// The standard error of that.
    pub top1_error: f64,
}

impl Report {
    /// Reads a search, finished or not.
    ///
    /// # Errors
    /// When a file of a trial cannot be read.
    pub fn new(search: &Search) -> Result<Self, SearchError> {
        let state = search.state();
        let failed = state.trials.iter().filter_map(|trial| match &trial.outcome {
            Some(Outcome::Failed { why }) => Some((trial.proposal.trial, why.clone())),
            _ => None,
        });
        let finals = finals(search, &state)?;
        let open = state.trials.iter().any(|trial| trial.outcome.is_none());
        Ok(Self {
            space: search.space().name.clone(),
            goal: state.header.goal,
            hours: [state.clock / 3600.0, state.hours],
            complete: matches!(state.phase, Phase::Final { .. }) && !open,
            explored: state.explorer.scored().len(),
            failed: failed.collect(),
            winner: winner(&state),
            seed_deviation: stats::pooled_deviation(finals.iter().map(|f| &f.top1[..])),
            finals,
            references: state.references().filter_map(short).collect(),
            tried: explored(&state).filter_map(short).collect(),
            random: random_search(&state),
            effects: effects(search, &state),
        })
    }
}

fn winner(state: &State) -> Option<Winner> {
    let trial = match state.phase {
        Phase::Final { winner, .. } => winner,
        _ => *state.best(1).first()?,
    };
    let proposal = &state.trials[trial].proposal;
    let (choices, net) = (proposal.choices.clone(), proposal.net.clone());
    Some(Winner { trial, choices, net })
}

fn explored(state: &State) -> impl Iterator<Item = &crate::state::Trial> {
    let explores = |kind: &Kind| matches!(kind, Kind::Explore { .. });
    state.trials.iter().filter(move |trial| explores(&trial.proposal.kind))
}

fn short(trial: &crate::state::Trial) -> Option<Short> {
    Some(Short {
        trial: trial.proposal.trial,
        name: trial.proposal.net.name.clone(),
        train_loss: -trial.score()?,
        top1: trial.top1()?,
        net: trial.proposal.net.clone(),
    })
}

/// Whether each held-out image was classified correctly in a training.
type Answers = HashMap<u32, bool>;

fn finals(search: &Search, state: &State) -> Result<Vec<Finalist>, SearchError> {
    let mut entrants: Vec<(Entrant, Vec<(f64, Answers)>)> = vec![];
    for trial in &state.trials {
        let (Kind::Final { entrant }, Some(top1)) = (&trial.proposal.kind, trial.top1()) else {
            continue;
        };
        let run = (top1, answers(search, trial.proposal.trial)?);
        match entrants.iter_mut().find(|(known, _)| known == entrant) {
            Some((_, runs)) => runs.push(run),
            None => entrants.push((entrant.clone(), vec![run])),
        }
    }
    // The winner is the first in the order of entrants.
    entrants.sort_by(|(a, _), (b, _)| a.cmp(b));
    let top1: Vec<Vec<f64>> =
        entrants.iter().map(|(_, runs)| runs.iter().map(|(top1, _)| *top1).collect()).collect();
    let deviation = stats::pooled_deviation(top1.iter().map(Vec::as_slice)).unwrap_or(0.0);
    let winner = entrants.first().filter(|(entrant, _)| matches!(entrant, Entrant::Winner(_)));
    let mut finals = vec![];
    for ((entrant, runs), top1) in entrants.iter().zip(&top1) {
        let net = state.entrant_net(entrant).expect("it took part").clone();
        let cost = net.cost(net.input_size)?;
        let other = winner.filter(|(winner, _)| winner != entrant);
        finals.push(Finalist {
            name: match entrant {
                Entrant::Winner(_) => "the winner".to_owned(),
                Entrant::Random(_) => "random search".to_owned(),
                Entrant::Reference(_) => net.name.clone(),
            },
            params: cost.params,
            madds: cost.madds,
            net,
            top1: top1.clone(),
            below_winner: other.map(|(_, winner)| difference(winner, runs, deviation)),
        });
    }
    Ok(finals)
}

fn answers(search: &Search, trial: usize) -> Result<Answers, SearchError> {
    let path = held_out_file(&search.trial_folder(trial));
    let io = |error: csv::Error| SearchError::Io { path: path.clone(), error: error.into() };
    let mut answers = HashMap::new();
    for line in csv::Reader::from_path(&path).map_err(io)?.deserialize() {
        let HeldOut { index, right } = line.map_err(io)?;
        answers.insert(index, right != 0);
    }
    Ok(answers)
}

/// How far the winner's trainings are above another's. `deviation` is that between seeds.
fn difference(winner: &[(f64, Answers)], other: &[(f64, Answers)], deviation: f64) -> Difference {
    let mean = |runs: &[(f64, Answers)]| {
        stats::mean(&runs.iter().map(|(top1, _)| *top1).collect::<Vec<_>>())
    };
    // Of each image, the difference of the shares of trainings that were right.
    let share = |runs: &[(f64, Answers)], index: &u32| {
        let right = runs.iter().filter(|(_, answers)| answers.get(index) == Some(&true)).count();
        right as f64 / runs.len() as f64
    };
    let images: Vec<f64> =
        winner[0].1.keys().map(|index| share(winner, index) - share(other, index)).collect();
    let of_images = stats::deviation(&images).unwrap_or(0.0).powi(2) / images.len().max(1) as f64;
    let of_seeds = deviation * deviation * (1.0 / winner.len() as f64 + 1.0 / other.len() as f64);
    let pairs = winner.iter().zip(other).map(|((_, one), (_, other))| pair(one, other));
    Difference {
        top1: mean(winner) - mean(other),
        standard_error: (of_images + of_seeds).sqrt(),
        pairs: pairs.collect(),
    }
}

fn pair(winner: &Answers, other: &Answers) -> Pair {
    let only = |one: &Answers, other: &Answers| {
        one.iter().filter(|(index, right)| **right && other.get(index) == Some(&false)).count()
    };
    let (only_winner, only_other) = (only(winner, other), only(other, winner));
    Pair { only_winner, only_other, p: stats::mcnemar(only_winner, only_other) }
}

fn random_search(state: &State) -> Option<RandomSearch> {
    let lowest = |model: bool| {
        let trials = state.explorer.trials().iter();
        let own = trials.filter(|trial| (trial.origin == Origin::Model) == model);
        own.filter_map(|trial| Some(-trial.score?)).collect::<Vec<f64>>()
    };
    let (random, model) = (lowest(false), lowest(true));
    let least = |losses: &[f64]| losses.iter().copied().reduce(f64::min);
    let count = random.len() + model.len();
    let expected = stats::deviation(&random)
        .map(|deviation| stats::mean(&random) - deviation * stats::expected_best(count));
    Some(RandomSearch {
        drawn: random.len(),
        train_loss: least(&random)?,
        expected_train_loss: expected,
        model_train_loss: least(&model),
    })
}

fn effects(search: &Search, state: &State) -> Vec<FactorEffects> {
    let factors = search.space().factors();
    let levels: Vec<usize> = factors.iter().map(|factor| factor.levels.len()).collect();
    let by_loss = state.explorer.scored();
    let top1: Vec<f64> = explored(state).filter_map(crate::state::Trial::top1).collect();
    let by_top1: Vec<(&[usize], f64)> =
        by_loss.iter().zip(&top1).map(|((choices, _), top1)| (*choices, *top1)).collect();
    let fits = MainEffects::fit(&levels, &by_loss).zip(MainEffects::fit(&levels, &by_top1));
    let Some((loss, accuracy)) = fits else { return vec![] };
    let all = factors.iter().zip(loss.effects(&by_loss)).zip(accuracy.effects(&by_top1));
    all.map(|((factor, losses), accuracies)| FactorEffects {
        factor: factor.name.clone(),
        levels: factor
            .levels
            .iter()
            .zip(losses.iter().zip(&accuracies))
            .map(|(level, (loss, top1))| LevelEffect {
                level: level.to_string(),
                trials: loss.trials,
                train_loss: -loss.value,
                train_loss_error: loss.standard_error,
                top1: top1.value,
                top1_error: top1.standard_error,
            })
            .collect(),
    })
    .collect()
}
