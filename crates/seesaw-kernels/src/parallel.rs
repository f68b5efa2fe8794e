//! A team of threads that start together in a fraction of a microsecond.
//!
//! A net of forty layers that takes a few milliseconds hands out work a hundred times; a general
//! thread pool takes longer to hand it out than a small layer takes to run. The threads of a team spin
//! for a moment before they sleep, and handing out work allocates nothing.

use std::{
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
};

use crate::KernelError;

/// How often a thread looks for work before it sleeps: about 100 microseconds on a Zen 4.
const SPINS: u32 = 4_000;

/// Work: called once with each index below the team's number of threads.
type Work<'a> = dyn Fn(usize) + Sync + 'a;

/// Work on a chunk: its number, the chunk, scratch.
type ChunkWork<'a> = dyn Fn(usize, &mut [f32], &mut [f32]) + Sync + 'a;

/// Threads that work together; the calling thread is one of them.
#[derive(Debug)]
pub struct Team {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    /// The work of this round.
    work: Mutex<Option<WorkPtr>>,
    /// Number of the round; a change is the signal to start.
    round: AtomicUsize,
    /// Workers that have not finished the round.
    pending: AtomicUsize,
    /// Whether a caller is using the workers.
    taken: AtomicBool,
    /// Whether a worker's work panicked.
    panicked: AtomicBool,
    /// Whether the team is being dropped.
    stop: AtomicBool,
    /// Which workers sleep.
    asleep: Vec<AtomicBool>,
}

/// Work with its lifetime taken away.
#[derive(Debug, Clone, Copy)]
struct WorkPtr(*const Work<'static>);

// SAFETY: the work itself is `Sync`, and `Team::run` keeps it alive until all have finished.
unsafe impl Send for WorkPtr {}

impl Team {
    /// The most threads of a team.
    pub const MAX_THREADS: usize = 256;

    /// A team of `threads` threads, the caller's included.
    ///
    /// # Errors
    /// [`KernelError::ThreadCount`] when `threads` is not 1 to [`Self::MAX_THREADS`];
    /// [`KernelError::Spawn`] when the system does not start a thread.
    pub fn new(threads: usize) -> Result<Self, KernelError> {
        if !(1..=Self::MAX_THREADS).contains(&threads) {
            return Err(KernelError::ThreadCount(threads));
        }
        let mut team = Self::solo();
        let asleep = (1..threads).map(|_| AtomicBool::new(false)).collect();
        if let Some(shared) = Arc::get_mut(&mut team.shared) {
            shared.asleep = asleep;
        }
        for index in 1..threads {
            let shared = Arc::clone(&team.shared);
            let builder = thread::Builder::new().name(format!("seesaw-{index}"));
            let worker = builder
                .spawn(move || shared.work(index))
                .map_err(|error| KernelError::Spawn(error.to_string()))?;
            team.workers.push(worker);
        }
        Ok(team)
    }

    /// The calling thread alone.
    pub fn solo() -> Self {
        let shared = Shared {
            work: Mutex::new(None),
            round: AtomicUsize::new(0),
            pending: AtomicUsize::new(0),
            taken: AtomicBool::new(false),
            panicked: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            asleep: Vec::new(),
        };
        Self { shared: Arc::new(shared), workers: Vec::new() }
    }

    /// How many threads work together.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `work` once with each index below [`Self::threads`], each on a thread of its own, and
    /// returns when all calls have returned. While another caller is using the team, this thread makes
    /// all the calls itself.
    ///
    /// # Panics
    /// When `work` does.
    pub fn run(&self, work: &Work<'_>) {
        if self.workers.is_empty() || self.shared.taken.swap(true, SeqCst) {
            (0..self.threads()).for_each(work);
            return;
        }
        let round = Round(self);
        round.start(work);
        work(0);
        drop(round);
    }

    /// Cuts `out` into chunks of `len` values and calls `work` with each chunk's number, the chunk,
    /// and a scratch buffer of `scratch_len` values that no other call uses at the same time.
    ///
    /// # Panics
    /// When `scratch` is too short for all threads, `len` is 0, or `work` panics.
    pub fn run_chunks(
        &self,
        out: &mut [f32],
        len: usize,
        scratch: &mut [f32],
        scratch_len: usize,
        work: &ChunkWork<'_>,
    ) {
        assert!(scratch.len() >= scratch_len * self.threads(), "scratch for each thread");
        let chunks = out.len() / len;
        let (out, scratch) = (SendPtr(out.as_mut_ptr()), SendPtr(scratch.as_mut_ptr()));
        self.run(&|index| {
            // SAFETY: each index has its own part of `scratch`, whose length was checked, and each
            // chunk goes to one index.
            unsafe {
                let scratch = scratch.get().add(index * scratch_len);
                let scratch = std::slice::from_raw_parts_mut(scratch, scratch_len);
                for chunk in share(chunks, self.threads(), index) {
                    let out = std::slice::from_raw_parts_mut(out.get().add(chunk * len), len);
                    work(chunk, out, scratch);
                }
            }
        });
    }

    /// Calls `work` once with each item and a scratch that no other call uses at the same time; a
    /// thread that is done takes the next item.
    ///
    /// # Panics
    /// When there are fewer scratches than threads, or `work` panics.
    pub fn run_items<T: Send, S: Send>(
        &self,
        items: &mut [T],
        scratches: &mut [S],
        work: impl Fn(&mut T, &mut S) + Sync,
    ) {
        assert!(scratches.len() >= self.threads(), "a scratch for each thread");
        let (count, next) = (items.len(), AtomicUsize::new(0));
        let (items, scratches) = (SendPtr(items.as_mut_ptr()), SendPtr(scratches.as_mut_ptr()));
        self.run(&|index| {
            loop {
                let item = next.fetch_add(1, SeqCst);
                if item >= count {
                    return;
                }
                // SAFETY: `next` gives each item once, and each index has a scratch of its own,
                // whose number was checked.
                unsafe { work(&mut *items.get().add(item), &mut *scratches.get().add(index)) }
            }
        });
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.shared.stop.store(true, SeqCst);
        self.shared.round.fetch_add(1, SeqCst);
        for worker in self.workers.drain(..) {
            worker.thread().unpark();
            // A worker catches its panics, so joining cannot fail.
            let _ = worker.join();
        }
    }
}

/// One round of work; dropping it, also while unwinding, waits for the workers, which borrow the work.
struct Round<'a>(&'a Team);

