//! Exported files, run by a plain interpreter.

mod interpreter;
mod nets;
mod photos;
mod reading;
mod resize;

use std::ops::Range;

use seesaw_arch::{Net, splitmix64};
use seesaw_format::{BatchNorm, NetWeights};

/// Random numbers for tests.
pub struct Rng(u64);

impl Rng {
    /// One in the range.
    pub fn uniform(&mut self, range: Range<f64>) -> f32 {
        let share = (splitmix64::next(&mut self.0) >> 11) as f64 / (1_u64 << 53) as f64;
        (range.start + share * (range.end - range.start)) as f32
    }

    /// As many in the range.
    pub fn values(&mut self, len: usize, range: Range<f64>) -> Vec<f32> {
        (0..len).map(|_| self.uniform(range.clone())).collect()
    }
}

/// Random weights whose batch norms do something, and whose logits differ by more than rounding.
pub fn weights(net: &Net, seed: u64) -> NetWeights {
    let mut weights = NetWeights::random(net, seed).unwrap();
    let mut rng = Rng(seed + 1);
    let mut norm = |bn: &mut BatchNorm| {
        let channels = bn.gamma.len();
        bn.gamma = rng.values(channels, 0.6..1.4);
        bn.beta = rng.values(channels, -0.3..0.3);
        bn.mean = rng.values(channels, -0.1..0.1);
        bn.var = rng.values(channels, 0.1..0.5);
    };
    norm(&mut weights.stem.bn);
    for block in &mut weights.blocks {
        block.expand.iter_mut().for_each(|expand| norm(&mut expand.bn));
        norm(&mut block.depthwise.bn);
        norm(&mut block.project.bn);
    }
    norm(&mut weights.head.bn);
    weights.classifier.weight = rng.values(weights.classifier.weight.len(), -0.2..0.2);
    weights.classifier.bias = rng.values(weights.classifier.bias.len(), -0.2..0.2);
    weights
}

/// The largest distance of two lists of numbers.
pub fn distance(a: &[f64], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - f64::from(*b)).abs()).fold(0.0, f64::max)
}
