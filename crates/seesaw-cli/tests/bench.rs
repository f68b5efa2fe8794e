//! `bench`: numbers that belong together.

mod common;
use common::{Tiny, args, seesaw};

#[test]
fn figures_belong_together() {
    let tiny = Tiny::new();
    let arguments = args!["bench", tiny.net, "--batch", "3", "--runs", "20", "--json", "--layers"];
    let json = seesaw(arguments).json();
    let number = |field: &str| json[field].as_f64().unwrap();
    let summary = seesaw(args!["summary", tiny.net, "--json"]).json();
    assert_eq!(json["madds"].as_u64(), summary["total"]["madds"].as_u64().map(|madds| 3 * madds));
    assert_eq!((json["batch"].as_u64(), json["runs"].as_u64()), (Some(3), Some(20)));
    assert!(0.0 < number("min_ms") && number("min_ms") <= number("median_ms"));
    assert!(number("median_ms") <= number("p95_ms"));
    let share = 2e-6 * number("madds") / number("median_ms") / number("peak_gflops");
    assert!((number("peak_share") - share).abs() < 1e-9 * share.max(1.0));
    assert!(0.0 < share && share < 1.0, "{share}");
    let speed = 3e3 / number("median_ms");
    assert!((number("images_per_second") - speed).abs() < 1e-6 * speed);
    let layers = json["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 8, "stem, five blocks, head, pool and linear");
    let sum = |field: &str| layers.iter().map(|step| step[field].as_f64().unwrap()).sum::<f64>();
    assert!((sum("time_share") - 1.0).abs() < 1e-9);
    assert_eq!(3.0 * sum("madds"), number("madds"));
    let parts: Vec<usize> =
        layers.iter().map(|step| step["parts"].as_array().map_or(0, Vec::len)).collect();
    assert_eq!(parts[0], 0, "the stem is one layer");
    for step in layers.iter().filter(|step| step["parts"].is_array()) {
        let parts = step["parts"].as_array().unwrap();
        for field in ["madds", "bytes", "median_ms", "time_share"] {
            let sum: f64 = parts.iter().map(|part| part[field].as_f64().unwrap()).sum();
            let whole = step[field].as_f64().unwrap();
            assert!((sum - whole).abs() <= 1e-9 * whole, "{field} of {}", step["name"]);
        }
        assert!(parts.iter().all(|part| part["gflops"].as_f64() > Some(0.0)));
    }
}

#[test]
fn pictures() {
    let tiny = Tiny::new();
    for (name, magic) in [("roofline.svg", &b"<svg"[..]), ("roofline.png", &b"\x89PNG"[..])] {
        let path = tiny.folder.path().join(name);
        seesaw(args!["bench", tiny.net, "--runs", "3", "--plot", path]).ok();
        assert!(std::fs::read(&path).unwrap().starts_with(magic), "{name}");
    }
    let svg = std::fs::read_to_string(tiny.folder.path().join("roofline.svg")).unwrap();
    for part in ["GFLOP/s", "tiny, 20 px", "depthwise", "of the time"] {
        assert!(svg.contains(part), "no {part:?}");
    }
    seesaw(args!["bench", tiny.net, "--plot", "roofline.gif"])
        .fails(&["roofline.gif: ", "must end in .svg or .png"]);
}

#[test]
fn text_for_people() {
    let tiny = Tiny::new();
    let weights = tiny.imported();
    let run = seesaw(args!["bench", weights, "--runs", "3", "--threads", "2", "--layers"]);
    let text = run.ok();
    for part in ["tiny, 20 px, batch 1, threads 2", "median ", "p95 ", "block 5", "of peak"] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    let run = seesaw(args!["bench", tiny.net, "--weights", weights, "--runs", "1", "--json"]);
    assert_eq!(run.json()["net"], "tiny");
}

#[test]
fn what_cannot_be_measured() {
    let tiny = Tiny::new();
    let weights = tiny.imported();
    seesaw(args!["bench", weights, "--width", "0.5"]).fails(&["determine", "hint: "]);
    seesaw(args!["bench", weights, "--weights", weights]).fails(&["both files of weights"]);
    seesaw(args!["bench", tiny.net, "--input-size", "5000"]).fails(&["from 1 to 4096"]);
    seesaw(["bench", "igcv3-1.0d-imagenet", "--input-size", "4096", "--batch", "1024"])
        .fails(&["1024 images of 4096 pixels take 196608.0 MiB", "hint: "]);
}

#[test]
fn figures_of_a_training_belong_together() {
    let tiny = Tiny::new();
    let options = ["--batch", "4", "--runs", "3", "--threads", "2", "--layers", "--json"];
    let json =
        seesaw(args!["bench", tiny.net, "--train"].into_iter().chain(options.map(Into::into)))
            .json();
    assert_eq!(json["precision"], "f32");
    let number = |field: &str| json[field].as_f64().unwrap();
    let summary = seesaw(args!["summary", tiny.net, "--json"]).json();
    let forward = 4 * summary["total"]["madds"].as_u64().unwrap();
    assert_eq!(json["madds"].as_u64(), Some(3 * forward));
    let speed = 4e3 / number("median_ms");
    assert!((number("images_per_second") - speed).abs() < 1e-6 * speed);
    let layers = json["layers"].as_array().unwrap();
    let madds: u64 = layers.iter().map(|layer| layer["madds"].as_u64().unwrap()).sum();
    assert_eq!(madds, forward, "every layer has its cost");
    assert!(layers.iter().all(|layer| layer["backward_ms"].as_f64().unwrap() > 0.0));

    let short = ["--batch", "4", "--runs", "1", "--precision", "bf16", "--json"];
    let bench =
        seesaw(args!["bench", tiny.net, "--train"].into_iter().chain(short.map(Into::into)));
    assert_eq!(bench.json()["precision"], "bf16");
    seesaw(args!["bench", tiny.net, "--precision", "bf16"]).fails(&["--train"]);
}
