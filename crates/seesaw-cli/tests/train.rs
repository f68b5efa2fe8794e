//! `train`, `eval` and `data` on a small set of photos.

use seesaw_testing::shared;
use serde_json::Value;

mod common;
use common::{
    Tiny, args, bmp, seesaw,
    training::{Album, COLORS},
};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn from_photos_to_a_model_that_knows_them() {
    let album = Album::new();
    let training = album.train("run", &["--json"]);
    let epochs = lines(training.ok());
    assert_eq!(epochs.len(), 16);
    for (epoch, line) in (1..).zip(&epochs) {
        assert_eq!(line["epoch"], epoch);
        assert!(line["images_per_second"].as_f64().unwrap() > 0.0);
        assert!(line["train_loss"].is_f64() && line["val_top5"].is_f64());
    }
    let said = training.stderr();
    assert!(said.contains("tiny, 3 classes, 96 training images, 24 validation images"), "{said}");
    assert_eq!(said.matches("\nepoch ").count(), 16, "{said}");
    let log = std::fs::read_to_string(album.path("run/log.csv")).unwrap();
    let logged = log.lines().last().unwrap().split(',').nth(8).unwrap().parse::<f64>();
    assert_eq!(logged.ok(), epochs[15]["val_top1"].as_f64());

    let [confusion, worst] = ["confusion.svg", "worst.png"].map(|name| album.path(name));
    let run = album.path("run");
    let eval = seesaw(args![
        "eval",
        run,
        "--json",
        "--confusion",
        confusion,
        "--worst",
        worst,
        "--batch",
        "7"
    ]);
    let report = eval.json();
    let best = epochs.iter().rfind(|line| line["best"] == true).unwrap();
    assert_eq!((&report["images"], &report["top1"]), (&24.into(), &best["val_top1"]));
    assert!(best["val_top1"].as_f64().unwrap() > 0.9, "three colors: {best}");
    let classes = report["classes"].as_array().unwrap();
    for (class, (name, _)) in classes.iter().zip(COLORS) {
        assert_eq!((&class["class"], &class["images"]), (&name.into(), &8.into()));
    }
    assert!(std::fs::read_to_string(confusion).unwrap().contains("green"));
    // No sheet of mistakes without a mistake.
    assert_eq!(worst.exists(), report["top1"] != 1.0);

    let all = seesaw(args!["eval", run.join("last.safetensors"), "--split", "train", "--json"]);
    assert_eq!(all.json()["images"], 96);
    let text = seesaw(args!["eval", run, "--limit", "9"]);
    assert!(text.ok().contains("top-1") && text.stdout().contains("on 9 validation images"));
    let photo = album.data.join("red/00.bmp");
    let weights = run.join("best.safetensors");
    let seen = seesaw(args!["predict", "--weights", weights, photo, "--top", "1"]);
    assert!(seen.ok().contains("00.bmp: red ("), "{}", seen.stdout());
}

#[test]
fn products_of_bf16_learn_it_too() {
    let album = Album::new();
    let training = album.train("run", &["--precision", "bf16", "--json"]);
    let epochs = lines(training.ok());
    assert!(epochs[15]["val_top1"].as_f64().unwrap() > 0.9, "three colors: {}", epochs[15]);
    let config = std::fs::read_to_string(album.path("run/config.toml")).unwrap();
    assert!(config.contains("precision = \"bf16\""), "{config}");
    let wrong = album.train("wrong", &["--precision", "f16"]);
    assert!(wrong.code() == Some(2) && wrong.stderr().contains("f32, bf16"), "{}", wrong.stderr());
}

#[test]
fn a_folder_of_one_class_folder_each_is_evaluated_whole() {
    let album = Album::new();
    album.train("run", &["--epochs", "1"]).ok();
    // Far from its run's data, nothing says what was held out.
    let (model, data) = (album.path("moved.safetensors"), album.path("fresh"));
    std::fs::copy(album.path("run/last.safetensors"), &model).unwrap();
    for (class, color) in COLORS {
        std::fs::create_dir_all(data.join(class)).unwrap();
        for photo in 0..5 {
            std::fs::write(data.join(class).join(format!("{photo}.bmp")), bmp(30, color)).unwrap();
        }
    }
    let report = seesaw(args!["eval", model, "--data", data, "--json"]).json();
    assert_eq!(report["images"], 15);
    std::fs::write(data.join("red/broken.bmp"), "no photo").unwrap();
    let eval = seesaw(args!["eval", model, "--data", data, "--json"]);
    assert_eq!(eval.code(), Some(1));
    assert!(eval.stderr().contains("broken.bmp: left out: "), "{}", eval.stderr());
    let report: Value = serde_json::from_str(eval.stdout()).unwrap();
    assert_eq!((&report["images"], &report["broken"]), (&15.into(), &1.into()));
}

