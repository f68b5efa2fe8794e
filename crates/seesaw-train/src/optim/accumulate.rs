//! Gradient accumulation: one optimizer step for several batches.

/// The sum of the gradients of several batches, until a step takes their mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Accumulator {
    sum: Vec<f32>,
    batches: usize,
}

impl Accumulator {
    /// An empty sum for a net with that many parameters.
    pub fn new(parameters: usize) -> Self {
        Self { sum: vec![0.0; parameters], batches: 0 }
    }

    /// Batches added since the last [`Self::mean`].
    pub fn batches(&self) -> usize {
        self.batches
    }

    /// Adds a batch's gradients.
    ///
    /// # Panics
    /// When there are more or fewer gradients than parameters.
    pub fn add(&mut self, gradients: &[f32]) {
        assert_eq!(gradients.len(), self.sum.len(), "gradients of this net");
        if self.batches == 0 {
            self.sum.copy_from_slice(gradients);
        } else {
            self.sum.iter_mut().zip(gradients).for_each(|(sum, g)| *sum += g);
        }
        self.batches += 1;
    }

    /// The mean over the batches; the next batch starts a new sum.
    pub fn mean(&mut self) -> &mut [f32] {
        if self.batches > 1 {
            let share = 1.0 / self.batches as f32;
            self.sum.iter_mut().for_each(|sum| *sum *= share);
        }
        self.batches = 0;
        &mut self.sum
    }
}
