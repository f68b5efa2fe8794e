//! `seesaw summary`

use clap::Args;

use super::ShapeArgs;

/// Show a net layer by layer: shapes, parameters, multiply-adds, memory
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  seesaw summary seesaw-shuffle-1.0d-imagenet
  seesaw summary seesaw-shuffle-0.5d-cifar --classes 100 --json
  seesaw summary mobilenetv2-1.0-imagenet --width 0.75 --input-size 160
  seesaw summary seesaw-share-v1-0.5d-imagenet --toml > mine.toml
  seesaw summary mine.toml
  seesaw summary checkpoint.pth.tar")]
pub struct SummaryArgs {
    /// Name of a built-in net (`seesaw models` lists them), TOML file that describes a net, or file
    /// of weights
    pub net: String,
    #[command(flatten)]
    pub shape: ShapeArgs,
    /// Print one JSON object instead of a table
    #[arg(long, conflicts_with = "toml")]
    pub json: bool,
    /// Print the net's description in TOML, as a starting point for a net of your own
    #[arg(long)]
    pub toml: bool,
}
