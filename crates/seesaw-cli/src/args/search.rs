//! `seesaw search`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use seesaw_search::cost::Madds;

use super::{Precision, common::images};

/// Search a space of nets for the best at a given cost
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    override_usage = "seesaw search --data <DATA> [OPTIONS]\n       \
                      seesaw search --resume <SEARCH> | --join <SEARCH>\n       \
                      seesaw search --show-space | --sample <N> | --choose <NAME=VALUE>\n       \
                      seesaw search report <SEARCH>",
    after_help = "\
Short trainings of many nets, all of the same cost, tell what each choice of the space is worth on its own; a
model of that proposes most of the next. Then the best are trained for longer to choose the winner, and the
winner, the nets of the literature at the same cost and the best of those drawn at random are trained with
fresh seeds. All are judged by the same images, a tenth of the training images; test images are never used.

The search is a folder: `space.toml`; `journal.jsonl`, in which all that happens is on disk before anything
follows from it; `trials/NNNN`, ordinary runs for `compare`, `plot` and `eval`; in the end `report.md`,
`report.json`, `winner.toml`, and pictures. Ctrl-C and SIGTERM save after the current step. After SIGKILL, a
training loses what it did since its last checkpoint, at most a minute, or `--checkpoint-every` steps. Time
counts only while somebody works on the search.

With `--join`, other processes take trainings too: on this machine, or on others that share the folder and
its file locks.

Examples:
  seesaw search --data cifar10 --hours 6                          at the cost of Seesaw-share v1
  seesaw search --data cifar10 --madds 60M --hours 6 --out small
  seesaw search --data photos --budget-ms 4 --hours 12
  seesaw search --resume search --hours 12                        more time
  seesaw search --join search                                     in a second shell, or on another machine
  seesaw search --show-space > space.toml                         to change it, for --space
  seesaw search --sample 5
  seesaw search --choose early.expand=1:3 --choose late.kernel=5 > net.toml
  seesaw search report search
  seesaw train --data cifar10 --net search/winner.toml"
)]
pub struct SearchArgs {
    #[command(subcommand)]
    pub command: Option<SearchCommand>,
    #[command(flatten)]
    pub what: WhatArgs,
    #[command(flatten)]
    pub how: HowArgs,
    #[command(flatten)]
    pub space: SpaceArgs,
    #[command(flatten)]
    pub execution: WorkArgs,
}

#[derive(Debug, Subcommand)]
pub enum SearchCommand {
    Report(SearchReportArgs),
}

/// What is searched.
#[derive(Debug, Args)]
pub struct WhatArgs {
    /// Data set: a folder or a .csv list
    #[arg(long, required_unless_present_any = ["resume", "join", "show_space", "sample", "choose"])]
    pub data: Option<PathBuf>,
    /// Folder of the search
    #[arg(long, value_name = "SEARCH", default_value = "search")]
    pub out: PathBuf,
    /// Continue the search in this folder
    #[arg(long, value_name = "SEARCH", conflicts_with_all = ["out", "join", "HowArgs"])]
    pub resume: Option<PathBuf>,
    /// Help with the search in this folder, on which another process works
    #[arg(long, value_name = "SEARCH", conflicts_with_all = ["out", "hours", "HowArgs"])]
    pub join: Option<PathBuf>,
    /// Hours that the search may take, while somebody works on it [default: 6]
    #[arg(long, value_name = "H")]
    pub hours: Option<f64>,
}

