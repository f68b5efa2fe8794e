//! Decoding a data set once, to find out what is broken.

use std::sync::atomic::{AtomicUsize, Ordering};

use seesaw_data::{
    Dataset,
    datasets::{Report, Verify},
};

use crate::{
    failure::{self, Failure},
    output,
};

/// How many broken images are named; the rest are counted.
pub const NAMED: usize = 20;

/// Leaves out the images that cannot be decoded, and names them.
pub fn verify(
    dataset: &mut Dataset,
    how: Verify<'_>,
    what: &'static str,
) -> Result<Report, Failure> {
    let bar = output::bar(dataset.len() as u64, what);
    let most = AtomicUsize::new(0);
    // The threads report in any order.
    let progress = |done: usize| {
        let before = most.fetch_max(done, Ordering::Relaxed);
        bar.set_position(before.max(done) as u64);
    };
    let report = dataset.verify(how, &progress);
    bar.finish_and_clear();
    let report = report?;
    let broken = &report.broken;
    for (path, reason) in broken.iter().take(NAMED) {
        failure::warn(format_args!("{}: left out: {reason}", path.display()));
    }
    if broken.len() > NAMED {
        failure::warn(format_args!("{} broken images left out", broken.len()));
    }
    Ok(report)
}
