//! Kernels of training: what inference has, with weights that change, and the ways back.
//!
//! They run on one thread and on part of a batch each; who trains decides how a batch is shared
//! out. Maps have the layout of inference ([`crate::layout`]), a part's images one behind the other
//! as if they were rows of one.

mod depthwise;
mod elementwise;
mod gradient;
mod matrix;
mod memory;
mod narrow;
mod paired;
mod pointwise;
mod stored;
#[cfg(test)]
mod tests;

pub use depthwise::DepthwiseTraining;
pub use elementwise::{Affine, Combination, Elementwise, Grid, Lanes, Masked, Sums};
pub use matrix::{Matrix, MatrixProduct};
pub use memory::{Ahead, MapBuffer, Upcoming};
pub use narrow::{Combined, Narrowing, Normalised, channel_pairs, pixel_pairs};
pub use pointwise::{Places, PointwiseTraining, Span, SpanMut};
pub use stored::Storage;