/// The space and the cost of its nets.
#[derive(Debug, Args)]
#[command(next_help_heading = "Space")]
pub struct SpaceArgs {
    /// Space: a name, or a TOML file [default: uneven-blocks-cifar or uneven-blocks-imagenet, by the size of the
    /// images]
    #[arg(long, value_name = "SPACE", conflicts_with_all = ["resume", "join"])]
    pub space: Option<String>,
    /// Multiply-adds of every net for one image [default: those of the space's first reference]
    #[arg(long, value_name = "N", conflicts_with_all = ["resume", "join"])]
    pub madds: Option<Madds>,
    /// Milliseconds of every net for one image, on this machine with one thread, instead of multiply-adds
    #[arg(long, value_name = "MS", conflicts_with_all = ["madds", "resume", "join"])]
    pub budget_ms: Option<f64>,
    /// Print the space and stop
    #[arg(long, conflicts_with_all = ["data", "sample", "choose", "resume", "join"])]
    pub show_space: bool,
    /// Print N random nets of the space and stop
    #[arg(long, value_name = "N", conflicts_with_all = ["data", "choose", "resume", "join"])]
    pub sample: Option<usize>,
    /// Print the net with this choice, which can be repeated, as TOML and stop; for other choices, the
    /// first value
    #[arg(long, value_name = "NAME=VALUE", value_parser = super::common::key_value)]
    #[arg(conflicts_with_all = ["data", "resume", "join"])]
    pub choose: Vec<(String, String)>,
}

/// How it is searched.
#[derive(Debug, Args)]
#[command(next_help_heading = "Trainings")]
pub struct HowArgs {
    /// Recipe of the trainings, whose epochs and image sizes are the search's: a name, or a TOML file
    /// [default: cifar-modern or photos-modern, with Muon]
    #[arg(long, value_name = "RECIPE")]
    pub recipe: Option<String>,
    /// Change a field of the recipe, such as `batch=128`; can be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = super::common::key_value)]
    pub set: Vec<(String, String)>,
    /// Number format that convolutions multiply; bf16 is faster on processors that support it
    #[arg(long, value_name = "P")]
    pub precision: Option<Precision>,
    /// Side of the images that costs are for [default: the space's]
    #[arg(long, value_name = "PIXELS", value_parser = super::common::side())]
    pub input_size: Option<u32>,
    /// Use only N random training images
    #[arg(long, value_name = "N", value_parser = images())]
    pub limit: Option<usize>,
    /// Seed of all that is random
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(..100_000_000))]
    pub seed: u64,
    /// Epochs of the short trainings that explore
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = images())]
    pub short_epochs: usize,
    /// Epochs of the long trainings that compare
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = images())]
    pub long_epochs: usize,
    /// Share of the time for short trainings
    #[arg(long, value_name = "SHARE", default_value_t = 0.6)]
    pub explore: f64,
    /// Most short trainings of nets of the space
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = images())]
    pub trials: usize,
    /// Short trainings that spread evenly over the space, before a model proposes any
    #[arg(long, value_name = "N", default_value_t = 21, value_parser = images())]
    pub start: usize,
    /// Nets that are trained for long to choose the winner
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = images())]
    pub finalists: usize,
    /// Fresh seeds for the winner and each net that it is compared with
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = images())]
    pub seeds: usize,
}

/// How this process works on it, which changes none of its results.
#[derive(Debug, Args)]
#[command(next_help_heading = "Work")]
pub struct WorkArgs {
    /// Trainings at the same time, each on one thread [default: one per processor]
    #[arg(long, value_name = "N", value_parser = images())]
    pub workers: Option<usize>,
    /// Save a checkpoint every N steps, in addition to every minute and every epoch
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub checkpoint_every: Option<u64>,
    /// Print one JSON object per finished training, one per line
    #[arg(long)]
    pub json: bool,
}

/// Show what a search found, or has found so far
#[derive(Debug, Args)]
#[command(after_help = "\
Nets of the final comparison are timed on one image with one thread, taking turns; leave the machine idle
meanwhile.

Examples:
  seesaw search report search
  seesaw search report search --json
  seesaw search report search --write")]
pub struct SearchReportArgs {
    /// Folder of the search
    pub search: PathBuf,
    /// Print one JSON object instead of Markdown
    #[arg(long)]
    pub json: bool,
    /// Also write report.md, report.json, winner.toml and the pictures into the folder
    #[arg(long)]
    pub write: bool,
}