impl Round<'_> {
    fn start(&self, work: &Work<'_>) {
        let Self(Team { shared, workers }) = self;
        // SAFETY: only the lifetime changes, and `drop` waits for the end of every use.
        let work: *const Work<'static> = unsafe { std::mem::transmute(std::ptr::from_ref(work)) };
        *lock(&shared.work) = Some(WorkPtr(work));
        shared.pending.store(workers.len(), SeqCst);
        shared.round.fetch_add(1, SeqCst);
        for (worker, asleep) in workers.iter().zip(&shared.asleep) {
            if asleep.load(SeqCst) {
                worker.thread().unpark();
            }
        }
    }
}

impl Drop for Round<'_> {
    fn drop(&mut self) {
        let shared = &self.0.shared;
        let mut spins = 0;
        while shared.pending.load(SeqCst) > 0 {
            wait(&mut spins);
        }
        let panicked = shared.panicked.swap(false, SeqCst);
        shared.taken.store(false, SeqCst);
        assert!(!panicked || thread::panicking(), "a thread of the team panicked");
    }
}

impl Shared {
    /// A worker's life.
    fn work(&self, index: usize) {
        let mut seen = 0;
        loop {
            self.await_round(seen, index);
            seen += 1;
            if self.stop.load(SeqCst) {
                return;
            }
            if let Some(WorkPtr(work)) = *lock(&self.work) {
                // SAFETY: the caller waits in `Round::drop` until `pending` says that this call is
                // over.
                let call = || unsafe { (*work)(index) };
                if std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).is_err() {
                    self.panicked.store(true, SeqCst);
                }
            }
            self.pending.fetch_sub(1, SeqCst);
        }
    }

    /// Returns when the round is no longer `seen`.
    fn await_round(&self, seen: usize, index: usize) {
        let mut spins = 0;
        while self.round.load(SeqCst) == seen {
            if spins < SPINS {
                wait(&mut spins);
                continue;
            }
            // The order matters: whoever starts a round looks at `asleep` after changing `round`.
            self.asleep[index - 1].store(true, SeqCst);
            if self.round.load(SeqCst) == seen {
                thread::park();
            }
            self.asleep[index - 1].store(false, SeqCst);
        }
    }
}

