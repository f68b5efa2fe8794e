//! Whole nets as stage tables, and their TOML form.

use serde::{Deserialize, Serialize};

use crate::{ArchError, BATCH_NORM_EPS, Block, Flow, Groups, Padding, Preprocess, groups::lcm};

/// A net as data: its layers, without their weights.
///
/// The TOML and JSON forms have these fields under the same names:
///
/// ```
/// let net = seesaw_arch::Net::from_toml(r#"
///     name = "tiny"
///     input_size = 64
///     classes = 5
///     stem = { channels = 16, stride = 2 }
///     head = { channels = 256, dropout = 0.2 }
///
///     [[stages]]
///     expansion = 4
///     channels = 24
///     repeat = 2
///     stride = 2
///     expand = "1:3"
///     flow = "shuffle(2)"
///     project = "1:3"
/// "#).unwrap();
/// assert_eq!(net.blocks().len(), 2);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Net {
    /// The net's name; a zoo net's is its registry name.
    pub name: String,
    /// Side of the square images that the net is meant for, in pixels.
    pub input_size: usize,
    /// Outputs of the linear layer.
    pub classes: usize,
    /// How the stem and the depthwise convolutions pad their inputs; symmetric where it is not
    /// given.
    #[serde(default, skip_serializing_if = "Padding::is_symmetric")]
    pub padding: Padding,
    /// What every batch norm adds to the variance; [`BATCH_NORM_EPS`] where it is not given.
    #[serde(default = "default_eps", skip_serializing_if = "is_default_eps")]
    pub batch_norm_eps: f64,
    /// The first convolution.
    pub stem: Stem,
    /// The layers after the blocks.
    pub head: Head,
    /// The blocks, as runs of equal ones.
    pub stages: Vec<Stage>,
    /// How photos are prepared for the net where its weights do not say otherwise; without it, as
    /// for ImageNet at `input_size`. See [`Self::default_preprocess`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preprocess: Option<Preprocess>,
}

/// The first convolution: dense 3x3 on RGB, batch norm, ReLU6.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stem {
    /// Output channels.
    pub channels: usize,
    /// Stride, 1 or 2.
    pub stride: usize,
}

/// The last layers: 1x1 convolution, batch norm, ReLU6, global average pool, dropout, linear.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Output channels of the 1x1 convolution.
    pub channels: usize,
    /// Probability that training drops an input of the linear layer.
    #[serde(default)]
    pub dropout: f32,
}

/// A run of equal blocks; only the first may have a stride and another number of input channels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Channels of a block's depthwise convolution, as a multiple of its input channels.
    pub expansion: usize,
    /// Output channels.
    pub channels: usize,
    /// How many blocks.
    pub repeat: usize,
    /// Stride of the first block, 1 or 2.
    pub stride: usize,
    /// Rows and columns of the depthwise convolution's window, 3 or 5; 3 where it is not given.
    #[serde(default = "default_kernel", skip_serializing_if = "is_default_kernel")]
    pub kernel: usize,
    /// Groups of the expand convolution; without it there is no expand convolution, which needs
    /// `expansion = 1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expand: Option<Groups>,
    /// Whether ReLU6 follows the expand convolution.
    #[serde(default)]
    pub activate_expand: bool,
    /// How channels move before the depthwise convolution.
    #[serde(default)]
    pub flow: Flow,
    /// Groups of the project convolution.
    pub project: Groups,
    /// How channels move at the end of the block.
    #[serde(default)]
    pub output_flow: Flow,
}

