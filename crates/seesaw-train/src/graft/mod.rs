//! Grafting: first weights for a net with groups from a trained net without them.
//!
//! Stem, depthwise filters, head and linear layer are taken over. Of a dense pointwise convolution,
//! a group can only take the part that lies between its own channels. But the channels inside a
//! block are in no order: each may be given to any place, and so to any pair of an expand group and
//! a project group. The places are chosen such that the groups keep as much as possible of
//! the energy of all paths through the block.

mod assign;
mod dense;
#[cfg(test)]
mod tests;

use seesaw_arch::{LayerKind, Net, Op, Share, Step};
use seesaw_format::{BatchNorm, BlockWeights, ConvBn, Linear, NetWeights};

use crate::{TrainError, counterparts::same_blocks};

use assign::assign;
use dense::DenseBlock;

/// First weights from another net.
#[derive(Debug, Clone)]
pub struct Graft {
    /// The weights.
    pub weights: NetWeights,
    /// For each block, the share of the energy of the teacher's block that its groups keep; `None`
    /// for blocks without a counterpart. Those pass on their input as it is where they can, and
    /// else start from random weights.
    pub kept: Vec<Option<f64>>,
    /// Whether the stem is the teacher's.
    pub stem: bool,
    /// Whether the head convolution is the teacher's.
    pub head: bool,
}

/// Weights for `net` from those of `teacher`; where nothing corresponds, from `fresh`. `columns`
/// has, for each class of the net, the teacher's class, if the teacher knows all of them.
///
/// # Errors
/// [`TrainError::NoGraft`] when no block has a counterpart.
pub fn graft(
    net: &Net,
    fresh: NetWeights,
    teacher: (&Net, &NetWeights),
    columns: Option<&[u32]>,
) -> Result<Graft, TrainError> {
    let (other, source) = teacher;
    let eps = net.batch_norm_eps;
    let source = &with_shifted_variances(source, (other.batch_norm_eps - eps) as f32);
    let (steps, other_steps) = (block_steps(net), block_steps(other));
    let pairs = same_blocks(net, other);
    let mut graft =
        Graft { weights: fresh, kept: Vec::with_capacity(pairs.len()), stem: false, head: false };
    for (number, pair) in pairs.iter().enumerate() {
        let block = &mut graft.weights.blocks[number];
        let dense = pair.map(|pair| DenseBlock::new(&other_steps[pair], &source.blocks[pair], eps));
        let kept = dense.and_then(|dense| graft_block(&steps[number], &dense, block));
        if kept.is_none() && steps[number].last().is_some_and(|project| project.residual) {
            block.project.bn.gamma.fill(0.0);
        }
        graft.kept.push(kept);
    }
    if graft.kept.iter().all(Option::is_none) {
        let (teacher, net) = (other.name.clone(), net.name.clone());
        return Err(TrainError::NoGraft { teacher, net });
    }
    graft.stem = net.stem == other.stem;
    if graft.stem {
        graft.weights.stem.clone_from(&source.stem);
    }
    let same_trunk = net.trunk_channels() == other.trunk_channels();
    graft.head = same_trunk && net.head.channels == other.head.channels;
    if graft.head {
        graft.weights.head.clone_from(&source.head);
        if let Some(columns) = columns {
            graft.weights.classifier = rows(&source.classifier, net.head.channels, columns);
        }
    }
    Ok(graft)
}

/// The weights with this added to all running variances: what a net that adds less to them itself
/// needs to compute the same.
fn with_shifted_variances(weights: &NetWeights, shift: f32) -> NetWeights {
    let mut weights = weights.clone();
    let NetWeights { stem, blocks, head, .. } = &mut weights;
    let inside = blocks.iter_mut().flat_map(|block| {
        block.expand.iter_mut().chain([&mut block.depthwise, &mut block.project])
    });
    for conv in inside.chain([stem, head]) {
        conv.bn.var.iter_mut().for_each(|var| *var += shift);
    }
    weights
}

/// The steps of each block.
fn block_steps(net: &Net) -> Vec<Vec<Step>> {
    let is_block = |step: &Step| {
        matches!(step.id.kind(), LayerKind::Expand | LayerKind::Depthwise | LayerKind::Project)
    };
    let steps: Vec<Step> = net.steps().into_iter().filter(is_block).collect();
    steps.chunk_by(|a, b| a.id.unit() == b.id.unit()).map(<[Step]>::to_vec).collect()
}

/// The linear layer for these classes.
fn rows(linear: &Linear, inputs: usize, classes: &[u32]) -> Linear {
    let row = |class: &u32| &linear.weight[*class as usize * inputs..][..inputs];
    Linear {
        weight: classes.iter().flat_map(row).copied().collect(),
        bias: classes.iter().map(|class| linear.bias[*class as usize]).collect(),
    }
}

