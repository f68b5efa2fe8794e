//! `seesaw data`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::common::ThreadsArgs;

/// Download a data set, or show what a folder holds
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  seesaw data cifar10 cifar10          download CIFAR-10
  seesaw data info photos --check      show classes, counts and broken photos")]
pub struct DataArgs {
    #[command(subcommand)]
    pub command: DataCommand,
}

#[derive(Debug, Subcommand)]
pub enum DataCommand {
    Cifar10(Cifar10Args),
    Info(DataInfoArgs),
}

/// Download CIFAR-10 (170 MB), verify its md5 and unpack it
#[derive(Debug, Args)]
#[command(after_help = "\
An interrupted download continues where it stopped. An archive that was downloaded by other means is used
if the folder contains it as cifar-10-binary.tar.gz.

Examples:
  seesaw data cifar10 cifar10
  seesaw train --data cifar10")]
pub struct Cifar10Args {
    /// Folder to download to
    pub folder: PathBuf,
    /// Another address of the same archive (http) [default: the official one]
    #[arg(long)]
    pub url: Option<String>,
}

/// Show the layout, classes and counts of a data set
#[derive(Debug, Args)]
#[command(after_help = "\
Files that are no photos by their names are counted by extension. Hidden files and folders, and others
that systems leave behind, are ignored.

Examples:
  seesaw data info photos
  seesaw data info photos --check
  seesaw data info photos.csv --val-split 0.1 --json")]
pub struct DataInfoArgs {
    /// Data set: a folder or a .csv list
    pub data: PathBuf,
    /// Decode every image, and report those that are broken
    #[arg(long)]
    pub check: bool,
    /// Share of the images to hold out for validation, instead of the data set's own split
    #[arg(long, value_name = "SHARE")]
    pub val_split: Option<f64>,
    /// Hold out all or none of the images for whose names this regular expression, or its first group,
    /// matches the same text, such as 'burst([0-9]+)'
    #[arg(long, value_name = "PATTERN")]
    pub group_by: Option<String>,
    #[command(flatten)]
    pub threads: ThreadsArgs,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}
