//! SGD with momentum as in PyTorch: coupled weight decay, no dampening.

use super::OptimizerSpec;

/// The numbers of a step that all parameters of a segment share.
#[derive(Clone, Copy)]
pub(super) struct Sgd {
    rate: f32,
    decay: f32,
    momentum: f32,
    nesterov: bool,
}

impl Sgd {
    /// A step at learning rate `rate` with weight decay `decay`.
    pub fn new(spec: &OptimizerSpec, rate: f64, decay: f64) -> Self {
        Self {
            rate: rate as f32,
            decay: decay as f32,
            momentum: spec.momentum as f32,
            nesterov: spec.nesterov,
        }
    }

    /// Moves the parameters.
    pub fn step(self, parameters: &mut [f32], gradients: &[f32], momentum: &mut [f32]) {
        for ((p, g), m) in parameters.iter_mut().zip(gradients).zip(momentum) {
            let g = g + self.decay * *p;
            *m = self.momentum * *m + g;
            *p -= self.rate * if self.nesterov { g + self.momentum * *m } else { *m };
        }
    }
}
