//! Relative group sizes of a pointwise convolution.

use std::{fmt, ops::Range, str::FromStr};

use crate::ArchError;

/// Groups of a pointwise convolution as relative sizes: `1:3` is a quarter and three quarters of
/// the channels, `1:1` two equal groups, `1` a dense convolution.
///
/// A group takes the same share of the input and of the output channels.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Groups(Vec<usize>);

impl Groups {
    /// The most groups that a convolution may have.
    pub const MAX_GROUPS: usize = 64;
    /// The largest relative size of a group.
    pub const MAX_SIZE: usize = 1024;

    /// Groups of these relative sizes.
    ///
    /// # Errors
    /// [`ArchError::Groups`] when there are none, too many, or a size is 0 or too large.
    pub fn new(sizes: &[usize]) -> Result<Self, ArchError> {
        let fits = (1..=Self::MAX_GROUPS).contains(&sizes.len())
            && sizes.iter().all(|s| (1..=Self::MAX_SIZE).contains(s));
        let groups = Self(sizes.to_vec());
        if fits { Ok(groups) } else { Err(ArchError::Groups(groups.to_string())) }
    }

    /// One group: a dense convolution.
    pub fn dense() -> Self {
        Self(vec![1])
    }

    /// The relative sizes, as they were written.
    pub fn sizes(&self) -> &[usize] {
        &self.0
    }

    /// How many groups there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The sum of the relative sizes; channels must be a multiple of [`Self::unit`].
    fn total(&self) -> usize {
        self.0.iter().sum()
    }

    /// The smallest number of channels of which every group takes a whole number.
    pub fn unit(&self) -> usize {
        self.total() / self.0.iter().fold(self.total(), |a, &b| gcd(a, b))
    }

    /// Whether all groups are of one size.
    pub fn is_even(&self) -> bool {
        self.0.iter().all(|s| *s == self.0[0])
    }

    /// The channel range of each group in a map of `channels`; `None` when a group would not be
    /// whole.
    pub fn ranges(&self, channels: usize) -> Option<Vec<Range<usize>>> {
        if channels == 0 || !channels.is_multiple_of(self.unit()) {
            return None;
        }
        let total = self.total();
        let mut start = 0;
        let range = |size: &usize| {
            let from = start;
            start += channels * size / total;
            from..start
        };
        Some(self.0.iter().map(range).collect())
    }

    /// The channels of each group of a convolution from `inputs` to `outputs` channels.
    ///
    /// # Panics
    /// When a group would not take a whole number of channels, which a validated net rules out.
    pub fn shares(&self, inputs: usize, outputs: usize) -> Vec<Share> {
        let ranges =
            |channels| self.ranges(channels).expect("a validated net's groups divide its channels");
        let pairs = ranges(inputs).into_iter().zip(ranges(outputs));
        pairs.map(|(inputs, outputs)| Share { inputs, outputs }).collect()
    }
}

/// The channels of one group of a convolution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Its input channels.
    pub inputs: Range<usize>,
    /// Its output channels.
    pub outputs: Range<usize>,
}

impl Share {
    /// Weights of the group: one for each pair of an input and an output channel.
    pub fn weights(&self) -> usize {
        self.inputs.len() * self.outputs.len()
    }
}

/// Greatest common divisor.
pub(crate) fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Least common multiple, saturating.
pub(crate) fn lcm(a: usize, b: usize) -> usize {
    (a / gcd(a, b)).saturating_mul(b)
}

impl fmt::Display for Groups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, size) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(":")?;
            }
            write!(f, "{size}")?;
        }
        Ok(())
    }
}

impl FromStr for Groups {
    type Err = ArchError;

    fn from_str(text: &str) -> Result<Self, ArchError> {
        let bad = || ArchError::Groups(text.chars().take(80).collect());
        let sizes: Vec<usize> = text
            .split(':')
            .take(Self::MAX_GROUPS + 1)
            .map(|part| part.trim().parse().map_err(|_| bad()))
            .collect::<Result<_, _>>()?;
        Self::new(&sizes).map_err(|_| bad())
    }
}

impl TryFrom<String> for Groups {
    type Error = ArchError;

    fn try_from(text: String) -> Result<Self, ArchError> {
        text.parse()
    }
}

impl From<Groups> for String {
    fn from(groups: Groups) -> Self {
        groups.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_takes_its_share() {
        let groups: Groups = "1:3".parse().unwrap();
        assert_eq!(groups.ranges(24).unwrap(), [0..6, 6..24]);
        assert_eq!(groups.ranges(26), None, "6.5 channels");
        let groups: Groups = "2:5:1".parse().unwrap();
        assert_eq!(groups.ranges(16).unwrap(), [0..4, 4..14, 14..16]);
        assert_eq!(Groups::dense().ranges(7).unwrap().len(), 1);
        let shares = groups.shares(16, 8);
        assert_eq!(shares[1], Share { inputs: 4..14, outputs: 2..7 });
        assert_eq!(shares.iter().map(Share::weights).sum::<usize>(), 4 * 2 + 10 * 5 + 2);
    }

    #[test]
    fn unit_is_the_smallest_whole_split() {
        let unit = |text: &str| text.parse::<Groups>().unwrap().unit();
        assert_eq!(
            [unit("1"), unit("1:1"), unit("1:3"), unit("2:6"), unit("1:2:2")],
            [1, 2, 4, 4, 5]
        );
    }

    #[test]
    fn bad_lists_are_refused() {
        for text in ["", ":", "1:", "0:1", "-1:2", "1:x", "1:99999", &"1:".repeat(80)] {
            assert!(text.parse::<Groups>().is_err(), "{text}");
        }
    }
}
