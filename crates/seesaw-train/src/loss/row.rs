//! The losses of one image.

/// An image's logits and the gradient of its loss, in f64.
#[derive(Debug)]
pub(super) struct Row {
    pub logits: Vec<f64>,
    pub gradient: Vec<f64>,
    scratch: [Vec<f64>; 2],
}

impl Row {
    pub fn new(classes: usize) -> Self {
        let zeros = || vec![0.0; classes];
        Self { logits: zeros(), gradient: zeros(), scratch: [zeros(), zeros()] }
    }

    /// Takes an image's logits; its gradient is zero.
    pub fn set(&mut self, logits: &[f32]) {
        self.logits.iter_mut().zip(logits).for_each(|(to, from)| *to = f64::from(*from));
        self.gradient.fill(0.0);
    }

    /// Cross entropy with the classes' shares, which add up to `total`, smoothed; adds `weight` times
    /// its gradient.
    pub fn cross_entropy(
        &mut self,
        targets: [(usize, f64); 2],
        total: f64,
        smoothing: f64,
        weight: f64,
    ) -> f64 {
        let log_sum = log_sum_exp(&self.logits);
        let even = total * smoothing / self.logits.len() as f64;
        let mut loss = 0.0;
        for (logit, gradient) in self.logits.iter().zip(&mut self.gradient) {
            let log_p = logit - log_sum;
            // A share of 0 has no part in the loss, even where the logit is infinitely low.
            loss -= if even > 0.0 { even * log_p } else { 0.0 };
            *gradient += weight * (total * log_p.exp() - even);
        }
        for (class, share) in targets.into_iter().filter(|(_, share)| *share > 0.0) {
            let share = share * (1.0 - smoothing);
            loss -= share * (self.logits[class] - log_sum);
            self.gradient[class] -= weight * share;
        }
        loss
    }

    /// `T^2` times the divergence from the teacher's softened probabilities to ours; adds `weight`
    /// times its gradient.
    pub fn distillation(&mut self, teacher: &[f32], temperature: f64, weight: f64) -> f64 {
        let [ours, theirs] = &mut self.scratch;
        ours.iter_mut().zip(&self.logits).for_each(|(to, x)| *to = x / temperature);
        theirs.iter_mut().zip(teacher).for_each(|(to, x)| *to = f64::from(*x) / temperature);
        let (our_sum, their_sum) = (log_sum_exp(ours), log_sum_exp(theirs));
        let mut divergence = 0.0;
        for ((our, their), gradient) in ours.iter().zip(theirs.iter()).zip(&mut self.gradient) {
            let (log_q, log_p) = (our - our_sum, their - their_sum);
            let p = log_p.exp();
            divergence += if p > 0.0 { p * (log_p - log_q) } else { 0.0 };
            *gradient += weight * temperature * (log_q.exp() - p);
        }
        temperature * temperature * divergence
    }
}

/// Logarithm of the sum of the exponentials, without overflow.
fn log_sum_exp(logits: &[f64]) -> f64 {
    let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    top + logits.iter().map(|x| (x - top).exp()).sum::<f64>().ln()
}

/// Probabilities of an image's logits.
pub(crate) fn softmax(logits: &[f32]) -> Vec<f64> {
    let logits: Vec<f64> = logits.iter().copied().map(f64::from).collect();
    let sum = log_sum_exp(&logits);
    logits.iter().map(|x| (x - sum).exp()).collect()
}
