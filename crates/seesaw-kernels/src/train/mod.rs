//! Kernels of training: convolutions whose weights change, forward and backward, and batch norm.
//!
//! They run on one thread and on part of a batch each; the caller partitions the batch. Maps have the
//! layout of inference ([`crate::layout`]), with a part's images one after the other as if they were
//! rows of one.

mod bf16;
mod bf16_kernel;
mod depthwise;
mod gemm;
mod gradient_kernel;
mod map_buffer;
mod norm;
mod norm_kernel;
mod pointwise;
mod prefetch;
mod storage;
#[cfg(test)]
mod tests;

pub use bf16::{Bf16Kernels, Combined, Normalized, channel_pairs, pixel_pairs};
pub(crate) use bf16_kernel::Bf16Fns;
pub use depthwise::DepthwiseTraining;
pub(crate) use depthwise::TapsFns;
pub use gemm::{Matrix, MatrixProduct};
pub(crate) use gemm::{Product, ProductFn};
pub(crate) use gradient_kernel::{GradientFn, PanelGradient};
pub use map_buffer::MapBuffer;
pub use norm::{Affine, Grid, Lanes, Masked, NormGrad, NormKernels, Sums};
pub(crate) use norm_kernel::NormFns;
pub use pointwise::{PixelSpan, PixelSpanMut, PointwiseTraining, PointwiseTrainingBf16};
pub use prefetch::{Prefetch, PrefetchMap};
pub use storage::Storage;
pub(crate) use storage::{Plain, Rounded};

pub use crate::{
    element::{Element, Slot},
    pointwise::{GroupPlaces, PointwiseShape},
};
