//! The memory of a run, planned before the first one.

use std::sync::{Mutex, PoisonError};

use seesaw_kernels::{
    Aligned, CBLOCK, Pointwise,
    layout::{Plane, Size, cblocks},
};

use crate::{EngineError, Options, trunk::Trunk};

/// The most bytes that a run's buffers may take, on machines that can address them.
const MAX_BYTES: u64 = {
    let (limit, addressable) = (4 << 30, isize::MAX as u64);
    if addressable < limit { addressable } else { limit }
};

/// f32 that a run of a plan needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// The two maps from which and to which layers work in turn.
    pub maps: [usize; 2],
    /// Scratch of any layer on one thread.
    scratch_alone: usize,
    /// Scratch of any layer on the whole team.
    scratch_on_team: usize,
    /// Threads of the team.
    threads: usize,
    /// Images of a batch.
    batch: usize,
    /// Input channels of the linear layer, padded.
    channels: usize,
    /// Its outputs, padded.
    classes: usize,
}

/// The buffers of one run.
#[derive(Debug)]
pub(crate) struct Arena {
    pub work: Aligned,
    /// Pooled features `[images][channels, padded]`.
    pub pooled: Aligned,
    /// The same as the linear layer reads them, `[cblocks][images][8]`.
    pub features: Aligned,
    /// The linear layer's outputs, `[cblocks][images][8]`.
    pub outputs: Aligned,
}

impl Sizes {
    /// What a plan of these kernels needs. Each part is a multiple of a cache line.
    pub fn new(trunk: &Trunk, linear: &Pointwise, options: &Options, threads: usize) -> Self {
        let Trunk { stem, blocks, head } = trunk;
        let mut side = stem.output_side(options.input_size);
        let scratch = stem.scratch_len(Size::square(options.input_size));
        let mut sizes = Self {
            maps: [Plane::dense(side, side).len(trunk.stem_channels()), 0],
            scratch_alone: scratch,
            scratch_on_team: scratch,
            threads,
            batch: options.batch,
            channels: cblocks(linear.inputs()) * CBLOCK,
            classes: cblocks(linear.outputs()) * CBLOCK,
        };
        let mut outputs = Vec::with_capacity(blocks.len() + 1);
        for block in blocks {
            let alone = block.scratch_len(Size::square(side), 1);
            let on_team = block.scratch_len(Size::square(side), threads);
            sizes.scratch_alone = sizes.scratch_alone.max(alone);
            sizes.scratch_on_team = sizes.scratch_on_team.max(on_team);
            side = block.output_side(side);
            outputs.push(Plane::dense(side, side).len(block.outputs()));
        }
        outputs.push(Plane::dense(side, side).len(head.outputs()));
        // The stem writes the first map, and each layer the map that the one before did not write.
        for (layer, len) in (1..).zip(outputs) {
            let map = &mut sizes.maps[layer % 2];
            *map = len.max(*map);
        }
        let line = |len: usize| len.next_multiple_of(16);
        sizes.maps = sizes.maps.map(line);
        sizes.scratch_alone = line(sizes.scratch_alone);
        sizes.scratch_on_team = line(sizes.scratch_on_team);
        sizes
    }

    /// f32 that an image takes while it runs on one thread.
    pub fn image_alone(&self) -> usize {
        self.maps[0] + self.maps[1] + self.scratch_alone
    }

    /// f32 that an image takes while it runs on the team.
    fn image_on_team(&self) -> usize {
        self.maps[0] + self.maps[1] + self.scratch_on_team
    }

    fn work_len(&self) -> usize {
        // A batch of fewer images than threads is run image by image.
        let whole = if self.batch < self.threads { 0 } else { self.threads * self.image_alone() };
        whole.max(self.image_on_team())
    }

    /// Bytes of an arena.
    pub fn arena_bytes(&self) -> u64 {
        let ends = self.batch.saturating_mul(2 * self.channels + self.classes);
        (self.work_len() as u64 + ends as u64).saturating_mul(size_of::<f32>() as u64)
    }

    /// # Errors
    /// [`EngineError::Memory`] when an arena would be too large.
    pub fn check(&self, options: &Options) -> Result<(), EngineError> {
        check_bytes(self.arena_bytes(), options)
    }

    fn arena(&self) -> Arena {
        Arena {
            work: Aligned::zeros(self.work_len()),
            pooled: Aligned::zeros(self.batch * self.channels),
            features: Aligned::zeros(self.batch * self.channels),
            outputs: Aligned::zeros(self.batch * self.classes),
        }
    }
}

/// # Errors
/// [`EngineError::Memory`] when a run may not take that many bytes.
pub(crate) fn check_bytes(needed: u64, options: &Options) -> Result<(), EngineError> {
    if needed <= MAX_BYTES {
        return Ok(());
    }
    let Options { input_size, batch } = *options;
    Err(EngineError::Memory { input_size, batch, needed, limit: MAX_BYTES })
}

/// Arenas that no run uses at the moment.
#[derive(Debug)]
pub(crate) struct Store {
    sizes: Sizes,
    arenas: Mutex<Vec<Arena>>,
}

impl Store {
    /// A store with one arena, so that a first run allocates nothing.
    pub fn new(sizes: Sizes) -> Self {
        Self { sizes, arenas: Mutex::new(vec![sizes.arena()]) }
    }

    pub fn take(&self) -> Arena {
        let stored = self.arenas.lock().unwrap_or_else(PoisonError::into_inner).pop();
        stored.unwrap_or_else(|| self.sizes.arena())
    }

    pub fn put_back(&self, arena: Arena) {
        self.arenas.lock().unwrap_or_else(PoisonError::into_inner).push(arena);
    }
}
