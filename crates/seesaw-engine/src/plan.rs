//! A compiled net: kernels, planned buffers, and the order of steps.

use seesaw_arch::Layer;
use seesaw_kernels::{
    BlockMaps, CBLOCK, Machine, PartTimes, Pointwise, Team, global_average_pool,
    layout::{Plane, Size, cblocks},
};

use crate::{
    EngineError, Options,
    arena::{Arena, Sizes, Store, check_bytes},
    trunk::Trunk,
};

/// A net compiled for one image size, ready to run.
///
/// A plan is immutable: threads may share it and run it at the same time. Each run takes an arena
/// from the plan's store; only when all are in use is another one allocated.
#[derive(Debug)]
pub struct Plan {
    pub(crate) layers: Vec<Layer>,
    trunk: Trunk,
    linear: Pointwise,
    machine: Machine,
    /// One thread, for images that run side by side.
    solo: Team,
    input_size: usize,
    batch: usize,
    sizes: Sizes,
    store: Store,
}

/// What is told of a run while it goes through the layers.
pub(crate) struct Probe<'a> {
    /// Gathers the times of the blocks' layers.
    pub times: Option<&'a PartTimes>,
    /// Is shown the output of the stem, of each block and of the head, numbered from 0.
    pub visit: &'a mut dyn FnMut(usize, &[f32]),
}

/// The buffers of one image.
struct Buffers<'a> {
    work: &'a mut [f32],
    /// Pooled features, `[channels, padded]`.
    pooled: &'a mut [f32],
}

impl Plan {
    pub(crate) fn new(
        layers: Vec<Layer>,
        options: &Options,
        machine: &Machine,
        trunk: Trunk,
        linear: Pointwise,
    ) -> Result<Self, EngineError> {
        if usize::BITS < 64 {
            // The sizes themselves must not overflow.
            let largest = layers.iter().map(|layer| layer.bytes).max().unwrap_or(0);
            check_bytes(largest.saturating_mul(2), options)?;
        }
        let sizes = Sizes::new(&trunk, &linear, options, machine.threads());
        sizes.check(options)?;
        Ok(Self {
            layers,
            trunk,
            linear,
            machine: machine.clone(),
            solo: Team::solo(),
            input_size: options.input_size,
            batch: options.batch,
            sizes,
            store: Store::new(sizes),
        })
    }

    /// Classifies `n` images, from none to the plan's batch.
    ///
    /// `images` is `[n, 3, size, size]`, normalized as the net was trained; `logits` is
    /// `[n, classes]`. Results do not depend on the number of threads.
    ///
    /// # Errors
    /// [`EngineError::Length`] when a slice has another length than its shape.
    pub fn run(&self, images: &[f32], logits: &mut [f32]) -> Result<(), EngineError> {
        let count = self.count_images(images)?;
        self.check_logits(logits, count)?;
        let mut arena = self.store.take();
        self.pool_all(images, count, &mut arena);
        self.classify(count, &mut arena, logits);
        self.store.put_back(arena);
        Ok(())
    }

