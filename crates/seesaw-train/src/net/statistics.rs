//! What batch norms normalize with.

use serde::{Deserialize, Serialize};

/// The means and variances that a net's batch norms normalize with in training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Statistics {
    /// Those of each batch, which the running ones follow.
    #[default]
    Batch,
    /// The running ones, which stay as they are. Each batch norm is then a fixed map, the same as
    /// when the model is used. This suits fine-tuning with small batches: they tell less about the
    /// statistics than the data set that the start weights were trained on.
    Running,
}

impl Statistics {
    /// Whether a recipe may leave it out.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
