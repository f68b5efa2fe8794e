//! Which optimizer, and its numbers.

use serde::{Deserialize, Serialize};

/// The kinds of optimizers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// Stochastic gradient descent with momentum.
    Sgd,
    /// Adam with decoupled weight decay.
    AdamW,
    /// Orthogonalized momentum for the pointwise convolutions; SGD with momentum for the rest.
    Muon,
}

impl OptimizerKind {
    /// Names of the state that it keeps for each parameter.
    pub(super) fn slots(self) -> &'static [&'static str] {
        match self {
            Self::Sgd | Self::Muon => &["momentum"],
            Self::AdamW => &["mean", "square"],
        }
    }
}

/// The table `[optimizer]` of a recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerSpec {
    /// `sgd`, `adamw` or `muon`.
    pub kind: OptimizerKind,
    /// The learning rate that the schedule scales.
    pub rate: f64,
    /// Weight decay: coupled (added to the gradient) for SGD and what Muon leaves to it, decoupled
    /// for AdamW.
    #[serde(default)]
    pub weight_decay: f64,
    /// Whether weight decay also reaches the scales and shifts of batch norms and the bias of the
    /// linear layer.
    #[serde(default)]
    pub decay_norms: bool,
    /// SGD, Muon: share of the momentum that is kept from step to step.
    #[serde(default = "momentum")]
    pub momentum: f64,
    /// SGD, Muon: Nesterov momentum.
    #[serde(default)]
    pub nesterov: bool,
    /// AdamW: share of the running mean of the gradients, and of their squares, that is kept from
    /// step to step.
    #[serde(default = "betas")]
    pub betas: [f64; 2],
    /// AdamW: added to the divisor, so that it is not 0.
    #[serde(default = "epsilon")]
    pub epsilon: f64,
    /// Muon: the learning rate of the pointwise convolutions, scaled by the schedule as `rate` is: the
    /// angle in radians by which a step turns a group's matrix.
    #[serde(default = "matrix_rate")]
    pub matrix_rate: f64,
    /// Factor of the learning rate for each step in depth towards the input: 1 trains all layers
    /// alike, 0.9 trains early layers less.
    #[serde(default = "one")]
    pub layer_decay: f64,
    /// How many depths, counted from the input, are frozen: 0 none, 1 the stem, 2 also the first
    /// block, and so on. The running statistics of their batch norms still follow the data, unless
    /// the recipe's `statistics` are the running ones.
    #[serde(default)]
    pub frozen: usize,
}

impl OptimizerSpec {
    /// Factor of the learning rate at `depth`, where the linear layer is at `deepest`.
    pub(super) fn multiplier(&self, depth: usize, deepest: usize) -> f64 {
        if depth < self.frozen {
            return 0.0;
        }
        self.layer_decay.powf(deepest.saturating_sub(depth) as f64)
    }
}

fn momentum() -> f64 {
    0.9
}

fn betas() -> [f64; 2] {
    [0.9, 0.999]
}

fn epsilon() -> f64 {
    1e-8
}

fn matrix_rate() -> f64 {
    0.007
}

fn one() -> f64 {
    1.0
}
