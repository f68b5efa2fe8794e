//! Spellings of earlier versions, which help no longer shows and scripts still use.

mod common;
use common::{Tiny, args, seesaw, training::Album};

#[test]
fn run_is_infer() {
    let tiny = Tiny::new();
    let weights = tiny.imported();
    let [old, new] = ["old.safetensors", "new.safetensors"].map(|name| tiny.path(name));
    for (command, output) in [("run", &old), ("infer", &new)] {
        let options = args!["--weights", weights, "--input", tiny.io, "--output", output];
        seesaw(args![command].into_iter().chain(options)).ok();
    }
    assert_eq!(std::fs::read(old).unwrap(), std::fs::read(new).unwrap());
}

#[test]
fn train_resume_is_resume() {
    let album = Album::new();
    album.train("run", &["--epochs", "1"]).ok();
    let run = album.path("run");
    let options = ["--threads", "1", "--checkpoint-every", "7", "--json"];
    let old = seesaw(args!["train", "--resume", run].into_iter().chain(options.map(Into::into)));
    let new = seesaw(args!["resume", run].into_iter().chain(options.map(Into::into)));
    assert_eq!((old.ok(), old.stderr()), (new.ok(), new.stderr()));
    let longer = seesaw(args!["train", "--resume", run, "--epochs", "9"]);
    longer.fails(&["cannot be used with `--epochs`", "seesaw resume", "--epochs 9`"]);
    for change in [["--batch", "9"], ["--data", "photos"], ["--set", "clip=1"], ["--limit", "3"]] {
        let changed =
            seesaw(args!["train", "--resume", run].into_iter().chain(change.map(Into::into)));
        changed.fails(&["cannot be used with", change[0]]);
    }
    seesaw(args!["train", "--resume", run, "--show-recipe"]).fails(&["cannot be used with"]);
}

#[test]
fn recipes_were_options_of_train() {
    let list = seesaw(["recipes"]);
    assert_eq!(seesaw(["train", "--list-recipes"]).ok(), list.ok());
    seesaw(["train", "--list-recipes", "--json"]).fails(&["cannot be used with"]);

    let changes = ["--epochs", "3", "--input-size", "96", "--set", "optimizer.frozen=2"];
    let old = seesaw([&["train", "--recipe", "fine-tune", "--show-recipe"], &changes[..]].concat());
    let new = seesaw([&["recipes", "fine-tune"], &changes[..]].concat());
    assert_eq!(old.ok(), new.ok());
    seesaw(["train", "--show-recipe"]).fails(&["`--data` is missing"]);
}

#[test]
fn times_is_runs() {
    let album = Album::new();
    album.train("run", &["--epochs", "1"]).ok();
    let report = seesaw(args!["compare", album.path("run"), "--times", "2", "--json"]).json();
    assert_eq!(report["nets"].as_array().unwrap().len(), 1);
    seesaw(args!["compare", album.path("run"), "--times", "0"]).fails(&["--runs <N>"]);
}
