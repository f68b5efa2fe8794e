//! Weights of Seesaw-Nets on disk: safetensors and PyTorch checkpoints.
#![forbid(unsafe_code)]

mod weights;

pub use weights::{BatchNorm, BlockWeights, ConvBn, Linear, NetWeights};
