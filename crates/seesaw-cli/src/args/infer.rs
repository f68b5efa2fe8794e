//! `seesaw infer`

use std::path::PathBuf;

use clap::Args;

use super::{
    NetArgs,
    common::{ThreadsArgs, batch},
};

/// Run a net on a tensor file: `input` [n,3,h,w] in, `logits` [n,classes] out
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  seesaw infer --weights net.safetensors --input x.safetensors --output y.safetensors
  seesaw infer --weights old.pth --net igcv3-1.0d-cifar --classes 100 --input x.safetensors \\
               --output y.safetensors --features")]
pub struct InferArgs {
    /// Weights: a safetensors file, or a PyTorch checkpoint
    #[arg(long, value_name = "FILE")]
    pub weights: PathBuf,
    #[command(flatten)]
    pub net: NetArgs,
    /// Safetensors file with the f32 tensor `input` [n,3,side,side], normalized as in training
    #[arg(long, value_name = "X.safetensors")]
    pub input: PathBuf,
    /// Safetensors file to write `logits` [n,classes] to
    #[arg(long, value_name = "Y.safetensors")]
    pub output: PathBuf,
    /// Also write the output of every block, as `features.N` [n,channels,rows,columns]
    #[arg(long)]
    pub features: bool,
    /// Images that go through the net at a time
    #[arg(long, value_name = "B", default_value_t = 8, value_parser = batch())]
    pub batch: usize,
    #[command(flatten)]
    pub threads: ThreadsArgs,
}
