//! Packing a data set: its photos, shrunk where they are large, in a few large files.
//!
//! A folder of a million photos costs a million searches of the file system in every epoch. Packed, they
//! are read as ranges of a few files, and [`open`](super::open()) gives the same images under the same
//! names, in the same order.
//!
//! Photos whose shorter side is at most [`shorter_side`](PackOptions::shorter_side) are stored byte for
//! byte; larger ones are shrunk to it and encoded as JPEG. The files are tar archives, in which each
//! image has its own name, so that other programs read them and `tar` unpacks them to class folders.
//!
//! Packing that was interrupted continues where the last complete file ended. The index gets its name
//! last.

mod error;
mod journal;
mod plan;
mod prepare;
mod shard;

use std::{
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use seesaw_image::Limits;

pub use error::PackError;

use super::{
    DataError, OpenOptions, PackedFacts, Part, find,
    packed::{self, ImageLine, Settings, ShardLine},
    register::part_name,
};
use journal::Journal;
use plan::{Job, Plan};
use prepare::{How, Prepared};
use shard::{Shard, member};

/// The shorter side to which larger photos are shrunk unless the options say otherwise: what an
/// evaluation at 224 pixels scales them to.
pub const DEFAULT_SHORTER_SIDE: u32 = 256;
/// The quality of the JPEGs that they become; docs/decisions/0021-packed-data.md has what other ones cost.
pub const DEFAULT_QUALITY: u8 = 95;
/// The size at which a shard is full.
pub const DEFAULT_SHARD_BYTES: u64 = 256 << 20;

/// Options of [`pack`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PackOptions {
    /// Pixels of the shorter side to which larger photos are shrunk, 1 to 65,535; with `None`, every photo
    /// is stored byte for byte.
    pub shorter_side: Option<u32>,
    /// The quality of the JPEGs that shrunk photos become, 1 to 100.
    pub quality: u8,
    /// Bytes of a shard, from 1 MiB to 1 TiB; larger only where it has a single image.
    pub shard_bytes: u64,
    /// Threads that decode, shrink and encode. The result is the same for any number of them.
    pub threads: usize,
    /// Whether the photos of a folder have no labels, as in [`OpenOptions::unlabeled`].
    pub unlabeled: bool,
    /// Limits on the size of a photo.
    pub limits: Limits,
}

impl Default for PackOptions {
    fn default() -> Self {
        Self {
            shorter_side: Some(DEFAULT_SHORTER_SIDE),
            quality: DEFAULT_QUALITY,
            shard_bytes: DEFAULT_SHARD_BYTES,
            threads: 1,
            unlabeled: false,
            limits: Limits::default(),
        }
    }
}

impl PackOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the shorter side to which larger photos are shrunk.
    #[must_use]
    pub fn shorter_side(mut self, pixels: impl Into<Option<u32>>) -> Self {
        self.shorter_side = pixels.into();
        self
    }

    /// Sets the quality of the JPEGs that shrunk photos become.
    #[must_use]
    pub fn quality(mut self, quality: u8) -> Self {
        self.quality = quality;
        self
    }

    /// Sets the bytes of a shard.
    #[must_use]
    pub fn shard_bytes(mut self, bytes: u64) -> Self {
        self.shard_bytes = bytes;
        self
    }

    /// Sets the number of threads.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Sets whether the photos of a folder have no labels.
    #[must_use]
    pub fn unlabeled(mut self, unlabeled: bool) -> Self {
        self.unlabeled = unlabeled;
        self
    }

    fn settings(&self) -> Result<Settings, PackError> {
        let Self { shorter_side, quality, shard_bytes, .. } = *self;
        let checks = [
            ("the shorter side", shorter_side.map(u64::from), 1, 65_535),
            ("the quality", Some(quality.into()), 1, 100),
            ("the bytes of a shard", Some(shard_bytes), 1 << 20, 1 << 40),
        ];
        for (option, value, least, most) in checks {
            if let Some(value) = value.filter(|value| !(least..=most).contains(value)) {
                return Err(PackError::Option { option, value, least, most });
            }
        }
        Ok(Settings { shorter_side, quality, shard_bytes })
    }
}

/// What happens while a data set is packed.
#[derive(Debug)]
#[non_exhaustive]
pub enum PackEvent<'a> {
    /// What its owner should know about the data set.
    Note(&'a str),
    /// So many images were packed before an interruption.
    Resumed(usize),
    /// A photo is broken and left out.
    LeftOut {
        /// The photo.
        path: &'a Path,
        /// What is wrong with it.
        reason: &'a str,
    },
    /// So many images are done.
    Done {
        /// Images that are done.
        images: usize,
        /// All images.
        total: usize,
    },
}

/// What was packed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PackReport {
    /// How the images are stored.
    pub facts: PackedFacts,
    /// Images that were packed before an interruption.
    pub resumed: usize,
}

