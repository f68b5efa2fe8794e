//! Inference of Seesaw-Nets: a net and its weights become a plan, and a plan only computes.
//!
//! 1. [`lower`] describes the net as a list of steps with folded batch norms and the places of
//!    channels: plain data.
//! 2. [`pack`] arranges the weights for a [`Machine`] and plans the buffers.
//! 3. [`Plan::run`] computes logits without allocating.
//!
//! [`compile`] does the first two.
//!
//! ```
//! use seesaw_engine::{Machine, Options, compile};
//! use seesaw_format::NetWeights;
//!
//! let net = seesaw_arch::zoo::net("seesaw-shuffle-0.5d-cifar").unwrap();
//! let weights = NetWeights::random(&net, 1).unwrap();
//! let plan = compile(&net, &weights, &Options::new(&net), &Machine::solo()).unwrap();
//! let image = vec![0.5; 3 * 32 * 32];
//! let mut logits = vec![0.0; 10];
//! plan.run(&image, &mut logits).unwrap();
//! ```
#![forbid(unsafe_code)]

mod arena;
mod error;
mod inspect;
mod lower;
pub mod measure;
mod pack;
mod plan;
mod trunk;
mod window;

pub use error::EngineError;
pub use inspect::{ClassMaps, Feature, PartTime, UnitOutput, UnitTime};
pub use lower::{Lowered, LoweredStep, lower};
pub use pack::{Options, compile, pack};
pub use plan::Plan;
pub use seesaw_kernels::{Isa, Machine};
pub use window::window;
