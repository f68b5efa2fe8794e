//! Trainings that several ranks carry out together.

use std::{
    sync::{Arc, atomic::AtomicBool},
    thread,
    time::Duration,
};

use seesaw_comm::{Group, Mpi, Threads, Wire, share_of_cores};
use seesaw_kernels::Machine;
use seesaw_train::{TrainError, ranks::Ranks, trainer};

use crate::{
    args::{ExecutionArgs, Precision},
    commands::Outcome,
    failure::{self, Failure},
    output,
};

use super::{Begin, Stop, Worker};

/// Trains as one of the processes that a launcher of MPI started. Rank 0 shows the progress.
///
/// Errors that all ranks know of are reported by rank 0 alone. After any other, the process ends without a
/// word to the others, and the launcher ends them.
pub fn over_mpi<'a>(
    args: &ExecutionArgs,
    prepare: impl FnOnce() -> Result<Begin<'a>, Failure>,
) -> Result<Outcome, Failure> {
    let mpi = Mpi::from_env(|rank, error| {
        Failure::from(TrainError::from(error)).of_rank(rank).report();
    })?;
    let mpi = Arc::new(mpi);
    if mpi.rank() > 0 {
        output::be_quiet();
    }
    let ranks = ranks(Arc::clone(&mpi) as Arc<dyn Group>, args);
    let outcome = as_one_of(&ranks, &*mpi, args, prepare);
    let together = ranks.failed_together() || matches!(outcome, Err(Failure::Reported));
    match outcome {
        Err(failure) if together => {
            if mpi.rank() == 0 {
                failure.report();
            }
            mpi.finalize()?;
            Err(Failure::Reported)
        }
        Ok(_) | Err(Failure::OutputClosed) => {
            mpi.finalize()?;
            outcome
        }
        Err(failure) => Err(failure.of_rank(mpi.rank())),
    }
}

/// Prepares, and trains where no rank has failed to.
fn as_one_of<'a>(
    ranks: &Ranks,
    group: &dyn Group,
    args: &ExecutionArgs,
    prepare: impl FnOnce() -> Result<Begin<'a>, Failure>,
) -> Result<Outcome, Failure> {
    let cores = share_of_cores(group).map_err(TrainError::from)?;
    let threads = args.threads.chosen().unwrap_or(cores);
    let prepared = prepare().and_then(|begin| Ok((begin, Machine::from_env(threads)?)));
    let failed = ranks.failed(prepared.is_err())?;
    if let Some(first) = failed.first() {
        // What the first one says is probably what all have to say.
        if let (true, Err(failure)) = (*first == ranks.rank(), prepared) {
            failure.of_rank(ranks.rank()).report();
        }
        return Err(Failure::Reported);
    }
    let (begin, machine) = prepared?;
    let worker = Worker { ranks: ranks.clone(), machine, args };
    if ranks.rank() == 0 {
        if ranks.count() == 1 {
            failure::warn("there is one rank; `mpirun -n N seesaw ...` starts N");
        }
        return worker.train(&begin);
    }
    let stop = Stop::at_signals("")?;
    match worker.follow(&begin, stop.asked())? {
        trainer::Outcome::Stopped => Ok(Outcome::Interrupted(stop.exit_code())),
        trainer::Outcome::Finished | trainer::Outcome::StoppedEarly => Ok(Outcome::Complete),
    }
}

/// Trains with so many ranks in this process, which share its threads.
pub fn in_threads(
    count: usize,
    args: &ExecutionArgs,
    begin: &Begin<'_>,
) -> Result<Outcome, Failure> {
    let each = args.threads.chosen().unwrap_or_else(|| args.threads.count() / count).max(1);
    let mut workers = Vec::new();
    for group in Threads::group(count) {
        let ranks = ranks(Arc::new(group), args);
        workers.push(Worker { ranks, machine: Machine::from_env(each)?, args });
    }
    let followers = workers.split_off(1);
    let first = workers.pop().expect("there is at least one rank");
    thread::scope(|scope| {
        for worker in followers {
            // What fails here is an error of the first rank too, which hears what asks to stop.
            scope.spawn(move || drop(worker.follow(begin, &AtomicBool::new(false))));
        }
        first.train(begin)
    })
}

fn ranks(group: Arc<dyn Group>, args: &ExecutionArgs) -> Ranks {
    let wire = match args.ranks.wire {
        Precision::F32 => Wire::F32,
        Precision::Bf16 => Wire::Bf16,
    };
    Ranks::new(group).wire(wire).timeout(Duration::from_secs(args.ranks.rank_timeout))
}
