//! What a net costs: parameters, multiply-adds, activation memory.

use serde::Serialize;

use crate::{
    ArchError, Block, Groups, LayerId, LayerKind, Net, Share, steps::STEM_KERNEL, validate::SIDES,
};

/// One layer with its batch norm and activation, and what it costs for one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Layer {
    /// Which layer it is; `name` and `kind` when serialized.
    #[serde(flatten)]
    pub id: LayerId,
    /// Input shape: channels, rows, columns.
    pub input: [usize; 3],
    /// Output shape: channels, rows, columns.
    pub output: [usize; 3],
    /// Relative group sizes of a pointwise convolution, and how channels move after it; the window of
    /// a depthwise convolution that is not 3x3.
    pub structure: String,
    /// Stride.
    pub stride: usize,
    /// Learned parameters: weights, biases, batch norm's scales and shifts.
    pub params: usize,
    /// Multiply-adds of convolutions and the linear layer.
    pub madds: u64,
    /// Bytes of f32 activations alive while it runs: input, output, and the block's input when it
    /// is still to be added.
    pub bytes: u64,
}

/// A net's costs for one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Learned parameters.
    pub params: usize,
    /// Multiply-adds of convolutions and the linear layer.
    pub madds: u64,
    /// The most bytes of f32 activations alive at once when layers run one by one.
    pub peak_bytes: u64,
}

impl Net {
    /// Every layer in order, for square images of `input_size` pixels.
    ///
    /// # Errors
    /// [`ArchError::Net`] when `input_size` is 0 or above 4096, or the net breaks a rule.
    pub fn layers(&self, input_size: usize) -> Result<Vec<Layer>, ArchError> {
        if !SIDES.contains(&input_size) {
            return Err(self.broken(format!("input size {input_size}; it must be from 1 to 4096")));
        }
        self.validate()?;
        Ok(self.layer_list(input_size))
    }

    /// The totals over [`Self::layers`].
    ///
    /// # Errors
    /// As [`Self::layers`].
    pub fn cost(&self, input_size: usize) -> Result<Cost, ArchError> {
        let layers = self.layers(input_size)?;
        Ok(Cost {
            params: layers.iter().map(|l| l.params).sum(),
            madds: layers.iter().map(|l| l.madds).sum(),
            peak_bytes: layers.iter().map(|l| l.bytes).max().unwrap_or(0),
        })
    }

    /// Learned parameters, which do not depend on the image size.
    pub(crate) fn params(&self) -> usize {
        self.layer_list(1).iter().map(|l| l.params).sum()
    }

    fn layer_list(&self, input_size: usize) -> Vec<Layer> {
        let image = [3, input_size, input_size];
        let mut layers = vec![convolution(
            LayerId::Stem,
            image,
            self.stem.channels,
            STEM_KERNEL,
            self.stem.stride,
        )];
        let mut shape = layers[0].output;
        for (number, block) in (1..).zip(self.blocks()) {
            push_block(&mut layers, number, &block, shape);
            shape = layers[layers.len() - 1].output;
        }
        let head = [self.head.channels, shape[1], shape[2]];
        layers.push(pointwise(LayerId::Head, shape, head, &Groups::dense(), String::new()));
        let pooled = [head[0], 1, 1];
        layers.push(layer(LayerId::Pool, head, pooled));
        let mut linear = layer(LayerId::Linear, pooled, [self.classes, 1, 1]);
        linear.params = (pooled[0] + 1) * self.classes;
        linear.madds = (pooled[0] * self.classes) as u64;
        layers.push(linear);
        layers
    }
}

/// Appends the two or three layers of the block with this number, whose input has `shape`.
fn push_block(layers: &mut Vec<Layer>, number: usize, block: &Block, shape: [usize; 3]) {
    let first = layers.len();
    let wide = [block.expanded, shape[1], shape[2]];
    if let Some(groups) = &block.expand {
        let structure = format!("{groups} {}", block.flow);
        layers.push(pointwise(LayerId::Expand(number), shape, wide, groups, structure));
    }
    let (kernel, stride) = (block.kernel, block.stride);
    let mut depthwise =
        convolution(LayerId::Depthwise(number), wide, block.expanded, kernel, stride);
    if kernel != 3 {
        depthwise.structure = format!("{kernel}x{kernel}");
    }
    layers.push(depthwise);
    let middle = layers[layers.len() - 1].output;
    let output = [block.output, middle[1], middle[2]];
    let structure = format!("{} {}", block.project, block.output_flow);
    layers.push(pointwise(LayerId::Project(number), middle, output, &block.project, structure));
    if block.is_residual() {
        // The first layer reads the block's input itself; it stays alive during the others.
        for layer in &mut layers[first + 1..] {
            layer.bytes += floats(shape);
        }
    }
}

/// A grouped 1x1 convolution with batch norm.
fn pointwise(
    id: LayerId,
    input: [usize; 3],
    output: [usize; 3],
    groups: &Groups,
    structure: String,
) -> Layer {
    let weights = groups.shares(input[0], output[0]).iter().map(Share::weights).sum();
    Layer { structure, ..counted(layer(id, input, output), weights) }
}

/// A convolution of windows with batch norm: depthwise, or the dense stem. The padding does not
/// change its size.
fn convolution(
    id: LayerId,
    input: [usize; 3],
    channels: usize,
    kernel: usize,
    stride: usize,
) -> Layer {
    let side = |n: usize| n.div_ceil(stride);
    let output = [channels, side(input[1]), side(input[2])];
    let fan_in = if id.kind() == LayerKind::Depthwise { 1 } else { input[0] };
    Layer { stride, ..counted(layer(id, input, output), kernel * kernel * fan_in * channels) }
}

/// Adds the costs of a convolution with `weights` weights and batch norm.
fn counted(mut layer: Layer, weights: usize) -> Layer {
    layer.params = weights + 2 * layer.output[0];
    let [_, rows, columns] = layer.output.map(|n| n as u64);
    layer.madds = weights as u64 * rows * columns;
    layer
}

/// A layer without parameters.
fn layer(id: LayerId, input: [usize; 3], output: [usize; 3]) -> Layer {
    let bytes = floats(input) + floats(output);
    let structure = String::new();
    Layer { id, input, output, structure, stride: 1, params: 0, madds: 0, bytes }
}

fn floats(shape: [usize; 3]) -> u64 {
    4 * shape.iter().map(|&n| n as u64).product::<u64>()
}
