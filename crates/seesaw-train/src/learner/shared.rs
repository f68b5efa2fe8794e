//! Steps whose batches are shared by several ranks.
//!
//! Each rank computes the gradients of its batches. Then all learn what every batch came to, in the
//! order of the batches: losses, counts, and the statistics that the running ones follow. The gradients
//! are summed in the order of a tree over the batches, and every rank makes the same step.

use seesaw_data::Batch;

use super::{Learner, average};
use crate::{
    TrainError,
    loss::Counts,
    ranks::{Ranks, unexpected},
};

/// After so many steps, the ranks compare what they have learned.
const COMPARED_EVERY: u64 = 100;

/// What a rank has to say at the end of its share of a step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Flags {
    /// Whether it was asked to stop.
    pub stop: bool,
    /// Whether a checkpoint is due; that of rank 0 counts.
    pub save: bool,
}

/// What a rank sends: its flags, a hash, and what its batches came to.
#[derive(Debug, Default)]
pub(crate) struct Report {
    batches: Vec<u8>,
}

/// What a step came to.
#[derive(Debug)]
pub(crate) struct SharedStep {
    /// The loss and the counts of each batch, in order.
    pub batches: Vec<(f64, Counts)>,
    /// Those of all ranks.
    pub flags: Flags,
}

/// Values that are read one after another.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }

    fn float(&mut self) -> Option<f64> {
        self.number().map(f64::from_bits)
    }

    /// What a batch came to, after its statistics, which are written to `statistics`.
    fn batch(&mut self, statistics: &mut [f64]) -> Option<(f64, Counts)> {
        let loss = self.float()?;
        let [images, top1, top5] = [self.number()?, self.number()?, self.number()?];
        for value in statistics {
            *value = self.float()?;
        }
        let [images, top1, top5] = [images, top1, top5].map(|count| count as usize);
        Some((loss, Counts { images, top1, top5 }))
    }
}

impl Learner {
    /// Computes the gradient of one batch of this rank's share; `place` is its place among all batches of
    /// the step.
    pub(crate) fn compute_share(
        &mut self,
        batch: &Batch,
        place: usize,
        report: &mut Report,
    ) -> Result<(), TrainError> {
        let (loss, counts) = self.compute(batch, self.memory.batches + place as u64)?;
        self.sum.push(place, &mut self.gradients);
        let bytes = &mut report.batches;
        bytes.extend(loss.to_le_bytes());
        for count in [counts.images, counts.top1, counts.top5] {
            bytes.extend((count as u64).to_le_bytes());
        }
        bytes
            .extend(self.train_net.batch_statistics().iter().flat_map(|value| value.to_le_bytes()));
        Ok(())
    }

    /// Makes a step of the `total` batches of all ranks, of which this one has computed its share, or
    /// failed to.
    ///
    /// # Errors
    /// On all ranks: when one of them failed, when they have learned different things, or when training
    /// diverges.
    pub(crate) fn step_shared(
        &mut self,
        ranks: &Ranks,
        total: usize,
        own: Result<(Report, Flags), TrainError>,
        rate: f64,
    ) -> Result<SharedStep, TrainError> {
        let step = self.try_step_shared(ranks, total, own, rate);
        if step.is_err() {
            self.sum.clear();
        }
        step
    }

    fn try_step_shared(
        &mut self,
        ranks: &Ranks,
        total: usize,
        own: Result<(Report, Flags), TrainError>,
        rate: f64,
    ) -> Result<SharedStep, TrainError> {
        let own = own.map(|(report, flags)| {
            let flags = u64::from(flags.stop) | u64::from(flags.save) << 1;
            [&flags.to_le_bytes(), &self.hash().to_le_bytes(), &report.batches[..]].concat()
        });
        let all = ranks.exchange(own)?;
        let step = self.read_all(ranks, total, &all)?;
        for (loss, _) in &step.batches {
            ranks.all_know(self.check_loss(*loss, rate))?;
        }
        self.memory.batches += total as u64;
        let gradients = match ranks.group() {
            Some(group) => self.sum.reduce(group, total)?,
            None => self.sum.total(),
        };
        average(gradients, total);
        let updated = self.memory.update(gradients, self.recipe.clip, rate, &self.machine);
        ranks.all_know(updated)?;
        Ok(step)
    }

    /// Reads what all ranks have sent, and lets the running statistics follow those of the batches.
    fn read_all(
        &mut self,
        ranks: &Ranks,
        total: usize,
        all: &[Vec<u8>],
    ) -> Result<SharedStep, TrainError> {
        let mut flags = Flags::default();
        let (mut batches, mut first) = (Vec::with_capacity(total), None);
        let mut statistics = vec![0.0; self.train_net.batch_statistics().len()];
        for (rank, bytes) in all.iter().enumerate() {
            let mut reader = Reader(bytes);
            let bits = reader.number().ok_or_else(|| unexpected(rank))?;
            flags.stop |= bits & 1 == 1;
            flags.save |= rank == 0 && bits >> 1 & 1 == 1;
            let hash = reader.number();
            if *first.get_or_insert(hash) != hash {
                let step = self.memory.optimizer.steps();
                return ranks.all_know(Err(TrainError::RanksDiverged { rank, step }));
            }
            for _ in seesaw_comm::share(total, rank, all.len()) {
                let batch = reader.batch(&mut statistics).ok_or_else(|| unexpected(rank))?;
                self.memory.state.follow(&statistics);
                batches.push(batch);
            }
        }
        Ok(SharedStep { batches, flags })
    }

    /// A hash of what has been learned, if it is to be compared before this step; else 0.
    fn hash(&self) -> u64 {
        if self.memory.optimizer.steps().is_multiple_of(COMPARED_EVERY) {
            self.memory.hash()
        } else {
            0
        }
    }
}
