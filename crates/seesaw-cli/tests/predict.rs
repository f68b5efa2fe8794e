//! `predict`: photos in, classes out.

use std::path::Path;

use seesaw_testing::shared;
use serde_json::Value;

mod common;
use common::{Tiny, args, bmp, run, seesaw};

/// The small net's weights and three photos: `a.bmp`, `b.jpg` (a BMP too), `deep/c.BMP`.
fn album() -> (Tiny, std::path::PathBuf) {
    let tiny = Tiny::new();
    let photos = tiny.path("photos");
    std::fs::create_dir_all(photos.join("deep")).unwrap();
    std::fs::write(photos.join("a.bmp"), bmp(40, [255, 0, 0])).unwrap();
    std::fs::write(photos.join("b.jpg"), bmp(30, [0, 255, 0])).unwrap();
    std::fs::write(photos.join("deep/c.BMP"), bmp(20, [0, 0, 255])).unwrap();
    std::fs::write(photos.join("notes.txt"), "no photo").unwrap();
    (tiny, photos)
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_folder_in_order_with_names_and_probabilities() {
    let (tiny, photos) = album();
    let weights = tiny.imported();
    let predict = |more: &[&str]| {
        let arguments = args!["predict", "--weights", weights, photos, "--json", "--top", "7"];
        seesaw(arguments.into_iter().chain(more.iter().map(Into::into)))
    };
    let all = predict(&["--batch", "1", "--threads", "1"]);
    let seen = lines(all.ok());
    let names: Vec<&str> = seen
        .iter()
        .map(|line| {
            Path::new(line["path"].as_str().unwrap()).file_name().unwrap().to_str().unwrap()
        })
        .collect();
    assert_eq!(names, ["a.bmp", "b.jpg", "c.BMP"]);
    for line in &seen {
        let top = line["top"].as_array().unwrap();
        assert_eq!(top.len(), 7);
        let chances: Vec<f64> = top.iter().map(|t| t["probability"].as_f64().unwrap()).collect();
        assert!(chances.is_sorted_by(|a, b| a >= b), "{chances:?}");
        assert!((chances.iter().sum::<f64>() - 1.0).abs() < 1e-6);
        assert!(top.iter().all(|t| t["class"].as_str().unwrap().starts_with("class ")));
    }
    assert_ne!(seen[0]["top"], seen[1]["top"]);
    for more in [["--batch", "2", "--threads", "2"], ["--batch", "8", "--threads", "3"]] {
        assert_eq!(predict(&more).ok(), all.stdout(), "{more:?}");
    }
}

#[test]
fn text_for_people() {
    let (tiny, photos) = album();
    let weights = tiny.imported();
    let one = seesaw(args!["predict", "--weights", weights, photos.join("a.bmp"), "--top", "1"]);
    let (path, class) = one.ok().trim_end().split_once(": ").unwrap();
    assert!(path.ends_with("a.bmp"));
    assert!(class.starts_with("class ") && class.ends_with("%)"), "{class}");
    let three = seesaw(args!["predict", "--weights", weights, photos.join("a.bmp"), "--top", "3"]);
    assert_eq!(three.ok().lines().count(), 4);
    assert!(three.stdout().contains("%  class "), "{}", three.stdout());
    assert_eq!(three.stderr(), "", "no progress without a terminal");
}

#[test]
fn names_from_a_file_or_indices() {
    let (tiny, photos) = album();
    let (photo, labels) = (photos.join("a.bmp"), tiny.path("names.tsv"));
    let predict = |more: &[std::ffi::OsString]| {
        let known = args!["predict", "--weights", tiny.weights, "--net", tiny.net, photo, "--json"];
        seesaw(known.iter().chain(more))
    };
    let class = lines(predict(&[]).ok())[0]["top"][0]["class"].as_str().unwrap().to_owned();
    assert!(class.parse::<usize>().unwrap() < 7);
    let names: String = (0..7).map(|n| format!("n0{n}\tnamed {n}\n")).collect();
    std::fs::write(&labels, names).unwrap();
    let named = lines(predict(&args!["--labels", labels]).ok());
    assert_eq!(named[0]["top"][0]["class"], format!("named {class}"));
    std::fs::write(&labels, "one\ntwo\n").unwrap();
    predict(&args!["--labels", labels]).fails(&["2 class names, but the net has 7 classes"]);
    predict(&args!["--classes", "9"]).fails(&["weights for 7 classes, not 9"]);
}

#[test]
fn sizes_come_from_the_weights_and_can_be_changed() {
    let (tiny, photos) = album();
    let (weights, large) = (tiny.imported(), tiny.path("large.safetensors"));
    seesaw(args!["import", weights, large, "--resize", "40", "--crop", "36"]).ok();
    // Of one color, but zero padding makes a larger picture another input.
    let predict = |weights: &Path, more: &[&str]| {
        let known = args!["predict", "--weights", weights, photos.join("a.bmp"), "--json"];
        lines(seesaw(known.into_iter().chain(more.iter().map(Into::into))).ok())[0]["top"].clone()
    };
    assert_ne!(predict(&weights, &[]), predict(&large, &[]));
    assert_eq!(predict(&weights, &["--crop", "36"]), predict(&large, &[]));
    assert_eq!(predict(&large, &["--crop", "20", "--resize", "20"]), predict(&weights, &[]));
}

#[test]
fn a_broken_photo_does_not_stop_the_rest() {
    let (tiny, photos) = album();
    let weights = tiny.imported();
    std::fs::write(photos.join("aa.jpg"), "this is text").unwrap();
    let mut cut = bmp(40, [1, 2, 3]);
    cut.truncate(900);
    std::fs::write(photos.join("ab.png"), cut).unwrap();
    std::fs::write(photos.join("ac.webp"), "").unwrap();
    let json = seesaw(args!["predict", "--weights", weights, photos, "--json", "--batch", "2"]);
    assert_eq!(json.code(), Some(1));
    let seen = lines(json.stdout());
    let failed: Vec<bool> = seen.iter().map(|line| line.get("error").is_some()).collect();
    assert_eq!(failed, [false, true, true, true, false, false]);
    assert!(seen.iter().all(|line| line.get("error").is_some() != line.get("top").is_some()));
    assert!(seen[1]["error"].as_str().unwrap().contains("not an image"));
    for part in ["aa.jpg: not an image", "ab.png: ", "ac.webp: ", "3 of 6 photos could not be read"]
    {
        assert!(json.stderr().contains(part), "no {part:?} in {}", json.stderr());
    }
    let text = seesaw(args!["predict", "--weights", weights, photos, "--top", "1"]);
    assert_eq!((text.code(), text.stdout().lines().count()), (Some(1), 3));
}

#[test]
fn arguments_that_name_nothing() {
    let (tiny, photos) = album();
    let (weights, empty) = (tiny.imported(), tiny.path("empty"));
    std::fs::create_dir(&empty).unwrap();
    let predict = |paths: &[&Path]| {
        let known = args!["predict", "--weights", weights, "--json"];
        seesaw(known.into_iter().chain(paths.iter().map(Into::into)))
    };
    predict(&[&empty]).fails(&["empty: no photos in this folder"]);
    predict(&[&tiny.path("nowhere.jpg")]).fails(&["nowhere.jpg: no such file"]);
    predict(&[&tiny.path("*.webp")]).fails(&["matches this pattern"]);
    let some = predict(&[&empty, &photos.join("a.bmp"), &photos.join("*.jpg")]);
    assert_eq!((some.code(), some.stdout().lines().count()), (Some(1), 2));
    assert!(some.stderr().contains("no photos in this folder"));
}

#[test]
fn nothing_readable_is_an_error() {
    let (tiny, photos) = album();
    let weights = tiny.imported();
    let text = photos.join("notes.txt");
    let refused = seesaw(args!["predict", "--weights", weights, text]);
    refused.fails(&["notes.txt: not an image", "none of 1 photos could be read"]);
}

#[test]
fn a_reader_that_stops_early_is_no_error() {
    let (tiny, photos) = album();
    let weights = tiny.imported();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = common::command();
    let ended = run(command.args(args!["predict", "--weights", weights, photos]).stdout(writer));
    assert_eq!((ended.code(), ended.stderr()), (Some(0), ""));
}

/// Photos of eighty classes: the weights that torchvision published, and those in the program.
#[test]
fn eighty_photos_are_named_as_the_model_cards_say() {
    let Some(photos) = shared("data/photos") else { return };
    let Some(mobilenet) = shared("weights/mobilenetv2-imagenet.safetensors") else { return };
    let Some(labels) = shared("weights/imagenet_classes.tsv") else { return };
    let count = named_right(args!["--weights", mobilenet, "--labels", labels, photos]);
    assert!(count >= 60, "{count}");
    // Rounding on another instruction set may decide a close call.
    for (weights, card) in
        [("efficientnet-lite0-imagenet", 74), ("seesaw-shuffle-0.5d-imagenet", 43)]
    {
        let count = named_right(args!["--weights", weights, photos]);
        assert!(count.abs_diff(card) <= 1, "{weights}: {count}, not {card}");
    }
}

/// How many of the eighty photos have the class that their file is named after.
fn named_right<const N: usize>(arguments: [std::ffi::OsString; N]) -> usize {
    let command = args!["predict", "--json", "--top", "1"].into_iter().chain(arguments);
    let run = seesaw(command.collect::<Vec<_>>());
    let seen = lines(run.ok());
    assert_eq!(seen.len(), 80);
    let right = |line: &&Value| {
        let file = Path::new(line["path"].as_str().unwrap()).file_stem().unwrap().to_str().unwrap();
        let (_, class) = file.split_once('_').unwrap();
        line["top"][0]["class"].as_str().unwrap().replace(' ', "_").eq_ignore_ascii_case(class)
    };
    seen.iter().filter(right).count()
}

#[test]
fn weights_of_the_repository_name_the_photos_of_the_docs() {
    let photos = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/photos");
    let weights = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../weights/seesaw-shuffle-0.5d-imagenette.safetensors");
    let seen = seesaw(args!["predict", "--weights", weights, photos, "--json", "--top", "1"]);
    let lines = lines(seen.ok());
    assert_eq!(lines.len(), 6);
    for line in lines {
        let file = Path::new(line["path"].as_str().unwrap()).file_stem().unwrap();
        let class = line["top"][0]["class"].as_str().unwrap();
        assert_eq!(file.to_str().unwrap(), class.to_lowercase().replace(' ', "-"));
    }
}
