//! Whole trainings of a tiny net, and what can go wrong with them.

mod common;

use std::sync::Arc;

use common::{Place, begin, machine, paint, recipe, resume, saving, silent, tiny, train};
use seesaw_data::{Loader, LoaderOptions, datasets};
use seesaw_engine::{Options, compile};
use seesaw_format::load_model;
use seesaw_plot::Confusion;
use seesaw_train::{
    TrainError,
    metrics::{Keep, evaluate, match_classes},
    pictures::{mistake_tiles, write_picture, write_sheet},
    run::Checkpoint,
    trainer::{Event, Init, Outcome, Start, Trainer},
};

fn longer(place: &Place, run: &str) -> Start {
    let mut start = place.start(run);
    start.recipe.set("epochs", "12").unwrap();
    start
}

#[test]
fn learns_two_colors() {
    let place = Place::new();
    let start = longer(&place, "run");
    let (mut batches, mut epochs, mut validated) = (0, 0, 0);
    let mut trainer = begin(&start, 2).unwrap();
    let outcome = trainer.run(&false.into(), &mut |event| match event {
        Event::Batch { images, .. } => batches += images,
        Event::EpochEnds { row, .. } => {
            epochs += 1;
            assert_eq!(row.epoch, epochs);
        }
        Event::Validating { done, total } => validated = total - done,
        _ => {}
    });
    assert_eq!(outcome.unwrap(), Outcome::Finished);
    // 42 photos make 5 batches of 8, and later 7 of 6.
    assert_eq!((batches, epochs, validated), (2 * 40 + 10 * 42, 12, 0));
    let best = trainer.progress().best.unwrap();
    assert!(best.top1 >= 0.9, "{best:?}");
    for name in ["log.csv", "timing.csv", "loss.png", "accuracy.svg", "rate.png", "config.toml"] {
        assert!(trainer.folder().file(name).metadata().unwrap().len() > 0, "{name}");
    }

    // The model file alone gives the results of the log.
    let model = load_model(&trainer.folder().best(), None).unwrap();
    assert_eq!(
        (model.labels.as_slice(), model.net.input_size),
        (["blue", "red"].map(str::to_owned).as_slice(), 16)
    );
    let val = datasets::open(place.path("data"), &Default::default()).unwrap().val;
    let classes = match_classes(val.classes(), &model.labels, 2).unwrap().columns;
    let preprocess = model.preprocess.unwrap();
    let loader = Loader::new(val.into(), LoaderOptions::evaluate(&preprocess, 5)).unwrap();
    let options = Options::new(&model.net).input_size(16).batch(16);
    let plan = compile(&model.net, &model.weights, &options, &machine(1)).unwrap();
    let evaluation = evaluate(&plan, &classes, &loader, Keep::mistakes(3), &mut |_| {}).unwrap();
    let tiles = mistake_tiles(loader.dataset(), evaluation.mistakes(), &model.labels).unwrap();
    assert_eq!(tiles.len(), evaluation.mistakes().len());
    write_sheet(&place.path("worst.png"), &tiles).unwrap();
    let confusion = Confusion { counts: evaluation.confusion(), names: &model.labels };
    write_picture(&place.path("confusion.svg"), &confusion).unwrap();
    let summary = evaluation.summary();
    assert_eq!((summary.images, summary.top1), (16, best.top1));
    assert!((summary.loss - best.loss).abs() < 1e-6);
}

#[test]
fn stops_early_when_nothing_gets_better() {
    let place = Place::new();
    let mut start = place.start("run");
    // With a rate of almost nothing no epoch after the first ones is better.
    let changes =
        [("epochs", "60"), ("patience", "2"), ("optimizer.rate", "1e-12"), ("ema.decay", "0")];
    start.recipe.set_all(&changes).unwrap();
    start.recipe.set("schedule.warmup", "0").unwrap();
    let mut trainer = begin(&start, 2).unwrap();
    assert_eq!(trainer.run(&false.into(), &mut silent).unwrap(), Outcome::StoppedEarly);
    let progress = trainer.progress();
    assert_eq!(progress.epoch, progress.best.unwrap().epoch + 2);
    assert!(progress.history.iter().all(|row| row.val_top1.is_some()));
    // It stays stopped.
    let mut trainer = resume(place.path("run"), 1).unwrap();
    assert_eq!(trainer.run(&false.into(), &mut silent).unwrap(), Outcome::StoppedEarly);
}

