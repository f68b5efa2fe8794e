//! Batch norm with the statistics of a batch.
//!
//! It never walks over a map on its own: forward it is a factor and a summand for each channel,
//! which the next layer applies where it reads; backward it is two factors and a summand.

use std::ops::Range;

use seesaw_kernels::{
    CBLOCK,
    layout::cblocks,
    train::{Affine, Lanes, NormGrad, Sums},
};

use crate::layout::State;

/// Added to the variance, as in PyTorch.
const EPS: f64 = 1e-5;

/// Share of a batch's statistics in the running ones, as in PyTorch.
const MOMENTUM: f64 = 0.1;

/// A batch norm and what a step has found out about it.
#[derive(Debug, Clone)]
pub(super) struct Norm {
    /// The place in memory of each channel.
    places: Vec<usize>,
    gamma: Range<usize>,
    beta: Range<usize>,
    /// Where its running means begin among the statistics; the variances follow.
    statistics: usize,
    /// What normalizes, for each block.
    pub affine: Vec<Affine>,
    /// The batch's means, for each block.
    pub mean: Vec<Lanes>,
    /// One over the deviation, in the order of the channels.
    scale: Vec<f64>,
    /// The way back, for each block.
    pub combination: Vec<NormGrad>,
}

impl Norm {
    /// A batch norm whose scales and shifts lie one behind the other from `gamma` on.
    pub fn new(places: Vec<usize>, gamma: usize, statistics: usize, relu6: bool) -> Self {
        let (channels, blocks) = (places.len(), cblocks(places.len()));
        let zero = [0.0; CBLOCK];
        Self {
            places,
            gamma: gamma..gamma + channels,
            beta: gamma + channels..gamma + 2 * channels,
            statistics,
            affine: vec![Affine { scale: zero, shift: zero, relu6 }; blocks],
            mean: vec![zero; blocks],
            scale: vec![0.0; channels],
            combination: vec![NormGrad { of_gradient: zero, of_raw: zero, constant: zero }; blocks],
        }
    }

    /// Takes the sums and sums of squares of a batch's `count` values a channel, and moves the
    /// running statistics.
    pub fn observe(&mut self, sums: &[Sums], count: usize, state: &mut State) {
        let n = count as f64;
        let channels = self.places.len();
        let statistics = &mut state.statistics[self.statistics..][..2 * channels];
        let (means, variances) = statistics.split_at_mut(channels);
        for (channel, &place) in self.places.iter().enumerate() {
            let (block, lane) = (place / CBLOCK, place % CBLOCK);
            let mean = sums[block][0][lane] / n;
            let variance = (sums[block][1][lane] / n - mean * mean).max(0.0);
            let scale = 1.0 / (variance + EPS).sqrt();
            let gamma = f64::from(state.parameters[self.gamma.start + channel]);
            let beta = f64::from(state.parameters[self.beta.start + channel]);
            self.scale[channel] = scale;
            self.mean[block][lane] = mean as f32;
            self.affine[block].scale[lane] = (gamma * scale) as f32;
            self.affine[block].shift[lane] = (beta - mean * gamma * scale) as f32;
            let unbiased = variance * n / (n - 1.0).max(1.0);
            for (running, value) in
                [(&mut means[channel], mean), (&mut variances[channel], unbiased)]
            {
                *running = (f64::from(*running) * (1.0 - MOMENTUM) + value * MOMENTUM) as f32;
            }
        }
    }

    /// Takes the sums of the gradient and of its products with the distance from the mean, and
    /// writes the gradients of scale and shift.
    pub fn observe_backward(
        &mut self,
        sums: &[Sums],
        count: usize,
        parameters: &[f32],
        gradients: &mut [f32],
    ) {
        let n = count as f64;
        for (channel, &place) in self.places.iter().enumerate() {
            let (block, lane) = (place / CBLOCK, place % CBLOCK);
            let scale = self.scale[channel];
            let (beta, gamma) = (sums[block][0][lane], sums[block][1][lane] * scale);
            gradients[self.beta.start + channel] = beta as f32;
            gradients[self.gamma.start + channel] = gamma as f32;
            let factor = f64::from(parameters[self.gamma.start + channel]) * scale;
            let of_raw = -factor * scale * gamma / n;
            let combination = &mut self.combination[block];
            combination.of_gradient[lane] = factor as f32;
            combination.of_raw[lane] = of_raw as f32;
            // The mean that was taken off the products is the rounded one.
            let constant = -factor * beta / n - of_raw * f64::from(self.mean[block][lane]);
            combination.constant[lane] = constant as f32;
        }
    }
}
