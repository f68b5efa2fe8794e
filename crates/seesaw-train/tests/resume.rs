//! A run that is stopped or killed, and then resumed, ends like one that was never interrupted.

mod common;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use common::{Place, begin, machine, resume, saving, silent, train};
use seesaw_train::trainer::{Event, Outcome, Trainer};

/// Everything of a run that must not depend on interruptions.
fn results(run: &Path) -> Vec<(&'static str, Vec<u8>)> {
    ["log.csv", "checkpoint.safetensors", "best.safetensors", "last.safetensors", "loss.svg"]
        .map(|name| (name, std::fs::read(run.join(name)).unwrap()))
        .to_vec()
}

#[track_caller]
fn assert_same(run: &Path, other: &Path) {
    for ((name, bytes), (_, others)) in results(run).into_iter().zip(results(other)) {
        assert!(bytes == others, "{name} differs");
    }
}

/// Batches between the stops: irregular, and the same each time.
fn stops() -> impl Iterator<Item = usize> {
    [1, 3, 2, 5, 1, 4, 7, 2].into_iter().cycle()
}

#[test]
fn stopped_at_any_step() {
    let place = Place::new();
    train(&place.start("whole"), 1).unwrap();
    for threads in [1, 2] {
        let run = format!("stopped-{threads}");
        let mut trainer = begin(&place.start(&run), threads).unwrap();
        let mut resumed = 0;
        for batches in stops() {
            let (stop, mut done) = (AtomicBool::new(false), 0);
            let outcome = trainer.run(&stop, &mut |event| {
                done += usize::from(matches!(event, Event::Batch { .. }));
                stop.store(done >= batches, Ordering::Relaxed);
            });
            if outcome.unwrap() == Outcome::Finished {
                break;
            }
            // Another number of threads must change nothing.
            trainer = resume(place.path(&run), 3 - threads).unwrap();
            resumed += 1;
        }
        assert!(resumed > 6, "{resumed}");
        assert_same(&place.path("whole"), &place.path(&run));
    }
}

#[test]
fn died_at_any_step() {
    let place = Place::new();
    train(&place.start("whole"), 2).unwrap();
    let (machine, options) = (machine(1), saving(Some(2)));
    let run = place.path("died");
    drop(Trainer::start(&place.start("died"), &machine, &options, &mut silent).unwrap());
    let mut deaths = 0;
    for batches in [3, 9, 1, 6, 14, 11, 8, 7, 5, 13, 1_000] {
        let mut trainer = Trainer::resume(&run, &machine, &options, &mut silent).unwrap();
        let mut done = 0;
        let ended = catch_unwind(AssertUnwindSafe(|| {
            trainer.run(&false.into(), &mut |event| {
                done += usize::from(matches!(event, Event::Batch { .. }));
                // Unwinds out of the loop; nothing more is saved.
                assert!(done < batches, "dies here");
            })
        }));
        match ended {
            Ok(outcome) => {
                assert_eq!(outcome.unwrap(), Outcome::Finished);
                break;
            }
            Err(_) => deaths += 1,
        }
    }
    assert!(deaths > 3, "{deaths}");
    assert_same(&place.path("whole"), &run);
}

#[test]
fn a_log_that_ran_ahead_is_cut() {
    let place = Place::new();
    train(&place.start("whole"), 1).unwrap();
    let run = place.path("ahead");
    let stop = AtomicBool::new(false);
    let mut trainer = begin(&place.start("ahead"), 1).unwrap();
    trainer
        .run(&stop, &mut |event| {
            stop.fetch_or(matches!(event, Event::EpochEnds { .. }), Ordering::Relaxed);
        })
        .unwrap();
    let log = std::fs::read_to_string(run.join("log.csv")).unwrap();
    assert_eq!(log.lines().count(), 2);
    std::fs::write(run.join("log.csv"), format!("{log}2,99,half a li")).unwrap();
    let mut trainer = resume(&run, 1).unwrap();
    assert_eq!(trainer.run(&false.into(), &mut silent).unwrap(), Outcome::Finished);
    assert_same(&place.path("whole"), &run);
}
