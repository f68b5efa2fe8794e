//! From a net and its weights to a list of steps: plain data, for any kind of machine.

use std::borrow::Cow;

use seesaw_arch::{LayerId, Net, Op, Step};
use seesaw_format::{BlockWeights, ConvBn, Linear, NetWeights};

use crate::EngineError;

/// A net with its weights as the list of steps that computes it.
#[derive(Debug, Clone)]
pub struct Lowered<'a> {
    /// The net.
    pub net: Net,
    /// Its steps in order.
    pub steps: Vec<LoweredStep<'a>>,
}

/// A step and its weights, with batch norm folded into one affine map of each output channel:
/// `y[c] = scale[c] * sum(weights[c] * x) + bias[c]`.
///
/// Channels are in the order of the weights; [`Step::outputs`] has their places in memory.
#[derive(Debug, Clone)]
pub struct LoweredStep<'a> {
    /// What the step computes, and where its channels lie.
    pub step: Step,
    /// Weights as the file has them; their shape is that of [`Op`]. Empty for the pool.
    pub weights: Cow<'a, [f32]>,
    /// Factor of each output channel's weights.
    pub scale: Vec<f64>,
    /// Summand of each output channel.
    pub bias: Vec<f32>,
}

/// Folds the batch norms of a net and lists its steps. Weights that are given away rather than lent
/// move into the steps, so that each can be dropped on its own.
///
/// # Errors
/// When the net breaks a rule, or the weights do not have its shapes.
pub fn lower<'a>(
    net: &Net,
    weights: impl Into<Cow<'a, NetWeights>>,
) -> Result<Lowered<'a>, EngineError> {
    net.validate()?;
    let layers = Layers::new(weights.into());
    check_blocks(net, &layers.blocks)?;
    let Layers { stem, blocks, head, linear } = layers;
    let blocks = blocks.into_iter().flatten();
    let mut convolutions = [stem].into_iter().chain(blocks).chain([head]);
    let mut linear = Some(linear);
    let steps = net.steps().into_iter().map(|step| match step.op {
        Op::Pool => Ok(LoweredStep {
            step,
            weights: Cow::Borrowed(&[]),
            scale: Vec::new(),
            bias: Vec::new(),
        }),
        Op::Linear => with_linear(step, linear.take().expect("a net has one linear layer")),
        _ => {
            let conv = convolutions.next().expect("the blocks' convolutions were checked");
            fold(step, conv, net.batch_norm_eps)
        }
    });
    Ok(Lowered { net: net.clone(), steps: steps.collect::<Result<_, _>>()? })
}

/// A net's weights, layer by layer.
struct Layers<'a> {
    stem: Cow<'a, ConvBn>,
    /// The convolutions of each block in order.
    blocks: Vec<Vec<Cow<'a, ConvBn>>>,
    head: Cow<'a, ConvBn>,
    linear: Cow<'a, Linear>,
}

impl<'a> Layers<'a> {
    fn new(weights: Cow<'a, NetWeights>) -> Self {
        match weights {
            Cow::Borrowed(NetWeights { stem, blocks, head, classifier }) => Self {
                stem: Cow::Borrowed(stem),
                blocks: blocks
                    .iter()
                    .map(|BlockWeights { expand, depthwise, project }| {
                        expand.iter().chain([depthwise, project]).map(Cow::Borrowed).collect()
                    })
                    .collect(),
                head: Cow::Borrowed(head),
                linear: Cow::Borrowed(classifier),
            },
            Cow::Owned(NetWeights { stem, blocks, head, classifier }) => Self {
                stem: Cow::Owned(stem),
                blocks: blocks
                    .into_iter()
                    .map(|BlockWeights { expand, depthwise, project }| {
                        expand.into_iter().chain([depthwise, project]).map(Cow::Owned).collect()
                    })
                    .collect(),
                head: Cow::Owned(head),
                linear: Cow::Owned(classifier),
            },
        }
    }
}

/// Checks that each block has the weights of as many convolutions as the net says.
fn check_blocks(net: &Net, weights: &[Vec<Cow<'_, ConvBn>>]) -> Result<(), EngineError> {
    let blocks = net.blocks();
    if weights.len() != blocks.len() {
        return Err(EngineError::BlockCount { found: weights.len(), expected: blocks.len() });
    }
    for (number, (block, weights)) in (1..).zip(blocks.iter().zip(weights)) {
        if weights.len() != if block.expand.is_some() { 3 } else { 2 } {
            return Err(EngineError::Layer { layer: LayerId::Expand(number) });
        }
    }
    Ok(())
}

fn with_linear<'a>(step: Step, linear: Cow<'a, Linear>) -> Result<LoweredStep<'a>, EngineError> {
    check(&step, "weight", linear.weight.len(), step.weights())?;
    check(&step, "bias", linear.bias.len(), step.outputs.len())?;
    let scale = vec![1.0; step.outputs.len()];
    let (weights, bias) = match linear {
        Cow::Borrowed(Linear { weight, bias }) => (Cow::Borrowed(&weight[..]), bias.clone()),
        Cow::Owned(Linear { weight, bias }) => (Cow::Owned(weight), bias),
    };
    Ok(LoweredStep { step, weights, scale, bias })
}

/// Folds a convolution's batch norm, which adds `eps` to the variances.
fn fold<'a>(step: Step, conv: Cow<'a, ConvBn>, eps: f64) -> Result<LoweredStep<'a>, EngineError> {
    let bn = &conv.bn;
    check(&step, "weight", conv.weight.len(), step.weights())?;
    for (what, values) in
        [("gamma", &bn.gamma), ("beta", &bn.beta), ("mean", &bn.mean), ("var", &bn.var)]
    {
        check(&step, what, values.len(), step.outputs.len())?;
    }
    let scale = bn.gamma.iter().zip(&bn.var);
    let scale: Vec<f64> =
        scale.map(|(gamma, var)| f64::from(*gamma) / (f64::from(*var) + eps).sqrt()).collect();
    let bias = bn.beta.iter().zip(&bn.mean).zip(&scale);
    let bias = bias
        .map(|((beta, mean), scale)| (f64::from(*beta) - f64::from(*mean) * scale) as f32)
        .collect();
    let weights = match conv {
        Cow::Borrowed(conv) => Cow::Borrowed(&conv.weight[..]),
        Cow::Owned(conv) => Cow::Owned(conv.weight),
    };
    Ok(LoweredStep { step, weights, scale, bias })
}

fn check(
    step: &Step,
    tensor: &'static str,
    found: usize,
    expected: usize,
) -> Result<(), EngineError> {
    if found == expected {
        return Ok(());
    }
    Err(EngineError::Weights { layer: step.id, tensor, found, expected })
}

impl LoweredStep<'_> {
    /// The weights times their channel's scale, rounded once; for convolutions whose output
    /// channels all have as many weights.
    pub(crate) fn scaled_weights(&self) -> Vec<f32> {
        let rows = self.weights.chunks_exact(self.weights.len() / self.scale.len());
        rows.zip(&self.scale)
            .flat_map(|(row, scale)| row.iter().map(move |w| (f64::from(*w) * scale) as f32))
            .collect()
    }
}
