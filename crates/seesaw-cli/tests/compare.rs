//! `compare` and `plot`: runs of a small set of photos, side by side.

mod common;
use common::{args, seesaw, training::Album};

#[test]
fn seeds_of_one_net_are_one_row() {
    let album = Album::new();
    let short = ["--epochs", "1", "--val-split", "0.25"];
    for (run, seed) in [("a", "1"), ("b", "2")] {
        album.train(run, &[&short[..], &["--seed", seed]].concat()).ok();
    }
    let [a, b, pictures] = ["a", "b", "pictures"].map(|name| album.path(name));

    let report = seesaw(args!["compare", a, b, "--runs", "3", "--json"]).json();
    let nets = report["nets"].as_array().unwrap();
    let runs = nets[0]["runs"].as_array().unwrap();
    assert_eq!((nets.len(), runs.len()), (1, 2));
    assert!(report["differences"].as_array().unwrap().is_empty(), "{report}");
    let log = std::fs::read_to_string(b.join("log.csv")).unwrap();
    let logged = log.lines().last().unwrap().split(',').nth(8).unwrap();
    assert_eq!(runs[1]["top1"].as_f64(), logged.parse().ok());
    assert!(report["spread"].as_f64().unwrap() >= 0.0);
    assert!(nets[0]["inference_ms"].as_f64().unwrap() > 0.0);
    assert!(nets[0]["train_s"].as_f64().unwrap() > 0.0);

    let table = seesaw(args!["compare", a, b, "--runs", "3", "--pictures", pictures]);
    assert!(table.ok().contains("tiny") && table.stdout().contains("best"), "{}", table.stdout());
    assert_eq!(table.stderr(), "");
    for name in ["top1-madds.svg", "top1-ms.svg"] {
        let picture = std::fs::read_to_string(pictures.join(name)).unwrap();
        assert!(picture.contains("tiny") && picture.contains("top-1, %"), "{name}");
    }
}

#[test]
fn what_cannot_be_compared_is_said() {
    let album = Album::new();
    album.train("a", &["--epochs", "1"]).ok();
    album.train("b", &["--epochs", "1", "--seed", "9", "--set", "optimizer.rate=0.01"]).ok();
    let [a, b] = ["a", "b"].map(|name| album.path(name));
    let unlike = seesaw(args!["compare", a, b, "--runs", "1"]);
    unlike.ok();
    let said = unlike.stderr();
    assert!(said.contains("the runs differ in recipe.optimizer.rate: 0.01 | 0.05"), "{said}");

    let twice = seesaw(args!["compare", a, a]);
    assert_eq!(twice.code(), Some(2));
    assert!(
        twice.stderr().contains("another run also has net tiny and seed 3"),
        "{}",
        twice.stderr()
    );
    let none = seesaw(args!["compare", album.path("nothing")]);
    assert_eq!(none.code(), Some(2));
    assert!(none.stderr().contains("holds no run"), "{}", none.stderr());
}

#[test]
fn logs_are_drawn_together() {
    let album = Album::new();
    album.train("a", &["--epochs", "2", "--val-split", "0.25"]).ok();
    album.train("b", &["--epochs", "2", "--set", "validate_every=2"]).ok();
    let [a, b, pictures] = ["a", "b", "pictures"].map(|name| album.path(name));

    let plot = seesaw(args!["plot", a, b, "--out", pictures]);
    let paths = plot.ok().lines().map(str::to_owned).collect::<Vec<_>>();
    let names = ["train_loss", "train_top1", "val_loss", "val_top1"];
    let expected = names.map(|name| pictures.join(name).with_extension("svg"));
    assert_eq!(paths, expected.map(|path| path.display().to_string()));
    for path in &paths {
        let picture = std::fs::read_to_string(path).unwrap();
        let shown = ["a", "b"].map(|name| picture.contains(&format!("\n{name}\u{a0}")));
        assert_eq!(shown, [true, true], "{path}");
    }

    // The only validation of `b` makes no line.
    let png = seesaw(args!["plot", b, "--out", pictures, "--format", "png"]);
    assert_eq!(png.ok().lines().count(), 2);
    assert!(std::fs::read(pictures.join("train_loss.png")).unwrap().starts_with(b"\x89PNG"));

    album.train("short", &["--epochs", "1"]).ok();
    for (run, wrong) in [("short", "no run has two epochs"), ("nothing", "log.csv")] {
        let refused = seesaw(args!["plot", album.path(run)]);
        assert_eq!(refused.code(), Some(2));
        assert!(refused.stderr().contains(wrong), "{}", refused.stderr());
    }
}
