//! A teacher's block in the order of places in memory, and the energy of its paths.

use seesaw_arch::{Share, Step};
use seesaw_format::{BatchNorm, BlockWeights, ConvBn};

use super::{pick, pick_filters, shares};

/// A block whose pointwise convolutions are whole matrices. Channels are numbered by their places;
/// where groups connect nothing, the weight is 0.
pub(super) struct DenseBlock {
    /// `[expanded, inputs]`; `None` where the block has no expand convolution.
    pub expand: Option<ConvBn>,
    pub depthwise: ConvBn,
    /// `[outputs, expanded]`.
    pub project: ConvBn,
    inputs: usize,
    expanded: usize,
    /// What its batch norms add to the variances.
    eps: f64,
}

/// What passes through a block's channels.
pub(super) struct Energies {
    /// `[expanded, inputs]`: from each input to each channel inside the block.
    to: Vec<f64>,
    /// `[expanded, outputs]`: from there to each output.
    from: Vec<f64>,
    inputs: usize,
    outputs: usize,
}

impl DenseBlock {
    /// The block of these steps and weights, whose batch norms add `eps` to the variances.
    pub fn new(steps: &[Step], weights: &BlockWeights, eps: f64) -> Self {
        let [expand @ .., depthwise, project] = steps else {
            unreachable!("a block has a depthwise and a project convolution")
        };
        let expanded = depthwise.outputs.len();
        let channel_of = |places: &[usize]| {
            let mut channels = vec![0; places.len()];
            places.iter().enumerate().for_each(|(channel, place)| channels[*place] = channel);
            channels
        };
        let expand = expand.first().zip(weights.expand.as_ref());
        let inputs = expand.map_or(expanded, |(step, _)| step.inputs.len());
        let pointwise = |step: &Step, conv: &ConvBn| ConvBn {
            weight: matrix(step, &conv.weight),
            bn: pick(&conv.bn, &channel_of(&step.outputs)),
        };
        Self {
            expand: expand.map(|(step, conv)| pointwise(step, conv)),
            depthwise: pick_filters(&weights.depthwise, &channel_of(&depthwise.outputs)),
            project: pointwise(project, &weights.project),
            inputs,
            expanded,
            eps,
        }
    }

    /// The weight from an input to a channel inside the block; without an expand convolution, the
    /// channel is the input.
    pub fn expand_weight(&self, channel: usize, input: usize) -> f32 {
        match &self.expand {
            Some(conv) => conv.weight[channel * self.inputs + input],
            None => f32::from(u8::from(channel == input)),
        }
    }

    /// The weight from a channel inside the block to an output.
    pub fn project_weight(&self, output: usize, channel: usize) -> f32 {
        self.project.weight[output * self.expanded + channel]
    }

    /// The squares of the weights with their batch norms folded in.
    pub fn energies(&self) -> Energies {
        let outputs = self.project.bn.gamma.len();
        let taps = self.depthwise.weight.len() / self.expanded;
        let (before, inside) = (
            self.expand.as_ref().map(|c| scales(&c.bn, self.eps)),
            scales(&self.depthwise.bn, self.eps),
        );
        let after = scales(&self.project.bn, self.eps);
        let mut to = Vec::with_capacity(self.expanded * self.inputs);
        let mut from = Vec::with_capacity(self.expanded * outputs);
        for channel in 0..self.expanded {
            let filter = &self.depthwise.weight[channel * taps..][..taps];
            let filter: f64 = filter.iter().map(|w| f64::from(*w).powi(2)).sum();
            let scale = before.as_ref().map_or(1.0, |scales| scales[channel]) * inside[channel];
            let weight = |input| f64::from(self.expand_weight(channel, input)).powi(2);
            to.extend((0..self.inputs).map(|input| weight(input) * scale * filter));
            let weight = |output| f64::from(self.project_weight(output, channel)).powi(2);
            from.extend((0..outputs).map(|output| weight(output) * after[output]));
        }
        Energies { to, from, inputs: self.inputs, outputs }
    }
}

impl Energies {
    /// The energy of all paths from these inputs through a channel to these outputs.
    pub fn kept(&self, channel: usize, inputs: &[usize], outputs: &[usize]) -> f64 {
        let to = &self.to[channel * self.inputs..][..self.inputs];
        let from = &self.from[channel * self.outputs..][..self.outputs];
        let sum = |values: &[f64], places: &[usize]| -> f64 {
            places.iter().map(|place| values[*place]).sum()
        };
        sum(to, inputs) * sum(from, outputs)
    }

    /// The energy of all paths.
    pub fn total(&self) -> f64 {
        let to = self.to.chunks_exact(self.inputs).map(|row| row.iter().sum::<f64>());
        let from = self.from.chunks_exact(self.outputs).map(|row| row.iter().sum::<f64>());
        to.zip(from).map(|(to, from)| to * from).sum()
    }
}

/// The whole matrix `[out, in]` of a pointwise convolution in groups, by places.
fn matrix(step: &Step, weights: &[f32]) -> Vec<f32> {
    let columns = step.inputs.len();
    let mut matrix = vec![0.0; step.outputs.len() * columns];
    let mut weights = weights.iter();
    for Share { inputs, outputs } in shares(step) {
        for out in outputs.clone() {
            for input in inputs.clone() {
                let weight = weights.next().expect("as many weights as the groups have");
                matrix[step.outputs[out] * columns + step.inputs[input]] = *weight;
            }
        }
    }
    matrix
}

/// The squares of what batch norms multiply with.
fn scales(bn: &BatchNorm, eps: f64) -> Vec<f64> {
    let scale = |(gamma, var): (&f32, &f32)| f64::from(*gamma).powi(2) / (f64::from(*var) + eps);
    bn.gamma.iter().zip(&bn.var).map(scale).collect()
}
