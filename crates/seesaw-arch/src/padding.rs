//! Where the windows of a convolution lie on its input.

use serde::{Deserialize, Serialize};

/// How a convolution pads its input with zeros. Either way `n` rows or columns become
/// `ceil(n / stride)`.
///
/// The two differ at stride 2 on even sides only: the first window of [`Self::Same`] begins one
/// pixel later there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Padding {
    /// PyTorch's `padding = kernel / 2`: as many zeros before as after.
    #[default]
    Symmetric,
    /// TensorFlow's "same": as few zeros as the windows need, half of them before, rounded down.
    Same,
}

impl Padding {
    /// Whether it is the one that need not be written.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
    pub(crate) fn is_symmetric(&self) -> bool {
        *self == Self::Symmetric
    }
}
