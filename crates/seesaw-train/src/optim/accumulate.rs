//! One step from several batches.

/// Gradients of several batches, added up until a step takes their mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Accumulator {
    sum: Vec<f32>,
    batches: usize,
}

impl Accumulator {
    /// Room for as many gradients.
    pub fn new(parameters: usize) -> Self {
        Self { sum: vec![0.0; parameters], batches: 0 }
    }

    /// Batches since the last [`Self::mean`].
    pub fn batches(&self) -> usize {
        self.batches
    }

    /// Adds a batch's gradients.
    pub fn add(&mut self, gradients: &[f32]) {
        if self.batches == 0 {
            self.sum.copy_from_slice(gradients);
        } else {
            self.sum.iter_mut().zip(gradients).for_each(|(sum, g)| *sum += g);
        }
        self.batches += 1;
    }

    /// The mean over the batches, after which adding begins anew.
    pub fn mean(&mut self) -> &mut [f32] {
        if self.batches > 1 {
            let share = 1.0 / self.batches as f32;
            self.sum.iter_mut().for_each(|sum| *sum *= share);
        }
        self.batches = 0;
        &mut self.sum
    }
}
