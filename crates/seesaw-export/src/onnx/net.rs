//! From a lowered net to the nodes of a graph.

use std::ops::Range;

use seesaw_arch::{Flow, LayerId, Op, Padding, Share};
use seesaw_engine::{Lowered, LoweredStep};

use super::{
    forms::{Form, Places, is_dense, is_even},
    graph::{Builder, int, ints},
};

/// The name of a layer in the graph: `stem`, `block.3.expand`.
pub(super) fn layer_name(id: LayerId) -> String {
    id.to_string().replace(' ', ".")
}

/// Adds the net: from the value `images`, `[n, 3, side, side]`, to logits, `[n, classes]`.
pub(super) fn add(
    builder: &mut Builder,
    lowered: &Lowered<'_>,
    forms: &[Form],
    images: &str,
    side: usize,
) -> String {
    let places = super::forms::places(&lowered.net, &steps_of(lowered), forms);
    let mut writer = Writer::new(builder, side);
    let (mut x, mut block_input) = (images.to_owned(), images.to_owned());
    let mut number = 0;
    for ((step, form), places) in lowered.steps.iter().zip(forms).zip(&places) {
        if let LayerId::Expand(block) | LayerId::Depthwise(block) = step.step.id
            && block != number
        {
            (block_input, number) = (x.clone(), block);
        }
        x = writer.step(step, *form, places, &x);
        if step.step.residual {
            let name = format!("block.{number}.add");
            x = writer.builder.node("Add", &name, &[&x, &block_input], []);
        }
    }
    x
}

/// The steps without their weights.
pub(super) fn steps_of(lowered: &Lowered<'_>) -> Vec<seesaw_arch::Step> {
    lowered.steps.iter().map(|step| step.step.clone()).collect()
}

struct Writer<'a> {
    builder: &'a mut Builder,
    /// Rows and columns of the current map.
    side: usize,
    /// The bounds of ReLU6, once they are needed.
    bounds: [String; 2],
}

impl<'a> Writer<'a> {
    fn new(builder: &'a mut Builder, side: usize) -> Self {
        let bounds = [("relu6.min", 0.0), ("relu6.max", 6.0)];
        let bounds = bounds.map(|(name, bound)| builder.floats(name, &[], &[bound]));
        Self { builder, side, bounds }
    }

    fn step(&mut self, step: &LoweredStep<'_>, form: Form, places: &Places, x: &str) -> String {
        let name = layer_name(step.step.id);
        let x = self.shuffle(
            &format!("{name}.shuffle_input"),
            x,
            places.shuffle_input,
            places.inputs.len(),
        );
        let y = match &step.step.op {
            Op::Convolution => self.stem(step, &name, &x),
            Op::Pointwise { shares } if is_dense(form, shares) => {
                self.dense(step, shares, places, &name, &x)
            }
            Op::Pointwise { shares } if is_even(shares) => self.even(step, shares, &name, &x),
            Op::Pointwise { shares } => self.uneven(step, shares, &name, &x),
            Op::Depthwise => self.depthwise(step, places, &name, &x),
            Op::Pool => {
                let mean = self.builder.node("GlobalAveragePool", &name, &[&x], []);
                self.side = 1;
                self.builder.node("Flatten", &format!("{name}.flat"), &[&mean], [int("axis", 1)])
            }
            Op::Linear => self.linear(step, &name, &x),
        };
        let y = match step.step.relu6 {
            true => {
                let [min, max] = &self.bounds;
                self.builder.node("Clip", &format!("{name}.relu6"), &[&y, min, max], [])
            }
            false => y,
        };
        let channels = places.outputs.len();
        self.shuffle(&format!("{name}.shuffle"), &y, places.shuffle_output, channels)
    }

    fn stem(&mut self, step: &LoweredStep<'_>, name: &str, x: &str) -> String {
        let (kernel, outputs) = (step.step.kernel, step.step.outputs.len());
        let weights = scaled(step, step.step.weights() / outputs, outputs).concat();
        let dims = [outputs, step.step.inputs.len(), kernel, kernel];
        self.convolution(
            step,
            name,
            x,
            &Weights { dims, values: &weights, bias: &step.bias, groups: 1 },
        )
    }

    fn depthwise(
        &mut self,
        step: &LoweredStep<'_>,
        places: &Places,
        name: &str,
        x: &str,
    ) -> String {
        let (kernel, channels) = (step.step.kernel, step.step.outputs.len());
        let (mut weights, mut bias) = (vec![Vec::new(); channels], vec![0.0; channels]);
        for (channel, row) in scaled(step, step.step.taps(), channels).into_iter().enumerate() {
            let place = places.outputs[channel];
            (weights[place], bias[place]) = (row, step.bias[channel]);
        }
        let dims = [channels, 1, kernel, kernel];
        let values = &weights.concat();
        self.convolution(step, name, x, &Weights { dims, values, bias: &bias, groups: channels })
    }

    /// One matrix for all groups, with zeros between them.
    fn dense(
        &mut self,
        step: &LoweredStep<'_>,
        shares: &[Share],
        places: &Places,
        name: &str,
        x: &str,
    ) -> String {
        let (inputs, outputs) = (step.step.inputs.len(), step.step.outputs.len());
        let (mut weights, mut bias) = (vec![0.0; inputs * outputs], vec![0.0; outputs]);
        for row in rows(step, shares) {
            let place = places.outputs[row.output];
            bias[place] = step.bias[row.output];
            for (input, weight) in row.inputs.zip(row.weights) {
                weights[place * inputs + places.inputs[input]] = weight;
            }
        }
        let dims = [outputs, inputs, 1, 1];
        self.convolution(step, name, x, &Weights { dims, values: &weights, bias: &bias, groups: 1 })
    }

