//! A training that this process carries out, of a new run or of a resumed one.

pub mod stop;
mod watch;
mod workers;

use std::{io::Write, sync::atomic::AtomicBool};

use seesaw_kernels::Machine;
use seesaw_train::{
    TrainError, net,
    ranks::Ranks,
    run::{Best, RunFolder},
    trainer::{self, Event, Listener, RunOptions, SavePolicy, Trainer},
};

use crate::{
    args::{ExecutionArgs, Precision, RanksKind},
    commands::Outcome,
    failure::{self, Failure},
    output,
};

pub use stop::Stop;
use watch::Watch;

/// Starts or resumes a run.
pub type Begin<'a> =
    Box<dyn Fn(&Machine, &RunOptions, Listener<'_>) -> Result<Trainer, TrainError> + Sync + 'a>;

/// Trains until the run is finished, it stops early, or Ctrl-C or another signal asks it to stop.
///
/// `prepare` does what comes before a run is started or resumed.
pub fn train<'a>(
    args: &ExecutionArgs,
    prepare: impl FnOnce() -> Result<Begin<'a>, Failure>,
) -> Result<Outcome, Failure> {
    match args.ranks.ranks {
        Some(RanksKind::Mpi) => workers::over_mpi(args, prepare),
        Some(RanksKind::Threads(count)) => workers::in_threads(count, args, &prepare()?),
        None => {
            let begin = prepare()?;
            let machine = Machine::from_env(args.threads.count())?;
            Worker { ranks: Ranks::default(), machine, args }.train(&begin)
        }
    }
}

/// What carries out a training, alone or as one of several ranks.
struct Worker<'a> {
    ranks: Ranks,
    machine: Machine,
    args: &'a ExecutionArgs,
}

impl Worker<'_> {
    /// Trains and shows the progress.
    fn train(&self, begin: &Begin<'_>) -> Result<Outcome, Failure> {
        let json = self.args.json;
        let mut watch = Watch::new(json);
        let mut trainer = begin(&self.machine, &self.options(), &mut |event| watch.on(event))?;
        watch.introduce(trainer.config(), trainer.folder(), trainer.progress());
        self.warn(&trainer);
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
        if let (Some(best), false) = (trainer.progress().best, json) {
            print_best(&best, trainer.folder())?;
        }
        Ok(Outcome::Complete)
    }

    /// Trains with a rank that shows the progress; `stop` asks all to stop.
    fn follow(&self, begin: &Begin<'_>, stop: &AtomicBool) -> Result<trainer::Outcome, TrainError> {
        let silent = &mut |_: Event<'_>| {};
        begin(&self.machine, &self.options(), silent)?.run(stop, silent)
    }

    /// Warns of what the user may not expect.
    fn warn(&self, trainer: &Trainer) {
        let recipe = &trainer.config().recipe;
        warn_of_slow(recipe.precision, &self.machine);
        let (ranks, batches) = (self.ranks.count(), recipe.accumulate);
        if self.args.ranks.ranks.is_some() {
            let threads = self.machine.threads();
            output::say(format_args!("{ranks} ranks, {threads} threads on this one"));
        }
        if ranks > batches {
            failure::warn(format_args!(
                "each step has {batches} batches (`accumulate` of the recipe) for {ranks} ranks, so {} of \
                 them compute nothing; the recipes imagenet-cluster and cifar-cluster have more",
                ranks - batches
            ));
        }
        if self.args.ranks.wire == Precision::Bf16 {
            failure::warn(
                "gradients are rounded to bf16 between ranks: results depend on how many ranks there are",
            );
        }
    }

    fn options(&self) -> RunOptions {
        let steps = self.args.checkpoint_every;
        let save = SavePolicy { steps, ..SavePolicy::default() };
        RunOptions::default().save(save).ranks(self.ranks.clone())
    }
}

/// Warns where bf16 is slower than f32.
pub fn warn_of_slow(precision: net::Precision, machine: &Machine) {
    if precision == net::Precision::Bf16 && machine.token().bf16().is_none() {
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
