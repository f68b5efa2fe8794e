//! A training that this process carries out, of a new run or of a resumed one.

mod stop;
mod watch;

use std::io::Write;

use seesaw_kernels::Machine;
use seesaw_train::{
    TrainError,
    net::Precision,
    run::{Best, RunFolder},
    trainer::{self, Listener, RunOptions, SavePolicy, Trainer},
};

use crate::{
    args::ExecutionArgs,
    commands::Outcome,
    failure::{self, Failure},
    output,
};

pub use stop::Stop;
use watch::Watch;

/// Trains until the run is finished, it stops early, or Ctrl-C or another signal asks it to stop.
///
/// `begin` starts or resumes the run.
pub fn train(
    args: &ExecutionArgs,
    begin: impl FnOnce(&Machine, &RunOptions, Listener<'_>) -> Result<Trainer, TrainError>,
) -> Result<Outcome, Failure> {
    let machine = Machine::from_env(args.threads.count())?;
    let save = SavePolicy { steps: args.checkpoint_every, ..SavePolicy::default() };
    let options = RunOptions::default().save(save);
    let mut watch = Watch::new(args.json);
    let mut trainer = begin(&machine, &options, &mut |event| watch.on(event))?;
    watch.introduce(trainer.config(), trainer.folder(), trainer.progress());
    warn_of_slow(trainer.config().recipe.precision, &machine);
    let stop = Stop::at_signals("finishing the step to save it")?;
    let outcome = trainer.run(stop.asked(), &mut |event| watch.on(event))?;
    let printed = watch.finish();
    report_end(outcome, trainer.folder());
    if outcome == trainer::Outcome::Stopped {
        // A terminal that closes takes standard output along; the signal is why training ended.
        if let Err(failure) = printed {
            failure.report();
        }
        return Ok(Outcome::Interrupted(stop.exit_code()));
    }
    printed?;
    if let (Some(best), false) = (trainer.progress().best, args.json) {
        print_best(&best, trainer.folder())?;
    }
    Ok(Outcome::Complete)
}

/// Warns where bf16 is slower than f32.
pub fn warn_of_slow(precision: Precision, machine: &Machine) {
    if precision == Precision::Bf16 && machine.token().bf16().is_none() {
        failure::warn("this processor has no bf16 arithmetic; `--precision f32` is faster here");
    }
}

/// Says why the training ended, where it did not go through all epochs.
fn report_end(outcome: trainer::Outcome, folder: &RunFolder) {
    match outcome {
        trainer::Outcome::Stopped => {
            let run = folder.path().display();
            output::say(format_args!("saved; to resume: seesaw resume {run}"));
        }
        trainer::Outcome::StoppedEarly => {
            output::say("stopped early: validation has not improved for a while");
        }
        trainer::Outcome::Finished => {}
    }
}

fn print_best(best: &Best, folder: &RunFolder) -> Result<(), Failure> {
    let mut out = output::stdout();
    let (top1, epoch, path) = (100.0 * best.top1, best.epoch, folder.best());
    writeln!(out, "best: top-1 {top1:.2} %, epoch {epoch}: {}", path.display())?;
    Ok(out.flush()?)
}