#[test]
fn validates_as_often_as_asked_and_at_the_end() {
    let place = Place::new();
    let mut start = place.start("seldom");
    start.recipe.set_all(&[("epochs", "5"), ("validate_every", "2")]).unwrap();
    let seldom = train(&start, 2).unwrap();
    let mut start = place.start("always");
    start.recipe.set("epochs", "5").unwrap();
    let always = train(&start, 2).unwrap();

    let (seldom, always) = (seldom.progress(), always.progress());
    for (row, every) in seldom.history.iter().zip(&always.history) {
        let validated = matches!(row.epoch, 2 | 4 | 5);
        assert_eq!(row.val_top1, every.val_top1.filter(|_| validated), "epoch {}", row.epoch);
        assert_eq!(row.train_loss, every.train_loss, "validation changed the training");
        assert!(validated || !row.best);
    }
    assert!(matches!(seldom.best.unwrap().epoch, 2 | 4 | 5));
}

#[test]
fn patience_waits_for_a_validation() {
    let place = Place::new();
    let mut start = place.start("run");
    let changes =
        [("epochs", "60"), ("patience", "1"), ("validate_every", "3"), ("optimizer.rate", "1e-12")];
    start.recipe.set_all(&changes).unwrap();
    start.recipe.set_all(&[("schedule.warmup", "0"), ("ema.decay", "0")]).unwrap();
    let mut trainer = begin(&start, 2).unwrap();
    assert_eq!(trainer.run(&false.into(), &mut silent).unwrap(), Outcome::StoppedEarly);
    let progress = trainer.progress();
    assert_eq!(progress.epoch, progress.best.unwrap().epoch + 3);
}

#[test]
fn a_training_that_diverges_keeps_its_last_good_state() {
    let place = Place::new();
    let mut start = place.start("run");
    let changes = [("optimizer.rate", "1e30"), ("clip", "0"), ("schedule.warmup", "0")];
    start.recipe.set_all(&changes).unwrap();
    let error = train(&start, 2).unwrap_err();
    assert!(matches!(error, TrainError::Diverged { epoch: Some(_), .. }), "{error}");
    let message = error.to_string();
    assert!(message.contains("optimizer.rate") && message.contains("e29"), "{message}");
    let run = seesaw_train::run::RunFolder::new(place.path("run"));
    let net = resume(run.path(), 1).unwrap().config().net.clone();
    let kept = Checkpoint::read(&run.checkpoint(), &net, &start.recipe.optimizer, 0.9).unwrap();
    assert!(kept.memory.state.parameters.iter().all(|x| x.abs() < 100.0));
}

