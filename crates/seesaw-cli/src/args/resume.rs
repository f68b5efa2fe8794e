//! `seesaw resume`

use std::path::PathBuf;

use clap::Args;

use super::ExecutionArgs;

/// Resume a run from its last checkpoint
#[derive(Debug, Args)]
#[command(after_help = "\
The run continues with the recipe, the data set and the options that it was started with, and ends with
the same weights as a run without interruption.

Examples:
  seesaw resume runs/photos
  seesaw resume runs/photos --data /elsewhere/photos
  seesaw resume runs/photos --threads 4 --checkpoint-every 100")]
pub struct ResumeArgs {
    /// Run folder
    pub run: PathBuf,
    /// Where the data set lies now, if it has been moved
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    #[command(flatten)]
    pub execution: ExecutionArgs,
}
