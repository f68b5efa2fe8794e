//! What training changes.

use seesaw_arch::Net;
use seesaw_format::NetWeights;
use seesaw_kernels::Machine;

use crate::{
    TrainError,
    ema::Ema,
    error::Divergence,
    layout::{Layout, State},
    optim::Optimizer,
    recipe::Recipe,
};

/// What a [`Learner`](super::Learner) has learned, and needs to continue to the last bit.
#[derive(Debug, Clone, PartialEq)]
pub struct Memory {
    /// The numbers of the net.
    pub state: State,
    /// The optimizer with its momentum.
    pub optimizer: Optimizer,
    /// The running mean of the numbers, where the recipe has one.
    pub ema: Option<Ema>,
    /// Batches seen so far; each has a dropout mask of its own.
    pub batches: u64,
}

impl Memory {
    /// Fresh weights, or those of another training, and nothing learned yet.
    ///
    /// # Errors
    /// When the net breaks a rule.
    pub fn new(net: &Net, weights: &NetWeights, recipe: &Recipe) -> Result<Self, TrainError> {
        let state = State::from_weights(weights);
        let decay = recipe.ema.decay;
        Ok(Self {
            optimizer: Optimizer::new(&recipe.optimizer, &Layout::new(net)?),
            ema: (decay > 0.0).then(|| Ema::new(decay, state.clone())),
            state,
            batches: 0,
        })
    }

    /// One optimizer step by these gradients, which are clipped to the norm `clip` unless it is 0;
    /// their norm before.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] when the gradients are not finite.
    pub(super) fn update(
        &mut self,
        gradients: &mut [f32],
        clip: f64,
        rate: f64,
        machine: &Machine,
    ) -> Result<f64, TrainError> {
        let norm = self.optimizer.norm(gradients);
        if !norm.is_finite() {
            return Err(self.diverged(Divergence::Gradient, rate));
        }
        if clip > 0.0 {
            Optimizer::clip(gradients, norm, clip);
        }
        self.optimizer.step(&mut self.state.parameters, gradients, rate, machine);
        if let Some(ema) = &mut self.ema {
            ema.update(&self.state);
        }
        Ok(norm)
    }

    /// A hash of all numbers, which differs where one of them does, with near certainty.
    pub(super) fn hash(&self) -> u64 {
        let Self { state, optimizer, ema, .. } = self;
        let means = ema.iter().map(Ema::state);
        let states = [state].into_iter().chain(means);
        let vectors = states.flat_map(|state| [&state.parameters[..], &state.statistics[..]]);
        vectors.chain(optimizer.slots().map(|(_, slot)| slot)).fold(0, |hash, vector| {
            vector.iter().fold(hash, |hash: u64, value| {
                // FNV-1a over words, and a rotation that brings high bits down again.
                let mixed = (hash ^ u64::from(value.to_bits())).wrapping_mul(0x0000_0100_0000_01b3);
                mixed.rotate_left(23)
            })
        })
    }

    /// The error of a training that diverges at the next step.
    pub(crate) fn diverged(&self, cause: Divergence, rate: f64) -> TrainError {
        TrainError::Diverged { epoch: None, step: self.optimizer.steps(), cause, rate }
    }
}