/// Folders named by the ids of ImageNet's classes, and weights of a net that knows other classes
/// too: `predict` names 66 of these 80 photos right.
#[test]
fn published_weights_meet_the_data_by_the_ids_of_classes() {
    let (Some(weights), Some(labels), Some(photos)) = (
        shared("weights/mobilenetv2-imagenet.safetensors"),
        shared("weights/imagenet_classes.tsv"),
        shared("data/photos"),
    ) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for photo in std::fs::read_dir(photos).unwrap() {
        let photo = photo.unwrap();
        let name = photo.file_name().into_string().unwrap();
        let class = folder.path().join(name.split_once('_').unwrap().0);
        std::fs::create_dir_all(&class).unwrap();
        std::fs::copy(photo.path(), class.join(&name)).unwrap();
    }
    let eval = seesaw(args![
        "eval",
        weights,
        "--data",
        folder.path(),
        "--labels",
        labels,
        "--resize",
        "232",
        "--json"
    ]);
    let report = eval.json();
    assert_eq!(report["images"], 80);
    let right: u64 =
        report["classes"].as_array().unwrap().iter().map(|c| c["right"].as_u64().unwrap()).sum();
    assert_eq!(report["top1"].as_f64(), Some(right as f64 / 80.0));
    assert!(right >= 60, "{right} of 80");
}

#[test]
fn worst_mistakes_are_shown() {
    let album = Album::new();
    album.train("run", &["--epochs", "1", "--set", "optimizer.rate=1e-9"]).ok();
    let worst = album.path("worst.png");
    let report = seesaw(args!["eval", album.path("run"), "--worst", worst, "--json"]).json();
    assert!(report["top1"].as_f64().unwrap() < 1.0, "an untrained net: {report}");
    let decoder = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(worst).unwrap()));
    assert!(decoder.read_info().unwrap().info().width > 144);
}

#[test]
fn other_classes_begin_from_the_weights_of_a_file() {
    let album = Album::new();
    album.train("run", &["--epochs", "1"]).ok();
    std::fs::remove_dir_all(album.data.join("green")).unwrap();
    let init = album.path("run/last.safetensors");
    let arguments = args![
        "train",
        "--data",
        album.data,
        "--init",
        init,
        "--out",
        album.path("fine"),
        "--epochs",
        "1",
        "--input-size",
        "20",
        "--set",
        "optimizer.frozen=2",
    ];
    let fine = seesaw(&arguments);
    fine.ok();
    assert!(fine.stderr().contains("starts from the weights "), "{}", fine.stderr());
    let config: toml::Table =
        std::fs::read_to_string(album.path("fine/config.toml")).unwrap().parse().unwrap();
    assert_eq!(config["recipe"]["optimizer"]["frozen"].as_integer(), Some(2));
    assert_eq!(config["recipe"]["batch"].as_integer(), Some(32), "fine-tune's");
    assert_eq!(config["net"]["classes"].as_integer(), Some(2));
}

#[test]
fn a_teacher_is_learned_from() {
    let album = Album::new();
    album.train("run", &["--epochs", "1"]).ok();
    let teacher = album.path("run/last.safetensors");
    let taught = album.training("taught", &["--epochs", "1", "--json"]);
    let plain = lines(seesaw(&taught).ok());
    std::fs::remove_dir_all(album.path("taught")).unwrap();
    let taught = lines(seesaw(taught.into_iter().chain(args!["--teacher", teacher])).ok());
    assert_ne!(plain[0]["train_loss"], taught[0]["train_loss"]);
}

#[test]
fn broken_photos_are_named_and_left_out() {
    let album = Album::new();
    std::fs::write(album.data.join("red/broken.jpg"), "no photo").unwrap();
    let training = album.train("run", &["--epochs", "1"]);
    training.ok();
    assert!(training.stderr().contains("broken.jpg: left out: "), "{}", training.stderr());
    // A trial draws its images before it looks at them: it lacks the broken one of its twelve.
    let trial = album.train("trial", &["--epochs", "1", "--limit", "6"]);
    trial.ok();
    assert!(
        trial.stderr().contains("6 training images, 5 validation images"),
        "{}",
        trial.stderr()
    );

    let info = seesaw(args!["data", "info", album.data, "--check", "--json"]);
    assert_eq!(info.code(), Some(1));
    let info: Value = serde_json::from_str(info.stdout()).unwrap();
    assert_eq!(info["broken"], 1);
    assert_eq!(info["train"].as_u64().unwrap() + info["val"].as_u64().unwrap(), 120);
    let info = seesaw(args!["data", "info", album.data, "--val-split", "0.25"]);
    assert!(
        info.ok().contains("class folders, 3 classes, 91 training images, 30 validation images"),
        "{}",
        info.stdout()
    );
}

