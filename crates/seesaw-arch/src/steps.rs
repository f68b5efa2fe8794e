//! A net as a list of steps: what each layer reads and writes, and where.
//!
//! Groups, shuffles and concatenations are settled here, as the places of channels in memory.
//! Inference adds folded weights to this list; training takes its index maps from it.

use crate::{Block, ChannelOrder, Groups, LayerId, Net, Share};

/// What every batch norm adds to the variance, as in PyTorch.
pub const BATCH_NORM_EPS: f64 = 1e-5;

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
    /// Whether ReLU6 follows.
    pub relu6: bool,
    /// Whether the block's input is added to the output.
    pub residual: bool,
}

/// What a step computes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Dense 3x3 convolution with padding 1, and batch norm; weights `[out, in, 3, 3]`.
    Convolution,
    /// 1x1 convolution in groups, and batch norm; for each group weights `[out, in]`.
    Pointwise {
        /// The channels of each group.
        shares: Vec<Share>,
    },
    /// Depthwise 3x3 convolution with padding 1, and batch norm; weights `[channels, 3, 3]`.
    Depthwise,
    /// Mean over all pixels.
    Pool,
    /// Linear layer with bias; weights `[out, in]`.
    Linear,
}

impl Step {
    /// Weights of the convolution or linear layer, without batch norm and bias.
    pub fn weights(&self) -> usize {
        match &self.op {
            Op::Convolution => 9 * self.inputs.len() * self.outputs.len(),
            Op::Pointwise { shares } => shares.iter().map(Share::weights).sum(),
            Op::Depthwise => 9 * self.outputs.len(),
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
            relu6: true,
            ..plain(LayerId::Stem, Op::Convolution, 3, stem)
        }];
        for (number, block) in (1..).zip(self.blocks()) {
            steps.extend(block.steps(number));
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
    fn steps(&self, number: usize) -> Vec<Step> {
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

/// A step at stride 1 without activation, whose channels lie in their own order.
fn plain(id: LayerId, op: Op, inputs: usize, outputs: usize) -> Step {
    let (inputs, outputs) = ((0..inputs).collect(), (0..outputs).collect());
    Step { id, op, inputs, outputs, stride: 1, relu6: false, residual: false }
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
