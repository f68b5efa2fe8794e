//! Errors between a net and its logits.

use seesaw_arch::LayerId;

/// Why a net cannot be compiled or a plan cannot be run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The net breaks a rule.
    #[error(transparent)]
    Arch(#[from] seesaw_arch::ArchError),
    /// A kernel refuses its weights.
    #[error(transparent)]
    Kernel(#[from] seesaw_kernels::KernelError),
    /// The weights are those of a net with another number of blocks.
    #[error("the weights are of {found} blocks, and the net has {expected}")]
    BlockCount {
        /// Blocks with weights.
        found: usize,
        /// Blocks of the net.
        expected: usize,
    },
    /// The weights lack a layer of the net, or have one that the net lacks.
    #[error("{layer}: its weights are missing, or belong to another net")]
    Layer {
        /// The layer.
        layer: LayerId,
    },
    /// A tensor does not have the size that the net gives it.
    #[error(
        "{layer}: {tensor} has {found} values instead of {expected}; the weights belong to another net"
    )]
    Weights {
        /// The layer.
        layer: LayerId,
        /// Which of its tensors.
        tensor: &'static str,
        /// Values that it has.
        found: usize,
        /// Values of the net's.
        expected: usize,
    },
    /// The batch is empty or too large.
    #[error("a batch of {0} images; it must be from 1 to 4096")]
    Batch(usize),
    /// The buffers of a run would be too large.
    #[error(
        "a run on images of {input_size} px in batches of {batch} needs {needed} bytes of buffers; the limit is {limit}"
    )]
    Memory {
        /// Side of the images, in pixels.
        input_size: usize,
        /// Images in a batch.
        batch: usize,
        /// Bytes that a run needs.
        needed: u64,
        /// The most bytes that a run may take on this machine.
        limit: u64,
    },
    /// Images or logits have another length than the plan's.
    #[error("{what} has {found} values instead of {expected}")]
    Length {
        /// Which slice.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length for the plan's shape, or for one image.
        expected: usize,
    },
}