/// The window of a depthwise convolution of which nothing is said.
const fn default_kernel() -> usize {
    3
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_default_kernel(kernel: &usize) -> bool {
    *kernel == default_kernel()
}

const fn default_eps() -> f64 {
    BATCH_NORM_EPS
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_default_eps(eps: &f64) -> bool {
    *eps == BATCH_NORM_EPS
}

impl Net {
    /// Reads and validates a net from its TOML form.
    ///
    /// # Errors
    /// [`ArchError::Toml`] with the place in the text, or the first broken rule.
    pub fn from_toml(text: &str) -> Result<Self, ArchError> {
        let net: Self = toml::from_str(text).map_err(|e| ArchError::Toml(e.to_string()))?;
        net.validate()?;
        Ok(net)
    }

    /// The TOML form, which [`Self::from_toml`] reads.
    ///
    /// # Errors
    /// [`ArchError::Toml`] when a number does not fit TOML's.
    pub fn to_toml(&self) -> Result<String, ArchError> {
        toml::to_string(self).map_err(|e| ArchError::Toml(e.to_string()))
    }

    /// How photos are prepared for weights that do not say it themselves.
    pub fn default_preprocess(&self) -> Preprocess {
        let imagenet = || Preprocess::imagenet(u32::try_from(self.input_size).unwrap_or(u32::MAX));
        self.preprocess.clone().unwrap_or_else(imagenet)
    }

    /// The blocks in order, with absolute channel counts.
    pub fn blocks(&self) -> Vec<Block> {
        self.staged_blocks().into_iter().map(|(_, block)| block).collect()
    }

    /// The blocks in order, each with its stage's number from 1.
    pub(crate) fn staged_blocks(&self) -> Vec<(usize, Block)> {
        let mut blocks = Vec::new();
        let mut input = self.stem.channels;
        for (number, stage) in (1..).zip(&self.stages) {
            for i in 0..stage.repeat {
                let block = stage.block(input, if i == 0 { stage.stride } else { 1 });
                blocks.push((number, block));
                input = stage.channels;
            }
        }
        blocks
    }

    /// Channels of the last block's output, which the head convolution reads.
    pub fn trunk_channels(&self) -> usize {
        self.stages.last().map_or(self.stem.channels, |stage| stage.channels)
    }

    /// The same net for another number of classes.
    pub fn with_classes(mut self, classes: usize) -> Self {
        self.classes = classes;
        self
    }

    /// What channel counts are multiples of in nets of any width: 8, and what keeps every group whole.
    pub(crate) fn channel_unit(&self) -> usize {
        self.stages.iter().fold(8, |unit, stage| lcm(unit, stage.unit()))
    }

    /// The same net with every channel count except the images' multiplied by `width` and rounded to
    /// the nearest multiple of 8 at which every group stays whole, never below nine tenths of the
    /// product (MobileNetV2's rule). The head convolution never gets narrower.
    ///
    /// # Errors
    /// [`ArchError::Net`] when `width` is not in 0.05..=8, or the result breaks a limit.
    pub fn with_width(mut self, width: f64) -> Result<Self, ArchError> {
        if !(0.05..=8.0).contains(&width) {
            let rule = format!("the width multiplier is {width}; choose one from 0.05 to 8");
            return Err(ArchError::Net { net: self.name, rule });
        }
        let unit = self.channel_unit();
        self.stem.channels = scale(self.stem.channels, width, unit);
        self.head.channels = scale(self.head.channels, width.max(1.0), 8);
        for stage in &mut self.stages {
            stage.channels = scale(stage.channels, width, unit);
        }
        if width != 1.0 {
            self.name = format!("{}-x{width}", self.name);
        }
        self.validate()?;
        Ok(self)
    }
}

/// `channels * width` to the nearest multiple of `unit`, at least nine tenths of the product.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
fn scale(channels: usize, width: f64, unit: usize) -> usize {
    let wanted = channels as f64 * width;
    let nearest = ((wanted / unit as f64 + 0.5) as usize).max(1) * unit;
    if (nearest as f64) < 0.9 * wanted { nearest + unit } else { nearest }
}

impl Stage {
    /// A block of this stage on `input` channels.
    fn block(&self, input: usize, stride: usize) -> Block {
        Block {
            input,
            expanded: input.saturating_mul(self.expansion),
            output: self.channels,
            stride,
            kernel: self.kernel,
            expand: self.expand.clone(),
            activate_expand: self.activate_expand,
            flow: self.flow,
            project: self.project.clone(),
            output_flow: self.output_flow,
        }
    }

    /// The channel counts around this stage must be multiples of this.
    fn unit(&self) -> usize {
        let expand = self.expand.as_ref().map_or(1, Groups::unit);
        [expand, self.flow.unit(), self.project.unit(), self.output_flow.unit()]
            .into_iter()
            .fold(1, lcm)
    }
}
