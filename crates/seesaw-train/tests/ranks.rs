//! Several ranks learn what one learns, to the last bit, and fail together.

mod common;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use common::{machine, paint, saving, silent, tiny};
use seesaw_comm::{Threads, Wire};
use seesaw_train::{
    TrainError,
    net::Precision,
    ranks::Ranks,
    recipe::Recipe,
    run::Config,
    trainer::{Event, Outcome, RunOptions, Start, Trainer},
};

/// Steps of eight batches and of five; validation in three batches.
fn recipe() -> Recipe {
    Recipe::from_toml(
        r#"
        epochs = 3
        batch = 6
        accumulate = 8
        seed = 3
        clip = 5.0
        val_split = 0.5
        dropout = 0.3
        sizes = [{ from_epoch = 0, size = 12 }, { from_epoch = 2, size = 16, batch = 4 }]
        optimizer = { kind = "muon", rate = 0.1, nesterov = true, weight_decay = 1e-4 }
        schedule = { kind = "cosine", warmup = 1.0 }
        loss = { smoothing = 0.05 }
        augment = { crop = "resized", scale = [0.5, 1.0], flip = true, mixup = 0.2, mix_probability = 0.5 }
        ema = { decay = 0.9 }
        "#,
    )
    .unwrap()
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        paint::photos(&folder.path().join("data"), ["blue", "red"], 130, 8).unwrap();
        std::fs::write(folder.path().join("data/train/blue/broken.jpg"), "not a photo").unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn start(&self, run: &str) -> Start {
        Start::new(self.path("data"), tiny(), recipe(), self.path(run))
    }
}

/// Runs `work` on each of so many ranks; the results in the order of the ranks.
fn on_ranks<T: Send>(count: usize, work: impl Fn(usize, RunOptions) -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let start = |group: Threads| {
            let work = &work;
            scope.spawn(move || {
                let ranks = Ranks::new(Arc::new(group)).timeout(Duration::from_secs(60));
                work(ranks.rank(), saving(Some(2)).ranks(ranks))
            })
        };
        let threads: Vec<_> = Threads::group(count).into_iter().map(start).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// A run from start to end on so many ranks.
fn train(start: &Start, count: usize) -> Vec<Result<Outcome, TrainError>> {
    on_ranks(count, |_, options| {
        Trainer::start(start, &machine(1), &options, &mut silent)?.run(&false.into(), &mut silent)
    })
}

fn train_alone(start: &Start) {
    let mut trainer = Trainer::start(start, &machine(2), &saving(None), &mut silent).unwrap();
    assert_eq!(trainer.run(&false.into(), &mut silent).unwrap(), Outcome::Finished);
}

/// Everything of a run that must not depend on the ranks.
#[track_caller]
fn assert_same(run: &Path, other: &Path) {
    let names =
        ["log.csv", "checkpoint.safetensors", "best.safetensors", "last.safetensors", "files.csv"];
    for name in names {
        let [bytes, others] = [run, other].map(|run| std::fs::read(run.join(name)).unwrap());
        assert!(bytes == others, "{name} of {} differs", other.display());
    }
    let config = |run: &Path| {
        let mut config = Config::read(&run.join("config.toml")).unwrap();
        config.run.threads = 0;
        config
    };
    assert_eq!(config(run), config(other));
}

/// The error of each rank.
fn errors<T: std::fmt::Debug>(results: Vec<Result<T, TrainError>>) -> Vec<TrainError> {
    results.into_iter().map(Result::unwrap_err).collect()
}

#[test]
fn any_number_of_ranks_learns_the_same() {
    let place = Place::new();
    for precision in [Precision::F32, Precision::Bf16] {
        let start = |run: &str| {
            let mut start = place.start(&format!("{run}-{precision:?}"));
            start.recipe.precision = precision;
            start
        };
        let alone = start("alone");
        train_alone(&alone);
        for count in [1, 2, 3, 5, 8] {
            let shared = start(&count.to_string());
            for outcome in train(&shared, count) {
                assert_eq!(outcome.unwrap(), Outcome::Finished);
            }
            assert_same(&alone.out, &shared.out);
        }
    }
}

#[test]
fn ranks_without_a_batch_take_part() {
    let place = Place::new();
    let start = |run: &str| {
        let mut start = place.start(run);
        (start.recipe.accumulate, start.recipe.statistics) =
            (2, seesaw_train::net::Statistics::Running);
        start
    };
    train_alone(&start("alone"));
    assert!(train(&start("shared"), 5).iter().all(Result::is_ok));
    assert_same(&place.path("alone"), &place.path("shared"));
}

#[test]
fn a_run_goes_on_with_another_number_of_ranks() {
    let place = Place::new();
    train_alone(&place.start("alone"));
    let run = &place.path("stopped");
    let (mut count, mut resumed) = (2, 0);
    loop {
        let outcomes = on_ranks(count, |rank, options| {
            let mut trainer = if resumed == 0 {
                Trainer::start(&place.start("stopped"), &machine(1), &options, &mut silent)
            } else {
                Trainer::resume(run, &machine(1), &options, &mut silent)
            }
            .unwrap();
            let stop = AtomicBool::new(false);
            let mut listen = |event: Event<'_>| {
                // Only one rank is asked, in the middle of a step or of a validation.
                let asks = match event {
                    Event::Batch { .. } => resumed % 3 < 2,
                    Event::Validating { .. } => resumed % 3 == 2,
                    _ => false,
                };
                stop.fetch_or(asks && rank == count - 1, Ordering::Relaxed);
            };
            trainer.run(&stop, &mut listen).unwrap()
        });
        assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{outcomes:?}");
        if outcomes[0] == Outcome::Finished {
            break;
        }
        (count, resumed) = ([3, 1, 5, 2][resumed % 4], resumed + 1);
    }
    assert!(resumed > 3, "{resumed}");
    assert_same(&place.path("alone"), run);
    // Every rank has no less than what one alone needs.
    let mut trainer = Trainer::resume(run, &machine(1), &saving(None), &mut silent).unwrap();
    assert_eq!(trainer.run(&false.into(), &mut silent).unwrap(), Outcome::Finished);
}

