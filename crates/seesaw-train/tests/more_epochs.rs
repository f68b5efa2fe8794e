//! Runs that go on to more epochs than they were started with, stops during validation, and balanced
//! classes, in whole trainings.

mod common;

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use common::{Place, begin, machine, resume, saving, silent, train};
use seesaw_train::{
    TrainError,
    recipe::OtherLength,
    run::{Config, RunFolder},
    trainer::{Event, Outcome, Start, Trainer},
};

/// Files of a run that only its recipe, data and first weights decide.
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
    let recipe = |run: &Path| Config::read(&RunFolder::new(run).config()).unwrap().recipe;
    assert_eq!(recipe(run), recipe(other));
}

/// A run with these changes to the recipe.
fn start(place: &Place, run: &str, changes: &[(&str, &str)]) -> Start {
    let mut start = place.start(run);
    start.recipe.set_all(changes).unwrap();
    start
}

/// Resumes a run to so many epochs.
fn extend(run: &Path, epochs: usize) -> Result<Trainer, TrainError> {
    Trainer::resume(run, &machine(1), &saving(None).epochs(epochs), &mut silent)
}

const SCHEDULES: [&str; 4] = [
    "{ kind = 'constant', warmup = 1.0 }",
    "{ kind = 'step', every = 2.0, factor = 0.5 }",
    "{ kind = 'multi-step', at = [2.0, 4.0], factor = 0.5 }",
    "{ kind = 'exponential', factor = 0.8 }",
];

#[test]
fn a_finished_or_stopped_run_goes_on_as_if_it_had_been_longer() {
    let place = Place::new();
    for (number, schedule) in SCHEDULES.into_iter().enumerate() {
        let whole = format!("whole-{number}");
        train(&start(&place, &whole, &[("schedule", schedule), ("epochs", "5")]), 1).unwrap();
        let whole = place.path(&whole);

        let name = format!("finished-{number}");
        train(&start(&place, &name, &[("schedule", schedule), ("epochs", "3")]), 1).unwrap();
        let mut trainer = extend(&place.path(&name), 5).unwrap();
        assert_eq!(trainer.run(&false.into(), &mut silent).unwrap(), Outcome::Finished);
        assert_same(&whole, &place.path(&name));

        // In the second of four epochs, and resumed once more without a number.
        let name = format!("stopped-{number}");
        let begun = start(&place, &name, &[("schedule", schedule), ("epochs", "4")]);
        let stop_after = |batches: usize, trainer: &mut Trainer| {
            let (stop, mut done) = (AtomicBool::new(false), 0);
            let outcome = trainer.run(&stop, &mut |event| {
                done += usize::from(matches!(event, Event::Batch { .. }));
                stop.store(done >= batches, Ordering::Relaxed);
            });
            assert_eq!(outcome.unwrap(), Outcome::Stopped);
        };
        stop_after(7, &mut begin(&begun, 1).unwrap());
        stop_after(2, &mut extend(&place.path(&name), 5).unwrap());
        let mut trainer = resume(place.path(&name), 1).unwrap();
        assert_eq!(trainer.run(&false.into(), &mut silent).unwrap(), Outcome::Finished);
        assert_same(&whole, &place.path(&name));
    }
}

#[track_caller]
fn refused(place: &Place, run: &str, epochs: usize) -> OtherLength {
    let before = std::fs::read(place.path(run).join("config.toml")).unwrap();
    let error = extend(&place.path(run), epochs).unwrap_err();
    let TrainError::OtherLength { why, .. } = error else { panic!("{error}") };
    let after = std::fs::read(place.path(run).join("config.toml")).unwrap();
    assert!(before == after, "the run stays as it was");
    why
}

