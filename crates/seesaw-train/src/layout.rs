//! A net's trainable numbers as one flat vector, so that optimizers are plain loops.
//!
//! A [`State`] holds all parameters in the order of the layers, each laid out as in the net's file,
//! and separately the running statistics of the batch norms, which have no gradient.

use std::ops::Range;

use seesaw_arch::{ArchError, LayerId, Net, Op, Unit};
use seesaw_format::{BatchNorm, ConvBn, Linear, NetWeights};

use crate::net::Statistics;

/// What a parameter is to its layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Weights of a convolution or of the linear layer.
    Weight,
    /// Scale of a batch norm.
    Gamma,
    /// Shift of a batch norm.
    Beta,
    /// Bias of the linear layer.
    Bias,
}

/// Shape of a matrix of weights, which is stored row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatrixShape {
    /// Output channels.
    pub rows: usize,
    /// Input channels.
    pub cols: usize,
}

impl MatrixShape {
    /// Values of the matrix.
    pub fn values(self) -> usize {
        self.rows * self.cols
    }
}

/// A tensor among the parameters of a [`State`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The layer that it belongs to.
    pub layer: LayerId,
    /// What it is to the layer.
    pub role: Role,
    /// Where its values lie among the parameters.
    pub range: Range<usize>,
    /// Distance from the input: 0 for the stem, then one more for each block, for the head and for
    /// the linear layer.
    pub depth: usize,
    /// For the weights of a pointwise convolution, the matrix of each group; they are stored one
    /// after another. Empty for all other tensors.
    pub matrices: Vec<MatrixShape>,
}

/// Where a net's tensors lie in its [`State`]s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    entries: Vec<Entry>,
    norms: Vec<(LayerId, NormRanges)>,
    parameters: usize,
    statistics: usize,
}

/// Where a batch norm's numbers lie in a [`State`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NormRanges {
    /// Scales, among the parameters.
    pub gamma: Range<usize>,
    /// Shifts, among the parameters.
    pub beta: Range<usize>,
    /// Running means, among the statistics.
    pub means: Range<usize>,
    /// Running variances, among the statistics.
    pub variances: Range<usize>,
}

/// All numbers of a net that training changes.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Weights, scales, shifts and biases; see [`Layout::entries`].
    pub parameters: Vec<f32>,
    /// For each batch norm, in the order of the layers, its running means and then its running
    /// variances.
    pub statistics: Vec<f32>,
}

impl Layout {
    /// The layout of a net.
    ///
    /// # Errors
    /// When the net breaks a rule.
    pub fn new(net: &Net) -> Result<Self, ArchError> {
        net.validate()?;
        let mut layout =
            Self { entries: Vec::new(), norms: Vec::new(), parameters: 0, statistics: 0 };
        let steps = net.steps();
        let blocks = net.blocks().len();
        for step in &steps {
            let channels = step.outputs.len();
            let mut entry = Entry {
                layer: step.id,
                role: Role::Weight,
                range: layout.parameters..layout.parameters,
                depth: depth(step.id.unit(), blocks),
                matrices: Vec::new(),
            };
            if let Op::Pointwise { shares } = &step.op {
                let shape = |share: &seesaw_arch::Share| MatrixShape {
                    rows: share.outputs.len(),
                    cols: share.inputs.len(),
                };
                entry.matrices = shares.iter().map(shape).collect();
            }
            match step.op {
                Op::Pool => {}
                Op::Convolution | Op::Pointwise { .. } | Op::Depthwise => {
                    layout.push(entry.clone(), step.weights());
                    entry.matrices.clear();
                    layout.push_norm(entry, channels);
                }
                Op::Linear => {
                    layout.push(entry.clone(), step.weights());
                    layout.push(Entry { role: Role::Bias, ..entry }, channels);
                }
            }
        }
        Ok(layout)
    }

    /// Adds a tensor of `len` values, and returns its range.
    fn push(&mut self, entry: Entry, len: usize) -> Range<usize> {
        let range = self.parameters..self.parameters + len;
        self.parameters = range.end;
        self.entries.push(Entry { range: range.clone(), ..entry });
        range
    }

    /// Adds the batch norm of the layer of `entry`.
    fn push_norm(&mut self, entry: Entry, channels: usize) {
        let layer = entry.layer;
        let gamma = self.push(Entry { role: Role::Gamma, ..entry.clone() }, channels);
        let beta = self.push(Entry { role: Role::Beta, ..entry }, channels);
        let means = self.statistics..self.statistics + channels;
        let variances = means.end..means.end + channels;
        self.statistics = variances.end;
        self.norms.push((layer, NormRanges { gamma, beta, means, variances }));
    }

    /// The tensors in order; their ranges follow each other without gaps.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many parameters there are.
    pub fn parameters(&self) -> usize {
        self.parameters
    }

    /// How many running statistics there are.
    pub fn statistics(&self) -> usize {
        self.statistics
    }

    /// How many statistics a batch has: as many as there are running ones, or none where the batch norms
    /// use those.
    pub(crate) fn batch_statistics(&self, used: Statistics) -> usize {
        match used {
            Statistics::Batch => self.statistics,
            Statistics::Running => 0,
        }
    }

    /// Depth of the linear layer, the largest of all.
    pub fn depth(&self) -> usize {
        self.entries.last().expect("a net ends with a linear layer").depth
    }

    /// Where the parameters of `layer` lie: weights and, for the linear layer, biases, without those
    /// of its batch norm.
    ///
    /// # Panics
    /// When the net has no such layer, or the layer has no weights.
    pub(crate) fn weights(&self, layer: LayerId) -> Range<usize> {
        let of_layer = |entry: &&Entry| {
            entry.layer == layer && matches!(entry.role, Role::Weight | Role::Bias)
        };
        let mut ranges = self.entries.iter().filter(of_layer).map(|entry| entry.range.clone());
        let first = ranges.next().expect("a layer of this net that has weights");
        ranges.fold(first, |weights, biases| weights.start..biases.end)
    }