#[test]
fn a_rank_that_dies_ends_the_run_which_then_goes_on() {
    let place = Place::new();
    train_alone(&place.start("alone"));
    let errors = on_ranks(3, |rank, options| {
        let mut trainer =
            Trainer::start(&place.start("died"), &machine(1), &options, &mut silent).unwrap();
        let mut done = 0;
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            trainer.run(&false.into(), &mut |event| {
                done += usize::from(matches!(event, Event::Batch { .. }));
                assert!(rank != 1 || done < 30, "dies here");
            })
        }));
        ended.ok().map(Result::unwrap_err)
    });
    assert!(errors[1].is_none());
    for error in [&errors[0], &errors[2]].into_iter().flatten() {
        let text = error.to_string();
        assert!(
            matches!(error, TrainError::Comm(_)) && text.contains("rank 1 has ended"),
            "{text}"
        );
        assert!(text.contains("can be resumed"), "{text}");
    }
    let run = place.path("died");
    for outcome in on_ranks(2, |_, options| {
        let mut trainer = Trainer::resume(&run, &machine(1), &options, &mut silent).unwrap();
        assert!(trainer.progress().step > 0);
        trainer.run(&false.into(), &mut silent)
    }) {
        assert_eq!(outcome.unwrap(), Outcome::Finished);
    }
    assert_same(&place.path("alone"), &run);
}

#[test]
fn broken_images_are_found_by_one_and_known_to_all() {
    let place = Place::new();
    let broken = on_ranks(3, |_, options| {
        let mut broken = vec![];
        let mut listen = |event: Event<'_>| {
            if let Event::Broken { path, .. } = event {
                broken.push(path.to_owned());
            }
        };
        Trainer::start(&place.start("run"), &machine(1), &options, &mut listen).unwrap();
        broken
    });
    assert_eq!(broken, vec![vec![place.path("data/train/blue/broken.jpg")]; 3]);
}

/// What one rank does otherwise than the rest.
type Change = fn(&Place, &mut Start);

