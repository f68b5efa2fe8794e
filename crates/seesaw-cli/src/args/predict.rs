//! `seesaw predict`

use std::path::PathBuf;

use clap::Args;

use super::{
    NetArgs, SizeArgs,
    common::{ThreadsArgs, batch, probability},
};

/// Classify photos
#[derive(Debug, Args)]
#[command(after_help = "\
Reads JPEG, PNG, WebP, GIF, TIFF, BMP and Netpbm. Folders are searched with all their subfolders, and
quoted patterns are expanded. A photo that cannot be read is reported and skipped; the exit code is
then 1. Files that are no photos by their names are counted.

The program carries weights that know the 1000 classes of ImageNet, and others (`seesaw models` lists
them). A photo of anything else is assigned to one of the classes too.

Examples:
  seesaw predict docs/photos
  seesaw predict --weights net.safetensors photo.jpg
  seesaw predict --weights seesaw-shuffle-0.5d-imagenet docs/photos
  seesaw predict --weights net.safetensors photos/ --top 1
  seesaw predict --weights net.safetensors photos/ --sort-into sorted --unknown-below 0.6
  seesaw predict --weights net.safetensors photos/ --explain maps --csv answers.csv
  seesaw predict --weights mobilenetv2.safetensors --labels classes.tsv 'photos/**/*.jpg' --json")]
pub struct PredictArgs {
    /// Weights: a safetensors file, a PyTorch checkpoint, or the name of bundled weights [default: those
    /// that `seesaw models` names first]
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    #[command(flatten)]
    pub net: NetArgs,
    /// Photos, folders of photos, or patterns such as 'photos/*.jpg'
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// How many of the most likely classes to print
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub top: u32,
    /// Class names in the order of the outputs: one per line, or `id<TAB>name` [default: as the
    /// weights say]
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    #[command(flatten)]
    pub sizes: SizeArgs,
    /// Call a photo `unknown` if its most likely class has a probability below P
    #[arg(long, value_name = "P", value_parser = probability())]
    pub unknown_below: Option<f64>,
    /// Write a line for each photo, with its most likely classes (.csv)
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Copy each photo into the subfolder of this folder that is named after its class; nothing is
    /// overwritten
    #[arg(long, value_name = "FOLDER")]
    pub sort_into: Option<PathBuf>,
    /// With `--sort-into`: make symbolic links instead of copies
    #[arg(long, requires = "sort_into")]
    pub link: bool,
    /// Draw for each photo where in it the net sees the most likely class, as a PNG in this folder
    #[arg(long, value_name = "FOLDER")]
    pub explain: Option<PathBuf>,
    /// Photos that go through the net at a time
    #[arg(long, value_name = "B", default_value_t = 8, value_parser = batch())]
    pub batch: usize,
    #[command(flatten)]
    pub threads: ThreadsArgs,
    /// Print one JSON object per photo, one per line
    #[arg(long)]
    pub json: bool,
}
