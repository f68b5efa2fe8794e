//! The commands, one file each.

mod bench;
mod check;
mod compare;
mod completions;
mod data;
mod embed;
mod eval;
mod export;
mod import;
mod infer;
mod models;
mod photos;
mod plot;
mod predict;
mod recipes;
mod resume;
mod search;
#[cfg(feature = "serve")]
mod serve;
mod summary;
mod tables;
mod train;
mod training;

use crate::{
    args::{Cli, Command},
    failure::Failure,
};

/// How a command that did its work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All went well: exit code 0.
    Complete,
    /// Some inputs failed and were reported: exit code 1.
    SomeFailed,
    /// Ctrl-C or another signal ended it, and the work so far is saved: this exit code, which is 130
    /// for Ctrl-C.
    Interrupted(u8),
}

/// Carries out what the command line asks for.
pub fn dispatch(cli: Cli) -> Result<Outcome, Failure> {
    match cli.command {
        Command::Predict(args) => return predict::run(&args),
        Command::Embed(args) => return embed::run(&args),
        Command::Train(args) => return train::run(&args),
        Command::Resume(args) => return resume::run(&args),
        Command::Eval(args) => return eval::run(&args),
        Command::Data(args) => return data::run(&args),
        Command::Search(args) => return search::run(&args),
        #[cfg(feature = "serve")]
        Command::Serve(args) => serve::run(&args)?,
        Command::Recipes(args) => recipes::run(&args)?,
        Command::Compare(args) => compare::run(&args)?,
        Command::Plot(args) => plot::run(&args)?,
        Command::Models(args) => models::run(&args)?,
        Command::Summary(args) => summary::run(&args)?,
        Command::Tables(args) => tables::run(&args)?,
        Command::Import(args) => import::run(&args)?,
        Command::Export(args) => export::run(&args)?,
        Command::Infer(args) => infer::run(&args)?,
        Command::Bench(args) => bench::run(&args)?,
        Command::Completions(args) => completions::run(&args)?,
    }
    Ok(Outcome::Complete)
}
