//! `seesaw bench`

use std::path::PathBuf;

use clap::Args;

use super::{
    ShapeArgs,
    common::{Precision, ThreadsArgs, batch, runs},
};

/// Measure the speed of a net
#[derive(Debug, Args)]
#[command(
    mut_arg("threads", |threads| threads.default_value("1")),
    after_help = "\
The share of peak is the arithmetic done (two operations per multiply-add) relative to the peak of the
same threads, which is measured first. Without weights the net gets random ones; the speed is the same.

`--layers` shows the steps of the plan and, indented, the layers of each block. A block whose intermediate
maps exceed the cache runs its layers alternately on a few rows; its time is divided among them by a
clock that is read in between. The memory is that of weights, inputs and outputs; maps inside a block stay
in the cache, so a layer can be faster than memory allows.

Examples:
  seesaw bench seesaw-shuffle-1.0d-imagenet
  seesaw bench seesaw-shuffle-0.5d-cifar --train --threads 2 --layers
  seesaw bench mobilenetv2-1.0-imagenet --threads 2 --batch 8 --layers
  seesaw bench seesaw-shuffle-1.0d-imagenet --plot roofline.svg
  seesaw bench net.safetensors --json"
)]
pub struct BenchArgs {
    /// Name of a built-in net, TOML file that describes a net, or file of weights
    pub net: String,
    #[command(flatten)]
    pub shape: ShapeArgs,
    /// Weights of the net [default: random]
    #[arg(long, value_name = "FILE", conflicts_with = "classes")]
    pub weights: Option<PathBuf>,
    /// Measure training steps instead, including loading and augmentation of the images
    #[arg(long, conflicts_with_all = ["weights", "plot"])]
    pub train: bool,
    /// With `--train`: number format that convolutions multiply [default: f32]
    #[arg(long, value_name = "P", requires = "train")]
    pub precision: Option<Precision>,
    /// Images per batch [default: 1; with `--train` 64]
    #[arg(long, value_name = "B", value_parser = batch())]
    pub batch: Option<usize>,
    /// Runs or training steps to time, after a warm-up [default: 50; with `--train` 20]
    #[arg(long, value_name = "N", value_parser = runs())]
    pub runs: Option<u32>,
    /// Show work, memory and time of every layer
    #[arg(long)]
    pub layers: bool,
    /// Draw the layers in a roofline plot (.svg or .png)
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    #[command(flatten)]
    pub threads: ThreadsArgs,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}
