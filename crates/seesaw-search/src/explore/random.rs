//! Random choices.

use seesaw_arch::{space::Choices, splitmix64};

/// Random numbers of a search.
pub struct Random(u64);

impl Random {
    /// The numbers for one purpose, which no other purpose shares.
    pub fn new(seed: u64, purpose: u64) -> Self {
        Self(splitmix64::mix(seed ^ splitmix64::mix(purpose.wrapping_add(splitmix64::STEP))))
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        // The highest bits of a product; the bias is below end / 2^64.
        ((u128::from(splitmix64::next(&mut self.0)) * end as u128) >> 64) as usize
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// A level for each factor.
    pub fn choices(&mut self, levels: &[usize]) -> Choices {
        levels.iter().map(|&count| self.below(count)).collect()
    }

    /// The same with one or two other levels.
    pub fn mutant(&mut self, parent: &[usize], levels: &[usize]) -> Choices {
        let mut choices = parent.to_vec();
        for _ in 0..=self.below(2) {
            let factor = self.below(levels.len());
            choices[factor] = self.below(levels[factor]);
        }
        choices
    }
}