/// Fills a block's weights from a dense block; the share of its energy that is kept, or `None` if
/// the two have other layers.
fn graft_block(steps: &[Step], dense: &DenseBlock, block: &mut BlockWeights) -> Option<f64> {
    let [expand @ .., depthwise, project] = steps else { return None };
    if dense.depthwise.weight.len() != block.depthwise.weight.len() {
        return None;
    }
    let places = depthwise.outputs.len();
    let expand = expand.first();
    if expand.is_none() && dense.expand.is_some() {
        return None;
    }
    let sources = expand.map_or_else(
        // Without an expand convolution, each place is an input of its own.
        || (0..places).map(|place| vec![place]).collect(),
        |step| reach(step, places, Side::Outputs),
    );
    let targets = reach(project, places, Side::Inputs);
    let slots: Vec<Slot> = (0..places)
        .map(|place| Slot { inputs: sources[place].clone(), outputs: targets[place].clone() })
        .collect();
    let energies = dense.energies();
    let channels = if expand.is_none() {
        (0..places).collect()
    } else {
        assign(&slots, &|channel, slot| energies.kept(channel, &slot.inputs, &slot.outputs))
    };
    let kept: f64 = channels
        .iter()
        .zip(&slots)
        .map(|(channel, slot)| energies.kept(*channel, &slot.inputs, &slot.outputs))
        .sum();

    if let (Some(step), Some(conv)) = (expand, &mut block.expand) {
        let value = |out: usize, input: usize| dense.expand_weight(channels[out], input);
        conv.weight = group_weights(step, &value);
        let norms = dense.expand.as_ref().map(|conv| &conv.bn);
        let order: Vec<usize> = step.outputs.iter().map(|place| channels[*place]).collect();
        conv.bn = norms.map_or_else(|| identity(places), |bn| pick(bn, &order));
    }
    let order: Vec<usize> = depthwise.outputs.iter().map(|place| channels[*place]).collect();
    block.depthwise = pick_filters(&dense.depthwise, &order);
    let value = |out: usize, input: usize| dense.project_weight(out, channels[input]);
    block.project.weight = group_weights(project, &value);
    block.project.bn = pick(&dense.project.bn, &project.outputs);
    Some(kept / energies.total())
}

/// A place inside a block: the inputs that it can read, and the outputs that read it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Slot {
    inputs: Vec<usize>,
    outputs: Vec<usize>,
}

/// A side of a pointwise convolution.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Inputs,
    Outputs,
}

/// For each place on one side of a pointwise convolution, the places on the other side that it is
/// connected with, in rising order.
fn reach(step: &Step, places: usize, side: Side) -> Vec<Vec<usize>> {
    let mut reach = vec![Vec::new(); places];
    for Share { inputs, outputs } in shares(step) {
        let (near, near_places, far, far_places) = match side {
            Side::Inputs => (inputs, &step.inputs, outputs, &step.outputs),
            Side::Outputs => (outputs, &step.outputs, inputs, &step.inputs),
        };
        for channel in near.clone() {
            reach[near_places[channel]].extend(far.clone().map(|far| far_places[far]));
        }
    }
    reach.iter_mut().for_each(|places| places.sort_unstable());
    reach
}

/// The weights of a pointwise convolution, group by group `[out, in]`, from a function of the
/// places of output and input.
fn group_weights(step: &Step, value: &dyn Fn(usize, usize) -> f32) -> Vec<f32> {
    let mut weights = Vec::with_capacity(step.weights());
    for Share { inputs, outputs } in shares(step) {
        for out in outputs.clone() {
            let row = inputs.clone().map(|input| value(step.outputs[out], step.inputs[input]));
            weights.extend(row);
        }
    }
    weights
}

fn shares(step: &Step) -> &[Share] {
    match &step.op {
        Op::Pointwise { shares } => shares,
        _ => unreachable!("{} is no pointwise convolution", step.id),
    }
}

/// The batch norm of these channels, in this order.
fn pick(bn: &BatchNorm, order: &[usize]) -> BatchNorm {
    let pick = |values: &[f32]| order.iter().map(|channel| values[*channel]).collect();
    BatchNorm {
        gamma: pick(&bn.gamma),
        beta: pick(&bn.beta),
        mean: pick(&bn.mean),
        var: pick(&bn.var),
    }
}

/// The depthwise filters of these channels, in this order.
fn pick_filters(conv: &ConvBn, order: &[usize]) -> ConvBn {
    let taps = conv.weight.len() / order.len();
    let filter = |channel: &usize| &conv.weight[channel * taps..][..taps];
    ConvBn { weight: order.iter().flat_map(filter).copied().collect(), bn: pick(&conv.bn, order) }
}

/// A batch norm that changes nothing.
fn identity(channels: usize) -> BatchNorm {
    let all = |value| vec![value; channels];
    BatchNorm { gamma: all(1.0), beta: all(0.0), mean: all(0.0), var: all(1.0) }
}
