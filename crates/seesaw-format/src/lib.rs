//! Weights of Seesaw-Nets on disk: safetensors and PyTorch checkpoints.
#![forbid(unsafe_code)]