    /// The logits of `n` images; as [`Self::run`], with the memory for them.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn logits(&self, images: &[f32]) -> Result<Vec<f32>, EngineError> {
        let mut logits = vec![0.0; self.count_images(images)? * self.classes()];
        self.run(images, &mut logits)?;
        Ok(logits)
    }

    /// The pooled features of `n` images, which the linear layer reads: `[n, channels]` of the head
    /// convolution.
    ///
    /// # Errors
    /// [`EngineError::Length`] when `images` are not whole images, or more than a batch.
    pub fn pooled(&self, images: &[f32]) -> Result<Vec<f32>, EngineError> {
        let count = self.count_images(images)?;
        let mut arena = self.store.take();
        self.pool_all(images, count, &mut arena);
        let channels = self.linear.inputs();
        let padded = cblocks(channels) * CBLOCK;
        let rows = arena.pooled.chunks_exact(padded).take(count);
        let features = rows.flat_map(|row| row[..channels].iter().copied()).collect();
        self.store.put_back(arena);
        Ok(features)
    }

    /// Classes.
    pub fn classes(&self) -> usize {
        self.linear.outputs()
    }

    /// Side of the images, in pixels.
    pub fn input_size(&self) -> usize {
        self.input_size
    }

    /// The most images that a run takes.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// The threads and the instruction set that the plan was packed for.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Bytes of buffers that a run needs.
    pub fn arena_bytes(&self) -> u64 {
        self.sizes.arena_bytes()
    }

    /// The number of images in a slice.
    pub(crate) fn count_images(&self, images: &[f32]) -> Result<usize, EngineError> {
        let len = self.image_len();
        let (found, count) = (images.len(), images.len() / len);
        if count * len != found || count > self.batch {
            let expected = len * count.clamp(1, self.batch);
            return Err(EngineError::Length { what: "images", found, expected });
        }
        Ok(count)
    }

    pub(crate) fn image_len(&self) -> usize {
        3 * self.input_size * self.input_size
    }

    /// Runs the trunk on every image. Threads take whole images while there are enough of them;
    /// the rest are run one by one by the whole team.
    fn pool_all(&self, images: &[f32], count: usize, arena: &mut Arena) {
        let channels = cblocks(self.linear.inputs()) * CBLOCK;
        let team = self.machine.team();
        let shared = count - count % team.threads();
        let (whole, rest) = arena.pooled[..count * channels].split_at_mut(shared * channels);
        let image = |index: usize| &images[index * self.image_len()..][..self.image_len()];
        let run = |team: &Team, index: usize, buffers: Buffers<'_>| {
            let probe = Probe { times: None, visit: &mut |_, _| {} };
            self.pool_image(team, image(index), buffers, probe);
        };
        if shared > 0 {
            let len = self.sizes.image_alone();
            team.run_chunks(whole, channels, &mut arena.work, len, &|index, pooled, work| {
                run(&self.solo, index, Buffers { work, pooled });
            });
        }
        for (index, pooled) in (shared..).zip(rest.chunks_exact_mut(channels)) {
            run(team, index, Buffers { work: &mut arena.work, pooled });
        }
    }

    /// Runs the trunk and the pool on one image.
    fn pool_image(&self, team: &Team, image: &[f32], buffers: Buffers<'_>, probe: Probe<'_>) {
        let (Buffers { work, pooled }, Probe { times, visit }) = (buffers, probe);
        let Trunk { stem, blocks: trunk, head } = &self.trunk;
        let (from, rest) = work.split_at_mut(self.sizes.maps[0]);
        let (to, scratch) = rest.split_at_mut(self.sizes.maps[1]);
        let (mut from, mut to) = (from, to);
        let mut side = stem.output_side(self.input_size);
        let mut len = Plane::dense(side, side).len(self.trunk.stem_channels());
        let size = Size::square(self.input_size);
        stem.run(team, image, size, scratch, &mut from[..len]);
        visit(0, &from[..len]);
        for (step, block) in (1..).zip(trunk) {
            let after = block.output_side(side);
            let next = Plane::dense(after, after).len(block.outputs());
            let (x, size, out) = (&from[..len], Size::square(side), &mut to[..next]);
            block.run_timed(team, BlockMaps { x, size, scratch, out }, times);
            visit(step, &to[..next]);
            (side, len) = (after, next);
            (from, to) = (to, from);
        }
        let pixels = side * side;
        let next = Plane::dense(side, side).len(head.outputs());
        head.run(team, &from[..len], pixels, None, &mut to[..next]);
        visit(trunk.len() + 1, &to[..next]);
        global_average_pool(&to[..next], pixels, pooled, 0, 1);
    }

    /// Runs the linear layer on all images at once, so that its weights are read once.
    fn classify(&self, count: usize, arena: &mut Arena, logits: &mut [f32]) {
        if count == 0 {
            return;
        }
        let channels = cblocks(self.linear.inputs()) * CBLOCK;
        let features = &mut arena.features[..count * channels];
        for (image, pooled) in arena.pooled.chunks_exact(channels).take(count).enumerate() {
            for (block, lanes) in pooled.chunks_exact(CBLOCK).enumerate() {
                features[(block * count + image) * CBLOCK..][..CBLOCK].copy_from_slice(lanes);
            }
        }
        let outputs = &mut arena.outputs[..count * cblocks(self.classes()) * CBLOCK];
        self.linear.run(self.machine.team(), features, count, None, outputs);
        for (image, logits) in logits.chunks_exact_mut(self.classes()).enumerate() {
            for (class, logit) in logits.iter_mut().enumerate() {
                *logit = outputs[(class / CBLOCK * count + image) * CBLOCK + class % CBLOCK];
            }
        }
    }

    /// Runs the linear layer on features, at most a batch of them, instead of those of images.
    pub(crate) fn classify_features(&self, features: &[Vec<f32>], logits: &mut [f32]) {
        let channels = cblocks(self.linear.inputs()) * CBLOCK;
        let mut arena = self.store.take();
        for (row, features) in arena.pooled.chunks_exact_mut(channels).zip(features) {
            row[..features.len()].copy_from_slice(features);
            row[features.len()..].fill(0.0);
        }
        self.classify(features.len(), &mut arena, logits);
        self.store.put_back(arena);
    }

    /// Runs the trunk and the pool on one image, and shows `probe` its way.
    pub(crate) fn inspect_image(&self, image: &[f32], probe: Probe<'_>) {
        let mut arena = self.store.take();
        self.inspect_row(image, 0, &mut arena, probe);
        self.store.put_back(arena);
    }

    /// As [`Self::run`], image by image; `visit` is shown the outputs of all units up to the pool.
    pub(crate) fn run_probed(
        &self,
        images: &[f32],
        logits: &mut [f32],
        visit: &mut dyn FnMut(usize, &[f32]),
    ) -> Result<(), EngineError> {
        let count = self.count_images(images)?;
        self.check_logits(logits, count)?;
        let mut arena = self.store.take();
        for (row, image) in images.chunks_exact(self.image_len()).enumerate() {
            let pooled = self.inspect_row(image, row, &mut arena, Probe { times: None, visit });
            visit(self.trunk.blocks.len() + 2, pooled);
        }
        self.classify(count, &mut arena, logits);
        self.store.put_back(arena);
        Ok(())
    }

    /// Pools one image into row `row` of the arena; that row.
    fn inspect_row<'a>(
        &self,
        image: &[f32],
        row: usize,
        arena: &'a mut Arena,
        probe: Probe<'_>,
    ) -> &'a [f32] {
        let channels = cblocks(self.linear.inputs()) * CBLOCK;
        let pooled = &mut arena.pooled[row * channels..][..channels];
        let buffers = Buffers { work: &mut arena.work, pooled: &mut *pooled };
        self.pool_image(self.machine.team(), image, buffers, probe);
        pooled
    }

    fn check_logits(&self, logits: &[f32], images: usize) -> Result<(), EngineError> {
        let (found, expected) = (logits.len(), images * self.classes());
        if found == expected {
            return Ok(());
        }
        Err(EngineError::Length { what: "logits", found, expected })
    }
}
