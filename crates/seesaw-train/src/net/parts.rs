//! A batch in parts that threads work on.
//!
//! How a batch is cut depends on its size alone, and what the parts found out is added up in their
//! order: that is why results do not depend on the number of threads.
//!
//! A map lies in memory as `[parts][blocks][images of the part][pixels][8]`: a convolution walks over a
//! part in strips that need not end where an image does, and batch norm's loops over a block of all
//! its images at once.

use seesaw_kernels::{
    CBLOCK, IsaToken, Team,
    train::{Bf16Kernels, MapBuffer, NormKernels, Storage, Sums},
};

use super::clock::Clock;

/// The most parts of a batch.
const MOST: usize = 8;

/// The fewest images of a part, if the batch has as many.
const FEWEST: usize = 4;

/// What all passes of a step share.
pub(super) struct Context<'a> {
    pub team: &'a Team,
    pub loops: Loops,
    pub scratches: &'a mut [Scratch],
    pub clock: &'a mut Clock,
    /// Images of the batch.
    pub images: usize,
    /// Whether the next pass begins with the last part.
    pub back: bool,
}

/// Batch norm's loops, for maps in either storage.
#[derive(Debug, Clone, Copy)]
pub(super) struct Loops {
    f32: (NormKernels, Bf16Kernels),
    bf16: (NormKernels, Bf16Kernels),
}

impl Loops {
    /// The loops that `token` opens.
    pub fn new(token: IsaToken) -> Self {
        let bf16 = super::pointwise::bf16(token);
        let narrowing = |storage| Bf16Kernels::new(bf16, storage);
        Self {
            f32: (NormKernels::new(token), narrowing(Storage::F32)),
            bf16: (NormKernels::for_bf16(bf16), narrowing(Storage::Bf16)),
        }
    }

    /// Those for maps in `storage`.
    pub fn of(&self, storage: Storage) -> &NormKernels {
        match storage {
            Storage::F32 => &self.f32.0,
            Storage::Bf16 => &self.bf16.0,
        }
    }

    /// Those that write what convolutions in pairs read, from maps in `storage`.
    pub fn narrowing(&self, storage: Storage) -> &Bf16Kernels {
        match storage {
            Storage::F32 => &self.f32.1,
            Storage::Bf16 => &self.bf16.1,
        }
    }
}

/// Images of a part of a batch of `images`; the last part may have fewer.
fn part(images: usize) -> usize {
    images.div_ceil(MOST).max(FEWEST)
}

/// Parts of a batch of `images`.
pub(super) fn parts(images: usize) -> usize {
    images.div_ceil(part(images))
}

impl Context<'_> {
    /// Images of a part; the last may have fewer.
    pub fn part(&self) -> usize {
        part(self.images)
    }

    /// A pass over maps: calls `work` with each item, one a part.
    ///
    /// Every other pass begins with the last part, whose maps the pass before wrote last: what of a
    /// map is still in the last cache is read before it is pushed out.
    pub fn run<T: Send>(&mut self, items: &mut [T], work: impl Fn(&mut T, &mut Scratch) + Sync) {
        if self.back {
            items.reverse();
        }
        self.team.run_items(items, self.scratches, work);
        if self.back {
            items.reverse();
        }
        self.back = !self.back;
    }

    /// Adds the parts' `len` values in `all` up, in their order, into the first `len`.
    pub fn reduce(&mut self, all: &mut [f32], len: usize) {
        const RANGE: usize = 4096;
        let (sum, rest) = all[..parts(self.images) * len].split_at_mut(len);
        let rest = &*rest;
        let mut ranges: Vec<(usize, &mut [f32])> =
            sum.chunks_mut(RANGE).enumerate().map(|(i, sum)| (i * RANGE, sum)).collect();
        self.team.run_items(&mut ranges, self.scratches, |(first, sum), _| {
            for part in rest.chunks_exact(len) {
                for (sum, value) in sum.iter_mut().zip(&part[*first..]) {
                    *sum += value;
                }
            }
        });
    }
}

/// The parts' images of a batch of maps, `len` values an image.
pub(super) fn split(map: &[f32], part: usize, len: usize) -> impl Iterator<Item = &[f32]> {
    map.chunks(part * len)
}

/// As [`split`], to be written.
pub(super) fn split_mut(
    map: &mut [f32],
    part: usize,
    len: usize,
) -> impl Iterator<Item = &mut [f32]> {
    map.chunks_mut(part * len)
}

/// Adds the parts' sums up in their order.
pub(super) fn total<'a>(parts: impl IntoIterator<Item = &'a Vec<Sums>>) -> Vec<Sums> {
    let mut total: Vec<Sums> = Vec::new();
    for part in parts {
        if total.is_empty() {
            total = vec![[[0.0; CBLOCK]; 2]; part.len()];
        }
        for (sum, value) in
            total.iter_mut().flatten().flatten().zip(part.iter().flatten().flatten())
        {
            *sum += value;
        }
    }
    total
}

/// Buffers of one thread that grow to what is asked of them.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    first: MapBuffer,
    second: MapBuffer,
}

impl Scratch {
    /// Two buffers with whatever they hold.
    pub fn pair(&mut self, first: usize, second: usize) -> (&mut [f32], &mut [f32]) {
        self.first.resize(first);
        self.second.resize(second);
        (&mut self.first, &mut self.second)
    }
}
