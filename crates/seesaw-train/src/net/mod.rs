//! The net in training: one step is a batch forward, the loss, and back.
//!
//! There is no tape. A net is a stem, blocks and a head, each with a way forward (`forward.rs`) and
//! a way back (`backward.rs`); between them lie only the convolutions' raw outputs and the blocks'
//! inputs. Batch norm, ReLU6 and the flow between groups happen where the next kernel reads.

mod backward;
mod block;
mod clock;
mod forward;
mod head;
mod norm;
mod parts;
mod pointwise;
mod precision;
mod shape;
mod stem;
mod strip;
#[cfg(test)]
mod tests;

use block::{Activation, Gradients, Tensors, TrainBlock, Weighted};
use clock::Clock;
pub use clock::LayerTime;
use parts::{Context, Loops, Scratch};
use pointwise::Pointwise;
pub use precision::Precision;
use seesaw_arch::Net;
use seesaw_kernels::{
    CBLOCK, Isa, IsaToken, KernelError, Machine, Team,
    layout::cblocks,
    train::{GroupPlaces, MapBuffer, Storage},
};
use shape::{map_len, stored_len};
use stem::StemShape;

use crate::{
    TrainError,
    layout::{Layout, State},
    optim::Workers,
};

/// What a net is trained with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetOptions {
    /// Side of the square images, in pixels.
    pub input_size: usize,
    /// The most images of a step.
    pub batch: usize,
    /// Threads that work on a step. Results do not depend on it.
    pub threads: usize,
    /// The instruction set; `None` takes `SEESAW_ISA` or the best of this processor.
    pub isa: Option<Isa>,
    /// What the pointwise convolutions multiply.
    pub precision: Precision,
}

/// A net with room for a step on a batch.
#[derive(Debug)]
pub struct TrainNet {
    layout: Layout,
    options: NetOptions,
    classes: usize,
    dropout: f32,
    team: Team,
    isa: IsaToken,
    loops: Loops,
    scratches: Vec<Scratch>,
    clock: Clock,
    stem: Weighted<Pointwise>,
    stem_shape: StemShape,
    blocks: Vec<TrainBlock>,
    /// Outputs of the stem and of each block.
    stages: Vec<Activation>,
    /// What each block and the head convolution read.
    kept: Vec<MapBuffer>,
    head: Weighted<Pointwise>,
    head_stage: Activation,
    head_channels: usize,
    classifier: Weighted<Pointwise>,
    work: Gradients,
    /// Images that the maps have room for.
    fitted: usize,
}

impl TrainNet {
    /// Prepares a net for steps of up to `options.batch` images.
    ///
    /// # Errors
    /// When the net breaks a rule, or an option cannot be had.
    pub fn new(net: &Net, options: &NetOptions) -> Result<Self, TrainError> {
        net.layers(options.input_size)?;
        if !(1..=65_536).contains(&options.batch) {
            let what = format!("the batch has {} images; 1 to 65536 can be had", options.batch);
            return Err(TrainError::Shape(what));
        }
        let token = match options.isa {
            Some(isa) => IsaToken::new(isa)?,
            None => Machine::from_env(1)?.token(),
        };
        let layout = Layout::new(net)?;
        let mut tensors = Tensors::new(&layout);
        let stem_shape = StemShape {
            size: (options.input_size, options.input_size),
            stride: net.stem.stride,
            outputs: net.stem.channels,
        };
        let precision = options.precision;
        // The images and the logits stay f32: both layers are small.
        let stem = dense((stem::WINDOW, net.stem.channels), &mut tensors, |channels, places| {
            Pointwise::new(token, Precision::F32, channels, places)
        })?;
        let norm = tensors.norm((0..net.stem.channels).collect(), true);
        let mut stages = vec![Activation::new(norm, Storage::F32)];
        let blocks = trunk((token, precision), net, stem_shape.out(), &mut tensors, &mut stages)?;
        let head_channels = net.head.channels;
        let channels = (net.trunk_channels(), head_channels);
        let head = dense(channels, &mut tensors, |channels, places| {
            Pointwise::new(token, precision, channels, places)
        })?;
        let head_stage =
            Activation::new(tensors.norm((0..head_channels).collect(), true), precision.wide());
        let channels = (head_channels, net.classes);
        let mut classifier = dense(channels, &mut tensors, |channels, places| {
            Pointwise::biased(token, channels, places)
        })?;
        classifier.weights.end = tensors.next().end;
        let kept = (0..=blocks.len()).map(|_| MapBuffer::default()).collect();
        let scratches = (0..options.threads).map(|_| Scratch::default()).collect();
        Ok(Self {
            options: options.clone(),
            classes: net.classes,
            dropout: net.head.dropout,
            team: Team::new(options.threads)?,
            isa: token,
            loops: Loops::new(token),
            scratches,
            clock: Clock::new(&layout),
            stem,
            stem_shape,
            blocks,
            stages,
            kept,
            head,
            head_stage,
            head_channels,
            classifier,
            work: Gradients::default(),
            fitted: 0,
            layout,
        })
    }

