//! Batch norm with the statistics of a batch, or with the running ones.
//!
//! It never makes a pass over a map of its own. In the forward pass it is a factor and a summand for
//! each channel, which the next layer applies where it reads; in the backward pass it is two factors
//! and a summand. With the running statistics it is a fixed map, and its gradient has one factor.

use seesaw_arch::Step;
use seesaw_kernels::{
    CBLOCK,
    layout::cblocks,
    train::{Affine, Lanes, NormGrad, Sums},
};

use super::{Statistics, conv::LayerBuilder};
use crate::layout::{NormRanges, State};

/// A batch norm and the statistics that it normalizes with.
#[derive(Debug, Clone)]
pub(super) struct Norm {
    /// The place in memory of each channel.
    places: Vec<usize>,
    ranges: NormRanges,
    /// What is added to the variance.
    eps: f64,
    statistics: Statistics,
    /// What normalizes the map, for each channel block.
    pub affine: Vec<Affine>,
    /// The means, for each channel block.
    pub mean: Vec<Lanes>,
    /// One over the standard deviation of each channel, in the order of the channels.
    inverse_std: Vec<f64>,
    /// What turns the gradient of the outputs into that of the inputs, for each channel block.
    pub grad: Vec<NormGrad>,
}

impl Norm {
    /// The batch norm of a step, with ReLU6 after it where the step says so.
    pub fn new(builder: LayerBuilder<'_>, step: &Step) -> Self {
        let (places, relu6) = (&step.outputs, step.relu6);
        let (channels, cblocks) = (places.len(), cblocks(places.len()));
        let zero = [0.0; CBLOCK];
        Self {
            places: places.to_vec(),
            ranges: builder.layout.norm(step.id),
            eps: builder.eps,
            statistics: builder.statistics,
            affine: vec![Affine { scale: zero, shift: zero, relu6 }; cblocks],
            mean: vec![zero; cblocks],
            inverse_std: vec![0.0; channels],
            grad: vec![NormGrad { of_gradient: zero, of_raw: zero, constant: zero }; cblocks],
        }
    }

    pub fn channels(&self) -> usize {
        self.places.len()
    }

    /// Computes what normalizes the map: from each channel's sum and sum of squares over the batch's
    /// `count` values, which `batch` gets in the order of a state's statistics, the variances as those of
    /// the distribution; or from the running statistics.
    pub fn forward(&mut self, sums: &[Sums], count: usize, state: &State, batch: &mut [f64]) {
        let n = count as f64;
        let NormRanges { gamma, beta, means, variances } = &self.ranges;
        for (channel, &place) in self.places.iter().enumerate() {
            let (block, lane) = (place / CBLOCK, place % CBLOCK);
            let running = [means.start + channel, variances.start + channel];
            let [mean, variance] = match self.statistics {
                Statistics::Running => running.map(|at| f64::from(state.statistics[at])),
                Statistics::Batch => {
                    let mean = sums[block][0][lane] / n;
                    let variance = (sums[block][1][lane] / n - mean * mean).max(0.0);
                    batch[running[0]] = mean;
                    batch[running[1]] = unbiased(variance, n);
                    [mean, variance]
                }
            };
            let scale = 1.0 / (variance + self.eps).sqrt();
            let gamma = f64::from(state.parameters[gamma.start + channel]);
            let beta = f64::from(state.parameters[beta.start + channel]);
            self.inverse_std[channel] = scale;
            self.mean[block][lane] = mean as f32;
            self.affine[block].scale[lane] = (gamma * scale) as f32;
            self.affine[block].shift[lane] = (beta - mean * gamma * scale) as f32;
        }
    }

    /// Writes the gradients of scale and shift, and computes what turns the gradient of the outputs
    /// into that of the inputs; from each channel's sums, over the batch's `count` values, of the
    /// gradient and of its products with the distance from the mean.
    pub fn backward(
        &mut self,
        sums: &[Sums],
        count: usize,
        parameters: &[f32],
        gradients: &mut [f32],
    ) {
        let n = count as f64;
        let (gammas, betas) = (self.ranges.gamma.start, self.ranges.beta.start);
        for (channel, &place) in self.places.iter().enumerate() {
            let (block, lane) = (place / CBLOCK, place % CBLOCK);
            let scale = self.inverse_std[channel];
            let (beta, gamma) = (sums[block][0][lane], sums[block][1][lane] * scale);
            gradients[betas + channel] = beta as f32;
            gradients[gammas + channel] = gamma as f32;
            let factor = f64::from(parameters[gammas + channel]) * scale;
            // What the outputs contribute to the statistics; running ones do not depend on them.
            let [of_raw, of_all] = match self.statistics {
                Statistics::Batch => [-factor * scale * gamma / n, -factor * beta / n],
                Statistics::Running => [0.0; 2],
            };
            let grad = &mut self.grad[block];
            grad.of_gradient[lane] = factor as f32;
            grad.of_raw[lane] = of_raw as f32;
            // The mean that the sums of products are about is the rounded one.
            let constant = of_all - of_raw * f64::from(self.mean[block][lane]);
            grad.constant[lane] = constant as f32;
        }
    }
}

/// The variance of the distribution that a sample of `n` values with this variance is from.
fn unbiased(variance: f64, n: f64) -> f64 {
    variance * n / (n - 1.0).max(1.0)
}
