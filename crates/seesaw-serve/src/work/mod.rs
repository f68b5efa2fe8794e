//! The work: threads that take requests from the queue, decode photos and run the nets.

mod batch;
mod job;
mod worker;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use seesaw::DecodeMemory;

pub use job::{Job, Reply, Task, Timing};

use crate::{collect::Collection, metrics::Metrics, queue::Queue};

/// What all workers share.
#[derive(Debug)]
pub struct Shop {
    pub queue: Queue<Job>,
    pub metrics: Metrics,
    pub collection: Option<Collection>,
    memory: DecodeMemory,
    /// Images that go through a net at once.
    max_batch: usize,
    workers: u64,
    /// Microseconds that a worker takes for a request, averaged over the last ones.
    pace: AtomicU64,
    /// Photos or images in a request.
    pub max_photos: usize,
}

impl Shop {
    pub fn new(options: &crate::Options, metrics: Metrics, collection: Option<Collection>) -> Self {
        Self {
            queue: Queue::new(options.queue),
            metrics,
            collection,
            memory: DecodeMemory::new(options.workers),
            max_batch: options.max_batch,
            workers: options.workers as u64,
            pace: AtomicU64::new(0),
            max_photos: options.max_photos,
        }
    }

    /// Starts this many threads, which end once the queue is closed.
    pub fn open(self: &Arc<Self>, workers: usize) -> io::Result<Vec<JoinHandle<()>>> {
        let start = |number: usize| {
            let shop = Arc::clone(self);
            let name = format!("worker {number}");
            thread::Builder::new().name(name).spawn(move || shop.work())
        };
        (1..=workers).map(start).collect()
    }

    /// Takes note of how long a worker took for so many requests.
    fn note_pace(&self, time: Duration, requests: usize) {
        let one = u64::try_from(time.as_micros()).unwrap_or(u64::MAX) / requests.max(1) as u64;
        let before = self.pace.load(Ordering::Relaxed);
        // A worker that overwrites another's note does no harm.
        self.pace.store(before - before / 8 + one / 8, Ordering::Relaxed);
    }

    /// The seconds after which what is waiting now will be done.
    pub fn retry_after(&self) -> u64 {
        let waiting = self.queue.len() as u64;
        (waiting * self.pace.load(Ordering::Relaxed) / self.workers.max(1)).div_ceil(1_000_000)
    }
}
