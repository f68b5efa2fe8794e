//! `seesaw resume`: an interrupted run, from its last checkpoint.

use std::path::Path;

use seesaw_train::{
    run::{Config, RunFolder},
    trainer::Trainer,
};

use crate::{
    args::{ExecutionArgs, ResumeArgs},
    commands::{Outcome, training},
    failure::Failure,
};

pub fn run(args: &ResumeArgs) -> Result<Outcome, Failure> {
    resume(&args.run, args.data.as_deref(), &args.execution)
}

/// Resumes the run in `folder`, whose data set may have been moved to `data`.
pub fn resume(
    folder: &Path,
    data: Option<&Path>,
    args: &ExecutionArgs,
) -> Result<Outcome, Failure> {
    if let (None, Ok(config)) = (data, Config::read(&RunFolder::new(folder).config())) {
        check_data(&config.data.path, folder)?;
    }
    training::train(args, |machine, options, on| {
        let options = options.clone().data(data.map(Path::to_owned));
        Trainer::resume(folder, machine, &options, on)
    })
}

/// Says how to go on where a run's data set is no longer where it was.
fn check_data(data: &Path, run: &Path) -> Result<(), Failure> {
    if data.exists() {
        return Ok(());
    }
    Err(Failure::file(data, "no such file or folder").hint(format_args!(
        "where the data set was moved: `seesaw resume {} --data FOLDER`",
        run.display()
    )))
}
