//! What a net costs: parameters, multiply-adds, activation memory.

use serde::Serialize;

use crate::{ArchError, Block, Groups, Net, validate::SIDES};

/// What a layer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LayerKind {
    /// Dense 3x3 convolution on the image.
    Stem,
    /// Pointwise convolution that opens a block.
    Expand,
    /// Depthwise 3x3 convolution.
    Depthwise,
    /// Pointwise convolution that closes a block, with the residual addition.
    Project,
    /// Dense pointwise convolution behind the blocks.
    Head,
    /// Global average pool.
    Pool,
    /// Linear layer.
    Linear,
}

/// One layer with its batch norm and activation, and what it costs for one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Layer {
    /// `stem`, `block 3 expand`, `head`, ...; blocks are numbered as in the weights' names.
    pub name: String,
    /// What it does.
    pub kind: LayerKind,
    /// Input shape: channels, rows, columns.
    pub input: [usize; 3],
    /// Output shape: channels, rows, columns.
    pub output: [usize; 3],
    /// Relative group sizes of a pointwise convolution, and how channels move behind it.
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
        let stem = [self.stem.channels, 0, 0];
        let mut layers =
            vec![convolution("stem".into(), LayerKind::Stem, image, stem, self.stem.stride, 3)];
        let mut shape = layers[0].output;
        for (index, block) in (1..).zip(self.blocks()) {
            push_block(&mut layers, index, &block, shape);
            shape = layers[layers.len() - 1].output;
        }
        let head = [self.head.channels, 0, 0];
        layers.push(convolution("head".into(), LayerKind::Head, shape, head, 1, shape[0]));
        let map = layers[layers.len() - 1].output;
        let pooled = [map[0], 1, 1];
        layers.push(layer("pool".into(), LayerKind::Pool, map, pooled));
        let mut linear = layer("linear".into(), LayerKind::Linear, pooled, [self.classes, 1, 1]);
        linear.params = (pooled[0] + 1) * self.classes;
        linear.madds = (pooled[0] * self.classes) as u64;
        layers.push(linear);
        layers
    }
}

/// Appends the two or three layers of a block whose input has `shape`.
fn push_block(layers: &mut Vec<Layer>, index: usize, block: &Block, shape: [usize; 3]) {
    let name = |part: &str| format!("block {index} {part}");
    let first = layers.len();
    let wide = [block.expanded, shape[1], shape[2]];
    if let Some(groups) = &block.expand {
        let mut expand = pointwise(name("expand"), LayerKind::Expand, shape, wide, groups);
        expand.structure = format!("{groups} {}", block.flow);
        layers.push(expand);
    }
    layers.push(convolution(name("depthwise"), LayerKind::Depthwise, wide, wide, block.stride, 1));
    let middle = layers[layers.len() - 1].output;
    let narrow = [block.output, middle[1], middle[2]];
    let mut project =
        pointwise(name("project"), LayerKind::Project, middle, narrow, &block.project);
    project.structure = format!("{} {}", block.project, block.output_flow);
    layers.push(project);
    if block.is_residual() {
        // The first layer reads the block's input itself; the others run beside it.
        for layer in &mut layers[first + 1..] {
            layer.bytes += floats(shape);
        }
    }
}

/// A grouped 1x1 convolution.
fn pointwise(
    name: String,
    kind: LayerKind,
    input: [usize; 3],
    output: [usize; 3],
    groups: &Groups,
) -> Layer {
    let share = |channels| groups.ranges(channels).unwrap_or_default();
    let weights: usize =
        share(input[0]).iter().zip(share(output[0])).map(|(i, o)| i.len() * o.len()).sum();
    counted(layer(name, kind, input, output), weights)
}

/// A convolution whose outputs each read `fan_in` channels, 3x3 but for the head.
fn convolution(
    name: String,
    kind: LayerKind,
    input: [usize; 3],
    output: [usize; 3],
    stride: usize,
    fan_in: usize,
) -> Layer {
    let side = |n: usize| n.div_ceil(stride);
    let shape = [output[0], side(input[1]), side(input[2])];
    let taps = if kind == LayerKind::Head { 1 } else { 9 };
    let mut layer = counted(layer(name, kind, input, shape), output[0] * fan_in * taps);
    layer.stride = stride;
    layer
}

/// Adds the costs of a convolution with `weights` weights and batch norm.
fn counted(mut layer: Layer, weights: usize) -> Layer {
    layer.params = weights + 2 * layer.output[0];
    layer.madds = (weights * layer.output[1] * layer.output[2]) as u64;
    layer
}

/// A layer without parameters.
fn layer(name: String, kind: LayerKind, input: [usize; 3], output: [usize; 3]) -> Layer {
    let bytes = floats(input) + floats(output);
    let structure = String::new();
    Layer { name, kind, input, output, structure, stride: 1, params: 0, madds: 0, bytes }
}

fn floats(shape: [usize; 3]) -> u64 {
    4 * shape.iter().map(|&n| n as u64).product::<u64>()
}
