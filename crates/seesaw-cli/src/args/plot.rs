//! `seesaw plot`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Plot the logs of runs together: loss and accuracy by epoch, one line per run
#[derive(Debug, Args)]
#[command(after_help = "\
Writes one picture for each of the columns train_loss, train_top1, val_loss and val_top1 in which a run
has at least two values, and prints the paths. Runs need not be finished.

Examples:
  seesaw plot runs/*
  seesaw plot runs/with-mixup runs/without --out pictures --format png")]
pub struct PlotArgs {
    /// Run folders
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// Folder to write to
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub out: PathBuf,
    /// Format of the pictures
    #[arg(long, value_enum, default_value_t = PictureFormat::Svg)]
    pub format: PictureFormat,
}

/// A format of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PictureFormat {
    Svg,
    Png,
}
