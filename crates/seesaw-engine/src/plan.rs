//! A compiled net: kernels, planned buffers, and the order of steps.

use std::sync::{Mutex, PoisonError};

use seesaw_arch::{Layer, Net};
use seesaw_kernels::{
    Aligned, CBLOCK, InvertedResidual, IsaToken, PartTimes, Pointwise, Stem, Team,
    global_average_pool,
    layout::{Plane, cblocks, to_planar},
};

use crate::{EngineError, Options};

/// The most memory that a run's buffers may take.
const MAX_ARENA: usize = 4 << 30;

/// The layers before the global average pool.
#[derive(Debug)]
pub(crate) struct Trunk {
    pub stem: Stem,
    pub blocks: Vec<InvertedResidual>,
    pub head: Pointwise,
}

/// A net compiled for one image size, ready to run.
///
/// A plan is immutable: threads may share it and run it at the same time. Each run takes an arena
/// from the plan's store; only when all are in use is another one allocated.
#[derive(Debug)]
pub struct Plan {
    pub(crate) layers: Vec<Layer>,
    pub(crate) trunk: Trunk,
    linear: Pointwise,
    token: IsaToken,
    pub(crate) team: Team,
    pub(crate) solo: Team,
    input_size: usize,
    batch: usize,
    pub(crate) sizes: Sizes,
    store: Mutex<Vec<Arena>>,
}

/// f32 that the parts of an arena take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// The two maps between which layers pass their results to and fro.
    maps: [usize; 2],
    /// Scratch of any layer on one thread, and on the whole team.
    scratch: [usize; 2],
}

impl Sizes {
    /// f32 that an image takes while it runs on one thread (`false`) or on the team (`true`).
    pub(crate) fn image(&self, on_team: bool) -> usize {
        self.maps[0] + self.maps[1] + self.scratch[usize::from(on_team)]
    }
}

/// The memory of one run.
#[derive(Debug)]
pub(crate) struct Arena {
    pub work: Aligned,
    /// Pooled features `[images][channels, padded]`.
    pooled: Aligned,
    /// The same as the linear layer reads them, `[blocks][images][8]`.
    features: Aligned,
    /// The linear layer's outputs, `[blocks][images][8]`.
    outputs: Aligned,
}

