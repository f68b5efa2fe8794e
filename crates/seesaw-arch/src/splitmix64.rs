//! SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
//!
//! Initial weights, the order of training images, their augmentation and dropout all derive from it,
//! so that a seed gives the same numbers on every machine. Not for secrets.

/// 2^64 divided by the golden ratio: the distance between successive states.
pub const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// Advances `state` and returns the next 64 random bits.
pub fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(STEP);
    mix(*state)
}

/// Spreads every bit of a word over all 64 bits: the finalizer of SplitMix64, a bijection.
pub fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_authors_code() {
        let mut state = 0;
        let found = [next(&mut state), next(&mut state)];
        assert_eq!(found, [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4]);
    }
}
