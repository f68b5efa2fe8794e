//! Comparing nets by their finished runs.
//!
//! Runs of one net that differ only in the seed are one [`Entrant`]. The score of a run is the
//! validation accuracy of its last epoch, so that no epoch is chosen by the images that judge it.

mod differences;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use seesaw_arch::Net;
use serde::Serialize;

use crate::{
    TrainError,
    run::{Config, EpochTime, RunFolder, read_log, read_times},
};

use differences::differences;

/// Finished runs by net.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The nets, in the order in which their first runs were given.
    pub entrants: Vec<Entrant>,
    /// What else the runs differ in, each with its values. A fair comparison has none.
    pub differences: Vec<String>,
    /// Standard deviation of a run's score, pooled over the nets that have several seeds, each
    /// around its own mean; `None` if no net has several.
    pub spread: Option<f64>,
}

/// A net and its runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Entrant {
    /// The net.
    pub net: Net,
    /// Its runs, each with another seed.
    pub runs: Vec<Score>,
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// Its folder.
    pub run: PathBuf,
    /// Its seed.
    pub seed: u64,
    /// Epochs.
    pub epochs: usize,
    /// Share of the validation images that were classified correctly after the last epoch.
    pub top1: f64,
    /// Seconds that training took, without validation; `None` without `timing.csv`. Of an epoch that
    /// was resumed, only the last part was timed; the rest counts as if it had been as fast.
    pub train_s: Option<f64>,
}

/// The distance between the mean scores of two nets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Distance {
    /// Difference of the means.
    pub top1: f64,
    /// Its standard error, from the spread over seeds.
    pub standard_error: Option<f64>,
}

impl Comparison {
    /// Reads the folders of finished runs.
    ///
    /// # Errors
    /// [`TrainError::NoRun`]; [`TrainError::Unfinished`]; [`TrainError::SameSeed`]; when a file of a
    /// run cannot be read.
    pub fn read(folders: &[PathBuf]) -> Result<Self, TrainError> {
        let mut configs = Vec::new();
        let mut entrants: Vec<Entrant> = Vec::new();
        for folder in folders {
            let (config, score) = read_run(folder)?;
            let entrant = entrants.iter_mut().find(|e| is_same_net(&e.net, &config.net));
            match entrant {
                None => entrants.push(Entrant { net: config.net.clone(), runs: vec![score] }),
                Some(entrant) if entrant.runs.iter().any(|run| run.seed == score.seed) => {
                    let (folder, net, seed) = (folder.clone(), config.net.name, score.seed);
                    return Err(TrainError::SameSeed { folder, net, seed });
                }
                Some(entrant) => entrant.runs.push(score),
            }
            configs.push(config);
        }
        let spread = spread(&entrants);
        Ok(Self { differences: differences(&configs), entrants, spread })
    }

    /// The entrant with the highest mean.
    pub fn best(&self) -> Option<&Entrant> {
        self.entrants.iter().max_by(|a, b| a.mean().total_cmp(&b.mean()))
    }

    /// How far the mean of `one` lies above that of `other`.
    pub fn distance(&self, one: &Entrant, other: &Entrant) -> Distance {
        let runs = |entrant: &Entrant| 1.0 / entrant.runs.len() as f64;
        let error = |spread: f64| spread * (runs(one) + runs(other)).sqrt();
        Distance { top1: one.mean() - other.mean(), standard_error: self.spread.map(error) }
    }
}

impl Entrant {
    /// Mean score of the runs.
    pub fn mean(&self) -> f64 {
        self.runs.iter().map(|run| run.top1).sum::<f64>() / self.runs.len() as f64
    }

    /// Mean seconds that the training of a run took; `None` if one of them was not timed.
    pub fn train_s(&self) -> Option<f64> {
        let seconds: Option<f64> = self.runs.iter().map(|run| run.train_s).sum();
        seconds.map(|seconds| seconds / self.runs.len() as f64)
    }
}

fn read_run(folder: &Path) -> Result<(Config, Score), TrainError> {
    let run = RunFolder::new(folder);
    let config = Config::read(&run.config())?;
    let rows = read_log(&run.log())?;
    let last = rows.last().filter(|last| last.epoch == config.recipe.epochs.count());
    let Some((last, top1)) = last.and_then(|last| Some((last, last.val_top1?))) else {
        return Err(TrainError::Unfinished {
            folder: folder.to_owned(),
            done: rows.last().map_or(0, |row| row.epoch),
            epochs: config.recipe.epochs.count(),
        });
    };
    let score = Score {
        run: folder.to_owned(),
        seed: config.recipe.seed,
        epochs: last.epoch,
        top1,
        train_s: match run.timing().exists() {
            true => Some(train_seconds(&read_times(&run.timing())?)),
            false => None,
        },
    };
    Ok((config, score))
}

fn train_seconds(times: &[EpochTime]) -> f64 {
    let whole = times.iter().map(|time| time.train_images).max().unwrap_or_default() as f64;
    times.iter().map(|time| time.train_s * whole / time.train_images.max(1) as f64).sum()
}

/// Whether runs are of one net, however photos are prepared for it: that is part of the recipe.
fn is_same_net(one: &Net, other: &Net) -> bool {
    Net { preprocess: None, ..one.clone() } == Net { preprocess: None, ..other.clone() }
}

/// The pooled standard deviation; each net with `n` runs has `n - 1` degrees of freedom.
fn spread(entrants: &[Entrant]) -> Option<f64> {
    let (mut squares, mut freedom) = (0.0, 0);
    for entrant in entrants {
        let mean = entrant.mean();
        squares += entrant.runs.iter().map(|run| (run.top1 - mean).powi(2)).sum::<f64>();
        freedom += entrant.runs.len() - 1;
    }
    (freedom > 0).then(|| (squares / freedom as f64).sqrt())
}
