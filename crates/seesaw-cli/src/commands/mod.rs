//! The commands, one file each.

mod completions;
mod models;
mod summary;
mod tables;

use crate::{
    args::{Cli, Command},
    failure::Failure,
};

/// How a command that did its work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All went well: exit code 0.
    Complete,
    /// Some inputs failed, and were reported: exit code 1.
    SomeFailed,
}

/// Carries out what the command line asks for.
pub fn run(cli: Cli) -> Result<Outcome, Failure> {
    match cli.command {
        Command::Models(args) => models::run(&args)?,
        Command::Summary(args) => summary::run(&args)?,
        Command::Tables(args) => tables::run(&args)?,
        Command::Completions(args) => completions::run(&args)?,
        _ => return Err(Failure::new("this command is not wired up yet")),
    }
    Ok(Outcome::Complete)
}
