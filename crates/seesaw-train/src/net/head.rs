//! The layer after the blocks: head convolution, global average pool, dropout and linear layer.

use seesaw_arch::{LayerId, Step, splitmix64};
use seesaw_kernels::{
    KernelError,
    layout::Size,
    train::{MapBuffer, Sums},
};

use super::{
    Layer,
    backward::{self, BackwardArgs},
    context::{StepContext, Workspace, WorkspaceLen},
    conv::{ConvKernel, ConvNorm, LayerBuilder},
    features::FeatureTargets,
    forward,
    linear::Linear,
    map::{ConvInput, LayerOutput, PreNorm, map_len},
    pointwise::PointwiseConv,
    pool,
};

/// The head, and what a step saves of it for the backward pass.
#[derive(Debug)]
pub(super) struct Head {
    pub conv: ConvNorm<PointwiseConv>,
    linear: Linear,
    /// Probability that a feature is dropped.
    pub dropout: f32,
    /// The normalized input, with its residual.
    pub saved_input: MapBuffer,
    /// The pooled features before dropout, `[images][cblocks][8]`.
    saved_features: Vec<f32>,
    /// Factors of the features: what dropout leaves of them.
    saved_mask: Vec<f32>,
}

impl Head {
    /// The head of these steps, on maps of `size`.
    pub fn new(
        builder: LayerBuilder<'_>,
        head: &Step,
        linear: &Step,
        size: Size,
        dropout: f32,
    ) -> Result<Self, KernelError> {
        let conv = PointwiseConv::new(builder, head)?;
        let storage = builder.precision.storage();
        Ok(Self {
            conv: ConvNorm::new(builder, head, conv, storage, size),
            linear: Linear::new(builder, linear)?,
            dropout,
            saved_input: MapBuffer::default(),
            saved_features: Vec::new(),
            saved_mask: Vec::new(),
        })
    }

    /// How many features are pooled.
    pub fn features(&self) -> usize {
        self.conv.kernel.outputs
    }

    /// The forward pass. Returns logits `[images][classes]`.
    pub fn forward(&mut self, cx: &mut StepContext<'_>, input: LayerOutput<'_>) -> Vec<f32> {
        let (saved, output) = (Some(&mut self.saved_input[..]), &mut self.conv.output);
        let sums = forward::pointwise(&mut cx.runner, &self.conv.kernel, input, saved, output);
        self.conv.end_forward(cx, &sums);

        let mut features = pool::forward(&mut cx.runner, self.conv.output.pre_norm());
        cx.clock.forward(LayerId::Pool);

        self.saved_features.clone_from(&features);
        self.saved_mask = dropout_mask(self.dropout, cx.dropout_seed, features.len());
        multiply(&mut features, &self.saved_mask);
        let logits = self.linear.forward(&features);
        cx.clock.forward(self.linear.id);
        logits
    }

    /// The backward pass, from the gradient of the logits to that of the input, which is left in
    /// `workspace.trunk[0]`. Returns its sums, and the loss of the pooled features.
    pub fn backward(
        &mut self,
        cx: &mut StepContext<'_>,
        input: PreNorm<'_>,
        grad_logits: &[f32],
        targets: Option<&FeatureTargets>,
    ) -> (Vec<Sums>, f64) {
        let Linear { id, kernel, weights, .. } = &self.linear;
        let weight_grad = &mut cx.workspace.weight_grads[..kernel.packed_len()];
        let mut grad_features = self.linear.backward(grad_logits, weight_grad);
        kernel.unpack(weight_grad, &mut cx.gradients[weights.clone()]);
        multiply(&mut grad_features, &self.saved_mask);
        let loss = targets.map_or(0.0, |t| t.pooled(&self.saved_features, &mut grad_features));
        cx.clock.backward(*id);

        let grad = &mut cx.workspace.expanded[0];
        let pre_norm = self.conv.output.pre_norm();
        let sums = pool::backward(&mut cx.runner, pre_norm, &grad_features, grad);
        cx.clock.backward(LayerId::Pool);

        self.conv.begin_backward(cx, &sums);
        let Workspace { trunk: [grad_input, _], expanded: [grad, _], weight_grads } =
            &mut *cx.workspace;
        let args = BackwardArgs {
            output: self.conv.output.output_grad(grad),
            input: ConvInput { pre_norm: input, saved: Some(&self.saved_input) },
            residual: None,
            grad_input,
        };
        let sums = backward::pointwise(&mut cx.runner, &self.conv.kernel, args, weight_grads);
        self.conv.end_backward(cx);
        (sums, loss)
    }
}

impl Layer for Head {
    fn load(&mut self, parameters: &[f32]) {
        self.conv.load(parameters);
        self.linear.kernel.set(&parameters[self.linear.weights.clone()]);
    }

    fn fit(&mut self, images: usize) -> WorkspaceLen {
        let output = &mut self.conv.output;
        output.fit(images);
        let trunk = map_len(self.conv.kernel.inputs, output.size.pixels());
        self.saved_input.resize(images * trunk);
        WorkspaceLen {
            trunk,
            expanded: output.pre_norm().image_len(),
            weight_grads: self.conv.kernel.packed_len().max(self.linear.kernel.packed_len()),
        }
    }
}

/// Multiplies each value with its factor.
fn multiply(values: &mut [f32], factors: &[f32]) {
    values.iter_mut().zip(factors).for_each(|(value, factor)| *value *= factor);
}

/// The factors of dropout: 0 with probability `rate`, else what keeps the mean.
///
/// A pure function of its arguments: a hash decides for each value.
fn dropout_mask(rate: f32, seed: u64, len: usize) -> Vec<f32> {
    let keep = 1.0 / (1.0 - rate);
    let draw = |i: u64| {
        let hash = splitmix64::mix(seed.wrapping_add((i + 1).wrapping_mul(splitmix64::STEP)));
        (hash >> 40) as f32 / (1u32 << 24) as f32
    };
    (0..len as u64).map(|i| if draw(i) < rate { 0.0 } else { keep }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropout_keeps_the_mean_and_repeats_itself() {
        let mask = dropout_mask(0.25, 7, 100_000);
        assert_eq!(mask, dropout_mask(0.25, 7, 100_000));
        assert_ne!(mask, dropout_mask(0.25, 8, 100_000));
        let kept = mask.iter().filter(|m| **m > 0.0).count();
        // Five standard deviations of a binomial draw.
        assert!((kept as f64 - 75_000.0).abs() < 5.0 * (100_000.0f64 * 0.25 * 0.75).sqrt());
        assert!(mask.iter().all(|m| *m == 0.0 || (*m - 4.0 / 3.0).abs() < 1e-6));
        assert!(dropout_mask(0.0, 1, 100).iter().all(|m| *m == 1.0));
    }
}
