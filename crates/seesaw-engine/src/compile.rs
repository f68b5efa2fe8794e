//! From a net and its weights to kernels.

use std::ops::Range;

use seesaw_arch::{Block, Groups, Net};
use seesaw_format::{BlockWeights, NetWeights};
use seesaw_kernels::{
    Depthwise, InvertedResidual, Isa, IsaToken, Pointwise, Stem, Team, pointwise::Group,
};

use crate::{
    EngineError,
    fold::{Folded, fold},
    plan::{Plan, Trunk},
};

/// What a plan is made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Side of the square images, in pixels.
    pub input_size: usize,
    /// The most images that one run takes.
    pub batch: usize,
    /// Threads that work on a run.
    pub threads: usize,
    /// The instruction set; `None` takes `SEESAW_ISA` or the best of this processor.
    pub isa: Option<Isa>,
}

impl Options {
    /// One image of the net's own size at a time, on one thread.
    pub fn new(net: &Net) -> Self {
        Self { input_size: net.input_size, batch: 1, threads: 1, isa: None }
    }
}

/// Compiles a net for one image size.
///
/// # Errors
/// When the net breaks a rule, the weights do not fit it, or an option cannot be had.
pub fn compile(net: &Net, weights: &NetWeights, options: &Options) -> Result<Plan, EngineError> {
    let layers = net.layers(options.input_size)?;
    if !(1..=4096).contains(&options.batch) {
        let (option, value) = ("batch", options.batch);
        return Err(EngineError::Option { option, value, rule: "it must be from 1 to 4096" });
    }
    let token = match options.isa {
        Some(isa) => IsaToken::new(isa)?,
        None => IsaToken::from_env()?,
    };
    let team = Team::new(options.threads)?;
    let (trunk, linear) = pack(net, weights, token, &team)?;
    Plan::new(net, layers, options, token, team, trunk, linear)
}

/// One of the layers that are packed side by side.
enum Layer {
    Dense(Pointwise),
    Block(Box<InvertedResidual>),
}

/// Packs the weights of all layers, on all threads of `team`.
fn pack(
    net: &Net,
    weights: &NetWeights,
    token: IsaToken,
    team: &Team,
) -> Result<(Trunk, Pointwise), EngineError> {
    let folded = fold("stem", &weights.stem, net.stem.channels, 27 * net.stem.channels)?;
    let stem = Stem::new(token, &folded.scaled(), &folded.bias, net.stem.stride)?;
    let blocks = net.blocks();
    if weights.blocks.len() != blocks.len() {
        let what = format!("{} of {} blocks have weights", weights.blocks.len(), blocks.len());
        return Err(EngineError::Weights { layer: net.name.clone(), what });
    }
    // The largest two come first, so that no thread is left alone with one of them.
    let pack_layer = |number: usize| match number {
        0 => linear(net, weights, token).map(Layer::Dense),
        1 => head(net, weights, token).map(Layer::Dense),
        _ => {
            let (index, block) = (number - 1, &blocks[number - 2]);
            compile_block(index, block, &weights.blocks[number - 2], token)
                .map(|block| Layer::Block(Box::new(block)))
        }
    };
    let mut layers: Vec<(usize, Option<Result<Layer, EngineError>>)> =
        (0..blocks.len() + 2).map(|number| (number, None)).collect();
    let mut scratches = vec![(); team.threads()];
    team.run_items(&mut layers, &mut scratches, |(number, layer), ()| {
        *layer = Some(pack_layer(*number));
    });
    let (mut dense, mut blocks) = (Vec::new(), Vec::new());
    for layer in layers.into_iter().filter_map(|(_, layer)| layer) {
        match layer? {
            Layer::Dense(layer) => dense.push(layer),
            Layer::Block(block) => blocks.push(*block),
        }
    }
    let Ok([linear, head]) = <[Pointwise; 2]>::try_from(dense) else {
        unreachable!("the first two layers are dense");
    };
    Ok((Trunk { stem, blocks, head }, linear))
}

fn head(net: &Net, weights: &NetWeights, token: IsaToken) -> Result<Pointwise, EngineError> {
    let (inputs, outputs) = (net.trunk_channels(), net.head.channels);
    let folded = fold("head", &weights.head, outputs, inputs * outputs)?;
    dense(token, (inputs, outputs), folded.weights, Some(&folded.scale), &folded.bias)
}

/// The linear layer, which is a dense pointwise convolution whose pixels are images.
fn linear(net: &Net, weights: &NetWeights, token: IsaToken) -> Result<Pointwise, EngineError> {
    let layer = &weights.classifier;
    dense(token, (net.head.channels, net.classes), &layer.weight, None, &layer.bias)
}

/// A dense convolution: with a batch norm's scale it ends in ReLU6, without one in nothing.
fn dense(
    token: IsaToken,
    (inputs, outputs): (usize, usize),
    weights: &[f32],
    scale: Option<&[f64]>,
    bias: &[f32],
) -> Result<Pointwise, EngineError> {
    let (from, to): (Vec<usize>, Vec<usize>) = ((0..inputs).collect(), (0..outputs).collect());
    let groups = [Group { inputs: &from, outputs: &to, weights }];
    let relu6 = scale.is_some();
    Ok(Pointwise::scaled(token, (inputs, outputs), &groups, scale, bias, relu6)?)
}

