//! Several workers that train one net together.

use std::{
    fmt,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use seesaw_comm::{CommError, Group, Wire, broadcast_bytes, gather_bytes, share};

use crate::TrainError;

/// How many times longer than in a step ranks wait for each other elsewhere, such as while one of them
/// opens the data set.
const ELSEWHERE: u32 = 60;
/// A rank may be this many times as slow as another one, and is not yet taken for dead.
const SLOWER: u32 = 10;
const ANSWERED: u8 = 0;
const FAILED: u8 = 1;

/// The ranks that carry out a training together, each on a share of the batches of every step.
///
/// What they learn depends neither on how many they are nor on which of them computes a batch, unless
/// gradients are [rounded on the way](Self::wire). All have to be given the same data set, net, recipe
/// and options. Rank 0 writes the run folder, and the others need not see it; all need to read the data
/// set.
#[derive(Clone)]
pub struct Ranks {
    group: Option<Arc<dyn Group>>,
    wire: Wire,
    timeout: Duration,
    /// Whether an error was reported to all ranks.
    failed_together: Arc<AtomicBool>,
}

impl Default for Ranks {
    /// One rank, which exchanges nothing.
    fn default() -> Self {
        let timeout = Duration::from_secs(30);
        Self { group: None, wire: Wire::F32, timeout, failed_together: Arc::default() }
    }
}

impl Ranks {
    /// The ranks of a group, of which this is one.
    pub fn new(group: Arc<dyn Group>) -> Self {
        Self { group: Some(group), ..Self::default() }
    }

    /// The same, with gradients that are sent like that. [`Wire::Bf16`] halves what is sent, and makes
    /// results depend on the number of ranks.
    #[must_use]
    pub fn wire(mut self, wire: Wire) -> Self {
        self.wire = wire;
        self
    }

    /// The same, with ranks that may be so much later than others in a step, in addition to ten times
    /// the duration of the longest step, before the training ends with an error; 30 seconds by default.
    /// Between epochs and at the start it is 60 times as long.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The number of this rank, from 0.
    pub fn rank(&self) -> usize {
        self.group.as_ref().map_or(0, |group| group.rank())
    }

    /// How many ranks there are.
    pub fn count(&self) -> usize {
        self.group.as_ref().map_or(1, |group| group.ranks())
    }

    /// Whether an error was reported to all ranks, each of which has returned it. Of other errors, the
    /// others know nothing.
    pub fn failed_together(&self) -> bool {
        self.failed_together.load(Ordering::Relaxed)
    }

    /// The ranks that have failed at something, which every rank calls this after.
    ///
    /// # Errors
    /// [`TrainError::Comm`].
    pub fn failed(&self, own: bool) -> Result<Vec<usize>, TrainError> {
        self.wait_long();
        let all = self.exchange(Ok(vec![u8::from(own)]))?;
        let failed = (0..).zip(all).filter(|(_, failed)| *failed == [1]);
        Ok(failed.map(|(rank, _)| rank).collect())
    }

    /// Whether this rank writes files.
    pub(crate) fn is_root(&self) -> bool {
        self.rank() == 0
    }

    /// What is sent of gradients.
    pub(crate) fn gradient_wire(&self) -> Wire {
        self.wire
    }

    /// The group, if there is one.
    pub(crate) fn group(&self) -> Option<&dyn Group> {
        self.group.as_deref()
    }

    /// The part of a range of batches that this rank computes.
    pub(crate) fn share(&self, batches: Range<usize>) -> Range<usize> {
        let Range { start, end } = share(batches.len(), self.rank(), self.count());
        batches.start + start..batches.start + end
    }

    /// From now on, ranks wait for each other as long as a step may take, of which the longest so far
    /// took that long here.
    pub(crate) fn wait_for_steps(&self, longest: Duration) {
        self.set_patience(self.timeout + SLOWER * longest);
    }

    /// From now on, ranks wait for each other as long as anything may take.
    pub(crate) fn wait_long(&self) {
        self.set_patience(ELSEWHERE * self.timeout);
    }

    fn set_patience(&self, limit: Duration) {
        if let Some(group) = self.group() {
            group.set_patience(Some(limit));
        }
    }

    /// What each rank sends, in the order of the ranks. Where one of them failed, it is an error on all:
    /// its own on the rank that failed, and on the others [`TrainError::OtherRank`].
    pub(crate) fn exchange(
        &self,
        own: Result<Vec<u8>, TrainError>,
    ) -> Result<Vec<Vec<u8>>, TrainError> {
        let Some(group) = self.group() else { return Ok(vec![own?]) };
        let sent = match &own {
            Ok(bytes) => [&[ANSWERED], &bytes[..]].concat(),
            Err(error) => [&[FAILED], error.to_string().as_bytes()].concat(),
        };
        let mut all = gather_bytes(group, &sent)?;
        let mut failed = (0..).zip(&all).filter(|(_, bytes)| bytes.first() != Some(&ANSWERED));
        let Some((rank, first)) = failed.next() else {
            for bytes in &mut all {
                bytes.remove(0);
            }
            return Ok(all);
        };
        let others = failed.count();
        let message = String::from_utf8_lossy(first.get(1..).unwrap_or_default()).into_owned();
        self.failed_together.store(true, Ordering::Relaxed);
        own?;
        Err(TrainError::OtherRank { rank, message, others })
    }

    /// What this rank has made of its own, once all ranks have; an error where one failed.
    pub(crate) fn agree<T>(&self, own: Result<T, TrainError>) -> Result<T, TrainError> {
        match own {
            Ok(own) => self.exchange(Ok(Vec::new())).map(|_| own),
            Err(error) => Err(self.exchange(Err(error)).expect_err("this rank failed")),
        }
    }

    /// Whether something is true on any rank.
    pub(crate) fn any(&self, own: bool) -> Result<bool, TrainError> {
        Ok(self.exchange(Ok(vec![u8::from(own)]))?.contains(&vec![1]))
    }

    /// Does something on rank 0 alone; an error on all ranks where it fails.
    pub(crate) fn on_root(
        &self,
        work: impl FnOnce() -> Result<(), TrainError>,
    ) -> Result<(), TrainError> {
        self.agree(if self.is_root() { work() } else { Ok(()) })
    }

    /// What rank 0 makes, on all ranks.
    pub(crate) fn made_by_root(
        &self,
        make: impl FnOnce() -> Result<Vec<u8>, TrainError>,
    ) -> Result<Vec<u8>, TrainError> {
        let own = self.agree(if self.is_root() { make() } else { Ok(Vec::new()) })?;
        match self.group() {
            Some(group) => Ok(broadcast_bytes(group, own)?),
            None => Ok(own),
        }
    }

    /// Checks that facts are the same on all ranks; each has a name.
    ///
    /// # Errors
    /// [`TrainError::RanksDiffer`] on all ranks.
    pub(crate) fn compare(&self, facts: &[(&'static str, String)]) -> Result<(), TrainError> {
        let Some(group) = self.group() else { return Ok(()) };
        // Each fact is compared by itself, so that versions may differ in what they compare after it.
        for (what, own) in facts {
            let all = gather_bytes(group, format!("{what}\0{own}").as_bytes())?;
            let Some(other) = all.iter().position(|fact| *fact != all[0]) else { continue };
            let fact = |rank: usize| {
                let text = String::from_utf8_lossy(&all[rank]).into_owned();
                let parts =
                    text.split_once('\0').map(|(what, is)| (what.to_owned(), is.to_owned()));
                parts.unwrap_or_default()
            };
            self.failed_together.store(true, Ordering::Relaxed);
            let ((what, first), (_, its)) = (fact(0), fact(other));
            return Err(TrainError::RanksDiffer { what, rank: other, first, other: its });
        }
        Ok(())
    }

    /// The same error on all ranks, which all have come to by themselves.
    pub(crate) fn all_know<T>(&self, result: Result<T, TrainError>) -> Result<T, TrainError> {
        if result.is_err() {
            self.failed_together.store(true, Ordering::Relaxed);
        }
        result
    }
}

/// An error of a rank whose message is not as long or of such a kind as this one expects.
pub(crate) fn unexpected(rank: usize) -> TrainError {
    CommError::OtherCall { rank }.into()
}

impl PartialEq for Ranks {
    fn eq(&self, other: &Self) -> bool {
        let same = match (&self.group, &other.group) {
            (Some(one), Some(two)) => Arc::ptr_eq(one, two),
            (None, None) => true,
            _ => false,
        };
        same && (self.wire, self.timeout) == (other.wire, other.timeout)
    }
}

impl Eq for Ranks {}

impl fmt::Debug for Ranks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { group, wire, timeout, .. } = self;
        let mut shown = f.debug_struct("Ranks");
        shown.field("group", group).field("wire", wire).field("timeout", timeout).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use seesaw_comm::Threads;

    use super::*;

    /// Runs `work` on each of three ranks.
    fn on_three<T: Send>(work: impl Fn(&Ranks) -> T + Sync) -> Vec<T> {
        thread::scope(|scope| {
            let start = |group: Threads| {
                let (ranks, work) = (Ranks::new(Arc::new(group)), &work);
                scope.spawn(move || work(&ranks))
            };
            let threads: Vec<_> = Threads::group(3).into_iter().map(start).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    }

    fn error(ranks: &Ranks) -> TrainError {
        TrainError::NoTeacher { what: if ranks.rank() == 1 { "one" } else { "two" } }
    }

    #[test]
    fn an_error_of_one_is_an_error_of_all() {
        let all = on_three(|ranks| {
            assert!(!ranks.failed_together());
            let fails = ranks.rank() > 0;
            let own = if fails { Err(error(ranks)) } else { Ok(()) };
            let error = ranks.agree(own).unwrap_err().to_string();
            assert!(ranks.failed_together());
            error
        });
        assert_eq!(all[0], "rank 1: one needs a teacher (and 1 other ranks failed)");
        assert_eq!(all[1..], ["one needs a teacher", "two needs a teacher"]);
    }

    #[test]
    fn rank_0_makes_things_for_all() {
        let all = on_three(|ranks| ranks.made_by_root(|| Ok(vec![7; 3])).unwrap());
        assert_eq!(all, vec![vec![7; 3]; 3]);
        let failed =
            on_three(|ranks| ranks.made_by_root(|| Err(error(ranks))).unwrap_err().to_string());
        assert_eq!(
            failed,
            ["two needs a teacher", "rank 0: two needs a teacher", "rank 0: two needs a teacher"]
        );
    }

    #[test]
    fn different_facts_are_named() {
        let facts = |ranks: &Ranks| {
            let isa = if ranks.rank() == 2 { "avx2" } else { "avx512" };
            [("instruction set", isa.to_owned())]
        };
        for error in on_three(|ranks| ranks.compare(&facts(ranks)).unwrap_err().to_string()) {
            assert!(error.starts_with("the instruction set differs"), "{error}");
            assert!(error.contains("avx512 on rank 0 and avx2 on rank 2"), "{error}");
        }
    }

    #[test]
    fn shares_are_of_the_range() {
        let shares = on_three(|ranks| ranks.share(10..17));
        assert_eq!(shares, [10..13, 13..15, 15..17]);
        assert_eq!(Ranks::default().share(3..5), 3..5);
    }
}
