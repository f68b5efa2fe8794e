//! In which numbers a net multiplies.

use seesaw_kernels::train::Storage;
use serde::{Deserialize, Serialize};

/// What pointwise convolutions multiply, and what the wide maps between a block's convolutions are
/// kept in. Sums, weights, the maps between blocks and everything else are f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// f32.
    #[default]
    F32,
    /// Inputs, weights and gradients rounded to bf16: faster where the processor has it.
    Bf16,
}

impl Precision {
    /// Whether a recipe need not say it.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// How the wide maps between a block's convolutions are stored.
    pub(super) fn wide(self) -> Storage {
        match self {
            Self::F32 => Storage::F32,
            Self::Bf16 => Storage::Bf16,
        }
    }
}
