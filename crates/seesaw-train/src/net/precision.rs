//! The numbers in which a net multiplies.

use seesaw_kernels::train::Storage;
use serde::{Deserialize, Serialize};

/// What pointwise convolutions multiply, and how the expanded maps inside a block are stored. Sums,
/// weights, the maps between blocks and everything else are f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// f32.
    #[default]
    F32,
    /// Inputs, weights and gradients rounded to bf16: faster on processors that multiply bf16.
    Bf16,
}

impl Precision {
    /// Whether a recipe may leave it out.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// How the expanded maps are stored.
    pub(super) fn storage(self) -> Storage {
        match self {
            Self::F32 => Storage::F32,
            Self::Bf16 => Storage::Bf16,
        }
    }
}