    /// Groups of one size.
    fn even(&mut self, step: &LoweredStep<'_>, shares: &[Share], name: &str, x: &str) -> String {
        let weights: Vec<f32> = rows(step, shares).flat_map(|row| row.weights).collect();
        let dims = [step.step.outputs.len(), shares[0].inputs.len(), 1, 1];
        let weights = Weights { dims, values: &weights, bias: &step.bias, groups: shares.len() };
        self.convolution(step, name, x, &weights)
    }

    /// A convolution for each group.
    fn uneven(&mut self, step: &LoweredStep<'_>, shares: &[Share], name: &str, x: &str) -> String {
        let sizes: Vec<usize> = shares.iter().map(|share| share.inputs.len()).collect();
        let parts = self.builder.split(&format!("{name}.split"), x, &sizes);
        let mut rows = rows(step, shares);
        let mut outputs = Vec::with_capacity(shares.len());
        for (group, (share, part)) in shares.iter().zip(&parts).enumerate() {
            let own = rows.by_ref().take(share.outputs.len());
            let values: Vec<f32> = own.flat_map(|row| row.weights).collect();
            let dims = [share.outputs.len(), share.inputs.len(), 1, 1];
            let bias = &step.bias[share.outputs.clone()];
            let weights = Weights { dims, values: &values, bias, groups: 1 };
            outputs.push(self.convolution(step, &format!("{name}.{group}"), part, &weights));
        }
        let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
        self.builder.node("Concat", name, &outputs, [int("axis", 1)])
    }

    fn convolution(
        &mut self,
        step: &LoweredStep<'_>,
        name: &str,
        x: &str,
        weights: &Weights<'_>,
    ) -> String {
        let kernel = self.builder.weights(&format!("{name}.weight"), &weights.dims, weights.values);
        let bias =
            self.builder.floats(&format!("{name}.bias"), &[weights.bias.len()], weights.bias);
        let (before, after) = padding(step, self.side);
        if step.step.stride > 1 {
            self.side = self.side.div_ceil(step.step.stride);
        }
        let attributes = [
            ints("kernel_shape", [step.step.kernel; 2]),
            ints("strides", [step.step.stride; 2]),
            ints("pads", [before, before, after, after]),
            int("group", weights.groups as i64),
        ];
        self.builder.node("Conv", name, &[x, &kernel, &bias], attributes)
    }

    fn linear(&mut self, step: &LoweredStep<'_>, name: &str, x: &str) -> String {
        let dims = [step.step.outputs.len(), step.step.inputs.len()];
        let weight = self.builder.weights(&format!("{name}.weight"), &dims, &step.weights);
        let bias = self.builder.floats(&format!("{name}.bias"), &dims[..1], &step.bias);
        self.builder.node("Gemm", name, &[x, &weight, &bias], [int("transB", 1)])
    }

    /// Channels as a matrix of some rows, transposed.
    fn shuffle(&mut self, name: &str, x: &str, flow: Flow, channels: usize) -> String {
        let rows = match flow {
            Flow::Keep => return x.to_owned(),
            Flow::Shuffle(rows) => rows,
            Flow::ShuffleOf(columns) => channels / columns,
        };
        let (side, columns) = (self.side as i64, (channels / rows) as i64);
        // 0 keeps the size of the batch.
        let matrix = [0, rows as i64, columns, side * side];
        let matrix = self.builder.integers(&format!("{name}.matrix"), &matrix);
        let map = [0, channels as i64, side, side];
        let map = self.builder.integers(&format!("{name}.map"), &map);
        let x = self.builder.node("Reshape", &format!("{name}.rows"), &[x, &matrix], []);
        let order = [ints("perm", [0, 2, 1, 3])];
        let x = self.builder.node("Transpose", &format!("{name}.columns"), &[&x], order);
        self.builder.node("Reshape", name, &[&x, &map], [])
    }
}

/// A convolution's constants.
struct Weights<'a> {
    /// Outputs, inputs of a group, rows, columns.
    dims: [usize; 4],
    values: &'a [f32],
    bias: &'a [f32],
    groups: usize,
}

/// Zeros before and after the rows and columns of a map of `side`.
fn padding(step: &LoweredStep<'_>, side: usize) -> (usize, usize) {
    let (kernel, stride) = (step.step.kernel, step.step.stride);
    match step.step.padding {
        Padding::Symmetric => (kernel / 2, kernel / 2),
        Padding::Same => {
            let total = ((side.div_ceil(stride) - 1) * stride + kernel).saturating_sub(side);
            (total / 2, total - total / 2)
        }
    }
}

/// The weights of each output channel times its scale, rounded once.
fn scaled(step: &LoweredStep<'_>, len: usize, channels: usize) -> Vec<Vec<f32>> {
    let rows = step.weights.chunks_exact(len).zip(&step.scale).take(channels);
    rows.map(|(row, scale)| scale_row(row, *scale)).collect()
}

fn scale_row(row: &[f32], scale: f64) -> Vec<f32> {
    row.iter().map(|weight| (f64::from(*weight) * scale) as f32).collect()
}

/// An output channel of a convolution in groups.
struct Row {
    output: usize,
    /// The channels of its group.
    inputs: Range<usize>,
    /// Scaled, one for each of these.
    weights: Vec<f32>,
}

/// The output channels in order.
fn rows<'a>(step: &'a LoweredStep<'_>, shares: &'a [Share]) -> impl Iterator<Item = Row> + use<'a> {
    let mut at = 0;
    shares
        .iter()
        .flat_map(|share| share.outputs.clone().map(move |output| (output, share.inputs.clone())))
        .map(move |(output, inputs)| {
            let row = &step.weights[at..at + inputs.len()];
            at += inputs.len();
            Row { output, inputs, weights: scale_row(row, step.scale[output]) }
        })
}
