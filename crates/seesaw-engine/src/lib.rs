//! Inference of Seesaw-Nets: a net and its weights compiled into a plan.
//!
//! [`compile`] folds batch norms into the convolutions, turns channel permutations and
//! concatenations into places of weight rows, packs the weights for the processor's instruction
//! set and plans the buffers. [`Plan::run`] then only computes.
//!
//! ```
//! use seesaw_engine::{Options, compile};
//! use seesaw_format::NetWeights;
//!
//! let net = seesaw_arch::zoo::net("seesaw-shuffle-0.5d-cifar").unwrap();
//! let weights = NetWeights::random(&net, 1).unwrap();
//! let plan = compile(&net, &weights, &Options::new(&net)).unwrap();
//! let image = vec![0.5; 3 * 32 * 32];
//! let mut logits = vec![0.0; 10];
//! plan.run(&image, &mut logits).unwrap();
//! ```
#![forbid(unsafe_code)]

mod compile;
mod error;
mod fold;
mod inspect;
mod plan;

pub use compile::{Options, compile};
pub use error::EngineError;
pub use inspect::{Feature, PartTime, StepTime};
pub use plan::Plan;
pub use seesaw_kernels::{Isa, IsaToken, Team};
