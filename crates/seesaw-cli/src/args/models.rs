//! `seesaw models`

use clap::Args;

/// List the built-in nets with their costs, and the weights in the program
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  seesaw models
  seesaw models --json | jq -r '.[].name'")]
pub struct ModelsArgs {
    /// Print one JSON array instead of a table
    #[arg(long)]
    pub json: bool,
}
