//! `seesaw data`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use seesaw_data::datasets::pack::{
    DEFAULT_QUALITY, DEFAULT_SHARD_BYTES, DEFAULT_SHORTER_SIDE, PackOptions,
};

use super::common::ThreadsArgs;

/// Download a data set, pack one into few files, or show what one holds
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  seesaw data cifar10 cifar10          download CIFAR-10
  seesaw data info photos --check      show classes, counts and broken photos
  seesaw data pack photos packed       pack many photos into few files")]
pub struct DataArgs {
    #[command(subcommand)]
    pub command: DataCommand,
}

#[derive(Debug, Subcommand)]
pub enum DataCommand {
    Cifar10(Cifar10Args),
    Info(DataInfoArgs),
    Pack(DataPackArgs),
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
  seesaw data info photos.csv --val-split 0.1 --json
  seesaw data info packed --verify")]
pub struct DataInfoArgs {
    /// Data set: a folder, a .csv list or a packed one
    pub data: PathBuf,
    /// Decode every image, and report those that are broken
    #[arg(long)]
    pub check: bool,
    /// Compare every image of a packed data set with its checksum, without decoding it
    #[arg(long, conflicts_with = "check")]
    pub verify: bool,
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

/// Pack the photos of a data set into few files, which are read faster
#[derive(Debug, Args)]
#[command(after_help = "\
Photos whose shorter side is at most --shorter-side are stored byte for byte. Larger ones are shrunk to it
and stored as JPEG. Choose a side of at least the recipe's input size divided by its `center`, which is
256 for 224 pixels; more keeps more detail in random crops. Every photo is decoded once, and broken ones are
reported and left out. Names, classes, parts and order stay as they are, so that `train`, `eval` and
`data info` accept OUT in place of DATA; where nothing was shrunk, results are the same bit for bit.

OUT gets tar archives, with one file per photo, and an index, which is complete once it has its name. After
an interruption, the same command continues.

Examples:
  seesaw data pack imagenet packed
  seesaw data pack photos packed --shorter-side 320 --quality 98
  seesaw data pack photos packed --as-is
  seesaw train --data packed")]
pub struct DataPackArgs {
    /// Data set: a folder or a .csv list
    pub data: PathBuf,
    /// Folder to pack it into: a new or an empty one, outside of the data set
    pub out: PathBuf,
    /// Pixels of the shorter side to which larger photos are shrunk
    #[arg(
        long,
        value_name = "PX",
        default_value_t = DEFAULT_SHORTER_SIDE,
        value_parser = clap::value_parser!(u32).range(1..=65_535)
    )]
    pub shorter_side: u32,
    /// Quality of the JPEGs that they become, 1 to 100
    #[arg(
        long,
        value_name = "Q",
        default_value_t = DEFAULT_QUALITY,
        value_parser = clap::value_parser!(u8).range(1..=100)
    )]
    pub quality: u8,
    /// Store every photo byte for byte
    #[arg(long, conflicts_with_all = ["shorter_side", "quality"])]
    pub as_is: bool,
    /// MiB of a file, 1 to 1048576
    #[arg(
        long,
        value_name = "MIB",
        default_value_t = DEFAULT_SHARD_BYTES >> 20,
        value_parser = clap::value_parser!(u64).range(1..=1 << 20)
    )]
    pub shard_size: u64,
    /// Take all photos at any depth, without labels, to train with `--unlabeled`
    #[arg(long)]
    pub unlabeled: bool,
    #[command(flatten)]
    pub threads: ThreadsArgs,
    /// Print one JSON object instead of a sentence
    #[arg(long)]
    pub json: bool,
}

impl DataPackArgs {
    /// The same as options of the library.
    pub fn options(&self) -> PackOptions {
        PackOptions::new()
            .shorter_side((!self.as_is).then_some(self.shorter_side))
            .quality(self.quality)
            .shard_bytes(self.shard_size << 20)
            .unlabeled(self.unlabeled)
            .threads(self.threads.count())
    }
}
