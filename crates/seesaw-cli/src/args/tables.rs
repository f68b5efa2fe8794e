//! `seesaw tables`

use clap::Args;

/// Compare the nets' costs with the figures printed in the papers
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  seesaw tables
  seesaw tables --json")]
pub struct TablesArgs {
    /// Print one JSON array instead of tables
    #[arg(long)]
    pub json: bool,
}