/// Spins, and yields the processor now and then, for machines with fewer cores than threads.
fn wait(spins: &mut u32) {
    *spins += 1;
    if spins.is_multiple_of(1_000) {
        thread::yield_now();
    } else {
        std::hint::spin_loop();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Part `index` of `0..total` in `parts` parts of nearly equal size.
pub(crate) fn share(total: usize, parts: usize, index: usize) -> Range<usize> {
    // A product may exceed the address space of 32-bit targets.
    let edge = |index: usize| (total as u64 * index as u64 / parts as u64) as usize;
    edge(index)..edge(index + 1)
}

/// A pointer that threads may share; each use has to justify what it does with it.
pub(crate) struct SendPtr<T = f32>(pub *mut T);

impl<T> Clone for SendPtr<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for SendPtr<T> {}

impl<T> SendPtr<T> {
    /// The pointer. A method, so that closures capture the wrapper and not the pointer in it.
    pub fn get(self) -> *mut T {
        self.0
    }
}

// SAFETY: a pointer alone does nothing, and what it points to may be sent to other threads.
unsafe impl<T: Send> Send for SendPtr<T> {}
// SAFETY: as for `Send`.
unsafe impl<T: Send> Sync for SendPtr<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(target_family = "wasm", ignore = "no threads, no clock")]
    fn every_index_is_called_once_in_every_round() {
        for threads in [1, 2, 3, 7] {
            let team = Team::new(threads).unwrap();
            for round in 0..200 {
                let calls: Vec<AtomicUsize> = (0..threads).map(|_| AtomicUsize::new(0)).collect();
                team.run(&|index| {
                    calls[index].fetch_add(1, SeqCst);
                });
                assert!(calls.iter().all(|c| c.load(SeqCst) == 1), "{threads} threads, {round}");
                if round % 50 == 0 {
                    // Long enough for the workers to fall asleep.
                    thread::sleep(std::time::Duration::from_millis(2));
                }
            }
        }
    }

    #[test]
    #[cfg_attr(target_family = "wasm", ignore = "no threads, no clock")]
    fn callers_of_one_team_do_not_wait_for_each_other() {
        let team = Team::new(2).unwrap();
        let calls = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        team.run(&|_| {
                            calls.fetch_add(1, SeqCst);
                        });
                    }
                });
            }
        });
        assert_eq!(calls.load(SeqCst), 4 * 500 * 2);
    }

    #[test]
    #[cfg_attr(target_family = "wasm", ignore = "no threads, no clock")]
    fn a_panic_reaches_the_caller_and_the_team_survives() {
        let team = Team::new(2).unwrap();
        for panicking in [0, 1] {
            let run = std::panic::AssertUnwindSafe(|| team.run(&|i| assert!(i != panicking)));
            assert!(std::panic::catch_unwind(run).is_err());
        }
        let calls = AtomicUsize::new(0);
        team.run(&|_| {
            calls.fetch_add(1, SeqCst);
        });
        assert_eq!(calls.load(SeqCst), 2);
    }

    #[test]
    #[cfg_attr(target_family = "wasm", ignore = "no threads, no clock")]
    fn each_call_has_its_own_chunk_and_scratch() {
        let team = Team::new(3).unwrap();
        let (mut out, mut scratch) = (vec![0.0; 10 * 4], vec![0.0; 3 * 5]);
        team.run_chunks(&mut out, 4, &mut scratch, 5, &|chunk, out, scratch| {
            assert_eq!((out.len(), scratch.len()), (4, 5));
            scratch.fill(chunk as f32);
            out.copy_from_slice(&scratch[..4]);
        });
        assert!(out.iter().enumerate().all(|(i, x)| *x == (i / 4) as f32));
        for (threads, message) in [
            (0, "0 threads requested; at least 1 is needed"),
            (100_000, "100000 threads requested; the limit is 256"),
        ] {
            assert_eq!(Team::new(threads).unwrap_err().to_string(), message);
        }
    }

    #[test]
    #[cfg_attr(target_family = "wasm", ignore = "no threads, no clock")]
    fn items_are_taken_once_each_with_a_scratch_of_their_own() {
        let team = Team::new(3).unwrap();
        let mut items: Vec<usize> = (0..50).collect();
        let mut scratches = vec![0usize; 3];
        team.run_items(&mut items, &mut scratches, |item, used| {
            *item += 100;
            *used += 1;
        });
        assert!(items.iter().enumerate().all(|(i, item)| *item == i + 100));
        assert_eq!(scratches.iter().sum::<usize>(), 50);
    }

    #[test]
    fn shares_cover_everything_once() {
        for (total, parts) in [(0, 3), (1, 2), (49, 2), (7, 9), (100, 7)] {
            let all: Vec<usize> = (0..parts).flat_map(|i| share(total, parts, i)).collect();
            assert_eq!(all, (0..total).collect::<Vec<_>>());
        }
    }
}
