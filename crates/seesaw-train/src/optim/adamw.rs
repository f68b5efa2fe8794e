//! AdamW as in PyTorch (Loshchilov and Hutter, arXiv 1711.05101).

use super::OptimizerSpec;

/// The numbers of a step that all parameters of a segment share.
#[derive(Clone, Copy)]
pub(super) struct AdamW {
    keep: f32,
    mean: f32,
    square: f32,
    step: f32,
    root: f32,
    epsilon: f32,
}

/// The running means of gradients and of their squares.
pub(super) struct Moments<'a> {
    pub mean: &'a mut [f32],
    pub square: &'a mut [f32],
}

impl AdamW {
    /// Step number `number`, from 1, at learning rate `rate` with weight decay `decay`.
    pub fn new(spec: &OptimizerSpec, rate: f64, decay: f64, number: u64) -> Self {
        let number = number as f64;
        let [beta1, beta2] = spec.betas;
        Self {
            keep: (1.0 - rate * decay) as f32,
            mean: (1.0 - beta1) as f32,
            square: beta2 as f32,
            step: (rate / (1.0 - beta1.powf(number))) as f32,
            root: (1.0 - beta2.powf(number)).sqrt() as f32,
            epsilon: spec.epsilon as f32,
        }
    }

    /// Moves the parameters.
    pub fn step(self, parameters: &mut [f32], gradients: &[f32], moments: Moments<'_>) {
        let moments = moments.mean.iter_mut().zip(moments.square);
        for ((p, g), (mean, square)) in parameters.iter_mut().zip(gradients).zip(moments) {
            *p *= self.keep;
            *mean += self.mean * (g - *mean);
            *square = self.square * *square + (1.0 - self.square) * g * g;
            *p -= self.step * *mean / (square.sqrt() / self.root + self.epsilon);
        }
    }
}
