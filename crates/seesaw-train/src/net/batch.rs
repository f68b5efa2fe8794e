//! Passes over a batch, which is cut into parts that threads share.
//!
//! The number of parts depends on the size of the batch alone, and the results of the parts are
//! summed in part order: that is why results do not depend on the number of threads.
//!
//! A map lies in memory as `[parts][cblocks][images of the part][pixels][8]`: a convolution walks
//! over a part in strips that need not end where an image does, and batch norm over all images of a
//! channel block at once.

use seesaw_kernels::{
    IsaToken, Team,
    train::{Bf16Kernels, MapBuffer, NormKernels, Storage, Sums},
};

use super::pointwise::bf16_token;

/// The most parts of a batch.
const MAX_PARTS: usize = 8;

/// The fewest images of a part, where the batch has as many.
const MIN_IMAGES: usize = 4;

/// Images of a part of a batch of `images`; the last part may have fewer.
fn part_images(images: usize) -> usize {
    images.div_ceil(MAX_PARTS).max(MIN_IMAGES)
}

/// Number of parts of a batch of `images`.
pub(super) fn parts(images: usize) -> usize {
    images.div_ceil(part_images(images))
}

/// Runs passes over a batch on all threads.
pub(super) struct BatchRunner<'a> {
    pub team: &'a Team,
    pub kernels: MapKernels,
    pub scratches: &'a mut [Scratch],
    /// Images of the batch.
    pub images: usize,
    /// Whether the next pass starts with the last part.
    pub reversed: bool,
}

impl BatchRunner<'_> {
    /// A pass over maps: calls `work` with each item, one for each part.
    ///
    /// Every other pass starts with the last part, which the pass before wrote last: what is still
    /// in the last-level cache is read before it is evicted.
    pub fn run<T: Send>(&mut self, items: &mut [T], work: impl Fn(&mut T, &mut Scratch) + Sync) {
        if self.reversed {
            items.reverse();
        }
        self.team.run_items(items, self.scratches, work);
        if self.reversed {
            items.reverse();
        }
        self.reversed = !self.reversed;
    }

    /// The parts of a batch of maps with `image_len` values for each image; `map` may be longer.
    pub fn split<'m>(
        &self,
        map: &'m [f32],
        image_len: usize,
    ) -> impl Iterator<Item = &'m [f32]> + use<'m> {
        map[..self.images * image_len].chunks(part_images(self.images) * image_len)
    }

    /// As [`Self::split`], of a map that may be absent.
    pub fn split_optional<'m>(
        &self,
        map: Option<&'m [f32]>,
        image_len: usize,
    ) -> impl Iterator<Item = Option<&'m [f32]>> + use<'m> {
        let mut maps = map.map(|map| self.split(map, image_len));
        (0..parts(self.images)).map(move |_| maps.as_mut().and_then(Iterator::next))
    }

    /// As [`Self::split`], to be written.
    pub fn split_mut<'m>(
        &self,
        map: &'m mut [f32],
        image_len: usize,
    ) -> impl Iterator<Item = &'m mut [f32]> + use<'m> {
        map[..self.images * image_len].chunks_mut(part_images(self.images) * image_len)
    }

    /// Sums the parts' `len` values in `all`, in part order, into the first `len`.
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

/// Adds up the parts' sums in part order.
pub(super) fn total<'a>(parts: impl IntoIterator<Item = &'a Vec<Sums>>) -> Vec<Sums> {
    let mut parts = parts.into_iter();
    let first = parts.next().expect("a batch has at least one part");
    let mut total = vec![Sums::default(); first.len()];
    for part in [first].into_iter().chain(parts) {
        let values = total.iter_mut().flatten().flatten();
        for (sum, value) in values.zip(part.iter().flatten().flatten()) {
            *sum += value;
        }
    }
    total
}

/// The kernels that read and write maps, in either storage.
#[derive(Debug, Clone, Copy)]
pub(super) struct MapKernels {
    f32: StorageKernels,
    bf16: StorageKernels,
}

/// The kernels for maps in one storage.
#[derive(Debug, Clone, Copy)]
pub(super) struct StorageKernels {
    /// Those of batch norm.
    pub norm: NormKernels,
    /// Those that write what convolutions in bf16 read.
    pub bf16: Bf16Kernels,
}

impl MapKernels {
    /// The kernels for the instruction set of `token`.
    pub fn new(token: IsaToken) -> Self {
        let bf16 = bf16_token(token);
        Self {
            f32: StorageKernels {
                norm: NormKernels::new(token),
                bf16: Bf16Kernels::new(bf16, Storage::F32),
            },
            bf16: StorageKernels {
                norm: NormKernels::for_bf16(bf16),
                bf16: Bf16Kernels::new(bf16, Storage::Bf16),
            },
        }
    }

    /// Those for maps in `storage`.
    pub fn stored(&self, storage: Storage) -> &StorageKernels {
        match storage {
            Storage::F32 => &self.f32,
            Storage::Bf16 => &self.bf16,
        }
    }

    /// Batch norm's for maps in `storage`.
    pub fn norm(&self, storage: Storage) -> &NormKernels {
        &self.stored(storage).norm
    }
}

/// Buffers of one thread that grow on demand.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    first: MapBuffer,
    second: MapBuffer,
}

impl Scratch {
    /// Two buffers of these lengths, with unspecified contents.
    pub fn pair(&mut self, first: usize, second: usize) -> (&mut [f32], &mut [f32]) {
        self.first.resize(first);
        self.second.resize(second);
        (&mut self.first, &mut self.second)
    }
}
