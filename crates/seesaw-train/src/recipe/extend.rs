//! Runs of another number of epochs than they were started with.

use std::fmt;

use super::Recipe;
use crate::schedule::ScheduleKind;

/// Why a run cannot go on as one that was started with another number of epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OtherLength {
    /// So many epochs are already done.
    Done(usize),
    /// The number of epochs decides the rates of this schedule.
    Schedule(ScheduleKind),
    /// The number of epochs decides how long the warm-up is.
    WarmUp,
    /// The number of epochs decides the size of the images that validation sees: before, and now.
    Size(usize, usize),
    /// The run stopped early, after so many epochs without a better validation.
    Patience(usize),
}

impl fmt::Display for OtherLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(done) => write!(f, "{done} epochs are already done"),
            Self::Schedule(kind) => write!(
                f,
                "the rates of its schedule `{}` depend on the number of epochs, so those of the \
                 epochs that are done would have been others",
                kind.name()
            ),
            Self::WarmUp => f.write_str(
                "its warm-up takes at most half of the epochs, and would have been longer or shorter",
            ),
            Self::Size(before, now) => write!(
                f,
                "its images grow with the epochs: it has validated at {before} pixels, and a run of \
                 that length validates at {now}"
            ),
            Self::Patience(epochs) => write!(
                f,
                "it stopped early because {epochs} epochs brought no better validation, and so would \
                 a run of that length"
            ),
        }
    }
}

impl Recipe {
    /// Why epochs that were trained with this recipe are not also the first ones of a training of
    /// `epochs`, if they are not. `net_size` is the net's own image size.
    pub fn differs_with(&self, epochs: usize, net_size: usize) -> Option<OtherLength> {
        let ours = self.epochs.count();
        if epochs == ours {
            return None;
        }
        let schedule = &self.schedule;
        if !schedule.agrees(ours as f64, epochs as f64) {
            let by_warmup = schedule.warmup > 0.0
                && !matches!(schedule.kind, ScheduleKind::Cosine | ScheduleKind::OneCycle);
            return Some(match by_warmup {
                true => OtherLength::WarmUp,
                false => OtherLength::Schedule(schedule.kind),
            });
        }
        let size = |epochs: usize| self.phase(epochs.saturating_sub(1), net_size).size;
        let (before, now) = (size(ours), size(epochs));
        (before != now).then_some(OtherLength::Size(before, now))
    }
}
