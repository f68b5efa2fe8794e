//! CPU kernels of Seesaw-Nets, one file an instruction set, each beside a plain reference.
//!
//! Feature maps lie in blocks of 8 channels (see [`layout`]). Every convolution that mixes channels
//! is one microkernel (`pointwise/kernel.rs`), written over a vector trait (`simd`) and compiled for
//! each instruction set; which one runs is decided by an [`IsaToken`] when weights are packed.
//! [`mod@reference`] says in plain loops what each kernel computes.
//!
//! This is the only crate with `unsafe`; its public functions are safe and check their slices.

mod aligned;
mod block;
mod depthwise;
mod error;
mod isa;
pub mod layout;
mod machine;
mod parallel;
pub mod peak;
pub mod pointwise;
mod pool;
pub mod reference;
mod simd;
mod stem;
#[cfg(test)]
mod testing;
pub mod train;

pub use aligned::Aligned;
pub use block::{InvertedResidual, PartTimes};
pub use depthwise::Depthwise;
pub use error::KernelError;
pub use isa::{Isa, IsaToken};
pub use machine::Machine;
pub use parallel::Team;
pub use pointwise::Pointwise;
pub use pool::global_average_pool;
pub use simd::CBLOCK;
pub use stem::Stem;