#[test]
fn learns_from_a_teacher_and_from_first_weights() {
    let place = Place::new();
    let teacher = train(&longer(&place, "teacher"), 2).unwrap().folder().best();

    let mut start = place.start("student");
    start.teacher = Some(teacher.clone());
    let student = train(&start, 2).unwrap();
    start.out = place.path("student-of-larger");
    start.recipe.set("loss.teacher_size", "48").unwrap();
    let of_larger = train(&start, 2).unwrap();
    start.recipe.loss.teacher_size = None;
    assert!(student.progress().history.iter().all(|row| row.train_loss.is_finite()));
    start.out = place.path("alone");
    start.teacher = None;
    let alone = train(&start, 2).unwrap();
    let losses =
        |t: &Trainer| t.progress().history.iter().map(|r| r.train_loss).collect::<Vec<_>>();
    assert_ne!(losses(&student), losses(&alone));
    assert_ne!(losses(&student), losses(&of_larger));

    // The same classes: the first validation knows them.
    let changes = [("epochs", "1"), ("optimizer.rate", "1e-9"), ("schedule.warmup", "0")];
    let mut start = place.start("again");
    start.recipe.set_all(&changes).unwrap();
    start.init = Some(teacher.clone().into());
    let best = train(&start, 2).unwrap().progress().best.unwrap();
    assert!(best.top1 >= 0.9, "{best:?}");

    // Other classes: a new last layer, and everything else as it was.
    paint::photos(&place.path("other"), ["owl", "ape"], 9, 3).unwrap();
    start.data = place.path("other");
    start.out = place.path("other-run");
    let mut notes = Vec::new();
    let trainer = Trainer::start(&start, &machine(1), &saving(None), &mut |event| {
        if let Event::Note(note) = event {
            notes.push(note.to_owned());
        }
    });
    assert!(notes.iter().any(|note| note.contains("reinitialized")), "{notes:?}");
    let config = trainer.unwrap().config().clone();
    let begun = Checkpoint::read(
        &place.path("other-run/checkpoint.safetensors"),
        &config.net,
        &config.recipe.optimizer,
        0.9,
    );
    let before = load_model(&teacher, None).unwrap().weights;
    let before = seesaw_train::layout::State::from_weights(&before);
    let begun = begun.unwrap().memory.state;
    let head = 32 * 2 + 2;
    let trunk = before.parameters.len() - head;
    assert_eq!(begun.parameters[..trunk], before.parameters[..trunk]);
    assert_ne!(begun.parameters[trunk..], before.parameters[trunk..]);
}

/// Weights that a program carries, a fitted last layer, and running statistics.
fn from_memory(place: &Place, run: &str) -> Start {
    let teacher = place.path("teacher/best.safetensors");
    if !teacher.exists() {
        train(&place.start("teacher"), 2).unwrap();
        paint::photos(&place.path("other"), ["owl", "ape"], 12, 6).unwrap();
    }
    let model = Arc::new(load_model(&teacher, None).unwrap());
    let mut start = place.start(run);
    start.data = place.path("other");
    start.init = Some(Init::model("small", model));
    let changes = [
        ("statistics", "running"),
        ("fit_classifier", "true"),
        ("sizes", "[]"),
        ("optimizer.rate", "0.01"),
        ("epochs", "{ steps = 6, min = 2, max = 4 }"),
    ];
    start.recipe.set_all(&changes).unwrap();
    start
}

#[test]
fn a_fitted_last_layer_knows_the_classes_before_the_first_step() {
    let place = Place::new();
    let mut start = from_memory(&place, "run");
    let changes = [("optimizer.rate", "1e-12"), ("epochs", "1"), ("ema.decay", "0")];
    start.recipe.set_all(&changes).unwrap();
    let mut fitted = 0;
    let mut trainer =
        Trainer::start(&start, &machine(2), &saving(None), &mut |event| match event {
            Event::Fitting { done, total } => fitted = total - done + 1,
            Event::Note(note) => panic!("nothing to note: {note}"),
            _ => {}
        })
        .unwrap();
    assert_eq!(fitted, 1, "all images");
    trainer.run(&false.into(), &mut silent).unwrap();
    let best = trainer.progress().best.unwrap();
    assert!(best.top1 >= 0.9, "{best:?}");
    // All but the last layer is that of the start weights, running statistics included.
    let (first, last) = (load_model(&place.path("teacher/best.safetensors"), None), trainer);
    let (first, last) = (first.unwrap().weights, last.learner().weights());
    assert_eq!(first.head.bn, last.head.bn);
    assert_ne!(first.classifier, last.classifier);
    // The same on any number of threads.
    start.out = place.path("alone");
    let alone = train(&start, 1).unwrap();
    assert_eq!(alone.learner().weights(), last);
}

