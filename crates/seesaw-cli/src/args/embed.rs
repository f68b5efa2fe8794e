//! `seesaw embed`

use std::path::PathBuf;

use clap::Args;

use super::{
    NetArgs, SizeArgs,
    common::{ThreadsArgs, batch, probability},
};

/// Write the features of photos, or find near duplicates among them
#[derive(Debug, Args)]
#[command(after_help = "\
The features of a photo are the numbers that the net's last layer reads (1280 in most nets). Photos that
look alike to the net have similar ones.

The file is a safetensors file with the tensor `features` [photos, channels] and the paths as a JSON array
`photos` in its header; or NAME.npy with the paths in NAME.paths.txt, one per line; or .csv with a line per
photo.

With `--near-duplicates`, pairs of photos are printed whose features have a cosine similarity of at least
S, 0.9 by default. That finds copies in another size or quality; 0.8 finds more cropped ones, and pairs of
different photos of similar things.

Examples:
  seesaw embed photos/ --out features.safetensors
  seesaw embed photos/ --out features.npy
  seesaw embed photos/ --near-duplicates
  seesaw embed photos/ --near-duplicates 0.8 --json")]
pub struct EmbedArgs {
    /// Photos, folders of photos, or patterns such as 'photos/*.jpg'
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// File to write the features to (.safetensors, .npy or .csv)
    #[arg(long, value_name = "FILE", required_unless_present = "near_duplicates")]
    pub out: Option<PathBuf>,
    /// Print pairs of photos at least this similar, from 0 to 1
    #[arg(
        long,
        value_name = "S",
        num_args = 0..=1,
        default_missing_value = "0.9",
        value_parser = probability()
    )]
    pub near_duplicates: Option<f64>,
    /// Weights: a safetensors file, a PyTorch checkpoint, or the name of bundled weights [default: those
    /// that `seesaw models` names first]
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    #[command(flatten)]
    pub net: NetArgs,
    #[command(flatten)]
    pub sizes: SizeArgs,
    /// Photos that go through the net at a time
    #[arg(long, value_name = "B", default_value_t = 8, value_parser = batch())]
    pub batch: usize,
    #[command(flatten)]
    pub threads: ThreadsArgs,
    /// Print one JSON object per pair, one per line
    #[arg(long)]
    pub json: bool,
}
