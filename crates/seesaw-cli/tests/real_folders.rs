//! Folders, lists and moved data sets as people have them.

use std::path::{Path, PathBuf};

use serde_json::Value;

mod common;
use common::{
    Run, args, bmp, seesaw,
    training::{Album, COLORS},
};

/// Writes `count` photos of each class into `folder/CLASS`, of shades that depend on `first`.
fn photos(folder: &Path, count: u8, first: u8) {
    for (class, color) in COLORS {
        std::fs::create_dir_all(folder.join(class)).unwrap();
        for photo in first..first + count {
            let shade = color.map(|sample| sample.saturating_add(photo));
            std::fs::write(folder.join(class).join(format!("{photo:03}.bmp")), bmp(20, shade))
                .unwrap();
        }
    }
}

fn copy(from: &Path, to: &Path) {
    for (class, _) in COLORS {
        std::fs::create_dir_all(to.join(class)).unwrap();
        for entry in from.join(class).read_dir().unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, to.join(class).join(path.file_name().unwrap())).unwrap();
        }
    }
}

/// A short training on an album; its run folder.
fn trained(album: &Album) -> PathBuf {
    album.train("run", &["--epochs", "1"]).ok();
    album.path("run")
}

#[track_caller]
fn says(run: &Run, parts: &[&str]) {
    let said = run.stderr();
    for part in parts {
        assert!(said.contains(part), "no {part:?} in\n{said}");
    }
}

fn json(run: &Run) -> Value {
    serde_json::from_str(run.stdout()).unwrap()
}

#[test]
fn files_that_are_not_looked_at_are_counted_everywhere() {
    let album = Album::new();
    let run = trained(&album);
    for name in ["red/a.AVIF", "red/b.avif", "blue/c", "green/notes.txt"] {
        std::fs::write(album.data.join(name), "no photo").unwrap();
    }
    let expected = [
        "warning: 3 files that may be photos were not looked at (2 .avif, 1 without extension)",
        "warning: 1 other file was not looked at (1 .txt)",
    ];
    let info = seesaw(args!["data", "info", album.data, "--json"]);
    says(&seesaw(args!["data", "info", album.data]), &expected);
    assert_eq!(info.json()["skipped"], serde_json::json!({ "": 1, "avif": 2, "txt": 1 }));
    says(&album.train("again", &["--epochs", "1"]), &expected);
    says(&seesaw(args!["eval", run]), &expected);
    let predicted = seesaw(args![
        "predict",
        "--weights",
        run.join("best.safetensors"),
        album.data,
        "--top",
        "1"
    ]);
    assert_eq!(predicted.ok().lines().count(), 120);
    says(&predicted, &expected);
}

#[test]
fn nearly_black_images_are_counted() {
    let album = Album::new();
    std::fs::write(album.data.join("red/dark.bmp"), bmp(20, [2, 2, 3])).unwrap();
    let info = seesaw(args!["data", "info", album.data, "--check", "--json"]).json();
    assert_eq!((&info["dark"], &info["broken"]), (&1.into(), &0.into()));
}

#[test]
fn jpegs_of_other_extensions_are_photos() {
    let album = Album::new();
    for name in ["a.jfif", "b.JPE", "c.jif"] {
        std::fs::write(album.data.join("red").join(name), bmp(20, [200, 30, 50])).unwrap();
    }
    let info = seesaw(args!["data", "info", album.data, "--json"]).json();
    assert_eq!(info["train"].as_u64().unwrap() + info["val"].as_u64().unwrap(), 123);
}

#[test]
fn parts_alone_are_no_classes() {
    let album = Album::new();
    let folder = album.path("parts");
    for part in ["Training", "Testing"] {
        photos(&folder.join(part), 10, 0);
    }
    let info = seesaw(args!["data", "info", folder, "--json"]).json();
    assert_eq!((&info["train"], &info["val"], &info["test"]), (&24.into(), &6.into(), &30.into()));
    assert_eq!(info["held_out"], true);
    says(&seesaw(args!["data", "info", folder]), &["Testing is taken for the test images"]);
    let flat = album.path("flat");
    for part in ["Train", "Test"] {
        std::fs::create_dir_all(flat.join(part)).unwrap();
        std::fs::write(flat.join(part).join("1.bmp"), bmp(20, [1, 2, 3])).unwrap();
    }
    seesaw(args!["train", "--data", flat]).fails(&["named like the parts of a data set", "Train"]);
}

