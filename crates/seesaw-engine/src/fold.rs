//! Batch norm as part of the convolution before it.

use seesaw_format::ConvBn;

use crate::EngineError;

/// Added to the variance, as in PyTorch.
const EPS: f64 = 1e-5;

/// A convolution and its batch norm as one affine map of each output channel.
pub(crate) struct Folded<'a> {
    /// Weights in the order of the file, as they are.
    pub weights: &'a [f32],
    /// What each output channel's weights are to be multiplied with.
    pub scale: Vec<f64>,
    /// What is left of the batch norm, for each output channel.
    pub bias: Vec<f32>,
}

impl Folded<'_> {
    /// The weights with their scales, for convolutions of as many weights in each channel.
    pub fn scaled(&self) -> Vec<f32> {
        let rows = self.weights.chunks_exact(self.weights.len() / self.scale.len());
        let scaled = |(row, scale): (&[f32], f64)| -> Vec<f32> {
            row.iter().map(|w| (f64::from(*w) * scale) as f32).collect()
        };
        rows.zip(self.scale.iter().copied()).flat_map(scaled).collect()
    }
}

/// Folds the batch norm of a convolution of `weights` weights to `channels` channels.
///
/// # Errors
/// [`EngineError::Weights`] when lengths differ from these.
pub(crate) fn fold<'a>(
    layer: &str,
    conv: &'a ConvBn,
    channels: usize,
    weights: usize,
) -> Result<Folded<'a>, EngineError> {
    let fits = |what: &str, got: usize, expected: usize| {
        if got == expected {
            return Ok(());
        }
        let what = format!("{what} has {got} values instead of {expected}");
        Err(EngineError::Weights { layer: layer.to_owned(), what })
    };
    let bn = &conv.bn;
    fits("the weight", conv.weight.len(), weights)?;
    for (what, values) in
        [("gamma", &bn.gamma), ("beta", &bn.beta), ("mean", &bn.mean), ("var", &bn.var)]
    {
        fits(what, values.len(), channels)?;
    }
    let scale = bn.gamma.iter().zip(&bn.var);
    let scale: Vec<f64> =
        scale.map(|(gamma, var)| f64::from(*gamma) / (f64::from(*var) + EPS).sqrt()).collect();
    let bias = bn.beta.iter().zip(&bn.mean).zip(&scale);
    let bias =
        bias.map(|((beta, mean), scale)| (f64::from(*beta) - f64::from(*mean) * scale) as f32);
    Ok(Folded { weights: &conv.weight, bias: bias.collect(), scale })
}
