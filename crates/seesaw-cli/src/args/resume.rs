//! `seesaw resume`

use std::path::PathBuf;

use clap::Args;

use super::ExecutionArgs;

/// Resume a run from its last checkpoint
#[derive(Debug, Args)]
#[command(after_help = "\
The run continues with the recipe, the data set and the options that it was started with, and ends with
the same weights as a run without interruption.

With `--epochs`, the run goes on to that many epochs in all, finished or not, and ends as if it had been
started with them. This needs a schedule whose rates do not depend on the number of epochs: `constant`,
`step`, `multi-step` or `exponential`. For the others, the error names the command that trains on.

Examples:
  seesaw resume runs/photos
  seesaw resume runs/photos --epochs 80
  seesaw resume runs/photos --data /elsewhere/photos
  seesaw resume runs/photos --threads 4 --checkpoint-every 100")]
pub struct ResumeArgs {
    /// Run folder
    pub run: PathBuf,
    /// Where the data set lies now, if it has been moved
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    /// Epochs in all from now on, more or fewer than the run was started with
    #[arg(long, value_name = "N")]
    pub epochs: Option<usize>,
    #[command(flatten)]
    pub execution: ExecutionArgs,
}