impl Plan {
    pub(crate) fn new(
        net: &Net,
        layers: Vec<Layer>,
        options: &Options,
        token: IsaToken,
        team: Team,
        trunk: Trunk,
        linear: Pointwise,
    ) -> Result<Self, EngineError> {
        debug_assert_eq!(linear.outputs(), net.classes);
        let sizes = trunk.sizes(options.input_size, team.threads());
        let plan = Self {
            layers,
            trunk,
            linear,
            token,
            team,
            solo: Team::solo(),
            input_size: options.input_size,
            batch: options.batch,
            sizes,
            store: Mutex::new(Vec::new()),
        };
        if plan.arena_bytes() > MAX_ARENA {
            let rule = "the buffers of this net and batch would take more than 4 GiB";
            let (option, value) = ("input_size", options.input_size);
            return Err(EngineError::Option { option, value, rule });
        }
        // Ready before the first run, which then allocates nothing.
        plan.put_back(plan.arena());
        Ok(plan)
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
        let expected = count * self.classes();
        if logits.len() != expected {
            return Err(EngineError::Length { what: "logits", got: logits.len(), expected });
        }
        let mut arena = self.take();
        self.pool_all(images, count, &mut arena);
        self.classify(count, &mut arena, logits);
        self.put_back(arena);
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

    /// The instruction set that the plan is packed for.
    pub fn isa(&self) -> IsaToken {
        self.token
    }

    /// The threads that work on a run.
    pub fn team(&self) -> &Team {
        &self.team
    }

    /// Bytes of buffers that a run needs.
    pub fn arena_bytes(&self) -> usize {
        let channels = cblocks(self.linear.inputs()) * CBLOCK;
        let classes = cblocks(self.classes()) * CBLOCK;
        let floats = self.work_len() + self.batch.saturating_mul(2 * channels + classes);
        floats.saturating_mul(size_of::<f32>())
    }

    /// The number of images in a slice.
    pub(crate) fn count_images(&self, images: &[f32]) -> Result<usize, EngineError> {
        let len = self.image_len();
        let (got, count) = (images.len(), images.len() / len);
        if count * len != got || count > self.batch {
            let expected = len * count.clamp(1, self.batch);
            return Err(EngineError::Length { what: "images", got, expected });
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
        let shared = count - count % self.team.threads();
        let (whole, rest) = arena.pooled[..count * channels].split_at_mut(shared * channels);
        let image = |index: usize| &images[index * self.image_len()..][..self.image_len()];
        let len = self.sizes.image(false);
        if shared > 0 {
            self.team.run_chunks(whole, channels, &mut arena.work, len, &|index, pooled, work| {
                self.pool_image(&self.solo, image(index), work, pooled, None, &mut |_, _| {});
            });
        }
        for (index, pooled) in (shared..).zip(rest.chunks_exact_mut(channels)) {
            let work = &mut arena.work;
            self.pool_image(&self.team, image(index), work, pooled, None, &mut |_, _| {});
        }
    }

    /// Runs the trunk and the pool on one image.
    ///
    /// `visit` sees the map of the stem, of each block and of the head, numbered from 0; `times`
    /// gathers the times of the blocks' layers.
    pub(crate) fn pool_image(
        &self,
        team: &Team,
        image: &[f32],
        work: &mut [f32],
        pooled: &mut [f32],
        times: Option<&PartTimes>,
        visit: &mut dyn FnMut(usize, &[f32]),
    ) {
        let Trunk { stem, blocks: trunk, head } = &self.trunk;
        let (from, rest) = work.split_at_mut(self.sizes.maps[0]);
        let (to, scratch) = rest.split_at_mut(self.sizes.maps[1]);
        let (mut from, mut to) = (from, to);
        let mut side = stem.output_side(self.input_size);
        let mut len = Plane::dense(side, side).len(self.trunk.stem_channels());
        let size = (self.input_size, self.input_size);
        stem.run(team, image, size, scratch, &mut from[..len]);
        visit(0, &from[..len]);
        for (step, block) in (1..).zip(trunk) {
            let after = block.output_side(side);
            let next = Plane::dense(after, after).len(block.outputs());
            let out = &mut to[..next];
            block.run_timed(team, &from[..len], (side, side), scratch, out, times);
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
        self.linear.run(&self.team, features, count, None, outputs);
        for (image, logits) in logits.chunks_exact_mut(self.classes()).enumerate() {
            for (class, logit) in logits.iter_mut().enumerate() {
                *logit = outputs[(class / CBLOCK * count + image) * CBLOCK + class % CBLOCK];
            }
        }
    }

    /// Pools one image and returns the pooled features, `[channels]`.
    pub(crate) fn inspect_image(
        &self,
        image: &[f32],
        times: Option<&PartTimes>,
        visit: &mut dyn FnMut(usize, &[f32]),
    ) -> Vec<f32> {
        let mut arena = self.take();
        let channels = cblocks(self.linear.inputs()) * CBLOCK;
        let pooled = &mut arena.pooled[..channels];
        self.pool_image(&self.team, image, &mut arena.work, pooled, times, visit);
        let mut features = vec![0.0; self.linear.inputs()];
        to_planar(pooled, self.linear.inputs(), &mut features);
        self.put_back(arena);
        features
    }

    fn work_len(&self) -> usize {
        let threads = self.team.threads();
        // A batch of fewer images than threads is run image by image.
        let whole = if self.batch < threads { 0 } else { threads * self.sizes.image(false) };
        whole.max(self.sizes.image(true))
    }

    fn arena(&self) -> Arena {
        let channels = self.batch * cblocks(self.linear.inputs()) * CBLOCK;
        Arena {
            work: Aligned::zeros(self.work_len()),
            pooled: Aligned::zeros(channels),
            features: Aligned::zeros(channels),
            outputs: Aligned::zeros(self.batch * cblocks(self.classes()) * CBLOCK),
        }
    }

    fn take(&self) -> Arena {
        let stored = self.store.lock().unwrap_or_else(PoisonError::into_inner).pop();
        stored.unwrap_or_else(|| self.arena())
    }

    fn put_back(&self, arena: Arena) {
        self.store.lock().unwrap_or_else(PoisonError::into_inner).push(arena);
    }
}

impl Trunk {
    /// Channels of the stem's output.
    fn stem_channels(&self) -> usize {
        self.blocks.first().map_or(self.head.inputs(), InvertedResidual::inputs)
    }

    /// What the buffers must hold. Each part is a multiple of a cache line.
    fn sizes(&self, input_size: usize, threads: usize) -> Sizes {
        let mut side = self.stem.output_side(input_size);
        let stem = self.stem.scratch_len((input_size, input_size));
        let mut sizes = Sizes {
            maps: [Plane::dense(side, side).len(self.stem_channels()), 0],
            scratch: [stem; 2],
        };
        let mut map = 1;
        let mut put = |sizes: &mut Sizes, len: usize| {
            sizes.maps[map] = sizes.maps[map].max(len);
            map = 1 - map;
        };
        for block in &self.blocks {
            for (scratch, threads) in sizes.scratch.iter_mut().zip([1, threads]) {
                *scratch = (*scratch).max(block.scratch_len((side, side), threads));
            }
            side = block.output_side(side);
            put(&mut sizes, Plane::dense(side, side).len(block.outputs()));
        }
        put(&mut sizes, Plane::dense(side, side).len(self.head.outputs()));
        let line = 16;
        sizes.maps = sizes.maps.map(|len| len.next_multiple_of(line));
        sizes.scratch = sizes.scratch.map(|len| len.next_multiple_of(line));
        sizes
    }
}
