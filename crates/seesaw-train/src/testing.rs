//! What this crate's tests share.

use seesaw_arch::Net;
use seesaw_format::NetWeights;

/// A net with everything that nets have, small enough for tests.
pub(crate) const TINY: &str = r#"
    name = "tiny"
    input_size = 16
    classes = 2
    stem = { channels = 8, stride = 2 }
    head = { channels = 32, dropout = 0.1 }

    [[stages]]
    expansion = 2
    channels = 8
    repeat = 1
    stride = 1
    expand = "1:3"
    flow = "shuffle(2)"
    project = "1:3"

    [[stages]]
    expansion = 2
    channels = 16
    repeat = 2
    stride = 2
    expand = "1:1"
    flow = "shuffle(2)"
    project = "1:1"
"#;

pub(crate) fn tiny() -> Net {
    Net::from_toml(TINY).unwrap()
}

pub(crate) fn tiny_weights() -> NetWeights {
    NetWeights::random(&tiny(), 1).unwrap()
}