/// The order of a block's expanded channels in memory.
///
/// Depthwise channels do not depend on each other, so they may lie in any order. Sorted by the
/// groups that write and read them, a group's channels are a few ranges, and the flow between the
/// layers costs nothing.
struct Middle {
    /// The place of the channel that expand writes as number `c`.
    place_before: Vec<usize>,
    /// The place of the channel that is number `c` after the flow.
    place_after: Vec<usize>,
}

impl Middle {
    fn new(block: &Block) -> Self {
        let mut order: Vec<usize> = (0..block.expanded).collect();
        if block.expand.is_some() {
            let mut crossings = block.crossings();
            crossings.sort_by_key(|(expand, project, _)| (*expand, *project));
            order = crossings.into_iter().flat_map(|(.., channels)| channels).collect();
        }
        let destinations = block.flow.destinations(block.expanded);
        let mut middle =
            Self { place_before: vec![0; order.len()], place_after: vec![0; order.len()] };
        for (place, channel) in order.into_iter().enumerate() {
            middle.place_before[channel] = place;
            middle.place_after[destinations[channel]] = place;
        }
        middle
    }
}

/// Compiles one block; its number names it in errors.
fn compile_block(
    index: usize,
    block: &Block,
    weights: &BlockWeights,
    token: IsaToken,
) -> Result<InvertedResidual, EngineError> {
    let name = |part: &str| format!("block {index} {part}");
    let middle = Middle::new(block);
    let expand = match (&block.expand, &weights.expand) {
        (Some(groups), Some(conv)) => {
            let shares = shares(groups, block.input, block.expanded);
            let folded = fold(&name("expand"), conv, block.expanded, count(&shares))?;
            let inputs: Vec<usize> = (0..block.input).collect();
            let places = (inputs.as_slice(), middle.place_before.as_slice());
            Some(pointwise(token, &shares, &folded, places, block.activate_expand)?)
        }
        (None, None) => None,
        _ => {
            let what = "its weights are missing, or not of this net".to_owned();
            return Err(EngineError::Weights { layer: name("expand"), what });
        }
    };
    let folded = fold(&name("depthwise"), &weights.depthwise, block.expanded, 9 * block.expanded)?;
    let depthwise = depthwise(token, &folded, &middle, block.stride)?;
    let shares = shares(&block.project, block.expanded, block.output);
    let folded = fold(&name("project"), &weights.project, block.output, count(&shares))?;
    let destinations = block.output_flow.destinations(block.output);
    let places = (middle.place_after.as_slice(), destinations.as_slice());
    let project = pointwise(token, &shares, &folded, places, false)?;
    Ok(InvertedResidual::new(expand, depthwise, project, block.is_residual())?)
}

/// Input and output channels of each group.
type Shares = Vec<(Range<usize>, Range<usize>)>;

fn shares(groups: &Groups, inputs: usize, outputs: usize) -> Shares {
    let of = |channels| groups.ranges(channels).unwrap_or_default();
    of(inputs).into_iter().zip(of(outputs)).collect()
}

/// Weights of all groups.
fn count(shares: &Shares) -> usize {
    shares.iter().map(|(inputs, outputs)| inputs.len() * outputs.len()).sum()
}

/// A grouped convolution whose input and output channels lie at `places`.
fn pointwise(
    token: IsaToken,
    shares: &Shares,
    folded: &Folded<'_>,
    places: (&[usize], &[usize]),
    relu6: bool,
) -> Result<Pointwise, EngineError> {
    let mut scale = vec![0.0; places.1.len()];
    let mut bias = vec![0.0; places.1.len()];
    for (channel, place) in places.1.iter().enumerate() {
        scale[*place] = folded.scale[channel];
        bias[*place] = folded.bias[channel];
    }
    let mut rest = folded.weights;
    let mut groups = Vec::new();
    for (inputs, outputs) in shares {
        let (weights, after) = rest.split_at(inputs.len() * outputs.len());
        rest = after;
        let (inputs, outputs) = (&places.0[inputs.clone()], &places.1[outputs.clone()]);
        groups.push(Group { inputs, outputs, weights });
    }
    let channels = (places.0.len(), places.1.len());
    Ok(Pointwise::scaled(token, channels, &groups, Some(&scale), &bias, relu6)?)
}

/// The depthwise convolution with its channels in the middle's order.
fn depthwise(
    token: IsaToken,
    folded: &Folded<'_>,
    middle: &Middle,
    stride: usize,
) -> Result<Depthwise, EngineError> {
    let scaled = folded.scaled();
    let mut weights = vec![0.0; scaled.len()];
    let mut bias = vec![0.0; folded.bias.len()];
    for (channel, place) in middle.place_after.iter().enumerate() {
        weights[place * 9..][..9].copy_from_slice(&scaled[channel * 9..][..9]);
        bias[*place] = folded.bias[channel];
    }
    Ok(Depthwise::new(token, &weights, &bias, stride, true)?)
}
