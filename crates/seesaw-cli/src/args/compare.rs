//! `seesaw compare`

use std::path::PathBuf;

use clap::Args;

use super::common::{ThreadsArgs, runs};

/// Compare the nets of finished runs: accuracy, costs, and the spread between seeds
#[derive(Debug, Args)]
#[command(
    mut_arg("threads", |threads| threads.default_value("1")),
    after_help = "\
Runs of one net that differ only in the seed share a row. The score of a run is its accuracy after the
last epoch, so that no epoch is chosen by the images that judge it. Any other differences between the
runs are reported on standard error.

`to best` is the difference from the best mean with its standard error, which is estimated from all nets
with several seeds. A difference of less than twice its standard error may be chance.

Inference is timed on one image, with the nets taking turns; leave the machine idle meanwhile.

Examples:
  seesaw compare runs/shuffle-1 runs/shuffle-2 runs/igcv3-1 runs/igcv3-2
  seesaw compare runs/* --pictures docs
  seesaw compare runs/* --json"
)]
pub struct CompareArgs {
    /// Folders of finished runs
    #[arg(required = true, value_name = "RUN")]
    pub folders: Vec<PathBuf>,
    /// Plot accuracy over multiply-adds and over inference time into this folder, as
    /// `top1-madds.svg` and `top1-ms.svg`
    #[arg(long, value_name = "FOLDER")]
    pub pictures: Option<PathBuf>,
    /// Runs to time per net, after a warm-up
    #[arg(long, alias = "times", value_name = "N", default_value_t = 50, value_parser = runs())]
    pub runs: u32,
    #[command(flatten)]
    pub threads: ThreadsArgs,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}
