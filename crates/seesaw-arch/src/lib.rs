//! Seesaw-Nets as plain data: blocks, nets, the zoo, validation and cost.
//!
//! A net is a stem convolution, a table of stages of inverted residual [`Block`]s, a 1x1 head
//! convolution, a global average pool and a linear layer. This crate describes the layers, what they
//! cost ([`Net::layers`]) and which channels they read and write ([`Net::steps`]); it holds no
//! tensors and reads no files.
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
mod layer_id;
mod net;
mod padding;
mod preprocess;
pub mod published;
pub mod space;
pub mod splitmix64;
mod steps;
mod validate;
pub mod zoo;

pub use block::{Block, Crossing};
use channel_order::ChannelOrder;
pub use cost::{Cost, Layer};
pub use error::ArchError;
pub use flow::Flow;
pub use groups::{Groups, Share};
pub use layer_id::{LayerId, LayerKind, Unit};
pub use net::{Head, Net, Stage, Stem};
pub use padding::Padding;
pub use preprocess::{Filter, Fit, Preprocess};
pub use steps::{BATCH_NORM_EPS, Op, Step};
