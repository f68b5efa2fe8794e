//! The command `seesaw`.
#![forbid(unsafe_code)]
#![allow(
    rustdoc::broken_intra_doc_links,
    rustdoc::invalid_html_tags,
    reason = "help texts are plain text, not links or tags"
)]

mod args;
mod commands;
mod failure;
mod hint;
mod model;
mod output;
mod resolve;

use std::process::ExitCode;

use clap::Parser;

use commands::Outcome;
use failure::Failure;

fn main() -> ExitCode {
    match commands::dispatch(args::Cli::parse()) {
        Ok(Outcome::Complete) | Err(Failure::OutputClosed) => ExitCode::SUCCESS,
        Ok(Outcome::SomeFailed) => ExitCode::from(1),
        Ok(Outcome::Interrupted(code)) => ExitCode::from(code),
        Err(failure) => {
            failure.report();
            ExitCode::from(2)
        }
    }
}
