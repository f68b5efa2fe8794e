//! A net's weights as the engine and training use them, whatever file they came from.

use std::borrow::Cow;

use seesaw_arch::{ArchError, Net, splitmix64};

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
    /// The depthwise convolution, `[channels, 3, 3]`.
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
        net.validate()?;
        let mut normal = Normal(seed);
        let stem = normal.conv(27 * net.stem.channels, net.stem.channels, 9 * net.stem.channels);
        let blocks = net.blocks().iter().map(|block| normal.block(block)).collect();
        let (trunk, head) = (net.trunk_channels(), net.head.channels);
        Ok(Self {
            stem,
            blocks,
            head: normal.conv(trunk * head, head, head),
            classifier: Linear {
                weight: normal.values(head * net.classes, 0.01),
                bias: vec![0.0; net.classes],
            },
        })
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

    /// A convolution of `len` weights to `channels` outputs.
    fn conv(&mut self, len: usize, channels: usize, fan_out: usize) -> ConvBn {
        let bn = BatchNorm {
            gamma: vec![1.0; channels],
            beta: vec![0.0; channels],
            mean: vec![0.0; channels],
            var: vec![1.0; channels],
        };
        ConvBn { weight: self.values(len, (2.0 / fan_out as f64).sqrt()), bn }
    }

    fn block(&mut self, block: &seesaw_arch::Block) -> BlockWeights {
        let (input, wide, output) = (block.input, block.expanded, block.output);
        let expand = block.expand.as_ref();
        BlockWeights {
            expand: expand.map(|g| self.conv(grouped(g, input, wide), wide, wide)),
            // PyTorch counts all channels, although each reads one.
            depthwise: self.conv(9 * wide, wide, 9 * wide),
            project: self.conv(grouped(&block.project, wide, output), output, output),
        }
    }
}

/// Weights of a grouped pointwise convolution.
fn grouped(groups: &seesaw_arch::Groups, inputs: usize, outputs: usize) -> usize {
    let of = |channels| groups.ranges(channels).unwrap_or_default();
    of(inputs).iter().zip(of(outputs)).map(|(i, o)| i.len() * o.len()).sum()
}
