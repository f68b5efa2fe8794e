//! The figures of `models`, `summary` and `tables`.

mod common;
use common::{Tiny, args, run, seesaw};

fn total(arguments: &[&str]) -> (u64, u64, u64) {
    let json = seesaw([&["summary", "--json"], arguments].concat()).json();
    let total = |field: &str| json["total"][field].as_u64().unwrap();
    let layers = json["layers"].as_array().unwrap();
    let sum = |field: &str| -> u64 { layers.iter().map(|l| l[field].as_u64().unwrap()).sum() };
    assert_eq!((total("params"), total("madds")), (sum("params"), sum("madds")));
    (total("params"), total("madds"), total("peak_bytes"))
}

#[test]
fn summary_has_the_papers_figures() {
    // The peak is block 2's depthwise convolution, 96 channels at 112 and at 56 pixels.
    let peak = 4 * (96 * 112 * 112 + 96 * 56 * 56);
    assert_eq!(total(&["seesaw-shuffle-1.0d-imagenet"]), (3_644_184, 360_950_976, peak));
    assert_eq!(total(&["mobilenetv2-1.0-imagenet"]), (3_504_872, 300_774_272, peak));
    let (params, madds, _) = total(&["igcv3-1.0d-cifar"]);
    assert_eq!((params, madds), (2_223_498, 166_064_640));
    let (params, _, _) = total(&["igcv3-1.0d-cifar", "--classes", "100"]);
    assert_eq!(params, 2_223_498 + 90 * 1281);
}

#[test]
fn summary_follows_size_and_width() {
    let of = |arguments: &[&str]| total(&[&["mobilenetv2-1.0-imagenet"], arguments].concat());
    let (params, madds, _) = of(&[]);
    let (same, quarter, _) = of(&["--input-size", "112"]);
    assert_eq!(params, same);
    assert!(quarter > madds / 5 && quarter < madds / 3, "{quarter}");
    let by_name = total(&["mobilenetv2-1.0-imagenet-x0.75"]);
    assert_eq!(of(&["--width", "0.75"]), by_name);
    assert!(by_name.1 < madds);
}

#[test]
fn summary_of_a_description_and_of_weights() {
    let tiny = Tiny::new();
    let described = seesaw(args!["summary", tiny.net, "--json"]).json();
    assert_eq!(described["net"], "tiny");
    let weights = seesaw(args!["summary", tiny.imported(), "--json"]).json();
    assert_eq!(described, weights);
    let toml = tiny.path("again.toml");
    std::fs::write(&toml, seesaw(args!["summary", tiny.net, "--toml"]).ok()).unwrap();
    assert_eq!(seesaw(args!["summary", toml, "--json"]).json(), described);
}

#[test]
fn models_lists_the_zoo() {
    let json = seesaw(["models", "--json"]).json();
    let models = json.as_array().unwrap();
    assert_eq!(models.len(), 19);
    let named = |model: &&serde_json::Value| model["name"] == "seesaw-shuffle-0.5d-imagenet";
    let model = models.iter().find(named).unwrap();
    assert_eq!(
        ["input_size", "classes", "blocks", "params", "madds"].map(|f| model[f].as_u64().unwrap()),
        [224, 1000, 17, 2_728_024, 209_265_792]
    );
}

#[test]
fn published_figures_are_met_but_for_two() {
    let json = seesaw(["tables", "--json"]).json();
    let rows = json.as_array().unwrap();
    assert_eq!(rows.len(), 23);
    let mut off = Vec::new();
    for row in rows {
        for figure in ["params", "madds"] {
            if row[figure]["difference"].as_f64().unwrap_or(0.0) != 0.0 {
                off.push((
                    row["net"].as_str().unwrap(),
                    figure,
                    row[figure]["difference"].as_f64(),
                ));
            }
        }
    }
    let igcv3 = ("igcv3-1.0d-imagenet", "madds", Some(-5.0));
    assert_eq!(off, [igcv3, ("efficientnet-lite0", "madds", Some(-22.0))]);
}

#[test]
fn invalid_descriptions() {
    let tiny = Tiny::new();
    let toml = tiny.path("bad.toml");
    let good = std::fs::read_to_string(&tiny.net).unwrap();
    for (text, what) in [
        ("", "missing field `name`"),
        ("name = 3", "invalid type"),
        (&good.replace("\"1:3\"", "\"1:2\""), "use a multiple of 3"),
        (&good.replace("repeat = 1", "repeat = 18446744073709551615"), "bad.toml"),
        (&good.replace("repeat = 1", "repeat = 9000000"), "at most 1000"),
        (&good.replace("channels = 16", "channels = 0"), "0 channels"),
        (&format!("color = 1\n{good}"), "unknown field `color`"),
        (&" ".repeat(2 << 20), "longer than 1048576 bytes"),
        ("\u{0}\u{1}", "bad.toml"),
    ] {
        std::fs::write(&toml, text).unwrap();
        seesaw(args!["summary", toml]).fails(&["bad.toml: ", what]);
    }
    std::fs::write(&toml, [0xff; 9]).unwrap();
    seesaw(args!["summary", toml]).fails(&["UTF-8"]);
    seesaw(args!["summary", tiny.folder.path().join("no.toml")]).fails(&["No such file"]);
}

#[test]
fn a_reader_that_stops_early_is_no_error() {
    let closed = |arguments: &[&str]| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = run(common::command().args(arguments).stdout(writer));
        assert_eq!(ended.code(), Some(0), "{arguments:?}");
        assert_eq!(ended.stderr(), "", "{arguments:?}");
    };
    closed(&["models"]);
    closed(&["models", "--json"]);
    closed(&["summary", "igcv3-1.0d-cifar", "--toml"]);
    closed(&["completions", "bash"]);
    closed(&["--help"]);
}

#[test]
fn color_only_where_it_is_wanted() {
    assert!(!seesaw(["models"]).ok().contains('\u{1b}'));
    let forced = run(common::command().arg("models").env("CLICOLOR_FORCE", "1"));
    assert!(forced.ok().contains("\u{1b}[1m"));
    let forced = run(common::command().args(["summary", "x"]).env("CLICOLOR_FORCE", "1"));
    assert!(forced.stderr().contains("\u{1b}[31m") || forced.stderr().contains("\u{1b}[1m"));
}

#[test]
fn completions_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(seesaw(["completions", shell]).ok().contains("predict"), "{shell}");
    }
}
