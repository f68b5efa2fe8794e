//! From a net and its weights to kernels.

use std::{borrow::Cow, ops::Range};

use seesaw_arch::{Block, ChannelOrder, Groups, Net};
use seesaw_format::{BlockWeights, ConvBn, Linear, NetWeights};
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

/// Compiles a net for one image size. Weights that are given away, and not only lent, are freed
/// layer by layer as they are packed.
///
/// # Errors
/// When the net breaks a rule, the weights do not fit it, or an option cannot be had.
pub fn compile<'a>(
    net: &Net,
    weights: impl Into<Cow<'a, NetWeights>>,
    options: &Options,
) -> Result<Plan, EngineError> {
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
    let (trunk, linear) = pack(net, weights.into(), token, &team)?;
    Plan::new(net, layers, options, token, team, trunk, linear)
}

/// One of the layers that are packed side by side: its weights, and in the end what they became.
struct Layer<'a> {
    weights: Option<Weights<'a>>,
    packed: Option<Result<Packed, EngineError>>,
}

#[allow(clippy::large_enum_variant, reason = "there are some forty")]
enum Weights<'a> {
    Linear(Cow<'a, Linear>),
    Head(Cow<'a, ConvBn>),
    /// With the block's number, which names it in errors.
    Block(usize, &'a Block, Cow<'a, BlockWeights>),
}

#[allow(clippy::large_enum_variant, reason = "there are some forty")]
enum Packed {
    Dense(Pointwise),
    Block(InvertedResidual),
}

/// Packs the weights of all layers, on all threads of `team`.
fn pack(
    net: &Net,
    weights: Cow<'_, NetWeights>,
    token: IsaToken,
    team: &Team,
) -> Result<(Trunk, Pointwise), EngineError> {
    let blocks = net.blocks();
    if weights.blocks.len() != blocks.len() {
        let what = format!("{} of {} blocks have weights", weights.blocks.len(), blocks.len());
        return Err(EngineError::Weights { layer: net.name.clone(), what });
    }
    let folded = fold("stem", &weights.stem, net.stem.channels, 27 * net.stem.channels)?;
    let stem = Stem::new(token, &folded.scaled(), &folded.bias, net.stem.stride)?;
    let (linear, head, of_blocks): (_, _, Vec<Cow<'_, BlockWeights>>) = match weights {
        Cow::Borrowed(NetWeights { classifier, head, blocks, .. }) => (
            Cow::Borrowed(classifier),
            Cow::Borrowed(head),
            blocks.iter().map(Cow::Borrowed).collect(),
        ),
        Cow::Owned(NetWeights { classifier, head, blocks, .. }) => {
            (Cow::Owned(classifier), Cow::Owned(head), blocks.into_iter().map(Cow::Owned).collect())
        }
    };
    // The largest two come first, so that no thread is left alone with one of them.
    let of_blocks = (1..).zip(&blocks).zip(of_blocks);
    let all = [Weights::Linear(linear), Weights::Head(head)]
        .into_iter()
        .chain(of_blocks.map(|((index, block), weights)| Weights::Block(index, block, weights)));
    let mut layers: Vec<Layer<'_>> =
        all.map(|weights| Layer { weights: Some(weights), packed: None }).collect();
    let mut scratches = vec![(); team.threads()];
    team.run_items(&mut layers, &mut scratches, |layer, ()| {
        layer.packed = layer.weights.take().map(|weights| pack_layer(net, weights, token));
    });
    let (mut dense, mut blocks) = (Vec::new(), Vec::new());
    for layer in layers.into_iter().filter_map(|layer| layer.packed) {
        match layer? {
            Packed::Dense(layer) => dense.push(layer),
            Packed::Block(block) => blocks.push(block),
        }
    }
    let Ok([linear, head]) = <[Pointwise; 2]>::try_from(dense) else {
        unreachable!("the first two layers are dense");
    };
    Ok((Trunk { stem, blocks, head }, linear))
}

#[allow(clippy::needless_pass_by_value, reason = "the weights end here")]
fn pack_layer(net: &Net, weights: Weights<'_>, token: IsaToken) -> Result<Packed, EngineError> {
    let outputs = net.head.channels;
    match &weights {
        // The linear layer is a dense pointwise convolution whose pixels are images.
        Weights::Linear(layer) => {
            let Linear { weight, bias } = layer.as_ref();
            dense(token, (outputs, net.classes), weight, None, bias).map(Packed::Dense)
        }
        Weights::Head(conv) => {
            let inputs = net.trunk_channels();
            let folded = fold("head", conv, outputs, inputs * outputs)?;
            let scale = Some(folded.scale.as_slice());
            dense(token, (inputs, outputs), folded.weights, scale, &folded.bias).map(Packed::Dense)
        }
        Weights::Block(index, block, weights) => {
            compile_block(*index, block, weights, token).map(Packed::Block)
        }
    }
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

/// Compiles one block; its number names it in errors.
fn compile_block(
    index: usize,
    block: &Block,
    weights: &BlockWeights,
    token: IsaToken,
) -> Result<InvertedResidual, EngineError> {
    let name = |part: &str| format!("block {index} {part}");
    let middle = ChannelOrder::new(block);
    let expand = match (&block.expand, &weights.expand) {
        (Some(groups), Some(conv)) => {
            let shares = shares(groups, block.input, block.expanded);
            let folded = fold(&name("expand"), conv, block.expanded, count(&shares))?;
            let inputs: Vec<usize> = (0..block.input).collect();
            let places = (inputs.as_slice(), middle.before.as_slice());
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
    let places = (middle.after.as_slice(), destinations.as_slice());
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
    middle: &ChannelOrder,
    stride: usize,
) -> Result<Depthwise, EngineError> {
    let scaled = folded.scaled();
    let mut weights = vec![0.0; scaled.len()];
    let mut bias = vec![0.0; folded.bias.len()];
    for (channel, place) in middle.after.iter().enumerate() {
        weights[place * 9..][..9].copy_from_slice(&scaled[channel * 9..][..9]);
        bias[*place] = folded.bias[channel];
    }
    Ok(Depthwise::new(token, &weights, &bias, stride, true)?)
}
