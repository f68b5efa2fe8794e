//! What can be wrong with a request to a kernel.

/// Why a kernel cannot be made or an instruction set not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KernelError {
    /// `SEESAW_ISA` or the caller named no instruction set that exists.
    #[error("`{0}` is no instruction set; choose portable, avx2, avx512 or neon")]
    UnknownIsa(String),
    /// The instruction set exists, but not on this processor.
    #[error("this processor has no {0}; unset SEESAW_ISA to use the best it has")]
    AbsentIsa(crate::Isa),
    /// Weights, groups or sizes do not fit together.
    #[error("{kernel}: {what}")]
    Shape {
        /// The kernel that was to be made.
        kernel: &'static str,
        /// What does not fit.
        what: String,
    },
    /// A worker thread could not be started.
    #[error("cannot start a thread: {0}")]
    Threads(String),
}
