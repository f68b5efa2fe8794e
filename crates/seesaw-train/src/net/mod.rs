//! A net in training: one step is a forward pass of a batch, the loss, and a backward pass.
//!
//! There is no tape. A net is a list of layers (stem, blocks, head), each with a forward pass, a
//! backward pass and the maps that it saves between the two: the outputs of its convolutions before
//! their batch norms, and its input. Batch norm, ReLU6 and the flow between groups are applied where
//! the next kernel reads.

mod backward;
mod batch;
mod block;
mod clock;
mod context;
mod conv;
mod features;
mod forward;
mod head;
mod linear;
mod map;
mod norm;
mod pointwise;
mod pool;
mod precision;
mod statistics;
mod stem;
mod strip;
#[cfg(test)]
mod tests;

use batch::{BatchRunner, MapKernels, Scratch};
use block::Block;
use clock::Clock;
pub use clock::LayerTime;
use context::{StepContext, Workspace, WorkspaceLen};
use conv::LayerBuilder;
pub use features::{FeatureTargets, TargetMap};
use head::Head;
use map::PreNorm;
pub use precision::Precision;
use seesaw_arch::Net;
use seesaw_kernels::{KernelError, Machine, layout::Size, train::Sums};
pub use statistics::Statistics;
use stem::Stem;

use crate::{
    TrainError,
    layout::{Layout, State},
};

/// What a net is trained with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetOptions {
    /// Side of the square images, in pixels.
    pub input_size: usize,
    /// The most images of a step, 1 to 65536.
    pub batch: usize,
    /// What the pointwise convolutions multiply.
    pub precision: Precision,
    /// What the batch norms normalize with.
    pub statistics: Statistics,
    /// How many depths, counted from the input, get no gradients: 0 none, 1 the stem, 2 also the
    /// first block, and so on. The backward pass ends there. The head always gets them.
    pub frozen: usize,
}

impl NetOptions {
    /// One image of the net's own size for each step, in f32, with gradients of all layers.
    pub fn new(net: &Net) -> Self {
        Self {
            input_size: net.input_size,
            batch: 1,
            precision: Precision::F32,
            statistics: Statistics::Batch,
            frozen: 0,
        }
    }

    /// The same for images of this size.
    pub fn input_size(mut self, pixels: usize) -> Self {
        self.input_size = pixels;
        self
    }

    /// The same for up to this many images in a step.
    pub fn batch(mut self, images: usize) -> Self {
        self.batch = images;
        self
    }

    /// The same in this precision.
    pub fn precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// The same with batch norms that normalize with these.
    pub fn statistics(mut self, statistics: Statistics) -> Self {
        self.statistics = statistics;
        self
    }

    /// The same without gradients of so many depths from the input.
    pub fn frozen(mut self, depths: usize) -> Self {
        self.frozen = depths;
        self
    }
}

/// What a step reads besides a net's state.
#[derive(Debug, Clone, Copy)]
pub struct StepInput<'a> {
    /// Images, `[n][3][rows][cols]`.
    pub images: &'a [f32],
    /// Decides which features dropout drops.
    pub dropout_seed: u64,
    /// What the outputs of blocks and the pooled features are compared with.
    pub features: Option<&'a FeatureTargets>,
}

/// The most images of a step.
pub(crate) const MAX_BATCH: usize = 65_536;

/// A net in training, with the memory for a step.
#[derive(Debug)]
pub struct TrainNet {
    layout: Layout,
    options: NetOptions,
    machine: Machine,
    kernels: MapKernels,
    stem: Stem,
    blocks: Vec<Block>,
    head: Head,
    workspace: Workspace,
    scratches: Vec<Scratch>,
    clock: Clock,
    /// Images that the layers have room for.
    fitted: usize,
    /// Those of the last batch.
    batch_statistics: Vec<f64>,
}

/// What the layers of a net have in common, besides a forward and a backward pass.
trait Layer: Send {
    /// Hands the parameters to the kernels.
    fn load(&mut self, parameters: &[f32]);

    /// Makes room for a batch of `images`, and tells what the backward pass needs.
    fn fit(&mut self, images: usize) -> WorkspaceLen;
}

