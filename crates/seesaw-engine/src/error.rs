//! What can go wrong between a net and its logits.

/// Why a net cannot be compiled or a plan not be run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The net breaks a rule.
    #[error(transparent)]
    Arch(#[from] seesaw_arch::ArchError),
    /// A kernel cannot be made, the instruction set is absent, or threads cannot be started.
    #[error(transparent)]
    Kernel(#[from] seesaw_kernels::KernelError),
    /// The weights do not have the net's shapes.
    #[error("{layer}: {what}; these weights belong to another net")]
    Weights {
        /// The layer, as `seesaw_arch` names it.
        layer: String,
        /// What does not fit.
        what: String,
    },
    /// An option is out of its range.
    #[error("{option} is {value}; {rule}")]
    Option {
        /// Its name.
        option: &'static str,
        /// What was asked for.
        value: usize,
        /// What can be had.
        rule: &'static str,
    },
    /// Images or logits have another length than the plan's.
    #[error("{what} has {got} values instead of {expected}")]
    Length {
        /// Which slice.
        what: &'static str,
        /// Its length.
        got: usize,
        /// The length for the plan's shape, or for one image.
        expected: usize,
    },
}
