//! `seesaw import`

use std::path::PathBuf;

use clap::Args;

use super::{NetArgs, SizeArgs};

/// Convert weights of any supported kind to one safetensors file that names its net
#[derive(Debug, Args)]
#[command(after_help = "\
Reads PyTorch checkpoints (.pth, .pth.tar, .pt; state dicts wherever they are in the file, whole modules,
TorchScript) and safetensors files, also in several parts with an index. Wrappers' prefixes such as
`module.` are removed. Nothing in a checkpoint is executed. The net is recognized by the names and shapes
of the tensors.

Examples:
  seesaw import checkpoint.pth.tar net.safetensors
  seesaw import mobilenet_v2.pth net.safetensors --labels classes.txt --resize 232 --f16
  seesaw import training.ckpt net.safetensors --key state_dict --mean 0.5 --std 0.5
  seesaw import mine.pt mine.safetensors --net mine.toml")]
pub struct ImportArgs {
    /// File to read
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    /// Safetensors file to write
    #[arg(value_name = "OUT.safetensors")]
    pub output: PathBuf,
    #[command(flatten)]
    pub net: NetArgs,
    /// Class names in the order of the outputs: one per line, or `id<TAB>name` [default: as the
    /// weights say]
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    #[command(flatten)]
    pub sizes: SizeArgs,
    /// Write 16-bit floats: half the size, about three significant digits
    #[arg(long)]
    pub f16: bool,
}
