//! A net's weights as the engine and training use them, whatever file they came from.

use std::borrow::Cow;

use seesaw_arch::{ArchError, Block, Groups, Net, Share, splitmix64};

/// All weights of a net, in the order of its layers.
#[derive(Debug, Clone, PartialEq)]
pub struct NetWeights {
    /// The stem convolution, `[out, 3, 3, 3]`.
    pub stem: ConvBn,
    /// The blocks.
    pub blocks: Vec<BlockWeights>,
    /// The head convolution, `[out, in]`.
    pub head: ConvBn,
    /// The linear layer.
    pub classifier: Linear,
}

/// The weights of one block.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockWeights {
    /// The expand convolution, where the block has one: for each group `[out, in]`, row-major, one
    /// after another.
    pub expand: Option<ConvBn>,
    /// The depthwise convolution, `[channels, kernel, kernel]`.
    pub depthwise: ConvBn,
    /// The project convolution, laid out as `expand`.
    pub project: ConvBn,
}

/// A convolution without bias, and the batch norm after it.
#[derive(Debug, Clone, PartialEq)]
pub struct ConvBn {
    /// The convolution's weights.
    pub weight: Vec<f32>,
    /// The batch norm.
    pub bn: BatchNorm,
}

/// A batch norm, with one value per channel in each field.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchNorm {
    /// Scale.
    pub gamma: Vec<f32>,
    /// Shift.
    pub beta: Vec<f32>,
    /// Running mean.
    pub mean: Vec<f32>,
    /// Running variance.
    pub var: Vec<f32>,
}

/// A linear layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// `[out, in]`, row-major.
    pub weight: Vec<f32>,
    /// One value per output.
    pub bias: Vec<f32>,
}

impl NetWeights {
    /// Fresh weights: convolutions normal with variance 2 / fan out (He et al., arXiv 1502.01852),
    /// the linear layer normal with deviation 0.01 and no bias, batch norms that change nothing.
    ///
    /// The same seed gives the same weights on every machine.
    ///
    /// # Errors
    /// When the net breaks a rule.
    pub fn random(net: &Net, seed: u64) -> Result<Self, ArchError> {
        let mut normal = Normal(seed);
        Self::fill(net, &mut |len, deviation| normal.values(len, deviation))
    }

    /// Weights of 0 in convolutions and linear layer: the shape of a net, to be filled.
    ///
    /// # Errors
    /// When the net breaks a rule.
    pub fn zeros(net: &Net) -> Result<Self, ArchError> {
        Self::fill(net, &mut |len, _| vec![0.0; len])
    }

    /// Batch norms that change nothing, and weights from `values`, which is given their number and
    /// standard deviation.
    fn fill(net: &Net, values: &mut dyn FnMut(usize, f64) -> Vec<f32>) -> Result<Self, ArchError> {
        net.validate()?;
        let stem = net.stem.channels;
        let (trunk, head) = (net.trunk_channels(), net.head.channels);
        Ok(Self {
            stem: ConvBn::fill(values, 27 * stem, stem, 9 * stem),
            blocks: net.blocks().iter().map(|block| BlockWeights::fill(values, block)).collect(),
            head: ConvBn::fill(values, trunk * head, head, head),
            classifier: Linear {
                weight: values(head * net.classes, 0.01),
                bias: vec![0.0; net.classes],
            },
        })
    }
}

impl ConvBn {
    /// A convolution of `len` weights to `channels` outputs.
    fn fill(
        values: &mut dyn FnMut(usize, f64) -> Vec<f32>,
        len: usize,
        channels: usize,
        fan_out: usize,
    ) -> Self {
        let bn = BatchNorm {
            gamma: vec![1.0; channels],
            beta: vec![0.0; channels],
            mean: vec![0.0; channels],
            var: vec![1.0; channels],
        };
        Self { weight: values(len, (2.0 / fan_out as f64).sqrt()), bn }
    }
}

impl BlockWeights {
    fn fill(values: &mut dyn FnMut(usize, f64) -> Vec<f32>, block: &Block) -> Self {
        let (input, wide, output) = (block.input, block.expanded, block.output);
        let taps = block.kernel * block.kernel;
        let weights = |groups: &Groups, inputs, outputs| {
            groups.shares(inputs, outputs).iter().map(Share::weights).sum()
        };
        let expand = block.expand.as_ref().map(|groups| weights(groups, input, wide));
        Self {
            expand: expand.map(|len| ConvBn::fill(values, len, wide, wide)),
            // PyTorch counts all channels, although each reads one.
            depthwise: ConvBn::fill(values, taps * wide, wide, taps * wide),
            project: ConvBn::fill(values, weights(&block.project, wide, output), output, output),
        }
    }
}

impl<'a> From<&'a NetWeights> for Cow<'a, NetWeights> {
    fn from(weights: &'a NetWeights) -> Self {
        Self::Borrowed(weights)
    }
}

impl From<NetWeights> for Cow<'_, NetWeights> {
    fn from(weights: NetWeights) -> Self {
        Self::Owned(weights)
    }
}

/// Normally distributed numbers: SplitMix64 and the Box-Muller transform.
struct Normal(u64);

impl Normal {
    /// Uniform in (0, 1].
    fn uniform(&mut self) -> f64 {
        ((splitmix64::next(&mut self.0) >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    fn values(&mut self, len: usize, deviation: f64) -> Vec<f32> {
        let mut value = || {
            let radius = (-2.0 * self.uniform().ln()).sqrt();
            (radius * (std::f64::consts::TAU * self.uniform()).cos() * deviation) as f32
        };
        (0..len).map(|_| value()).collect()
    }
}