#[test]
fn test_images_are_measured_and_never_validated_on() {
    let album = Album::new();
    let data = album.path("three");
    for (part, count, first) in [("train", 20, 0), ("val", 4, 100), ("test", 6, 150)] {
        photos(&data.join(part), count, first);
    }
    let training = seesaw(args![
        "train",
        "--data",
        data,
        "--net",
        album.net,
        "--recipe",
        album.recipe,
        "--out",
        album.path("run"),
        "--epochs",
        "1"
    ]);
    training.ok();
    says(&training, &["60 training images, 12 validation images"]);
    let measured =
        |split: &str| seesaw(args!["eval", album.path("run"), "--split", split, "--json"]);
    let counts = ["val", "test", "train"].map(|split| json(&measured(split))["images"].clone());
    assert_eq!(counts, [12, 18, 60].map(Value::from));
    assert_eq!(json(&measured("test"))["split"], "test");
    std::fs::remove_dir_all(data.join("test")).unwrap();
    let test = measured("test");
    says(&test, &["has no test images; its validation images are evaluated"]);
    assert_eq!((&json(&test)["images"], &json(&test)["split"]), (&12.into(), &"val".into()));
}

#[test]
fn a_moved_data_set_is_evaluated_on_the_same_images() {
    let album = Album::new();
    let run = trained(&album);
    let here = seesaw(args!["eval", run, "--json"]).json();
    let moved = album.path("moved");
    copy(&album.data, &moved);
    let there = seesaw(args!["eval", run, "--data", moved, "--json"]).json();
    assert_eq!((&there["images"], &there["top1"]), (&24.into(), &here["top1"]));
    assert_eq!((&there["split"], &there["trained_on"]), (&"val".into(), &0.into()));
    // New photos are left out, and said to be.
    std::fs::write(moved.join("red/new.bmp"), bmp(20, [201, 31, 51])).unwrap();
    let more = seesaw(args!["eval", run, "--data", moved, "--json"]);
    assert_eq!(json(&more)["images"], 24);
    says(&more, &["1 of the 121 images are new since the run started and are left out"]);
    // The run goes on at the new place, with the same files alone.
    std::fs::remove_file(moved.join("red/new.bmp")).unwrap();
    std::fs::remove_dir_all(&album.data).unwrap();
    seesaw(args!["resume", run]).fails(&["no such file or folder", "--data"]);
    seesaw(args!["resume", run, "--data", moved]).ok();
    seesaw(args!["resume", run]).ok();
    std::fs::rename(moved.join("red/001.bmp"), moved.join("red/renamed.bmp")).ok();
    std::fs::rename(moved.join("red/01.bmp"), moved.join("red/renamed.bmp")).unwrap();
    seesaw(args!["resume", run]).fails(&["the data set has changed", "red/01.bmp"]);
}

#[test]
fn an_accuracy_on_training_images_is_refused_or_flagged() {
    let album = Album::new();
    let run = trained(&album);
    let register = std::fs::read_to_string(run.join("files.csv")).unwrap();
    let trained =
        |name: &str| register.lines().any(|line| line.starts_with(&format!("train,{name}")));
    // Training photos under other names, in other folders.
    let renamed = album.path("renamed");
    for (class, _) in COLORS {
        std::fs::create_dir_all(renamed.join(class)).unwrap();
        let names = (0..40).map(|n| format!("{n:02}.bmp"));
        for name in names.filter(|name| trained(&format!("{class}/{name}"))).take(3) {
            let from = album.data.join(class).join(&name);
            std::fs::copy(from, renamed.join(class).join(format!("x{name}"))).unwrap();
        }
    }
    seesaw(args!["eval", run, "--data", renamed])
        .fails(&["the net was trained on each of these images", "--split train"]);
    std::fs::write(renamed.join("red/other.bmp"), bmp(21, [209, 29, 49])).unwrap();
    let flagged = seesaw(args!["eval", run, "--data", renamed, "--json"]);
    assert_eq!((&json(&flagged)["trained_on"], &json(&flagged)["images"]), (&9.into(), &10.into()));
    says(&flagged, &["warning: the net was trained on 9 of these 10 images"]);
    // Photos of the same names and other content are others, but it is said.
    let scaled = album.path("scaled");
    for (class, color) in COLORS {
        std::fs::create_dir_all(scaled.join(class)).unwrap();
        for n in 0..40 {
            std::fs::write(scaled.join(class).join(format!("{n:02}.bmp")), bmp(33, color)).unwrap();
        }
    }
    let scaled = seesaw(args!["eval", run, "--data", scaled, "--json"]);
    assert_eq!(json(&scaled)["split"], "all");
    says(&scaled, &["have names of training images and other content"]);
    // Copies on both sides of the split.
    let copies = album.path("copies");
    photos(&copies.join("train"), 10, 0);
    photos(&copies.join("val"), 4, 8);
    let training = seesaw(args![
        "train",
        "--data",
        copies,
        "--net",
        album.net,
        "--recipe",
        album.recipe,
        "--out",
        album.path("leak"),
        "--epochs",
        "1"
    ]);
    training.ok();
    says(&training, &["6 of the validation images are copies of training images"]);
    let info = seesaw(args!["data", "info", copies, "--check", "--json"]).json();
    assert_eq!((&info["copies"], &info["contradictions"]), (&6.into(), &0.into()));
    std::fs::copy(copies.join("train/red/000.bmp"), copies.join("train/blue/red.bmp")).unwrap();
    let info = seesaw(args!["data", "info", copies, "--check", "--json"]).json();
    assert_eq!(info["contradictions"], 2);
}

