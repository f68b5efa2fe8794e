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
    let changes = Changes { data: args.data.as_deref(), epochs: args.epochs };
    resume(&args.run, changes, &args.execution)
}

/// What is no longer as it was when a run was started.
#[derive(Debug, Clone, Copy, Default)]
pub struct Changes<'a> {
    /// Where the data set lies now.
    pub data: Option<&'a Path>,
    /// Epochs in all.
    pub epochs: Option<usize>,
}

/// Resumes the run in `folder`.
pub fn resume(
    folder: &Path,
    changes: Changes<'_>,
    args: &ExecutionArgs,
) -> Result<Outcome, Failure> {
    let Changes { data, epochs } = changes;
    training::train(args, || {
        if let (None, Ok(config)) = (data, Config::read(&RunFolder::new(folder).config())) {
            check_data(&config.data.path, folder)?;
        }
        Ok(Box::new(move |machine, options, on| {
            let options = options.clone().data(data.map(Path::to_owned)).epochs(epochs);
            Trainer::resume(folder, machine, &options, on)
        }))
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
