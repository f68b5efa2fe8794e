//! A net's trainable numbers as one flat vector, so that optimizers are plain loops.
//!
//! A [`State`] has all parameters in the order of the layers, each as its file has it, and apart
//! from them the running statistics of the batch norms, which no gradient reaches.

use std::{collections::HashMap, ops::Range};

use seesaw_arch::{ArchError, Groups, Net};
use seesaw_format::{BatchNorm, ConvBn, Linear, NetWeights};

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

/// A tensor in a [`State`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The layer, such as `block 3 expand`.
    pub layer: String,
    /// What it is there.
    pub role: Role,
    /// Where its values lie among the parameters.
    pub range: Range<usize>,
    /// How far from the input: 0 is the stem, then one a block, then the head, then the linear
    /// layer.
    pub depth: usize,
    /// Rows (outputs) and columns (inputs) of each group, which lie one after another, where these
    /// are the weights of a pointwise convolution; else none.
    pub matrices: Vec<(usize, usize)>,
}

/// Where a net's tensors lie in its [`State`]s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    entries: Vec<Entry>,
    parameters: usize,
    statistics: usize,
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
        let weights = NetWeights::zeros(net)?;
        let mut layout = Self { entries: Vec::new(), parameters: 0, statistics: 0 };
        for (layer, depth, conv) in convolutions(&weights) {
            layout.push(&layer, depth, Role::Weight, conv.weight.len());
            layout.push(&layer, depth, Role::Gamma, conv.bn.gamma.len());
            layout.push(&layer, depth, Role::Beta, conv.bn.beta.len());
            layout.statistics += 2 * conv.bn.mean.len();
        }
        let depth = weights.blocks.len() + 2;
        layout.push("classifier", depth, Role::Weight, weights.classifier.weight.len());
        layout.push("classifier", depth, Role::Bias, weights.classifier.bias.len());
        layout.find_matrices(net);
        Ok(layout)
    }

    /// Sets the shapes of the pointwise convolutions' groups.
    fn find_matrices(&mut self, net: &Net) {
        let groups = |groups: &Groups, inputs, outputs| {
            let ranges = |channels| groups.ranges(channels).unwrap_or_default();
            ranges(outputs).iter().zip(ranges(inputs)).map(|(o, i)| (o.len(), i.len())).collect()
        };
        let mut shapes = HashMap::new();
        for (number, block) in (1..).zip(net.blocks()) {
            let (input, wide, output) = (block.input, block.expanded, block.output);
            if let Some(expand) = &block.expand {
                shapes.insert(format!("block {number} expand"), groups(expand, input, wide));
            }
            shapes.insert(format!("block {number} project"), groups(&block.project, wide, output));
        }
        shapes.insert("head".to_owned(), vec![(net.head.channels, net.trunk_channels())]);
        for entry in self.entries.iter_mut().filter(|entry| entry.role == Role::Weight) {
            entry.matrices = shapes.remove(&entry.layer).unwrap_or_default();
        }
    }

    fn push(&mut self, layer: &str, depth: usize, role: Role, len: usize) {
        let range = self.parameters..self.parameters + len;
        self.parameters = range.end;
        self.entries.push(Entry {
            layer: layer.to_owned(),
            role,
            range,
            depth,
            matrices: Vec::new(),
        });
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

    /// Depth of the linear layer; those of [`Entry`] are at most this.
    pub fn depth(&self) -> usize {
        self.entries.last().map_or(0, |entry| entry.depth)
    }
}

impl State {
    /// Gathers the numbers of `weights`.
    pub fn from_weights(weights: &NetWeights) -> Self {
        let mut state = Self { parameters: Vec::new(), statistics: Vec::new() };
        for (.., conv) in convolutions(weights) {
            state.parameters.extend(&conv.weight);
            state.parameters.extend(&conv.bn.gamma);
            state.parameters.extend(&conv.bn.beta);
            state.statistics.extend(&conv.bn.mean);
            state.statistics.extend(&conv.bn.var);
        }
        state.parameters.extend(&weights.classifier.weight);
        state.parameters.extend(&weights.classifier.bias);
        state
    }

    /// Writes the numbers into `weights`, which must be of the same net.
    ///
    /// # Panics
    /// When `weights` has another number of values.
    pub fn write_to(&self, weights: &mut NetWeights) {
        let mut parameters = Cursor(&self.parameters);
        let mut statistics = Cursor(&self.statistics);
        let stem = std::iter::once(&mut weights.stem);
        let blocks = weights.blocks.iter_mut().flat_map(|block| {
            block.expand.iter_mut().chain([&mut block.depthwise, &mut block.project])
        });
        for conv in stem.chain(blocks).chain([&mut weights.head]) {
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

/// What is left to be copied.
struct Cursor<'a>(&'a [f32]);

impl Cursor<'_> {
    fn fill(&mut self, to: &mut [f32]) {
        let (now, rest) = self.0.split_at(to.len());
        to.copy_from_slice(now);
        self.0 = rest;
    }
}

/// The convolutions in order, each with its name and depth.
fn convolutions(weights: &NetWeights) -> Vec<(String, usize, &ConvBn)> {
    let mut all = vec![("stem".to_owned(), 0, &weights.stem)];
    for (number, block) in (1..).zip(&weights.blocks) {
        let expand = block.expand.as_ref().map(|conv| ("expand", conv));
        let rest = [("depthwise", &block.depthwise), ("project", &block.project)];
        for (part, conv) in expand.into_iter().chain(rest) {
            all.push((format!("block {number} {part}"), number, conv));
        }
    }
    all.push(("head".to_owned(), weights.blocks.len() + 1, &weights.head));
    all
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
                let values: usize = entry.matrices.iter().map(|(rows, cols)| rows * cols).sum();
                assert_eq!(values, entry.range.len(), "{}", entry.layer);
            }
            let mut back = NetWeights::random(&net, 4).unwrap();
            state.write_to(&mut back);
            assert_eq!(back, weights);
        }
    }
}