#[test]
fn one_class_can_be_evaluated_and_none_is_trained_that_has_no_photo() {
    let album = Album::new();
    let run = trained(&album);
    let one = album.path("one");
    std::fs::create_dir_all(one.join("red")).unwrap();
    for n in 0..5 {
        std::fs::write(one.join("red").join(format!("{n}.bmp")), bmp(22, [205, 33, n])).unwrap();
    }
    let model = album.path("model.safetensors");
    std::fs::copy(run.join("best.safetensors"), &model).unwrap();
    let report = seesaw(args!["eval", model, "--data", one, "--json"]).json();
    assert_eq!((&report["images"], &report["split"]), (&5.into(), &"all".into()));
    assert_eq!(report["classes"].as_array().unwrap().len(), 1);
    seesaw(args!["train", "--data", one]).fails(&["one class, `red`"]);
    std::fs::create_dir(album.data.join("yellow")).unwrap();
    let training = album.train("without", &["--epochs", "1"]);
    says(&training, &["class `yellow` has no photos and is left out", "3 classes"]);
    for n in 0..4 {
        std::fs::write(album.data.join("yellow").join(format!("{n}.bmp")), "broken").unwrap();
    }
    let training = album.train("broken", &["--epochs", "1"]);
    training.fails(&["class `yellow`: none of its 3 training images can be read"]);
}

#[test]
fn classes_of_other_names_are_not_matched_by_order() {
    let album = Album::new();
    let run = trained(&album);
    let german = album.path("german");
    for (class, color) in ["blau", "gruen", "rot"].into_iter().zip(COLORS.map(|(_, color)| color)) {
        std::fs::create_dir_all(german.join(class)).unwrap();
        std::fs::write(german.join(class).join("1.bmp"), bmp(24, color)).unwrap();
    }
    let weights = album.path("named.safetensors");
    std::fs::copy(run.join("best.safetensors"), &weights).unwrap();
    seesaw(args!["eval", weights, "--data", german]).fails(&[
        "does not know 3 of the 3 classes of the data: blau, gruen, rot",
        "Its 3 classes are blue, green, red",
        "--by-order",
    ]);
    let report = seesaw(args!["eval", weights, "--data", german, "--by-order", "--json"]).json();
    assert_eq!(report["images"], 3);
}

#[test]
fn groups_are_held_out_together() {
    let album = Album::new();
    let bursts = album.path("bursts");
    for (class, color) in COLORS {
        std::fs::create_dir_all(bursts.join(class)).unwrap();
        for n in 0..20_u8 {
            let name = format!("burst{}_{n}.bmp", n / 4);
            let bytes = bmp(20, color.map(|sample| sample.saturating_add(n)));
            std::fs::write(bursts.join(class).join(name), bytes).unwrap();
        }
    }
    let run = album.path("grouped");
    seesaw(args![
        "train",
        "--data",
        bursts,
        "--net",
        album.net,
        "--recipe",
        album.recipe,
        "--out",
        run,
        "--epochs",
        "1",
        "--group-by",
        "burst([0-9]+)_"
    ])
    .ok();
    let register = std::fs::read_to_string(run.join("files.csv")).unwrap();
    let bursts_of = |part: &str| -> std::collections::BTreeSet<String> {
        let lines = register.lines().filter(|line| line.starts_with(part));
        lines.map(|line| line.split("burst").nth(1).unwrap()[..1].to_owned()).collect()
    };
    assert_eq!(bursts_of("val,").len(), 1);
    assert!(bursts_of("train,").is_disjoint(&bursts_of("val,")));
    let wrong = seesaw(args!["data", "info", bursts, "--group-by", "("]);
    wrong.fails(&["no regular expression"]);
}
