//! From a photo to the bytes that are stored, on several threads.

use std::{
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use seesaw_image::{Limits, encode, resize};

use super::{
    super::{DataError, item::Item, packed::Settings, register::Content},
    plan::Job,
};

/// How many images each thread may be ahead.
const AHEAD: usize = 4;

/// What becomes of an image.
pub enum Prepared {
    /// It is stored as these bytes.
    Stored {
        bytes: Vec<u8>,
        /// What the file held, where that is something else.
        source: Option<Content>,
    },
    /// It cannot be read or decoded.
    Broken { reason: String, source: Content },
}

/// How images are prepared.
#[derive(Clone, Copy)]
pub struct How<'a> {
    pub settings: Settings,
    pub limits: Limits,
    pub threads: usize,
    /// Set once packing should stop.
    pub stop: &'a AtomicBool,
}

/// Prepares images on several threads and passes them to `take` in their order, until it fails or `stop`
/// is set. Returns whether all were taken.
pub fn for_each<E: From<DataError>>(
    jobs: &[Job],
    how: How<'_>,
    mut take: impl FnMut(&Job, Prepared) -> Result<(), E>,
) -> Result<bool, E> {
    let threads = how.threads.clamp(1, jobs.len().max(1));
    thread::scope(|scope| {
        // The threads take turns, so that what they send is in order.
        let receivers: Vec<Receiver<_>> = (0..threads)
            .map(|first| {
                let (sender, receiver) = sync_channel(AHEAD);
                scope.spawn(move || work(jobs.iter().skip(first).step_by(threads), how, &sender));
                receiver
            })
            .collect();
        for (job, receiver) in jobs.iter().zip(receivers.iter().cycle()) {
            // A thread that ends early was stopped, or panicked, which the scope passes on.
            let Ok(prepared) = receiver.recv() else { return Ok(false) };
            take(job, prepared?)?;
        }
        Ok(true)
    })
}

fn work<'a>(
    jobs: impl Iterator<Item = &'a Job>,
    how: How<'_>,
    sender: &SyncSender<Result<Prepared, DataError>>,
) {
    for job in jobs {
        let stops = how.stop.load(Ordering::Relaxed);
        if stops || sender.send(prepare(&job.item, how)).is_err() {
            return;
        }
    }
}

/// The bytes to store of an image. Each is decoded, so that none is broken that is stored.
fn prepare(item: &Item, how: How<'_>) -> Result<Prepared, DataError> {
    let encoded = item.read(&how.limits);
    let decoded = encoded.and_then(|bytes| Ok((item.decode(&bytes, &how.limits)?, bytes)));
    let content = || item.content.get().copied();
    let (image, bytes) = match decoded {
        Ok(both) => both,
        Err(error) => {
            let reason = match error {
                DataError::Image { source, .. } => source.to_string(),
                DataError::LeftOut { reason, .. } => reason,
                // The data set that is packed is a packed one, and damaged.
                other => return Err(other),
            };
            let unknown = || Content { bytes: item.stamp().1, crc32c: 0 };
            return Ok(Prepared::Broken { reason, source: content().unwrap_or_else(unknown) });
        }
    };
    let small = how.settings.shorter_side.and_then(|side| resize::shrink(&image, side));
    let quality = how.settings.quality;
    // What cannot be encoded is stored as it is.
    let smaller = small.and_then(|small| encode::jpeg(&small, quality).ok());
    let bytes = smaller.unwrap_or(bytes);
    let source = content().filter(|content| *content != Content::of(&bytes));
    Ok(Prepared::Stored { bytes, source })
}