/// Packs the data set at `path` into the folder `out`, which is created, or is empty, or has what an
/// interrupted call left there. `stop` ends it early; `on` is called on this thread.
///
/// # Errors
/// [`PackError`]. What is complete stays, and the same call continues from there.
pub fn pack(
    path: &Path,
    out: &Path,
    options: &PackOptions,
    stop: &AtomicBool,
    on: &mut dyn FnMut(PackEvent<'_>),
) -> Result<PackReport, PackError> {
    let settings = options.settings()?;
    check_apart(path, out)?;
    let found = find(path, &OpenOptions::new().unlabeled(options.unlabeled))?;
    found.findings.sentences().iter().for_each(|sentence| on(PackEvent::Note(sentence)));
    let plan = Plan::new(path, found, settings)?;
    let (journal, before) = Journal::open(out, &plan)?;
    if before.images > 0 {
        on(PackEvent::Resumed(before.images));
    }
    let mut limits = options.limits;
    if let Some(side) = options.shorter_side {
        limits = limits.at_least(side);
    }
    let how = How { settings, limits, threads: options.threads, stop };
    let mut writer = Writer::new(out, &plan, journal, &before.shards);
    let jobs = &plan.jobs[before.images..];
    let all = prepare::for_each(jobs, how, |job, prepared| {
        if let Prepared::Broken { reason, .. } = &prepared {
            on(PackEvent::LeftOut { path: &job.item.path(), reason });
        }
        writer.add(job, prepared)?;
        on(PackEvent::Done { images: writer.images, total: plan.jobs.len() });
        Ok::<(), PackError>(())
    })?;
    if !all {
        return Err(PackError::Stopped { done: writer.complete, total: plan.jobs.len() });
    }
    writer.finish()?;
    let written = packed::find(out, false)?.and_then(|found| found.packed);
    let facts = written.ok_or_else(|| DataError::Unfinished(out.to_owned()))?;
    Ok(PackReport { facts, resumed: before.images })
}

/// Neither folder may be in the other: what is packed would be found as photos, or the other way round.
fn check_apart(path: &Path, out: &Path) -> Result<(), PackError> {
    let real = |path: &Path| {
        // A folder that is not there yet is in one that is.
        path.ancestors().find_map(|ancestor| {
            let rest = path.strip_prefix(ancestor).ok()?;
            let ancestor = if ancestor == Path::new("") { Path::new(".") } else { ancestor };
            ancestor.canonicalize().ok().map(|real| real.join(rest))
        })
    };
    let (Some(source), Some(target)) = (real(path), real(out)) else { return Ok(()) };
    if target.starts_with(&source) {
        return Err(PackError::Inside(out.to_owned()));
    }
    Ok(())
}

/// Writes shards and their lines.
struct Writer<'a> {
    folder: PathBuf,
    plan: &'a Plan,
    journal: Journal,
    current: Option<Shard>,
    /// Shards of each part.
    shards: [usize; 3],
    /// Images that were added, and those of them that are in complete shards.
    images: usize,
    complete: usize,
}

impl<'a> Writer<'a> {
    fn new(folder: &Path, plan: &'a Plan, journal: Journal, before: &[ShardLine]) -> Self {
        let mut shards = [0; 3];
        before.iter().for_each(|shard| shards[shard.part as usize] += 1);
        let images = before.iter().map(|shard| shard.images).sum();
        let (folder, current) = (folder.to_owned(), None);
        Self { folder, plan, journal, current, shards, images, complete: images }
    }

    fn add(&mut self, job: &Job, prepared: Prepared) -> Result<(), PackError> {
        let bytes = match &prepared {
            Prepared::Stored { bytes, .. } => bytes.len() as u64,
            Prepared::Broken { .. } => 0,
        };
        let most = self.plan.header.settings.shard_bytes;
        if self.current.as_ref().is_some_and(|s| s.part() != job.part || s.is_full(bytes, most)) {
            self.complete_shard()?;
        }
        let mut shard = match self.current.take() {
            Some(shard) => shard,
            None => self.next_shard(job.part)?,
        };
        let (place, name, label) = (job.place, job.name.clone(), job.item.label);
        let line = match prepared {
            Prepared::Stored { bytes, source } => {
                let folder = self.folder_of(job.part);
                let stored = shard.append(&member(folder, &name, source.is_some()), &bytes)?;
                ImageLine { place, name, label, stored: Some(stored), source, broken: None }
            }
            Prepared::Broken { reason, source } => {
                let (source, broken) = (Some(source), Some(reason));
                ImageLine { place, name, label, stored: None, source, broken }
            }
        };
        shard.list(line);
        self.current = Some(shard);
        self.images += 1;
        Ok(())
    }

    /// The folder of a part's images in the shards, if there are several parts.
    fn folder_of(&self, part: Part) -> Option<&'static str> {
        self.plan.header.parts.are_several().then(|| part_name::of(part))
    }

    fn next_shard(&mut self, part: Part) -> Result<Shard, PackError> {
        let number = &mut self.shards[part as usize];
        let name = format!("{}-{number:05}.tar", self.plan.header.parts.name(part));
        *number += 1;
        Shard::create(&self.folder, name, part)
    }

    fn complete_shard(&mut self) -> Result<(), PackError> {
        if let Some(shard) = self.current.take() {
            let (line, images) = shard.finish()?;
            self.journal.add(&line, &images)?;
            self.complete = self.images;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), PackError> {
        self.complete_shard()?;
        self.journal.finish()
    }
}

#[cfg(test)]
mod tests;
