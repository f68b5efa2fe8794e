//! Batch norm as part of the convolution before it.

use seesaw_format::ConvBn;

use crate::EngineError;

/// Added to the variance, as in PyTorch.
const EPS: f64 = 1e-5;

/// A convolution whose batch norm is folded in.
pub(crate) struct Folded {
    /// Weights in the order of the file, each row times its channel's scale.
    pub weights: Vec<f32>,
    /// What is left of the batch norm, for each output channel.
    pub bias: Vec<f32>,
}

/// Folds the batch norm of a convolution with `channels` outputs of `fan_in(channel)` weights each,
/// which lie one after another.
///
/// # Errors
/// [`EngineError::Weights`] when lengths differ from these.
pub(crate) fn fold(
    layer: &str,
    conv: &ConvBn,
    channels: usize,
    fan_in: impl Fn(usize) -> usize,
) -> Result<Folded, EngineError> {
    let fits = |what: &str, got: usize, expected: usize| {
        if got == expected {
            return Ok(());
        }
        let what = format!("{what} has {got} values instead of {expected}");
        Err(EngineError::Weights { layer: layer.to_owned(), what })
    };
    let bn = &conv.bn;
    fits("the weight", conv.weight.len(), (0..channels).map(&fan_in).sum())?;
    for (what, values) in
        [("gamma", &bn.gamma), ("beta", &bn.beta), ("mean", &bn.mean), ("var", &bn.var)]
    {
        fits(what, values.len(), channels)?;
    }
    let mut folded = Folded { weights: Vec::with_capacity(conv.weight.len()), bias: Vec::new() };
    let mut rows = conv.weight.as_slice();
    for c in 0..channels {
        let scale = f64::from(bn.gamma[c]) / (f64::from(bn.var[c]) + EPS).sqrt();
        let (row, rest) = rows.split_at(fan_in(c));
        folded.weights.extend(row.iter().map(|w| (f64::from(*w) * scale) as f32));
        folded.bias.push((f64::from(bn.beta[c]) - f64::from(bn.mean[c]) * scale) as f32);
        rows = rest;
    }
    Ok(folded)
}
