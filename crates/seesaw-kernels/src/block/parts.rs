//! Where the time of a block is spent.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// A block's three layers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    /// The expand convolution, or the copy in its place.
    Expand,
    Depthwise,
    Project,
}

/// Time that threads spent in a block's expand, depthwise and project layers.
///
/// In bands the three alternate, and reading a stopwatch between them costs a block about 2 %.
#[derive(Debug, Default)]
pub struct PartTimes([AtomicU64; 3]);

impl PartTimes {
    /// The times since the last call, summed over threads: expand, depthwise, project.
    pub fn take(&self) -> [Duration; 3] {
        std::array::from_fn(|part| Duration::from_nanos(self.0[part].swap(0, Relaxed)))
    }
}

/// One thread's stopwatch, which does nothing unless times are wanted.
pub(super) struct Stopwatch<'a> {
    times: Option<&'a PartTimes>,
    last: Option<Instant>,
    laps: [Duration; 3],
}

impl<'a> Stopwatch<'a> {
    /// Starts.
    pub fn new(times: Option<&'a PartTimes>) -> Self {
        Self { times, last: times.map(|_| Instant::now()), laps: [Duration::ZERO; 3] }
    }

    /// Counts the time since the last lap for `part`.
    pub fn lap(&mut self, part: Part) {
        if let Some(last) = &mut self.last {
            let now = Instant::now();
            self.laps[part as usize] += now - *last;
            *last = now;
        }
    }
}

impl Drop for Stopwatch<'_> {
    fn drop(&mut self) {
        if let Some(times) = self.times {
            for (sum, lap) in times.0.iter().zip(self.laps) {
                sum.fetch_add(lap.as_nanos() as u64, Relaxed);
            }
        }
    }
}
