//! One training of a search: an ordinary run in a folder of its own.

use std::{
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use seesaw_format::replace_file;
use seesaw_kernels::Machine;
use seesaw_train::{
    TrainError,
    metrics::Keep,
    run::{EpochRow, RunFolder, read_log, read_times},
    trainer::{self, Listener, RunOptions, Start, Trainer},
};
use serde::{Deserialize, Serialize};

use crate::journal::{Header, Proposal};

/// A training to begin or continue.
pub struct Training<'a> {
    pub header: &'a Header,
    pub proposal: &'a Proposal,
    /// The run folder.
    pub folder: PathBuf,
    /// Where the data set lies now.
    pub data: &'a Path,
    /// Whether it is long, so that its predictions are kept.
    pub is_long: bool,
}

/// What a finished training came to.
pub struct Result {
    pub score: f64,
    pub top1: f64,
    pub seconds: f64,
}

/// Whether a held-out image was classified correctly: a line of `held-out.csv`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldOut {
    /// The image's index.
    pub index: u32,
    /// 1 or 0.
    pub right: u8,
}

impl Training<'_> {
    /// Trains to the end; `None` if it was asked to stop before.
    pub fn run(
        &self,
        options: &RunOptions,
        stop: &AtomicBool,
        on: Listener<'_>,
    ) -> std::result::Result<Option<Result>, TrainError> {
        let machine = Machine::from_env(1)?;
        let mut trainer = self.open(&machine, options, on)?;
        if trainer.run(stop, on)? == trainer::Outcome::Stopped {
            return Ok(None);
        }
        let run = RunFolder::new(&self.folder);
        if self.is_long {
            let evaluation = trainer.evaluate(Keep::default().predictions(true))?;
            let lines = evaluation.predictions().iter().map(|prediction| HeldOut {
                index: prediction.index,
                right: u8::from(prediction.predicted == prediction.truth),
            });
            write_held_out(&held_out_file(&self.folder), lines)?;
        }
        let rows = read_log(&run.log())?;
        let times = read_times(&run.timing())?;
        Ok(Some(Result {
            score: score(&rows),
            top1: rows.last().and_then(|row| row.val_top1).unwrap_or_default(),
            seconds: times.iter().map(|time| time.train_s + time.val_s).sum(),
        }))
    }

    fn open(
        &self,
        machine: &Machine,
        options: &RunOptions,
        on: Listener<'_>,
    ) -> std::result::Result<Trainer, TrainError> {
        if RunFolder::new(&self.folder).config().exists() {
            let options = options.clone().data(self.data.to_owned());
            return Trainer::resume(&self.folder, machine, &options, on);
        }
        let Training { header, proposal, .. } = self;
        let mut recipe = if self.is_long { header.long.clone() } else { header.short.clone() };
        recipe.seed = proposal.seed;
        let mut net = proposal.net.clone();
        net.name = format!("{}-{:04}", net.name, proposal.trial);
        let mut start = Start::new(self.data, net, recipe, &self.folder);
        start.limit = header.limit;
        Trainer::start(&start, machine, options, on)
    }
}

/// The mean training loss of all epochs but the first, which says nothing about the net; negated.
fn score(rows: &[EpochRow]) -> f64 {
    let rows = if rows.len() > 1 { &rows[1..] } else { rows };
    -rows.iter().map(|row| row.train_loss).sum::<f64>() / rows.len().max(1) as f64
}

/// The file of a run with what was said of each held-out image.
pub fn held_out_file(run: &Path) -> PathBuf {
    run.join("held-out.csv")
}

fn write_held_out(
    path: &Path,
    lines: impl Iterator<Item = HeldOut>,
) -> std::result::Result<(), TrainError> {
    let written = replace_file(path, |file| {
        let mut writer = csv::Writer::from_writer(std::io::BufWriter::new(file));
        for line in lines {
            writer.serialize(line)?;
        }
        writer.flush()
    });
    written.map_err(|error| TrainError::Io { path: path.to_owned(), error })
}
