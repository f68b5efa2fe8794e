//! A net as a list of steps: what each layer reads and writes, and where.
//!
//! Groups, shuffles and concatenations are settled here, as the places of channels in memory.
//! Inference adds folded weights to this list; training takes its index maps from it.

use crate::{Block, ChannelOrder, Groups, LayerId, Net, Padding, Share};

/// What a batch norm adds to the variance where its net does not say otherwise, as in PyTorch.
pub const BATCH_NORM_EPS: f64 = 1e-5;

/// Rows and columns of the stem's window.
pub(crate) const STEM_KERNEL: usize = 3;

/// One layer as it is executed.
///
/// Channels are numbered as in the layer's weights. A place is where a channel lies in the feature
/// map in memory; each map's places are a permutation of its channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which layer it is.
    pub id: LayerId,
    /// What it computes.
    pub op: Op,
    /// The place of each input channel.
    pub inputs: Vec<usize>,
    /// The place of each output channel.
    pub outputs: Vec<usize>,
    /// Stride, 1 or 2.
    pub stride: usize,
    /// Rows and columns of a window: 3 for the stem, 3 or 5 for a depthwise convolution, else 1.
    pub kernel: usize,
    /// How the windows lie on the input.
    pub padding: Padding,
    /// Whether ReLU6 follows.
    pub relu6: bool,
    /// Whether the block's input is added to the output.
    pub residual: bool,
}

/// What a step computes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Dense 3x3 convolution, and batch norm; weights `[out, in, 3, 3]`.
    Convolution,
    /// 1x1 convolution in groups, and batch norm; for each group weights `[out, in]`.
    Pointwise {
        /// The channels of each group.
        shares: Vec<Share>,
    },
    /// Depthwise convolution, and batch norm; weights `[channels, kernel, kernel]`.
    Depthwise,
    /// Mean over all pixels.
    Pool,
    /// Linear layer with bias; weights `[out, in]`.
    Linear,
}

impl Step {
    /// Pixels of a window.
    pub fn taps(&self) -> usize {
        self.kernel * self.kernel
    }

    /// Weights of the convolution or linear layer, without batch norm and bias.
    pub fn weights(&self) -> usize {
        match &self.op {
            Op::Convolution => self.taps() * self.inputs.len() * self.outputs.len(),
            Op::Pointwise { shares } => shares.iter().map(Share::weights).sum(),
            Op::Depthwise => self.taps() * self.outputs.len(),
            Op::Pool => 0,
            Op::Linear => self.inputs.len() * self.outputs.len(),
        }
    }
}

impl Net {
    /// All steps in order, for a net that keeps every rule.
    ///
    /// # Panics
    /// When the net breaks a rule; see [`Self::validate`].
    pub fn steps(&self) -> Vec<Step> {
        let (stem, trunk, head) = (self.stem.channels, self.trunk_channels(), self.head.channels);
        let mut steps = vec![Step {
            stride: self.stem.stride,
            kernel: STEM_KERNEL,
            padding: self.padding,
            relu6: true,
            ..plain(LayerId::Stem, Op::Convolution, 3, stem)
        }];
        for (number, block) in (1..).zip(self.blocks()) {
            steps.extend(block.steps(number, self.padding));
        }
        let shares = Groups::dense().shares(trunk, head);
        steps.push(Step {
            relu6: true,
            ..plain(LayerId::Head, Op::Pointwise { shares }, trunk, head)
        });
        steps.push(plain(LayerId::Pool, Op::Pool, head, head));
        steps.push(plain(LayerId::Linear, Op::Linear, head, self.classes));
        steps
    }
}

impl Block {
    /// The two or three steps of the block with this number.
    fn steps(&self, number: usize, padding: Padding) -> Vec<Step> {
        let order = ChannelOrder::new(self);
        let mut steps = Vec::with_capacity(3);
        if let Some(groups) = &self.expand {
            let shares = groups.shares(self.input, self.expanded);
            steps.push(Step {
                outputs: order.before_flow,
                relu6: self.activate_expand,
                ..plain(LayerId::Expand(number), Op::Pointwise { shares }, self.input, 0)
            });
        }
        let middle = order.after_flow;
        steps.push(Step {
            inputs: middle.clone(),
            outputs: middle.clone(),
            stride: self.stride,
            kernel: self.kernel,
            padding,
            relu6: true,
            ..plain(LayerId::Depthwise(number), Op::Depthwise, 0, 0)
        });
        let shares = self.project.shares(self.expanded, self.output);
        steps.push(Step {
            inputs: middle,
            outputs: self.output_flow.destinations(self.output),
            residual: self.is_residual(),
            ..plain(LayerId::Project(number), Op::Pointwise { shares }, 0, 0)
        });
        steps
    }
}

/// A step at stride 1 on single pixels, without activation, whose channels lie in their own order.
fn plain(id: LayerId, op: Op, inputs: usize, outputs: usize) -> Step {
    let (inputs, outputs) = ((0..inputs).collect(), (0..outputs).collect());
    let (kernel, padding) = (1, Padding::Symmetric);
    Step { id, op, inputs, outputs, stride: 1, kernel, padding, relu6: false, residual: false }
}

#[cfg(test)]
mod tests {
    use crate::{LayerKind, zoo};

    #[test]
    fn every_map_is_a_permutation_and_the_weights_are_those_of_the_costs() {
        for net in zoo::all() {
            let (steps, layers) = (net.steps(), net.layers(net.input_size).unwrap());
            assert_eq!(steps.len(), layers.len());
            for (step, layer) in steps.iter().zip(layers) {
                assert_eq!(step.id, layer.id);
                for (places, channels) in
                    [(&step.inputs, layer.input[0]), (&step.outputs, layer.output[0])]
                {
                    let mut sorted = places.clone();
                    sorted.sort_unstable();
                    assert!(sorted.into_iter().eq(0..channels), "{} {}", net.name, step.id);
                }
                let rest = match step.id.kind() {
                    LayerKind::Pool => 0,
                    LayerKind::Linear => net.classes,
                    _ => 2 * step.outputs.len(),
                };
                assert_eq!(step.weights() + rest, layer.params, "{} {}", net.name, step.id);
            }
        }
    }
}
