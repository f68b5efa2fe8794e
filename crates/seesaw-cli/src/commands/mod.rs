//! The commands, one file each.

mod bench;
mod completions;
mod import;
mod models;
mod predict;
mod run;
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
pub fn dispatch(cli: Cli) -> Result<Outcome, Failure> {
    match cli.command {
        Command::Predict(args) => return predict::run(&args),
        Command::Models(args) => models::run(&args)?,
        Command::Summary(args) => summary::run(&args)?,
        Command::Tables(args) => tables::run(&args)?,
        Command::Import(args) => import::run(&args)?,
        Command::Run(args) => run::run(&args)?,
        Command::Bench(args) => bench::run(&args)?,
        Command::Completions(args) => completions::run(&args)?,
    }
    Ok(Outcome::Complete)
}
