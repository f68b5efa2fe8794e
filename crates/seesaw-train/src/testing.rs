//! What this crate's tests share.

use seesaw_arch::Net;
use seesaw_format::NetWeights;

/// A net with everything that nets have, small enough for tests.
pub(crate) const TINY: &str = include_str!("../tests/tiny.toml");

pub(crate) fn tiny() -> Net {
    Net::from_toml(TINY).unwrap()
}

pub(crate) fn tiny_weights() -> NetWeights {
    NetWeights::random(&tiny(), 1).unwrap()
}