impl TrainNet {
    /// Prepares a net for steps of up to `options.batch` images on `machine`.
    ///
    /// # Errors
    /// When the net breaks a rule at this image size, or the batch has no or too many images.
    pub fn new(net: &Net, options: &NetOptions, machine: &Machine) -> Result<Self, TrainError> {
        net.layers(options.input_size)?;
        if !(1..=MAX_BATCH).contains(&options.batch) {
            return Err(TrainError::BatchSize { images: options.batch, max: MAX_BATCH });
        }
        let (layout, steps) = (Layout::new(net)?, net.steps());
        let NetOptions { precision, statistics, .. } = *options;
        let (token, eps) = (machine.token(), net.batch_norm_eps);
        let builder = LayerBuilder { token, precision, statistics, layout: &layout, eps };
        let [stem, blocks @ .., head, _pool, linear] = &steps[..] else {
            unreachable!("a net has a stem, a head, a pool and a linear layer")
        };
        let mut size = Size::square(options.input_size);
        let stem = Stem::new(builder, stem, size)?;
        size = stem.output().pre_norm.size;
        let block = |steps| -> Result<Block, KernelError> {
            let block = Block::new(builder, steps, size)?;
            size = block.output().pre_norm.size;
            Ok(block)
        };
        let blocks = blocks.chunk_by(|a, b| a.id.unit() == b.id.unit());
        let blocks = blocks.map(block).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            stem,
            blocks,
            head: Head::new(builder, head, linear, size, net.head.dropout)?,
            options: options.clone(),
            machine: machine.clone(),
            kernels: MapKernels::new(token),
            workspace: Workspace::default(),
            scratches: (0..machine.threads()).map(|_| Scratch::default()).collect(),
            clock: Clock::new(steps.iter().map(|step| step.id)),
            fitted: 0,
            batch_statistics: vec![0.0; layout.batch_statistics(statistics)],
            layout,
        })
    }

    /// Where the net's tensors lie in its states and gradients.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What steps run on.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// What the net was prepared for.
    pub fn options(&self) -> &NetOptions {
        &self.options
    }

    /// The time that all steps so far have spent in each layer, in the order of the layers.
    pub fn times(&self) -> &[LayerTime] {
        self.clock.times()
    }

    /// Replaces the net's dropout: the probability that a step drops an input of the linear layer.
    ///
    /// # Errors
    /// When it is not at least 0 and less than 1.
    pub fn set_dropout(&mut self, rate: f32) -> Result<(), TrainError> {
        if !(0.0..1.0).contains(&rate) {
            return Err(TrainError::Dropout { rate });
        }
        self.head.dropout = rate;
        Ok(())
    }

    /// Runs the forward and the backward pass of one batch, and returns its loss.
    ///
    /// `loss` gets the logits `[n][classes]`, writes their gradient and returns its value; the loss of
    /// `input.features` is added to it. Batch norms use the batch's statistics, and update the running
    /// ones in `state`, unless the options say otherwise. `gradients` is overwritten, in the order of
    /// the parameters; those of frozen layers are 0, and their feature maps add no loss.
    ///
    /// # Errors
    /// [`TrainError::Images`] when there are no whole images of the net's size or too many;
    /// [`TrainError::OtherNet`] when another slice has another length than in the layout.
    pub fn step(
        &mut self,
        state: &mut State,
        input: StepInput<'_>,
        loss: impl FnOnce(&[f32], &mut [f32]) -> f64,
        gradients: &mut [f32],
    ) -> Result<f64, TrainError> {
        let value = self.passes(state, input, loss, gradients)?;
        state.follow(&self.batch_statistics);
        Ok(value)
    }

    /// What the last batch's means and variances were, for [`State::follow`]; none where the batch norms
    /// use the running ones.
    pub(crate) fn batch_statistics(&self) -> &[f64] {
        &self.batch_statistics
    }

    /// As [`Self::step`], but leaves the running statistics to the caller.
    pub(crate) fn passes(
        &mut self,
        state: &State,
        input: StepInput<'_>,
        loss: impl FnOnce(&[f32], &mut [f32]) -> f64,
        gradients: &mut [f32],
    ) -> Result<f64, TrainError> {
        let StepInput { images, dropout_seed, features } = input;
        let count = self.check(state, images, gradients)?;
        if let Some(features) = features {
            features.check(self.blocks.iter().map(Block::output), self.head.features(), count)?;
        }
        self.fit(count);
        self.clock.start();
        self.load(&state.parameters);
        let Self { stem, blocks, head, .. } = self;
        let cx = &mut StepContext {
            runner: BatchRunner {
                team: self.machine.team(),
                kernels: self.kernels,
                scratches: &mut self.scratches,
                images: count,
                reversed: false,
            },
            clock: &mut self.clock,
            workspace: &mut self.workspace,
            state,
            statistics: &mut self.batch_statistics,
            gradients,
            dropout_seed,
        };

        let mut output = stem.forward(cx, images);
        for block in &mut *blocks {
            output = block.forward(cx, output);
        }
        let logits = head.forward(cx, output);

        let mut grad_logits = vec![0.0; logits.len()];
        let value = loss(&logits, &mut grad_logits);

        let frozen = self.options.frozen;
        if frozen > 0 {
            cx.gradients.fill(0.0);
        }
        let (sums, pooled_loss) =
            head.backward(cx, output_of(stem, blocks), &grad_logits, features);
        let (sums, map_loss) =
            BlocksBackward { stem, head, frozen, features }.run(cx, blocks, sums);
        if frozen == 0 {
            stem.backward(cx, images, &sums);
        }
        Ok(value + pooled_loss + map_loss)
    }

    /// The number of images, if all slices have their lengths.
    fn check(&self, state: &State, images: &[f32], gradients: &[f32]) -> Result<usize, TrainError> {
        let size = self.stem.image_size();
        let count = images.len() / (3 * size.pixels());
        if images.len() != count * 3 * size.pixels() || count == 0 || count > self.options.batch {
            let (max, size) = (self.options.batch, self.options.input_size);
            return Err(TrainError::Images { values: images.len(), max, size });
        }
        for (what, found, expected) in [
            ("parameters", state.parameters.len(), self.layout.parameters()),
            ("gradients", gradients.len(), self.layout.parameters()),
            ("statistics", state.statistics.len(), self.layout.statistics()),
        ] {
            if found != expected {
                return Err(TrainError::OtherNet { what, found, expected });
            }
        }
        Ok(count)
    }

    /// All layers, in no particular order.
    fn layers_mut(&mut self) -> impl Iterator<Item = &mut dyn Layer> {
        let ends: [&mut dyn Layer; 2] = [&mut self.head, &mut self.stem];
        ends.into_iter().chain(self.blocks.iter_mut().map(|block| block as &mut dyn Layer))
    }

    /// Makes room for a batch of `images`.
    fn fit(&mut self, images: usize) {
        if self.fitted == images {
            return;
        }
        let lens = self.layers_mut().map(|layer| layer.fit(images));
        let len = lens.fold(WorkspaceLen::default(), WorkspaceLen::max);
        self.workspace.fit(len, images);
        self.fitted = images;
    }

    /// Hands the parameters to the kernels, layer by layer on all threads.
    fn load(&mut self, parameters: &[f32]) {
        let machine = self.machine.clone();
        let mut scratches = vec![(); machine.threads()];
        let mut layers: Vec<_> = self.layers_mut().collect();
        machine.team().run_items(&mut layers, &mut scratches, |layer, ()| layer.load(parameters));
    }
}

