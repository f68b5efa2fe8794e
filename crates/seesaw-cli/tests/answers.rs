//! What is done with answers: tables, folders, maps and features.

use std::{ffi::OsString, path::Path};

use serde_json::Value;

mod common;
use common::{
    Run, Tiny, args, bmp, seesaw,
    training::{Album, COLORS},
};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Two photos and a broken one in a folder, and the arguments that classify them.
fn photos() -> (Tiny, Vec<OsString>) {
    let tiny = Tiny::new();
    let photos = tiny.path("photos");
    std::fs::create_dir_all(photos.join("deep")).unwrap();
    std::fs::write(photos.join("a.bmp"), bmp(40, [255, 0, 0])).unwrap();
    std::fs::write(photos.join("deep/a.bmp"), bmp(30, [0, 0, 255])).unwrap();
    std::fs::write(photos.join("broken.jpg"), "text").unwrap();
    let weights = tiny.imported();
    (tiny, args!["predict", "--weights", weights, photos].into())
}

fn predict(arguments: &[OsString], more: &[OsString]) -> Run {
    seesaw(arguments.iter().chain(more))
}

fn table(path: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

#[test]
fn answers_are_a_table_with_a_line_for_each_photo() {
    let (tiny, arguments) = photos();
    let csv = tiny.path("answers.csv");
    let run = predict(&arguments, &args!["--csv", csv, "--top", "2", "--json"]);
    assert_eq!(run.code(), Some(1));
    let [header, a, broken, deep] = &table(&csv)[..] else { panic!("four lines") };
    let names = ["path", "class", "probability", "class_2", "probability_2", "error"];
    assert_eq!(header[..], names.map(str::to_owned));
    let seen = lines(run.stdout());
    for (line, json) in [(a, &seen[0]), (deep, &seen[2])] {
        assert!(line[0].ends_with("a.bmp") && line[5].is_empty(), "{line:?}");
        for (rank, cells) in line[1..5].chunks(2).enumerate() {
            assert_eq!(json["top"][rank]["class"], cells[0]);
            let probability = json["top"][rank]["probability"].as_f64().unwrap();
            assert_eq!(cells[1], format!("{probability:.6}"));
        }
    }
    assert!(broken[0].ends_with("broken.jpg") && broken[1].is_empty(), "{broken:?}");
    assert!(broken[5].contains("not an image"), "{broken:?}");
    predict(&arguments, &args!["--csv", tiny.path("x.txt")]).fails(&["must be .csv"]);
    predict(&arguments, &args!["--csv", tiny.path("no/x.csv")]).fails(&["no such folder"]);
}

#[test]
fn photos_are_sorted_by_class_and_never_overwritten() {
    let (tiny, arguments) = photos();
    let sorted = tiny.path("sorted");
    let sort = |more: &[OsString]| {
        let arguments: Vec<_> =
            arguments.iter().cloned().chain(args!["--sort-into", sorted, "--json"]).collect();
        lines(predict(&arguments, more).stdout())
    };
    let first = sort(&[]);
    let place = |line: &Value| line["sorted"].as_str().unwrap().to_owned();
    let class = first[0]["top"][0]["class"].as_str().unwrap();
    assert_eq!(place(&first[0]), sorted.join(class).join("a.bmp").to_string_lossy());
    assert_eq!(std::fs::read(place(&first[0])).unwrap(), bmp(40, [255, 0, 0]));
    assert_eq!(std::fs::read(place(&first[2])).unwrap(), bmp(30, [0, 0, 255]));
    // The same again, and of a class of the user's: nothing changes.
    assert_eq!(
        sort(&[]).iter().filter(|l| l["sorted"].is_string()).map(place).collect::<Vec<_>>(),
        [place(&first[0]), place(&first[2])]
    );
    std::fs::write(place(&first[0]), "mine").unwrap();
    assert_ne!(place(&sort(&[])[0]), place(&first[0]));
    assert_eq!(std::fs::read_to_string(place(&first[0])).unwrap(), "mine");
    // Below the threshold of 1, everything is unknown.
    let unknown = sort(&args!["--unknown-below", "1"]);
    assert!(unknown[0]["unknown"] == true && place(&unknown[0]).contains("unknown"), "{unknown:?}");
    assert!(tiny.path("photos/a.bmp").is_file(), "copied, not moved");
}

#[cfg(unix)]
#[test]
fn photos_are_linked_where_that_is_asked_for() {
    let (tiny, arguments) = photos();
    let sorted = tiny.path("links");
    let run = predict(&arguments, &args!["--sort-into", sorted, "--link", "--json"]);
    let place = lines(run.stdout())[0]["sorted"].as_str().unwrap().to_owned();
    assert!(std::fs::symlink_metadata(&place).unwrap().is_symlink());
    assert_eq!(std::fs::read(&place).unwrap(), bmp(40, [255, 0, 0]));
    assert!(predict(&arguments, &args!["--link"]).stderr().contains("--sort-into"));
}

#[test]
fn sorted_photos_are_not_classified_again() {
    let (tiny, arguments) = photos();
    let inside = tiny.path("photos/sorted");
    let run = || predict(&arguments, &args!["--sort-into", inside, "--json"]);
    assert_eq!(lines(run().stdout()).len(), 3);
    let again = run();
    assert_eq!(lines(again.stdout()).len(), 3);
    assert!(again.stderr().contains("2 photos are in the folder that is written to"));
}

#[test]
fn unlikely_classes_are_unknown() {
    let (_tiny, arguments) = photos();
    let text = predict(&arguments, &args!["--unknown-below", "1", "--top", "1"]);
    assert!(text.stdout().contains("a.bmp: unknown (perhaps class "), "{}", text.stdout());
    let known = predict(&arguments, &args!["--unknown-below", "0", "--json"]);
    assert!(lines(known.stdout()).iter().all(|line| line["unknown"].is_null()));
    for wrong in ["1.5", "-1", "x", "nan"] {
        let run = predict(&arguments, &args![format!("--unknown-below={wrong}")]);
        assert!(run.code() == Some(2) && run.stderr().contains("from 0 to 1"), "{}", run.stderr());
    }
}

#[test]
fn maps_show_where_a_class_is_seen() {
    let (tiny, arguments) = photos();
    let folder = tiny.path("maps");
    let run = predict(&arguments, &args!["--explain", folder, "--json"]);
    let seen = lines(run.stdout());
    let paths = [&seen[0], &seen[2]].map(|line| line["explained"].as_str().unwrap().to_owned());
    assert_ne!(paths[0], paths[1], "two photos of one name");
    for path in paths {
        let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
        let info = png::Decoder::new(file).read_info().unwrap().info().clone();
        assert_eq!(info.width, 2 * info.height);
    }
}

#[test]
fn features_are_written_in_three_formats() {
    let (tiny, _) = photos();
    let (photos, weights) = (tiny.path("photos"), tiny.path("tiny.safetensors"));
    let embed = |name: &str| {
        let out = tiny.path(name);
        let run = seesaw(args!["embed", photos, "--weights", weights, "--out", out]);
        assert_eq!(run.code(), Some(1), "{}", run.stderr());
        assert!(run.stderr().contains("1 of 3 photos could not be read"), "{}", run.stderr());
        out
    };
    let bytes = std::fs::read(embed("f.safetensors")).unwrap();
    let (tensors, paths) = seesaw_format::safetensors::read_with_text(&bytes, "photos").unwrap();
    let features = tensors.get("features").unwrap();
    let channels = features.shape[1];
    assert_eq!((features.shape[0], features.data.len()), (2, 2 * channels));
    let paths: Vec<String> = serde_json::from_str(&paths.unwrap()).unwrap();
    assert!(paths[0].ends_with("a.bmp") && paths[1].contains("deep"), "{paths:?}");
    let npy = std::fs::read(embed("f.npy")).unwrap();
    let values: Vec<f32> = npy[npy.len() - 8 * channels..]
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
        .collect();
    assert_eq!(values, features.data);
    let names = std::fs::read_to_string(tiny.path("f.paths.txt")).unwrap();
    assert_eq!(names.lines().collect::<Vec<_>>(), paths);
    let table = table(&embed("f.csv"));
    assert_eq!((table.len(), table[1].len()), (3, channels + 1));
    let values: Vec<f32> = table[1][1..].iter().map(|cell| cell.parse().unwrap()).collect();
    assert_eq!(values, features.data[..channels]);
    seesaw(args!["embed", photos, "--out", tiny.path("f.txt")]).fails(&[".npy"]);
}

#[test]
fn near_duplicates_are_paired() {
    let tiny = Tiny::new();
    let photos = tiny.path("photos");
    std::fs::create_dir(&photos).unwrap();
    for (name, side, color) in [
        ("one.bmp", 40, [250, 10, 0]),
        ("other.bmp", 40, [0, 10, 250]),
        ("same.bmp", 44, [250, 11, 0]),
    ] {
        std::fs::write(photos.join(name), bmp(side, color)).unwrap();
    }
    let weights = tiny.imported();
    let run = seesaw(args![
        "embed",
        photos,
        "--weights",
        weights,
        "--near-duplicates",
        "0.999999",
        "--json"
    ]);
    let pairs = lines(run.ok());
    assert_eq!(pairs.len(), 1, "{pairs:?}");
    let names = pairs[0]["photos"].as_array().unwrap();
    assert!(names[0].as_str().unwrap().ends_with("one.bmp"));
    assert!(names[1].as_str().unwrap().ends_with("same.bmp"));
}

#[test]
fn eval_reports_precision_recall_and_every_image() {
    let album = Album::new();
    album.train("run", &["--epochs", "1"]).ok();
    let csv = album.path("answers.csv");
    let run = seesaw(args!["eval", album.path("run"), "--json", "--csv", csv]);
    let report = run.json();
    let answers = table(&csv);
    let names = ["path", "class", "predicted", "correct", "probability", "class_probability"];
    assert_eq!((answers.len(), &answers[0][..]), (25, &names.map(str::to_owned)[..]));
    let answers = &answers[1..];
    let count =
        |test: &dyn Fn(&Vec<String>) -> bool| answers.iter().filter(|a| test(a)).count() as f64;
    assert_eq!(report["top1"].as_f64().unwrap(), count(&|a| a[3] == "true") / 24.0);
    let mut recalls = 0.0;
    for class in report["classes"].as_array().unwrap() {
        let name = class["class"].as_str().unwrap();
        let right = count(&|a| a[1] == name && a[2] == name);
        let (images, predicted) = (count(&|a| a[1] == name), count(&|a| a[2] == name));
        let close = |key: &str, expected: f64| {
            let found = class[key].as_f64().unwrap_or(f64::NAN);
            assert!((found - expected).abs() < 1e-9, "{name} {key}: {found} {expected}");
        };
        close("top1", right / images);
        close("f1", 2.0 * right / (images + predicted));
        if predicted > 0.0 {
            close("precision", right / predicted);
        } else {
            assert!(class["precision"].is_null());
        }
        recalls += right / images;
    }
    let balanced = report["balanced_accuracy"].as_f64().unwrap();
    assert!((balanced - recalls / COLORS.len() as f64).abs() < 1e-9);
    let text = seesaw(args!["eval", album.path("run")]);
    assert!(text.ok().contains("macro F1"), "{}", text.stdout());
    assert!(!text.stdout().contains("top-5"), "of three classes, top-5 says nothing");
}
