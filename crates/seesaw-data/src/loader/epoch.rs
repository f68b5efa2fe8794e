//! The batches of one epoch, from threads that work ahead.

use std::{
    collections::BTreeMap,
    panic,
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use super::{Batch, LoadError, Shared, order::Draw};

/// Bytes of packed images that are read ahead at a time.
const WINDOW: u64 = 32 << 20;

/// Batches of an epoch, in order. The first error ends the epoch.
///
/// Dropping it ends its threads after at most one more image each.
#[derive(Debug)]
pub struct Epoch {
    work: Arc<Work>,
    workers: Vec<JoinHandle<()>>,
    next: usize,
    end: usize,
}

#[derive(Debug)]
struct Work {
    shared: Arc<Shared>,
    epoch: u64,
    order: Vec<Draw>,
    /// The numbers of the batches. Below, batches are counted by their places in this list.
    numbers: Vec<usize>,
    stop: AtomicBool,
    queue: Mutex<Queue>,
    /// Notified of every change of the queue.
    changed: Condvar,
}

#[derive(Debug)]
struct Queue {
    /// The next batch to make.
    claimed: usize,
    /// One past the last batch that may be claimed now, and at all.
    allowed: usize,
    end: usize,
    ready: BTreeMap<usize, Result<Batch, LoadError>>,
}

impl Epoch {
    pub(super) fn start(shared: Arc<Shared>, epoch: u64, numbers: Vec<usize>) -> Self {
        let (workers, ahead) = (shared.options.workers, shared.options.ahead);
        let (order, end) = (shared.order(epoch), numbers.len());
        let queue = Queue { claimed: 0, allowed: ahead, end, ready: BTreeMap::new() };
        let (queue, stop) = (Mutex::new(queue), AtomicBool::new(false));
        let work = Work { shared, epoch, order, numbers, stop, queue, changed: Condvar::new() };
        let work = Arc::new(work);
        let worker = |_| {
            let work = Arc::clone(&work);
            thread::spawn(move || work.run())
        };
        // More threads than batches to make at a time would be idle.
        let workers = workers.min(ahead).min(end);
        let mut workers: Vec<_> = (0..workers).map(worker).collect();
        if work.shared.dataset.is_packed() && !workers.is_empty() {
            let work = Arc::clone(&work);
            workers.push(thread::spawn(move || work.read_ahead()));
        }
        Self { work, workers, next: 0, end }
    }

    fn stop(&mut self) {
        self.work.stop.store(true, Ordering::Relaxed);
        // Waiting threads check `stop` under the lock.
        drop(self.work.queue());
        self.work.changed.notify_all();
    }
}

impl Iterator for Epoch {
    type Item = Result<Batch, LoadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        let batch = if self.workers.is_empty() {
            self.work.make(self.next).transpose()
        } else {
            self.work.take(self.next)
        };
        self.next += 1;
        if batch.is_none() {
            // A worker panicked, and the panic is passed on.
            self.stop();
            for worker in self.workers.drain(..) {
                if let Err(reason) = worker.join() {
                    panic::resume_unwind(reason);
                }
            }
        }
        if !matches!(batch, Some(Ok(_))) {
            self.next = self.end;
            self.stop();
        }
        batch
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // An error ends it early.
        (0, Some(self.end - self.next.min(self.end)))
    }
}

impl Drop for Epoch {
    fn drop(&mut self) {
        self.stop();
        for worker in self.workers.drain(..) {
            // A panic was already reported.
            let _ = worker.join();
        }
    }
}

impl Work {
    /// Makes batches until there are none left.
    fn run(&self) {
        let _ends = EndsAll(self);
        while let Some(number) = self.claim() {
            let Some(batch) = self.make(number).transpose() else { return };
            self.queue().ready.insert(number, batch);
            self.changed.notify_all();
        }
    }

    /// Reads the packed images that the workers will need. One window is being read while
    /// the workers make batches of the one before.
    fn read_ahead(&self) {
        let dataset = &self.shared.dataset;
        let (mut before, mut start, end) = (0, 0, self.queue().end);
        while start < end && self.wait_for(before) {
            let (mut window, mut bytes) = (vec![], 0);
            before = start;
            while start < end && bytes < WINDOW {
                let images = self.draws(start).iter().map(|draw| draw.index as usize);
                bytes += images.clone().map(|index| dataset.unread_bytes(index)).sum::<u64>();
                window.extend(images);
                start += 1;
            }
            dataset.read_ahead(window.into_iter(), &|| self.stop.load(Ordering::Relaxed));
        }
    }

    /// Waits until a worker has claimed the batch of this number or there are none left. Returns false where
    /// the workers were stopped.
    fn wait_for(&self, number: usize) -> bool {
        let mut queue = self.queue();
        while queue.claimed < queue.end.min(number) {
            if self.stop.load(Ordering::Relaxed) {
                return false;
            }
            queue = self.wait(queue);
        }
        !self.stop.load(Ordering::Relaxed)
    }

    fn make(&self, place: usize) -> Result<Option<Batch>, LoadError> {
        let stop = || self.stop.load(Ordering::Relaxed);
        self.shared.batch(self.epoch, self.draws(place), stop)
    }

    /// The images of a batch.
    fn draws(&self, place: usize) -> &[Draw] {
        let len = self.shared.options.batch;
        let start = self.numbers[place] * len;
        &self.order[start..(start + len).min(self.order.len())]
    }

    /// Waits until there is room for another batch, and returns its number.
    fn claim(&self) -> Option<usize> {
        let mut queue = self.queue();
        loop {
            if self.stop.load(Ordering::Relaxed) || queue.claimed >= queue.end {
                return None;
            }
            if queue.claimed < queue.allowed {
                queue.claimed += 1;
                return Some(queue.claimed - 1);
            }
            queue = self.wait(queue);
        }
    }

    /// Waits for a batch from a worker; `None` where the workers were stopped.
    fn take(&self, number: usize) -> Option<Result<Batch, LoadError>> {
        let mut queue = self.queue();
        loop {
            if let Some(batch) = queue.ready.remove(&number) {
                queue.allowed += 1;
                self.changed.notify_all();
                return Some(batch);
            }
            if self.stop.load(Ordering::Relaxed) {
                return None;
            }
            queue = self.wait(queue);
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn wait<'a>(&self, queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        self.changed.wait(queue).unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Wakes all waiting threads when a worker panics.
struct EndsAll<'a>(&'a Work);

impl Drop for EndsAll<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop.store(true, Ordering::Relaxed);
            drop(self.0.queue());
            self.0.changed.notify_all();
        }
    }
}
