//! How channels move between two layers.

use std::{fmt, str::FromStr};

use crate::ArchError;

/// A fixed permutation of the channels.
///
/// `shuffle(g)` sends channel `j*(c/g) + i` to `i*g + j`: the channels seen as a matrix of `g` rows
/// are transposed (ShuffleNet, arXiv 1707.01083).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub enum Flow {
    /// Channels stay where they are.
    #[default]
    Keep,
    /// `shuffle(g)`, with `g` rows.
    Shuffle(usize),
    /// `shuffle(c/k)`, with as many rows as leave `k` channels in each; it undoes `shuffle(k)`.
    ShuffleOf(usize),
}

impl Flow {
    /// The number of channels must be a multiple of this.
    pub fn unit(self) -> usize {
        match self {
            Self::Keep => 1,
            Self::Shuffle(n) | Self::ShuffleOf(n) => n,
        }
    }

    /// Where each of `channels` channels goes.
    ///
    /// `channels` must be a multiple of [`Self::unit`], which a validated net guarantees; otherwise
    /// the result is no permutation.
    pub fn destinations(self, channels: usize) -> Vec<usize> {
        let rows = match self {
            Self::Keep => 1,
            Self::Shuffle(g) => g,
            Self::ShuffleOf(k) => channels / k,
        };
        let columns = channels / rows;
        (0..channels).map(|c| (c % columns) * rows + c / columns).collect()
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keep => f.write_str("keep"),
            Self::Shuffle(g) => write!(f, "shuffle({g})"),
            Self::ShuffleOf(k) => write!(f, "shuffle(c/{k})"),
        }
    }
}

impl FromStr for Flow {
    type Err = ArchError;

    fn from_str(text: &str) -> Result<Self, ArchError> {
        let bad = || ArchError::Flow(text.chars().take(80).collect());
        let number = |digits: &str| match digits.parse() {
            Ok(n @ 1..=65_536) => Ok(n),
            _ => Err(bad()),
        };
        if text == "keep" {
            return Ok(Self::Keep);
        }
        let inner = text.strip_prefix("shuffle(").and_then(|t| t.strip_suffix(')'));
        match inner {
            Some(inner) => match inner.strip_prefix("c/") {
                Some(k) => number(k).map(Self::ShuffleOf),
                None => number(inner).map(Self::Shuffle),
            },
            None => Err(bad()),
        }
    }
}

impl TryFrom<String> for Flow {
    type Error = ArchError;

    fn try_from(text: String) -> Result<Self, ArchError> {
        text.parse()
    }
}

impl From<Flow> for String {
    fn from(flow: Flow) -> Self {
        flow.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shuffle_transposes_and_its_counterpart_undoes_it() {
        assert_eq!(Flow::Keep.destinations(3), [0, 1, 2]);
        assert_eq!(Flow::Shuffle(2).destinations(6), [0, 2, 4, 1, 3, 5]);
        let forth = Flow::Shuffle(2).destinations(24);
        let back = Flow::ShuffleOf(2).destinations(24);
        assert!((0..24).all(|c| back[forth[c]] == c));
    }

    #[test]
    fn text_round_trips() {
        for text in ["keep", "shuffle(2)", "shuffle(c/2)"] {
            assert_eq!(text.parse::<Flow>().unwrap().to_string(), text);
        }
        for text in
            ["", "shuffle", "shuffle()", "shuffle(0)", "shuffle(c/0)", "shuffle(-1)", "Keep"]
        {
            assert!(text.parse::<Flow>().is_err(), "{text}");
        }
    }
}
