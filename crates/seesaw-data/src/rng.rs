//! Random numbers that depend only on what they are for.
//!
//! A generator is made from a seed, a purpose and counters (the epoch and the index of an image), so
//! every image has numbers of its own, and the order in which threads draw them changes nothing. It is
//! [SplitMix64](splitmix64) started at a hash of those words: making one costs a few multiplications,
//! where a block cipher would compute 64 bytes first, and the numbers stay the same when a dependency
//! is updated, which an exact resume requires. Not for secrets.

use seesaw_arch::splitmix64::{self, STEP, mix};

/// What random numbers are for; each purpose has a sequence of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The order of the images in an epoch.
    Order = 1,
    /// The augmentation of an image.
    Augment = 2,
    /// The mixing of an image with another.
    Mix = 3,
    /// The choice of images that are held out for validation.
    Split = 4,
    /// The choice of images that a quick trial keeps.
    Limit = 5,
    /// The order of a class's images where classes are drawn equally often.
    Balance = 6,
    /// The order in which packed images are stored.
    Pack = 7,
    /// The order of the images in an epoch that keeps blocks of packed images together.
    Blocks = 8,
}

/// A sequence of random numbers.
#[derive(Debug, Clone)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// The sequence of a seed, a purpose and two counters.
    pub fn new(seed: u64, purpose: Purpose, counters: [u64; 2]) -> Self {
        let words = [purpose as u64, counters[0], counters[1]];
        let hash = |state: u64, word: u64| mix(state.wrapping_add(STEP)) ^ word;
        Self { state: mix(words.into_iter().fold(seed, hash)) }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        splitmix64::next(&mut self.state)
    }

    /// A number from 0 up to, but not including, 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number from `low` to `high`.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A whole number below `n`; 0 where `n` is 0. Its bias is below `n / 2^64`.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(n)) >> 64) as u64
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A number from the beta distribution with both parameters `alpha`, which must be more than 0.
    ///
    /// Jöhnk's method (1964), in logarithms, because the powers of small parameters underflow. It takes 6
    /// tries on average for an alpha of 2, and 70 for 4.
    pub fn beta(&mut self, alpha: f64) -> f64 {
        loop {
            // 1 - unit is never 0.
            let x = (1.0 - self.unit()).ln() / alpha;
            let y = (1.0 - self.unit()).ln() / alpha;
            let sum = x.max(y) + (-(x - y).abs()).exp().ln_1p();
            if sum <= 0.0 {
                return (x - sum).exp();
            }
        }
    }

    /// Puts `items` into a random order; all orders are equally likely.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rng(index: u64) -> Rng {
        Rng::new(1, Purpose::Augment, [0, index])
    }

    #[test]
    fn numbers_depend_on_every_word_and_stay_the_same() {
        let all = [
            Rng::new(0, Purpose::Order, [0, 0]),
            Rng::new(1, Purpose::Order, [0, 0]),
            Rng::new(0, Purpose::Augment, [0, 0]),
            Rng::new(0, Purpose::Order, [1, 0]),
            Rng::new(0, Purpose::Order, [0, 1]),
        ];
        let mut first: Vec<u64> = all.into_iter().map(|mut rng| rng.bits()).collect();
        first.sort_unstable();
        first.dedup();
        assert_eq!(first.len(), 5);
        // These must never change: an old run is resumed with them.
        let mut known = Rng::new(7, Purpose::Mix, [8, 9]);
        assert_eq!([known.bits(), known.bits()], [0xB028_38EA_1DC8_E541, 0x239A_5ECC_DC22_0A54]);
    }

    /// Means of 40,000 draws, within 5 standard errors.
    #[test]
    fn distributions_have_their_moments() {
        let n = 40_000;
        let mean = |draw: &dyn Fn(&mut Rng) -> f64| {
            (0..n).map(|index| draw(&mut rng(index))).sum::<f64>() / n as f64
        };
        assert!((mean(&|rng| rng.unit()) - 0.5).abs() < 0.008);
        assert!((mean(&|rng| rng.below(7) as f64) - 3.0).abs() < 0.05);
        assert!((mean(&|rng| f64::from(rng.chance(0.2))) - 0.2).abs() < 0.01);
        for alpha in [0.01, 0.2, 1.0, 2.0] {
            assert!((mean(&|rng| rng.beta(alpha)) - 0.5).abs() < 0.0125, "mean at {alpha}");
            let variance = mean(&|rng| (rng.beta(alpha) - 0.5).powi(2));
            let expected = 0.25 / (2.0 * alpha + 1.0);
            assert!((variance - expected).abs() < 0.003, "{variance} for {expected} at {alpha}");
        }
    }

    #[test]
    fn a_shuffle_is_a_permutation_and_all_places_are_equally_likely() {
        let mut places = [[0_u32; 4]; 4];
        for index in 0..8000 {
            let mut items = [0, 1, 2, 3];
            rng(index).shuffle(&mut items);
            for (place, &item) in items.iter().enumerate() {
                places[item][place] += 1;
            }
            items.sort_unstable();
            assert_eq!(items, [0, 1, 2, 3]);
        }
        // 2000 each, 5 standard deviations are 194.
        assert!(places.as_flattened().iter().all(|&n| n.abs_diff(2000) < 194), "{places:?}");
    }
}
