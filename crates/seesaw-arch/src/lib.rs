//! Seesaw-Nets as plain data: blocks, nets, the zoo, validation and cost.
//!
//! A net is a stem convolution, a table of stages of inverted residual [`Block`]s, a 1x1 head
//! convolution, a global average pool and a linear layer. This crate says what the layers are and
//! what they cost; it holds no tensors and reads no files.
//!
//! ```
//! let net = seesaw_arch::zoo::net("seesaw-shuffle-1.0d-imagenet").unwrap();
//! let cost = net.cost(224).unwrap();
//! assert_eq!((cost.params, cost.madds), (3_644_184, 360_950_976));
//! ```
#![forbid(unsafe_code)]

mod block;
mod channel_order;
mod cost;
mod error;
mod flow;
mod groups;
mod net;
pub mod published;
pub mod splitmix64;
mod validate;
pub mod zoo;

pub use block::Block;
pub use channel_order::ChannelOrder;
pub use cost::{Cost, Layer, LayerKind};
pub use error::ArchError;
pub use flow::Flow;
pub use groups::Groups;
pub use net::{Head, Net, Stage, Stem};