#[test]
fn what_would_have_been_otherwise_is_refused() {
    let place = Place::new();
    // The rates, the warm-up, and the size of validation's images depend on the number of epochs.
    train(&start(&place, "cosine", &[("epochs", "3")]), 1).unwrap();
    assert!(matches!(refused(&place, "cosine", 6), OtherLength::Schedule(_)));
    assert_eq!(refused(&place, "cosine", 2), OtherLength::Done(3));
    extend(&place.path("cosine"), 3).unwrap();

    let schedule = ("schedule", "{ kind = 'constant', warmup = 2.0 }");
    train(&start(&place, "warm", &[("epochs", "3"), schedule]), 1).unwrap();
    assert_eq!(refused(&place, "warm", 6), OtherLength::WarmUp);

    let schedule = ("schedule", "{ kind = 'constant' }");
    train(&start(&place, "small", &[("epochs", "2"), schedule]), 1).unwrap();
    assert_eq!(refused(&place, "small", 3), OtherLength::Size(12, 16));

    let patient = [("epochs", "5"), schedule, ("patience", "1"), ("optimizer.rate", "1e-9")];
    let mut trainer = train(&start(&place, "patient", &patient), 1).unwrap();
    assert_eq!(trainer.run(&false.into(), &mut silent).unwrap(), Outcome::StoppedEarly);
    assert_eq!(refused(&place, "patient", 9), OtherLength::Patience(1));

    let error = extend(&place.path("small"), 1_000_000).unwrap_err().to_string();
    assert!(error.contains("`epochs` is 1000000"), "{error}");
}

#[test]
fn a_run_that_has_not_begun_takes_any_number() {
    let place = Place::new();
    train(&start(&place, "whole", &[("epochs", "4")]), 1).unwrap();
    drop(begin(&start(&place, "fresh", &[("epochs", "3")]), 1).unwrap());
    extend(&place.path("fresh"), 4).unwrap().run(&false.into(), &mut silent).unwrap();
    assert_same(&place.path("whole"), &place.path("fresh"));
}

#[test]
fn a_validation_that_only_the_last_epoch_had_is_noted() {
    let place = Place::new();
    let changes = [("epochs", "3"), ("validate_every", "2"), ("schedule", "{ kind = 'constant' }")];
    train(&start(&place, "run", &changes), 1).unwrap();
    let mut notes = vec![];
    let options = saving(None).epochs(5);
    let mut trainer = Trainer::resume(place.path("run"), &machine(1), &options, &mut |event| {
        if let Event::Note(note) = event {
            notes.push(note.to_owned());
        }
    })
    .unwrap();
    assert!(notes.iter().any(|note| note.contains("epoch 3 was validated because")), "{notes:?}");
    trainer.run(&false.into(), &mut silent).unwrap();
    train(&start(&place, "whole", &[("epochs", "5"), changes[1], changes[2]]), 1).unwrap();
    let weights = |run: &str| std::fs::read(place.path(run).join("last.safetensors")).unwrap();
    assert!(weights("run") == weights("whole"));
}

#[test]
fn a_stop_during_validation_leaves_it_to_the_resumed_run() {
    let place = Place::new();
    // More validation images than a batch of them has.
    common::paint::photos(&place.path("many"), ["blue", "red"], 21, 70).unwrap();
    let start = |run: &str| {
        let mut start = place.start(run);
        start.data = place.path("many");
        start.recipe.set("epochs", "3").unwrap();
        start
    };
    train(&start("whole"), 1).unwrap();
    let (mut trainer, mut stops) = (begin(&start("stopped"), 1).unwrap(), 0);
    loop {
        let stop = AtomicBool::new(false);
        let mut epochs = 0;
        let outcome = trainer.run(&stop, &mut |event| match event {
            // Each resumed run first makes up for the validation that was left.
            Event::Validating { done, total } if done < total && (epochs > 0 || stops == 0) => {
                stop.store(true, Ordering::Relaxed);
            }
            Event::EpochEnds { .. } => epochs += 1,
            _ => {}
        });
        if outcome.unwrap() == Outcome::Finished {
            break;
        }
        stops += 1;
        trainer = resume(place.path("stopped"), 1).unwrap();
    }
    assert_eq!(stops, 3, "one in each epoch");
    for name in ["log.csv", "checkpoint.safetensors", "best.safetensors", "last.safetensors"] {
        let [whole, stopped] =
            ["whole", "stopped"].map(|run| std::fs::read(place.path(run).join(name)).unwrap());
        assert!(whole == stopped, "{name} differs");
    }
}

