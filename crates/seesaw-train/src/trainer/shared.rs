//! Epochs of which several ranks each compute a share.

use std::{
    ops::Range,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use seesaw_data::{Batch, Loader, loader::Epoch};
use seesaw_engine::Plan;

use super::{
    Event, Listener, Trainer,
    observers::{Observers, StepEnd},
};
use crate::{
    TrainError,
    learner::{Flags, Report, SharedStep},
    metrics::{Score, score_batch},
    ranks::unexpected,
};

/// Batches of validation that each rank computes before the ranks tell each other what came of them.
const BATCHES_AT_ONCE: usize = 8;

/// The steps of an epoch that are left, and what this rank knows between them.
struct Steps<'a> {
    batches: usize,
    /// This rank's batches of all steps.
    own: Epoch,
    stop: &'a AtomicBool,
    saved: Instant,
    unsaved: u64,
    /// The longest time that this rank has computed for a step.
    longest: Duration,
    /// An error of this rank since the ranks last met.
    failed: Result<(), TrainError>,
}

impl Trainer {
    /// Trains the rest of the epoch together with the other ranks; whether it got to the end before one
    /// of them was asked to stop.
    pub(super) fn train_epoch_shared(
        &mut self,
        loader: &Loader,
        stop: &AtomicBool,
        observers: &mut Observers,
        on: Listener<'_>,
    ) -> Result<bool, TrainError> {
        let (done, batches) = (self.progress.batch, loader.batches());
        on(self.epoch_begins(batches));
        let all = steps(done..batches, self.config.recipe.accumulate);
        let own = all.iter().flat_map(|step| self.ranks.share(step.clone())).collect();
        let mut steps = Steps {
            batches,
            own: loader.batches_of(self.progress.epoch as u64, own),
            stop,
            saved: Instant::now(),
            unsaved: 0,
            longest: Duration::ZERO,
            failed: Ok(()),
        };
        for step in all {
            let (flags, end) = self.shared_step(step, &mut steps, on)?;
            steps.unsaved += 1;
            steps.failed = observers.step_ends(&end);
            if flags.stop || flags.save {
                let written = std::mem::replace(&mut steps.failed, Ok(()));
                let written = written.and_then(|()| observers.flush()).and_then(|()| self.save());
                self.ranks.wait_long();
                self.ranks.agree(written)?;
                on(Event::Saved { step: end.step });
                (steps.saved, steps.unsaved) = (Instant::now(), 0);
            }
            if flags.stop {
                return Ok(false);
            }
        }
        self.ranks.wait_long();
        self.ranks.agree(steps.failed)?;
        Ok(true)
    }

    /// Makes one step of these batches of the epoch.
    fn shared_step(
        &mut self,
        step: Range<usize>,
        steps: &mut Steps<'_>,
        on: Listener<'_>,
    ) -> Result<(Flags, StepEnd), TrainError> {
        let epoch = self.progress.epoch + 1;
        let rate = self.rate_at(step.start, steps.batches);
        let started = Instant::now();
        let failed = std::mem::replace(&mut steps.failed, Ok(()));
        let own = failed.and_then(|()| self.compute_share(step.clone(), &mut steps.own));
        steps.longest = steps.longest.max(started.elapsed());
        self.ranks.wait_for_steps(steps.longest);
        let flags = Flags {
            stop: steps.stop.load(Ordering::Relaxed),
            save: self.save.is_due(steps.unsaved + 1, steps.saved.elapsed()),
        };
        let own = own.map(|report| (report, flags));
        let ranks = self.ranks.clone();
        let made = self.learner.step_shared(&ranks, step.len(), own, rate);
        let SharedStep { batches, flags } = made.map_err(|error| error.in_epoch(epoch))?;
        let mut loss = 0.0;
        for batch in batches {
            loss = batch.0;
            on(self.count_batch(batch, rate));
        }
        Ok((flags, StepEnd { step: self.learner.memory().optimizer.steps(), loss, rate }))
    }

    /// Computes this rank's share of a step.
    fn compute_share(&mut self, step: Range<usize>, own: &mut Epoch) -> Result<Report, TrainError> {
        let mut report = Report::default();
        for number in self.ranks.share(step.clone()) {
            let batch = own.next().expect("the epoch has this rank's batches of all steps")?;
            self.learner.compute_share(&batch, number - step.start, &mut report)?;
        }
        Ok(report)
    }

    /// Evaluates on the validation images together with the other ranks; `None` where one of them was
    /// asked to stop before the end.
    pub(super) fn validate_shared(
        &self,
        plan: &Plan,
        labels: &dyn Fn(&Batch) -> Result<Vec<u32>, TrainError>,
        stop: &AtomicBool,
        on: Listener<'_>,
    ) -> Result<Option<Score>, TrainError> {
        let rounds = steps(0..self.val.batches(), BATCHES_AT_ONCE * self.ranks.count());
        let own = rounds.iter().flat_map(|round| self.ranks.share(round.clone())).collect();
        let mut own = self.val.batches_of(0, own);
        let (mut score, total) = (Score::default(), self.val.images());
        for round in rounds {
            let share = self.ranks.share(round).len();
            let scored = own.by_ref().take(share).try_fold(Score::default(), |mut score, batch| {
                let batch = batch?;
                score_batch(plan, &batch, &labels(&batch)?, &mut score)?;
                Ok(score)
            });
            let stops = u8::from(stop.load(Ordering::Relaxed));
            let scored = scored.map(|score| [&[stops], &score.to_bytes()[..]].concat());
            let all = self.ranks.exchange(scored)?;
            let mut stopped = false;
            for (rank, bytes) in all.iter().enumerate() {
                let (stops, bytes) = bytes.split_first().ok_or_else(|| unexpected(rank))?;
                stopped |= *stops == 1;
                score.append(bytes).ok_or_else(|| unexpected(rank))?;
            }
            let done = score.counts().images;
            on(Event::Validating { done, total });
            if stopped && done < total {
                return Ok(None);
            }
        }
        Ok(Some(score))
    }
}

/// Cuts batches into steps of so many; the last may have less.
fn steps(batches: Range<usize>, each: usize) -> Vec<Range<usize>> {
    let end = batches.end;
    batches.step_by(each).map(|start| start..(start + each).min(end)).collect()
}
