//! CPU kernels of Seesaw-Nets: one file per instruction set, each kernel with a plain reference.
//!
//! Feature maps lie in blocks of 8 channels (see [`layout`]). Every convolution that mixes channels
//! is one microkernel (`pointwise/kernel.rs`), written over a vector trait (`simd.rs`) and compiled
//! for each instruction set (`isa/`); an [`IsaToken`] decides which one runs when weights are packed.
//! [`mod@reference`] says in plain loops what each kernel computes.
//!
//! This is the only crate with `unsafe`; its public functions are safe and check their slices.

mod aligned;
mod block;
mod depthwise;
mod element;
mod error;
mod isa;
pub mod layout;
mod machine;
mod parallel;
pub mod peak;
mod pointwise;
mod pool;
pub mod reference;
mod simd;
mod stem;
#[cfg(test)]
mod testing;
pub mod train;
mod window;

pub use aligned::Aligned;
pub use block::{BlockMaps, InvertedResidual, PartTimes};
pub use depthwise::Depthwise;
pub use error::KernelError;
pub use isa::{Bf16Token, Isa, IsaToken};
pub use machine::Machine;
pub use parallel::Team;
pub use pointwise::{GroupPlaces, Pointwise, PointwiseShape, PointwiseWeights};
pub use pool::global_average_pool;
pub use simd::CBLOCK;
pub use stem::Stem;
pub use window::{Padding, Window};
