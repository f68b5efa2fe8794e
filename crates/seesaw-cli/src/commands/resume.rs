//! `seesaw resume`: an interrupted run, from its last checkpoint.

use std::path::Path;

use seesaw_train::trainer::Trainer;

use crate::{
    args::{ExecutionArgs, ResumeArgs},
    commands::{Outcome, training},
    failure::Failure,
};

pub fn run(args: &ResumeArgs) -> Result<Outcome, Failure> {
    resume(&args.run, &args.execution)
}

/// Resumes the run in `folder`.
pub fn resume(folder: &Path, args: &ExecutionArgs) -> Result<Outcome, Failure> {
    training::train(args, |machine, options, on| Trainer::resume(folder, machine, options, on))
}
