//! Decoding a data set once, to know what is broken.

use std::sync::atomic::{AtomicUsize, Ordering};

use seesaw_data::Dataset;

use crate::{
    failure::{self, Failure},
    output,
};

/// Broken images that are named; the others are counted.
pub const NAMED: usize = 20;

/// Leaves out what cannot be decoded, names it, and says how many it is.
pub fn verify(dataset: &mut Dataset, threads: usize, what: &'static str) -> Result<usize, Failure> {
    let bar = output::bar(dataset.len() as u64, what);
    let most = AtomicUsize::new(0);
    // They are heard in no order.
    let progress = |done: usize| {
        let before = most.fetch_max(done, Ordering::Relaxed);
        bar.set_position(before.max(done) as u64);
    };
    let report = dataset.verify(threads, &progress);
    bar.finish_and_clear();
    let broken = report.map_err(Failure::new)?.broken;
    for (path, reason) in broken.iter().take(NAMED) {
        failure::warn(format_args!("{}: left out: {reason}", path.display()));
    }
    if broken.len() > NAMED {
        failure::warn(format_args!("{} broken images are left out", broken.len()));
    }
    Ok(broken.len())
}