/// The backward pass of the blocks.
struct BlocksBackward<'a> {
    stem: &'a Stem,
    /// The layer after the blocks.
    head: &'a Head,
    /// Layers at the front that learn nothing.
    frozen: usize,
    features: Option<&'a FeatureTargets>,
}

impl BlocksBackward<'_> {
    /// From the gradient of the last block's output, in `workspace.trunk[0]` with these sums, to that
    /// of the input of the first one that is not frozen. Returns its sums, and the loss of the maps
    /// that are compared.
    fn run(
        &self,
        cx: &mut StepContext<'_>,
        blocks: &mut [Block],
        mut sums: Vec<Sums>,
    ) -> (Vec<Sums>, f64) {
        let mut loss = 0.0;
        // The depth of a block is its index plus 1; the stem's is 0.
        for index in (self.frozen.saturating_sub(1)..blocks.len()).rev() {
            let (before, after) = blocks.split_at_mut(index + 1);
            let (block, before) = before.split_last_mut().expect("the block of the index");
            if let Some(features) = self.features {
                // The next layer has saved the map for its own backward pass.
                let map = after.first().map_or(&self.head.saved_input, |next| &next.saved_input);
                loss += features.block(cx, index, block.output().pre_norm, map, &mut sums);
            }
            sums = block.backward(cx, output_of(self.stem, before), &sums);
        }
        (sums, loss)
    }
}

/// The output of the last of these blocks, or of the stem if there is none.
fn output_of<'a>(stem: &'a Stem, blocks: &'a [Block]) -> PreNorm<'a> {
    blocks.last().map_or_else(|| stem.output(), Block::output).pre_norm
}