#[test]
fn different_ranks_are_refused_on_all() {
    let place = Place::new();
    let starts: [(&str, Change); 4] = [
        ("the recipe differs between ranks: batch = 6", |_, start| start.recipe.batch = 7),
        ("the net differs between ranks", |_, start| start.net.name = "another".to_owned()),
        ("number of images differs", |place, start| start.data = place.path("fewer")),
        ("the data set differs", |place, start| start.data = place.path("renamed")),
    ];
    paint::photos(&place.path("fewer"), ["blue", "red"], 30, 8).unwrap();
    paint::photos(&place.path("renamed"), ["blue", "red"], 130, 8).unwrap();
    std::fs::write(place.path("renamed/train/blue/brokem.jpg"), "not a photo").unwrap();
    for (expected, change) in starts {
        let results = on_ranks(3, |rank, options| {
            let mut start = place.start("run");
            if rank == 1 {
                change(&place, &mut start);
            }
            let trainer = Trainer::start(&start, &machine(1), &options, &mut silent);
            trainer.map(|_| ()).inspect_err(|_| assert!(options.ranks.failed_together()))
        });
        for error in errors(results) {
            assert!(error.to_string().contains(expected), "{error}");
        }
        assert!(!place.path("run/config.toml").exists());
    }
}

#[test]
fn an_error_of_one_rank_is_one_of_all() {
    let place = Place::new();
    let results = on_ranks(3, |rank, options| {
        let mut start = place.start("run");
        if rank == 2 {
            start.data = place.path("missing");
        }
        Trainer::start(&start, &machine(1), &options, &mut silent).map(|_| ())
    });
    let all = errors(results);
    assert!(matches!(all[2], TrainError::Data(_)), "{}", all[2]);
    for error in &all[..2] {
        assert!(error.to_string().starts_with("rank 2: "), "{error}");
    }
    // Rank 0 alone writes.
    std::fs::write(place.path("file"), "in the way").unwrap();
    let results = on_ranks(2, |_, options| {
        Trainer::start(&place.start("file/run"), &machine(1), &options, &mut silent).map(|_| ())
    });
    let all = errors(results);
    assert!(matches!(all[0], TrainError::Io { .. }) && all[1].to_string().starts_with("rank 0: "));
}

#[test]
fn an_image_that_is_gone_and_a_folder_that_is_gone_end_all() {
    for data in [true, false] {
        let place = Place::new();
        let results = on_ranks(3, |rank, options| {
            let mut options = options;
            options.cache_bytes = 0;
            let start = place.start("run");
            let mut trainer = Trainer::start(&start, &machine(1), &options, &mut silent).unwrap();
            let mut listen = |event: Event<'_>| {
                if rank == 0 && matches!(event, Event::Batch { done: 8, .. }) {
                    let gone = place.path(if data { "data" } else { "run" });
                    std::fs::rename(gone, place.path("gone")).unwrap();
                }
            };
            trainer.run(&false.into(), &mut listen)
        });
        let all = errors(results);
        let own = all.iter().filter(|error| !matches!(error, TrainError::OtherRank { .. })).count();
        assert!(own >= 1, "{all:?}");
        if !data {
            assert!(matches!(all[0], TrainError::Io { .. } | TrainError::Format(_)), "{}", all[0]);
            assert!(all[1..].iter().all(|error| error.to_string().starts_with("rank 0: ")));
        }
    }
}

#[test]
fn bf16_on_the_wire_changes_results() {
    let place = Place::new();
    train_alone(&place.start("alone"));
    let outcomes = on_ranks(3, |_, options| {
        let options = options.clone().ranks(options.ranks.wire(Wire::Bf16));
        let mut trainer = Trainer::start(&place.start("bf16"), &machine(1), &options, &mut silent)?;
        trainer.run(&false.into(), &mut silent)?;
        Ok::<_, TrainError>(trainer.learner().memory().clone())
    });
    let memories: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
    assert!(memories[1..].iter().all(|memory| *memory == memories[0]));
    let read = |run: &str| std::fs::read(place.path(run).join("checkpoint.safetensors")).unwrap();
    assert!(read("alone") != read("bf16"));
}

#[test]
fn a_rank_that_does_not_come_ends_the_others() {
    let place = Place::new();
    let results = on_ranks(2, |rank, options| {
        let ranks = options.ranks.clone().timeout(Duration::from_millis(10));
        if rank == 1 {
            // Longer than 60 times the timeout.
            thread::sleep(Duration::from_secs(1));
            return None;
        }
        let options = options.ranks(ranks);
        Some(Trainer::start(&place.start("run"), &machine(1), &options, &mut silent).unwrap_err())
    });
    let error = results[0].as_ref().unwrap().to_string();
    assert!(error.contains("no answer from the other ranks"), "{error}");
}