    /// Where the net's tensors lie in its states and gradients.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The threads of a step, for an optimizer's.
    pub fn workers(&self) -> Workers<'_> {
        Workers { team: &self.team, isa: self.isa }
    }

    /// What the net was prepared with.
    pub fn options(&self) -> &NetOptions {
        &self.options
    }

    /// The time that all steps so far have spent in each layer.
    pub fn times(&self) -> &[LayerTime] {
        &self.clock.times
    }

    /// Sets the probability that a step drops an input of the linear layer, instead of the net's.
    ///
    /// # Errors
    /// When it is not from 0 to less than 1.
    pub fn set_dropout(&mut self, rate: f32) -> Result<(), TrainError> {
        if !(0.0..1.0).contains(&rate) {
            return Err(TrainError::Shape(format!("dropout is {rate}; it must be in 0..1")));
        }
        self.dropout = rate;
        Ok(())
    }

    /// Takes one batch forward and back.
    ///
    /// `images` are `[n][3][rows][cols]`; `loss` is given logits `[n][classes]`, writes their
    /// gradient and returns its value, which is passed on. Batch norms use the batch's statistics
    /// and move the running ones in `state`. `gradients` is overwritten in the order of the
    /// parameters; `dropout_seed` decides which features are dropped.
    ///
    /// # Errors
    /// [`TrainError::Shape`] when a slice has another length than the layout's or than whole images,
    /// or there are more images than the net was prepared for.
    pub fn step(
        &mut self,
        state: &mut State,
        images: &[f32],
        dropout_seed: u64,
        loss: impl FnMut(&[f32], &mut [f32]) -> f64,
        gradients: &mut [f32],
    ) -> Result<f64, TrainError> {
        let count = self.check(state, images, gradients)?;
        self.fit(count);
        self.clock.start();
        self.load(&state.parameters);
        self.forward(state, images, count);
        let value = self.end(&state.parameters, count, dropout_seed, loss, gradients);
        self.backward(&state.parameters, images, count, gradients);
        Ok(value)
    }

    /// The number of images, if everything has its length.
    fn check(&self, state: &State, images: &[f32], gradients: &[f32]) -> Result<usize, TrainError> {
        let (rows, cols) = self.stem_shape.size;
        let count = images.len() / (3 * rows * cols);
        if images.len() != count * 3 * rows * cols || count == 0 || count > self.options.batch {
            return Err(TrainError::Shape(format!(
                "{} values are not 1 to {} images of 3 x {rows} x {cols}",
                images.len(),
                self.options.batch
            )));
        }
        for (what, got, expected) in [
            ("parameters", state.parameters.len(), self.layout.parameters()),
            ("gradients", gradients.len(), self.layout.parameters()),
            ("statistics", state.statistics.len(), self.layout.statistics()),
        ] {
            if got != expected {
                let what = format!("{got} {what} instead of {expected}: they are of another net");
                return Err(TrainError::Shape(what));
            }
        }
        Ok(count)
    }

    /// Makes room for a batch of `images`.
    fn fit(&mut self, images: usize) {
        if self.fitted == images {
            return;
        }
        self.fitted = images;
        let stem = map_len(self.stem_shape.outputs, self.stem_shape.out());
        self.stages[0].raw.resize(images * stem);
        let (mut narrow, mut wide) = (stem, 0);
        for (i, block) in self.blocks.iter_mut().enumerate() {
            block.fit(images);
            let input = map_len(block.shape.input, block.size);
            let output = map_len(block.shape.output, block.out());
            self.kept[i].resize(images * input);
            self.stages[i + 1].raw.resize(images * output);
            narrow = narrow.max(input).max(output);
            wide = wide.max(block.wide_len());
        }
        let (size, trunk) = self.head_input();
        self.kept[self.blocks.len()].resize(images * map_len(trunk, size));
        let head = stored_len(self.head_stage.storage, self.head_channels, size);
        self.head_stage.raw.resize(images * head);
        self.work.narrow.iter_mut().for_each(|map| map.resize(images * narrow));
        self.work.wide.iter_mut().for_each(|map| map.resize(images * wide.max(head)));
        let packed = self.convolutions().map(|c| c.conv.packed_len()).max().unwrap_or(0);
        let taps = self.blocks.iter().map(|b| cblocks(b.shape.expanded) * 9 * CBLOCK).max();
        let parts = parts::parts(images);
        self.work.packed.resize(parts * packed.max(taps.unwrap_or(0)));
    }

    /// Size and channels of what the head convolution reads.
    fn head_input(&self) -> (shape::Size, usize) {
        match self.blocks.last() {
            Some(block) => (block.out(), block.shape.output),
            None => (self.stem_shape.out(), self.stem_shape.outputs),
        }
    }

    /// All pointwise convolutions.
    fn convolutions(&self) -> impl Iterator<Item = &Weighted<Pointwise>> {
        let blocks = self
            .blocks
            .iter()
            .flat_map(|block| block.expand.iter().map(|(conv, _)| conv).chain([&block.project]));
        [&self.stem, &self.head, &self.classifier].into_iter().chain(blocks)
    }

    /// Hands the parameters to the kernels.
    fn load(&mut self, parameters: &[f32]) {
        let mut convs = vec![&mut self.stem, &mut self.head, &mut self.classifier];
        for block in &mut self.blocks {
            let depthwise = &mut block.depthwise;
            depthwise.conv.set(&parameters[depthwise.weights.clone()], &block.places);
            convs.extend(block.expand.iter_mut().map(|(conv, _)| conv));
            convs.push(&mut block.project);
        }
        self.team.run_items(&mut convs, &mut self.scratches, |conv, _| {
            conv.conv.set(&parameters[conv.weights.clone()]);
        });
    }

    /// Everything up to the head's batch norm.
    fn forward(&mut self, state: &mut State, images: &[f32], count: usize) {
        let (size, trunk) = self.head_input();
        let head_channels = self.head_channels;
        let (team, loops, scratches) = (&self.team, self.loops, &mut self.scratches[..]);
        let clock = &mut self.clock;
        let context = &mut Context { team, loops, scratches, clock, images: count, back: false };
        let (first, shape) = (&mut self.stages[0], self.stem_shape);
        let sums = stem::forward(context, self.stem.conv.f32(), shape, images, &mut first.raw);
        first.norm.observe(&sums, count * shape.out().0 * shape.out().1, state);
        context.clock.forward(0);

        let mut residual = false;
        for (i, block) in self.blocks.iter_mut().enumerate() {
            let (fronts, outs) = self.stages.split_at_mut(i + 1);
            let (before, kept) = self.kept.split_at_mut(i);
            let skip = before.last().filter(|_| residual).map(|map| &**map);
            block.forward(context, state, (&fronts[i], skip), &mut kept[0], &mut outs[0]);
            residual = block.shape.is_residual();
        }

        let (before, kept) = self.kept.split_at_mut(self.blocks.len());
        let skip = before.last().filter(|_| residual).map(|map| &**map);
        let raw = self.stages[self.blocks.len()].as_raw();
        let (conv, stage) = (&self.head.conv, &mut self.head_stage);
        let channels = (trunk, head_channels);
        let ahead = forward::ForwardArgs { channels, size, input: raw, residual: skip };
        let (kept, out) = (Some(&mut kept[0][..]), (&mut stage.raw[..], stage.storage));
        let sums = forward::pointwise(context, conv, ahead, kept, out);
        stage.norm.observe(&sums, count * size.0 * size.1, state);
        let head = context.clock.times.len() - 2;
        context.clock.forward(head);
    }

    /// Pool, dropout, linear layer and loss, forward and back, and the gradient behind the head's
    /// batch norm, which is left in `work.wide[0]`.
    fn end(
        &mut self,
        parameters: &[f32],
        count: usize,
        dropout_seed: u64,
        loss: impl FnOnce(&[f32], &mut [f32]) -> f64,
        gradients: &mut [f32],
    ) -> f64 {
        let (size, _) = self.head_input();
        let channels = self.head_channels;
        let (team, loops, scratches) = (&self.team, self.loops, &mut self.scratches[..]);
        let clock = &mut self.clock;
        let context = &mut Context { team, loops, scratches, clock, images: count, back: false };
        let mut features = vec![0.0; count * cblocks(channels) * CBLOCK];
        head::pool(context, channels, size, self.head_stage.as_raw(), &mut features);
        let mask = head::dropout(self.dropout, dropout_seed, features.len());
        let drop = |features: &mut [f32]| {
            features.iter_mut().zip(&mask).for_each(|(feature, mask)| *feature *= mask);
        };
        drop(&mut features);
        let conv = &self.classifier.conv;
        let packed = &mut self.work.packed[..conv.packed_len()];
        let value = head::linear(conv.f32(), (channels, self.classes), &mut features, packed, loss);
        conv.unpack(packed, &mut gradients[self.classifier.weights.clone()]);
        drop(&mut features);

        let classifier = context.clock.times.len() - 1;
        context.clock.backward(classifier);
        let raw = self.head_stage.as_raw();
        let wide = &mut self.work.wide[0][..count * stored_len(raw.storage, channels, size)];
        let sums = head::spread(context, channels, size, raw, &features, wide);
        let pixels = count * size.0 * size.1;
        self.head_stage.norm.observe_backward(&sums, pixels, parameters, gradients);
        value
    }

    /// From the head's batch norm to the stem.
    fn backward(
        &mut self,
        parameters: &[f32],
        images: &[f32],
        count: usize,
        gradients: &mut [f32],
    ) {
        let (size, trunk) = self.head_input();
        let (team, loops, scratches) = (&self.team, self.loops, &mut self.scratches[..]);
        let clock = &mut self.clock;
        let context = &mut Context { team, loops, scratches, clock, images: count, back: false };
        let (work, last) = (&mut self.work, self.blocks.len());
        let len = stored_len(self.head_stage.storage, self.head_channels, size);
        let wide = &work.wide[0][..count * len];
        let (conv, channels) = (&self.head.conv, (trunk, self.head_channels));
        let dx = &mut work.narrow[0][..count * map_len(trunk, size)];
        let around = backward::BackwardArgs {
            channels,
            size,
            behind: self.head_stage.behind(wide),
            input: forward::Source::Kept(&self.kept[last]),
            front: self.stages[last].as_raw(),
            residual: None,
        };
        let sums = backward::pointwise(context, conv, around, dx, &mut work.packed);
        let pixels = count * size.0 * size.1;
        self.stages[last].norm.observe_backward(&sums, pixels, parameters, gradients);
        conv.unpack(&work.packed[..conv.packed_len()], &mut gradients[self.head.weights.clone()]);
        let head = context.clock.times.len() - 2;
        context.clock.backward(head);

        for (i, block) in self.blocks.iter_mut().enumerate().rev() {
            let (fronts, outs) = self.stages.split_at_mut(i + 1);
            let around = (&mut fronts[i], &self.kept[i][..], &outs[0]);
            block.backward(context, parameters, around, work, gradients);
        }

        let shape = self.stem_shape;
        let dz = &work.narrow[0][..count * map_len(shape.outputs, shape.out())];
        let (conv, behind) = (&self.stem.conv, self.stages[0].behind(dz));
        stem::backward(context, conv.f32(), shape, behind, images, &mut work.packed);
        conv.unpack(&work.packed[..conv.packed_len()], &mut gradients[self.stem.weights.clone()]);
        context.clock.backward(0);
    }
}