    /// Where the numbers of the batch norm of `layer` lie.
    ///
    /// # Panics
    /// When the net has no such layer, or the layer has no batch norm.
    pub(crate) fn norm(&self, layer: LayerId) -> NormRanges {
        let found = self.norms.iter().find(|(id, _)| *id == layer);
        found.expect("a layer of this net that has a batch norm").1.clone()
    }
}

/// Distance of a part from the input, in a net with that many blocks.
fn depth(unit: Unit, blocks: usize) -> usize {
    match unit {
        Unit::Stem => 0,
        Unit::Block(number) => number,
        Unit::Head => blocks + 1,
        Unit::Classifier => blocks + 2,
    }
}

/// Weight of a batch's statistics in the running ones, as in PyTorch.
const MOMENTUM: f64 = 0.1;

impl State {
    /// Moves the running statistics towards those of a batch, if it has any.
    pub(crate) fn follow(&mut self, batch: &[f64]) {
        for (running, value) in self.statistics.iter_mut().zip(batch) {
            *running = (f64::from(*running) * (1.0 - MOMENTUM) + value * MOMENTUM) as f32;
        }
    }

    /// Collects the numbers of `weights`.
    pub fn from_weights(weights: &NetWeights) -> Self {
        let mut state = Self { parameters: Vec::new(), statistics: Vec::new() };
        let blocks = weights
            .blocks
            .iter()
            .flat_map(|block| block.expand.iter().chain([&block.depthwise, &block.project]));
        for conv in [&weights.stem].into_iter().chain(blocks).chain([&weights.head]) {
            let ConvBn { weight, bn: BatchNorm { gamma, beta, mean, var } } = conv;
            for part in [weight, gamma, beta] {
                state.parameters.extend(part);
            }
            for part in [mean, var] {
                state.statistics.extend(part);
            }
        }
        let Linear { weight, bias } = &weights.classifier;
        for part in [weight, bias] {
            state.parameters.extend(part);
        }
        state
    }

    /// Writes the numbers into `weights`, which must be of the same net.
    ///
    /// # Panics
    /// When `weights` has another number of values.
    pub fn write_to(&self, weights: &mut NetWeights) {
        let mut parameters = Cursor(&self.parameters);
        let mut statistics = Cursor(&self.statistics);
        let blocks = weights.blocks.iter_mut().flat_map(|block| {
            block.expand.iter_mut().chain([&mut block.depthwise, &mut block.project])
        });
        for conv in [&mut weights.stem].into_iter().chain(blocks).chain([&mut weights.head]) {
            let ConvBn { weight, bn: BatchNorm { gamma, beta, mean, var } } = conv;
            for part in [weight, gamma, beta] {
                parameters.fill(part);
            }
            for part in [mean, var] {
                statistics.fill(part);
            }
        }
        let Linear { weight, bias } = &mut weights.classifier;
        for part in [weight, bias] {
            parameters.fill(part);
        }
        assert!(parameters.0.is_empty() && statistics.0.is_empty(), "weights of the same net");
    }
}

/// The values that are still to be copied.
struct Cursor<'a>(&'a [f32]);

impl Cursor<'_> {
    fn fill(&mut self, to: &mut [f32]) {
        let (now, rest) = self.0.split_at(to.len());
        to.copy_from_slice(now);
        self.0 = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn to_a_state_and_back() {
        for name in ["seesaw-shuffle-0.5d-cifar", "mobilenetv2-1.0-imagenet"] {
            let net = seesaw_arch::zoo::net(name).unwrap();
            let weights = NetWeights::random(&net, 3).unwrap();
            let (layout, state) = (Layout::new(&net).unwrap(), State::from_weights(&weights));
            assert_eq!(layout.parameters(), state.parameters.len());
            assert_eq!(layout.statistics(), state.statistics.len());
            assert_eq!(layout.depth(), net.blocks().len() + 2);
            assert_eq!(layout.entries().last().unwrap().range.end, layout.parameters());
            for entry in layout.entries().iter().filter(|entry| !entry.matrices.is_empty()) {
                let values: usize = entry.matrices.iter().map(|matrix| matrix.values()).sum();
                assert_eq!(values, entry.range.len(), "{}", entry.layer);
            }
            let mut back = NetWeights::random(&net, 4).unwrap();
            state.write_to(&mut back);
            assert_eq!(back, weights);
        }
    }

    #[test]
    fn layers_find_their_numbers() {
        let net = crate::testing::tiny();
        let layout = Layout::new(&net).unwrap();
        let mut ends = (0, 0);
        for step in net.steps().iter().filter(|step| step.id != LayerId::Pool) {
            let weights = layout.weights(step.id);
            assert_eq!(weights.start, ends.0, "{}", step.id);
            ends.0 = weights.end;
            if step.id != LayerId::Linear {
                let norm = layout.norm(step.id);
                assert_eq!((norm.gamma.start, norm.means.start), ends, "{}", step.id);
                assert_eq!(
                    (norm.beta.start, norm.variances.start),
                    (norm.gamma.end, norm.means.end)
                );
                ends = (norm.beta.end, norm.variances.end);
            }
        }
        assert_eq!(ends, (layout.parameters(), layout.statistics()));
    }

    #[test]
    #[should_panic(expected = "a layer of this net")]
    fn a_layer_that_is_not_there_is_a_bug() {
        Layout::new(&crate::testing::tiny()).unwrap().weights(LayerId::Expand(99));
    }
}
