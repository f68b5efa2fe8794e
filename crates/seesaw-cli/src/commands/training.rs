//! A training that this process carries out, of a new run or of a resumed one.

mod watch;

use std::{
    io::Write,
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

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

use watch::Watch;

/// The exit code of a process that Ctrl-C ended, by the convention of shells.
const INTERRUPTED: i32 = 130;

/// Trains until the run is finished, it stops early, or Ctrl-C is pressed.
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
    let stop = stop_at_ctrl_c()?;
    let outcome = trainer.run(&stop, &mut |event| watch.on(event))?;
    watch.finish()?;
    report_end(outcome, trainer.folder());
    if outcome == trainer::Outcome::Stopped {
        return Ok(Outcome::Interrupted);
    }
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

/// A flag that the first Ctrl-C sets; a second one ends the process.
fn stop_at_ctrl_c() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let pressed = Arc::clone(&stop);
    let handler = move || {
        if pressed.swap(true, Ordering::Relaxed) {
            process::exit(INTERRUPTED);
        }
        output::say("\nfinishing the step to save it; press Ctrl-C again to exit at once");
    };
    ctrlc::set_handler(handler)
        .map_err(|error| Failure::new(format_args!("cannot handle Ctrl-C: {error}")))?;
    Ok(stop)
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
