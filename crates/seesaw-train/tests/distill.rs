//! Trainings that learn a teacher's feature maps, start from a graft, or have no labels.

mod common;

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use common::{Place, begin, machine, resume, saving, silent, tiny, train};
use seesaw_arch::Net;
use seesaw_train::{
    TrainError,
    recipe::{FeatureMaps, FeatureSpec},
    trainer::{Event, Outcome, Start, Trainer},
};

/// The net of the other tests without groups.
fn dense() -> Net {
    let text = include_str!("tiny.toml");
    let dense =
        ["1:3", "1:1"].iter().fold(text.to_owned(), |text, groups| text.replace(groups, "1"));
    let text = dense.replace("flow = \"shuffle(2)\"\n", "activate_expand = true\n");
    Net::from_toml(&text).unwrap()
}

/// A trained teacher without groups.
fn teacher(place: &Place) -> PathBuf {
    let mut start = place.start("teacher");
    start.net = dense();
    start.recipe.set("epochs", "12").unwrap();
    let teacher = train(&start, 2).unwrap();
    assert!(teacher.progress().best.unwrap().top1 >= 0.9);
    teacher.folder().best()
}

/// A training without labels that starts from a graft.
fn unlabeled(place: &Place, run: &str, teacher: &std::path::Path) -> Start {
    let mut start = place.start(run);
    start.unlabeled = true;
    start.graft = Some(teacher.to_owned());
    start.teacher = Some(teacher.to_owned());
    start.recipe.loss.features = Some(FeatureSpec { isolated_steps: 4, ..FeatureSpec::default() });
    start
}

#[test]
fn a_graft_learns_its_teachers_classes_without_labels() {
    let place = Place::new();
    let teacher = teacher(&place);
    // Photos in folders that say nothing about their classes.
    let photos = place.path("photos");
    std::fs::create_dir_all(photos.join("deep/er")).unwrap();
    for (i, class) in ["blue", "red"].iter().enumerate() {
        let folder = place.path("data").join("train").join(class);
        for photo in std::fs::read_dir(folder).unwrap() {
            let photo = photo.unwrap().path();
            let name = format!("{class}-{}", photo.file_name().unwrap().to_string_lossy());
            std::fs::copy(&photo, photos.join(["deep/er", "."][i]).join(name)).unwrap();
        }
    }
    let mut start = unlabeled(&place, "student", &teacher);
    start.data = photos;
    start.recipe.set("epochs", "8").unwrap();
    let mut notes = Vec::new();
    let mut trainer = Trainer::start(&start, &machine(2), &saving(None), &mut |event| {
        if let Event::Note(note) = event {
            notes.push(note.to_owned());
        }
    })
    .unwrap();
    let grafted = notes.iter().any(|note| note.starts_with("3 of 3 blocks are grafted"));
    assert!(grafted, "{notes:?}");
    trainer.run(&false.into(), &mut silent).unwrap();
    assert_eq!(trainer.config().data.classes, ["blue", "red"]);
    assert_eq!(trainer.config().recipe.loss.teacher_share, 1.0);
    let best = trainer.progress().best.unwrap();
    assert!(best.top1 >= 0.8, "the student sees what its teacher sees: {best:?}");
}

#[test]
fn such_a_training_resumes_exactly() {
    let place = Place::new();
    let teacher = teacher(&place);
    let whole = train(&unlabeled(&place, "whole", &teacher), 1).unwrap();
    let mut trainer = begin(&unlabeled(&place, "stopped", &teacher), 2).unwrap();
    for batches in [3, 7, 4].iter().cycle() {
        let (stop, mut done) = (AtomicBool::new(false), 0);
        let outcome = trainer.run(&stop, &mut |event| {
            done += usize::from(matches!(event, Event::Batch { .. }));
            stop.store(done >= *batches, Ordering::Relaxed);
        });
        if outcome.unwrap() == Outcome::Finished {
            break;
        }
        trainer = resume(place.path("stopped"), 1).unwrap();
    }
    assert_eq!(trainer.learner().memory(), whole.learner().memory());
    assert_eq!(trainer.progress().history, whole.progress().history);
}

#[test]
fn feature_maps_matter_and_isolation_too() {
    let place = Place::new();
    let teacher = teacher(&place);
    let run = |name: &str, features: Option<FeatureSpec>| {
        let mut start = place.start(name);
        start.recipe.set("epochs", "2").unwrap();
        start.teacher = Some(teacher.clone());
        start.recipe.loss.features = features;
        train(&start, 2).unwrap().progress().history.clone()
    };
    let spec = FeatureSpec::default();
    let runs = [
        run("none", None),
        run("blocks", Some(spec)),
        run("stages", Some(FeatureSpec { maps: FeatureMaps::Stages, ..spec })),
        run("isolated", Some(FeatureSpec { isolated_steps: 100, ..spec })),
        run("pooled", Some(FeatureSpec { maps: FeatureMaps::None, ..spec })),
    ];
    for (i, one) in runs.iter().enumerate() {
        assert!(runs[..i].iter().all(|other| other != one), "run {i}");
    }
    assert_eq!(run("of-no-weight", Some(FeatureSpec { weight: 0.0, ..spec })), runs[0]);
}

#[test]
fn what_a_teacher_cannot_give_is_said() {
    let place = Place::new();
    let refusal = |start: &Start| match begin(start, 1) {
        Err(error) => error,
        Ok(_) => panic!("the start is refused"),
    };
    let mut start = place.start("run");
    start.recipe.loss.features = Some(FeatureSpec::default());
    assert!(matches!(refusal(&start), TrainError::NoTeacher { what: "`loss.features`" }));
    start.recipe.loss.features = None;
    start.unlabeled = true;
    assert!(matches!(refusal(&start), TrainError::NoTeacher { .. }));

    // A teacher of another width.
    let mut wide = place.start("wide");
    wide.net = Net::from_toml(
        &include_str!("tiny.toml")
            .replace("channels = 16", "channels = 24")
            .replace("channels = 8\nrepeat", "channels = 16\nrepeat"),
    )
    .unwrap();
    wide.recipe.set("epochs", "1").unwrap();
    let wide = train(&wide, 2).unwrap().folder().best();
    start.unlabeled = false;
    start.teacher = Some(wide.clone());
    start.out = place.path("logits");
    assert!(begin(&start, 1).is_ok(), "its logits can be learned");
    start.out = place.path("run");
    start.recipe.loss.features = Some(FeatureSpec::default());
    assert!(matches!(refusal(&start), TrainError::NoCounterpart { .. }));
    start.recipe.loss.features = None;
    start.graft = Some(wide);
    assert!(matches!(refusal(&start), TrainError::NoGraft { .. }));

    // One of which a part fits.
    let mut half = place.start("half");
    half.net = Net::from_toml(&include_str!("tiny.toml").replace("channels = 16", "channels = 24"))
        .unwrap();
    half.recipe.set("epochs", "1").unwrap();
    let half = train(&half, 2).unwrap().folder().best();
    let mut start = place.start("partly");
    start.teacher = Some(half.clone());
    start.graft = Some(half);
    start.recipe.loss.features = Some(FeatureSpec::default());
    let mut notes = Vec::new();
    let mut listen = |event: Event<'_>| {
        if let Event::Note(note) = event {
            notes.push(note.to_owned());
        }
    };
    assert!(start.net == tiny());
    Trainer::start(&start, &machine(1), &saving(None), &mut listen).unwrap();
    let notes = notes.join("\n");
    assert!(notes.contains("shapes of blocks 2, 3"), "{notes}");
    assert!(notes.contains("without a counterpart: 2, 3"), "{notes}");
}