#[test]
fn small_images_get_small_nets() {
    let album = Album::new();
    let shown = seesaw(args!["train", "--data", album.data, "--show-recipe", "--epochs", "7"]);
    let recipe: toml::Table = shown.ok().parse().unwrap();
    assert_eq!(recipe["epochs"].as_integer(), Some(7));
    assert_eq!(recipe["augment"]["cutout"].as_integer(), Some(8), "cifar-modern's");
    for (class, _) in COLORS {
        std::fs::remove_dir_all(album.data.join(class)).unwrap();
        std::fs::create_dir(album.data.join(class)).unwrap();
        for photo in 0..2 {
            let path = album.data.join(class).join(format!("{photo}.bmp"));
            std::fs::write(path, bmp(100, [photo; 3])).unwrap();
        }
    }
    let epochs = |more: Option<&str>| {
        let arguments = args!["train", "--data", album.data, "--show-recipe"];
        let shown = seesaw(arguments.into_iter().chain(more.map(Into::into)).collect::<Vec<_>>());
        shown.ok().parse::<toml::Table>().unwrap()["epochs"].clone()
    };
    assert!(epochs(None).as_table().is_some(), "photos are fine-tuned");
    assert_eq!(epochs(Some("--from-scratch")).as_integer(), Some(40));
}

#[test]
fn runs_find_a_folder_and_never_mix() {
    let album = Album::new();
    let first = album.train("run", &["--epochs", "1", "--limit", "8"]);
    first.ok();
    album.train("run", &["--epochs", "1"]).fails(&["already holds a run", "hint: `seesaw resume"]);
    let folder = album.path("full");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("letter.txt"), "mine").unwrap();
    album.train("full", &[]).fails(&["not an empty folder", "--out"]);
    let ended = seesaw(args!["resume", album.path("run")]);
    assert!(ended.ok().contains("best: "), "{}", ended.stderr());
    let mut arguments = album.training("x", &["--epochs", "1", "--limit", "8"]);
    let out = arguments.iter().position(|argument| argument == "--out").unwrap();
    arguments.drain(out..out + 2);
    for run in ["runs/album", "runs/album-2"] {
        let folder = album.path("");
        common::run(common::command().args(&arguments).current_dir(&folder)).ok();
        assert!(folder.join(run).join("last.safetensors").is_file(), "{run}");
    }
}

#[test]
fn a_training_that_explodes_keeps_its_last_good_state() {
    let album = Album::new();
    let explode = ["--set", "optimizer.rate=1e30", "--set", "clip=0"];
    album.train("run", &explode).fails(&["diverged in epoch 1", "hint: ", "--set optimizer.rate"]);
    let tensors = seesaw_format::load(&album.path("run/checkpoint.safetensors")).unwrap().tensors;
    assert!(tensors.iter().all(|(_, tensor)| tensor.data.iter().all(|x| x.is_finite())));
}

#[test]
fn what_does_not_go_together_is_said() {
    let album = Album::new();
    let empty = album.path("empty");
    std::fs::create_dir(&empty).unwrap();
    album.train("a", &["--set", "optimizer.lr=1"]).fails(&["optimizer.lr", "rate"]);
    album.train("a", &["--batch", "0"]).fails(&["`batch` is 0"]);
    album.train("a", &["--val-split", "1"]).fails(&["val_split"]);
    album.train("a", &["--teacher", "nowhere.pth"]).fails(&["nowhere.pth"]);
    seesaw(args!["train", "--data", empty]).fails(&["not a data set"]);
    seesaw(args!["resume", empty]).fails(&["holds no run"]);
    seesaw(args!["eval", empty]).fails(&["holds no run", "hint"]);
    let tiny = Tiny::new();
    let weights = tiny.imported();
    seesaw(args!["eval", weights]).fails(&["no data", "--data"]);
    seesaw(args!["eval", weights, "--data", album.data]).fails(&["3 classes", "--labels"]);
    seesaw(args!["eval", weights, "--data", album.data, "--worst", "x.gif"]).fails(&[".png"]);
}

#[test]
fn an_archive_that_does_not_come() {
    let album = Album::new();
    // A port that was free a moment ago: nobody listens.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/cifar-10-binary.tar.gz");
    let folder = album.path("cifar10");
    seesaw(args!["data", "cifar10", folder, "--url", url]).fails(&[&url, "with a browser"]);
    std::fs::write(folder.join("cifar-10-binary.tar.gz"), "not it").unwrap();
    seesaw(args!["data", "cifar10", folder]).fails(&["md5"]);
}

#[test]
fn old_names_in_recipes_and_runs_still_work() {
    let album = Album::new();
    let rename = |path: &std::path::Path| {
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.contains("center"), "{text}");
        std::fs::write(path, text.replace("center", "centre")).unwrap();
    };
    rename(&album.recipe);
    let training = album.train("run", &["--epochs", "1", "--limit", "8"]);
    training.ok();
    let warning = "warning: ";
    assert!(training.stderr().contains(warning), "{}", training.stderr());
    assert!(training.stderr().contains("`centre` is now called `center`"), "{}", training.stderr());
    // A run of an earlier version is resumed as it is.
    rename(&album.path("run/config.toml"));
    let resumed = seesaw(args!["resume", album.path("run")]);
    resumed.ok();
    assert!(!resumed.stderr().contains(warning), "{}", resumed.stderr());
}
