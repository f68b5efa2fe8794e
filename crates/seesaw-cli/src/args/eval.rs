//! `seesaw eval`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{
    NetArgs, SizeArgs,
    common::{ThreadsArgs, batch, images},
};

/// Measure the accuracy of a model on a data set
#[derive(Debug, Args)]
#[command(after_help = "\
For a run folder, evaluates its best model on the validation images that the run held out, wherever they
lie now: the run has a list of its files. A data set that is not the run's and has no validation images of
its own is evaluated as a whole. Images that the run trained on are recognized by their content: if some
are among the others, a warning says so; if there are no others, it is an error. Classes are matched by name. Where the weights hold no
names, classes that are numbers are the indices of outputs, and others are matched by order.

Examples:
  seesaw eval runs/photos
  seesaw eval runs/photos --confusion confusion.svg --worst worst.png
  seesaw eval runs/photos --split test --csv answers.csv
  seesaw eval net.safetensors --data photos --json
  seesaw eval old.pth --net igcv3-1.0d-cifar --data cifar10")]
pub struct EvalArgs {
    /// Run folder, or weights: a safetensors file, a PyTorch checkpoint or the name of bundled weights
    pub model: PathBuf,
    /// Data set: a folder, a .csv list or a packed one [default: the run's]
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Part of the data set; where there are no test images, `test` takes the validation images and says so
    #[arg(long, value_enum, default_value_t = Split::Val)]
    pub split: Split,
    /// Match classes with outputs by their order, whatever their names
    #[arg(long)]
    pub by_order: bool,
    /// Use only N random images
    #[arg(long, value_name = "N", value_parser = images())]
    pub limit: Option<usize>,
    #[command(flatten)]
    pub net: NetArgs,
    /// Class names in the order of the outputs: one per line, or `id<TAB>name` [default: as the
    /// weights say]
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    #[command(flatten)]
    pub sizes: SizeArgs,
    /// Write a line for each image: its class, the predicted one, and their probabilities (.csv)
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Draw the confusion matrix (.svg or .png)
    #[arg(long, value_name = "FILE")]
    pub confusion: Option<PathBuf>,
    /// Show the photos with the worst mistakes side by side (.png)
    #[arg(long, value_name = "FILE")]
    pub worst: Option<PathBuf>,
    /// Images that are loaded at a time
    #[arg(long, value_name = "B", default_value_t = 64, value_parser = batch())]
    pub batch: usize,
    #[command(flatten)]
    pub threads: ThreadsArgs,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

/// A part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Split {
    Val,
    Test,
    Train,
}
