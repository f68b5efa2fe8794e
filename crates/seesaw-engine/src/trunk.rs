//! The layers before the global average pool.

use seesaw_kernels::{InvertedResidual, Pointwise, Stem};

/// Kernels of the stem, the blocks and the head.
#[derive(Debug)]
pub(crate) struct Trunk {
    pub stem: Stem,
    pub blocks: Vec<InvertedResidual>,
    pub head: Pointwise,
}

impl Trunk {
    /// Channels of the stem's output.
    pub fn stem_channels(&self) -> usize {
        self.blocks.first().map_or(self.head.inputs(), InvertedResidual::inputs)
    }
}