#[test]
fn balanced_runs_resume_to_the_last_bit_and_differ_from_plain_ones() {
    let place = Place::new();
    // A class of few images.
    for entry in std::fs::read_dir(place.path("data/train/red")).unwrap().skip(4) {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let last = |run: &str| std::fs::read(place.path(run).join("last.safetensors")).unwrap();
    train(&place.start("plain"), 1).unwrap();
    for (name, change) in [
        ("weights", ("loss.class_weights", "balanced")),
        ("named", ("loss.class_weights", "{ red = 4 }")),
        ("sampler", ("sampler", "balanced")),
    ] {
        train(&start(&place, name, &[change]), 2).unwrap();
        assert!(last(name) != last("plain"), "{name}");
        let stopped = format!("{name}-stopped");
        let mut trainer = begin(&start(&place, &stopped, &[change]), 1).unwrap();
        for batches in [2, 5, 1, 1_000] {
            let (stop, mut done) = (AtomicBool::new(false), 0);
            trainer
                .run(&stop, &mut |event| {
                    done += usize::from(matches!(event, Event::Batch { .. }));
                    stop.store(done >= batches, Ordering::Relaxed);
                })
                .unwrap();
            trainer = resume(place.path(&stopped), 2).unwrap();
        }
        assert_same(&place.path(name), &place.path(&stopped));
    }
    let refused = start(&place, "refused", &[("loss.class_weights", "{ green = 4 }")]);
    let error = begin(&refused, 1).unwrap_err().to_string();
    assert!(error.contains("`green`, which is no class") && error.contains("blue, red"), "{error}");
}

/// What a start notes.
fn notes(start: &Start) -> Vec<String> {
    let mut notes = vec![];
    Trainer::start(start, &machine(1), &saving(None), &mut |event| {
        if let Event::Note(note) = event {
            notes.push(note.to_owned());
        }
    })
    .unwrap();
    notes
}

#[test]
fn uneven_classes_are_noted_with_the_remedies() {
    let place = Place::new();
    let photos: Vec<_> = std::fs::read_dir(place.path("data/train/red"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    let is_noted = |start: &Start| notes(start).iter().any(|note| note.contains("class_weights"));
    for photo in &photos[3..] {
        std::fs::remove_file(photo).unwrap();
    }
    assert!(!is_noted(&place.start("ten-times")), "21 and 3");
    std::fs::remove_file(&photos[2]).unwrap();
    assert!(is_noted(&place.start("more")));
    assert!(!is_noted(&start(&place, "sampler", &[("sampler", "balanced")])));
    assert!(!is_noted(&start(&place, "weights", &[("loss.class_weights", "balanced")])));
}

#[test]
fn unfinished_files_of_a_killed_process_go_at_the_next_start() {
    let place = Place::new();
    train(&start(&place, "run", &[("epochs", "2")]), 1).unwrap();
    let run = place.path("run");
    std::fs::write(run.join(".seesaw-4294967294-3"), "half a file").unwrap();
    std::fs::write(run.join("timing.csv"), "epoch,train_images,train_s,val_s\n1,40,0.1,0.1\n2,4")
        .unwrap();
    let mut said = String::new();
    Trainer::resume(&run, &machine(1), &saving(None), &mut |event| {
        if let Event::Note(note) = event {
            said.push_str(note);
        }
    })
    .unwrap();
    assert!(said.contains("removed 1 unfinished"), "{said}");
    assert!(!run.join(".seesaw-4294967294-3").exists());
}

#[test]
fn half_a_line_of_times_is_dropped() {
    let place = Place::new();
    let stop = AtomicBool::new(false);
    let mut trainer = begin(&place.start("run"), 1).unwrap();
    trainer
        .run(&stop, &mut |event| {
            stop.fetch_or(matches!(event, Event::EpochEnds { .. }), Ordering::Relaxed);
        })
        .unwrap();
    let path = place.path("run/timing.csv");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}2,40,0.")).unwrap();
    resume(place.path("run"), 1).unwrap().run(&false.into(), &mut silent).unwrap();
    let times = seesaw_train::run::read_times(&path).unwrap();
    assert_eq!(times.iter().map(|time| time.epoch).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
}