/// The blocks behind maps of `size`; their batch norms are added to `stages`.
fn trunk(
    kernels: (IsaToken, Precision),
    net: &Net,
    mut size: shape::Size,
    tensors: &mut Tensors<'_>,
    stages: &mut Vec<Activation>,
) -> Result<Vec<TrainBlock>, TrainError> {
    let mut layer = 1;
    let mut blocks = Vec::new();
    for block in net.blocks() {
        let (block, stage) = TrainBlock::new(kernels, &block, size, layer, tensors)?;
        layer = block.project_layer() + 1;
        size = block.out();
        blocks.push(block);
        stages.push(stage);
    }
    Ok(blocks)
}

/// A dense convolution that `make` makes, its weights the next tensor.
fn dense(
    (inputs, outputs): (usize, usize),
    tensors: &mut Tensors<'_>,
    make: impl FnOnce((usize, usize), &[GroupPlaces<'_>]) -> Result<Pointwise, KernelError>,
) -> Result<Weighted<Pointwise>, TrainError> {
    let (from, to): (Vec<usize>, Vec<usize>) = ((0..inputs).collect(), (0..outputs).collect());
    let conv = make((inputs, outputs), &[GroupPlaces { inputs: &from, outputs: &to }])?;
    Ok(Weighted { conv, weights: tensors.next() })
}