#[test]
fn a_run_from_weights_in_memory_resumes_without_them() {
    let place = Place::new();
    let whole = train(&from_memory(&place, "whole"), 2).unwrap();
    let config = whole.config();
    assert_eq!(config.run.bundled.as_deref(), Some("small"));
    assert_eq!((config.recipe.epochs.count(), config.run.init.is_none()), (3, true));

    let mut parts = begin(&from_memory(&place, "parts"), 1).unwrap();
    // Stopped before its first step ends, and then after each step.
    let mut outcome = parts.run(&true.into(), &mut silent).unwrap();
    std::fs::remove_dir_all(place.path("teacher")).unwrap();
    let mut threads = 1;
    while outcome == Outcome::Stopped {
        threads = 3 - threads;
        parts = resume(place.path("parts"), threads).unwrap();
        outcome = parts.run(&true.into(), &mut silent).unwrap();
    }
    assert_eq!(parts.learner().memory(), whole.learner().memory());
    assert_eq!(parts.config().recipe, whole.config().recipe);
}

#[test]
fn what_does_not_fit_is_refused() {
    let place = Place::new();
    let refusal = |start: &Start| begin(start, 1).unwrap_err();
    let mut start = place.start("a");
    start.data = place.path("nowhere");
    assert!(refusal(&start).to_string().contains("nowhere"), "{}", refusal(&start));

    let teacher = train(&place.start("teacher"), 2).unwrap().folder().best();
    let error = refusal(&place.start("teacher"));
    assert!(matches!(&error, TrainError::RunExists { folder } if folder.ends_with("teacher")));

    let mut start = place.start("b");
    start.teacher = Some(teacher.clone());
    start.recipe.set("mean", "[0.5, 0.5, 0.5]").unwrap();
    let error = refusal(&start);
    let TrainError::TeacherNormalization { path, mean, std } = error else { panic!("{error}") };
    assert_eq!((path, mean, std), (teacher.clone(), recipe().mean, recipe().std));

    let mut start = place.start("c");
    start.init = Some(teacher.into());
    start.net.stages[0].channels = 16;
    let error = refusal(&start);
    assert!(matches!(&error, TrainError::OtherLayers { .. }), "{error}");
    assert!(error.to_string().contains("layers are not those"), "{error}");

    let mut start = place.start("d");
    // Of a class with a single image, none is held out.
    paint::photos(&place.path("few"), ["blue", "red"], 1, 0).unwrap();
    start.data = place.path("few/train");
    let error = refusal(&start);
    assert!(matches!(error, TrainError::NeedsImages { train: 2, val: 0, .. }), "{error}");

    let error = resume(place.path("data"), 1).unwrap_err();
    assert!(matches!(&error, TrainError::NoRun { folder } if folder.ends_with("data")), "{error}");
    assert!(error.to_string().contains("holds no run"), "{error}");
}

#[test]
fn changed_data_are_noticed_and_broken_photos_left_out() {
    let place = Place::new();
    std::fs::write(place.path("data/train/red/broken.png"), b"no photo").unwrap();
    let mut broken = Vec::new();
    let mut start = place.start("run");
    start.recipe.set("epochs", "1").unwrap();
    let trainer = Trainer::start(&start, &machine(2), &saving(None), &mut |event| {
        if let Event::Broken { path, .. } = event {
            broken.push(path.to_owned());
        }
    });
    assert_eq!(trainer.unwrap().config().data.train_images, 42);
    assert!(matches!(broken.as_slice(), [path] if path.ends_with("red/broken.png")), "{broken:?}");
    std::fs::remove_file(place.path("data/train/red/000.png")).unwrap();
    let error = resume(place.path("run"), 1).unwrap_err();
    let TrainError::DataChanged { train: 41, run_train: 42, .. } = error else { panic!("{error}") };
}

#[test]
fn a_trial_takes_few_images() {
    let place = Place::new();
    let mut start = place.start("run");
    start.limit = Some(6);
    let trainer = train(&start, 2).unwrap();
    let row = trainer.progress().history[0];
    assert_eq!((row.batch, row.step), (6, 1));
    assert_eq!(recipe().batch, 8);
    assert_eq!(tiny().classes, trainer.config().net.classes);
}
