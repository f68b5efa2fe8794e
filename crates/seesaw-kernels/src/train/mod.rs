//! Kernels of training: what inference has, with weights that change, and the ways back.
//!
//! They run on one thread and on part of a batch each; who trains decides how a batch is shared
//! out. Maps have the layout of inference ([`crate::layout`]), a part's images one behind the other
//! as if they were rows of one.

mod bf16;
mod depthwise;
mod gemm;
mod map_buffer;
mod norm;
mod pack_bf16;
mod pointwise;
mod prefetch;
mod storage;
#[cfg(test)]
mod tests;
mod weight_gradient;

pub use bf16::{Bf16Kernels, Combined, Normalized, channel_pairs, pixel_pairs};
pub use depthwise::DepthwiseTraining;
pub use gemm::{Matrix, MatrixProduct};
pub use map_buffer::MapBuffer;
pub use norm::{Affine, Grid, Lanes, Masked, NormGrad, NormKernels, Sums};
pub use pointwise::{GroupPlaces, PixelSpan, PixelSpanMut, PointwiseTraining};
pub use prefetch::{Prefetch, PrefetchMap};
pub use storage::Storage;
