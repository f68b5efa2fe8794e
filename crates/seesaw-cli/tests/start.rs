//! What `train` starts from: the weights in the program, others, or none.

use std::path::PathBuf;

use seesaw::bundled::Bundled;

mod common;
use common::{Run, Tiny, args, bmp, seesaw};

/// A few photos of two colors, large enough to be photos.
struct Photos {
    folder: tempfile::TempDir,
}

impl Photos {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (class, color) in [("moss", [40, 160, 50]), ("sky", [90, 150, 230])] {
            std::fs::create_dir_all(folder.path().join("photos").join(class)).unwrap();
            for photo in 0..10_u8 {
                let shade = color.map(|sample: u8| sample.saturating_add(2 * photo));
                let name = format!("photos/{class}/{photo}.bmp");
                std::fs::write(folder.path().join(name), bmp(90 + u32::from(photo), shade))
                    .unwrap();
            }
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Trains for two epochs on images of 32 pixels.
    fn train(&self, run: &str, more: &[&str]) -> Run {
        let mut arguments: Vec<std::ffi::OsString> =
            args!["train", "--data", self.path("photos"), "--out", self.path(run)].into();
        arguments.extend(["--epochs", "2", "--batch", "4", "--input-size", "32"].map(Into::into));
        arguments.extend(more.iter().map(Into::into));
        seesaw(arguments)
    }

    fn config(&self, run: &str) -> toml::Table {
        let text = std::fs::read_to_string(self.path(run).join("config.toml")).unwrap();
        toml::from_str(&text).unwrap()
    }
}

#[test]
fn photos_start_from_the_weights_in_the_program() {
    let photos = Photos::new();
    let training = photos.train("run", &[]);
    training.ok();
    let said = training.stderr();
    let Bundled { name, net, .. } = Bundled::default();
    assert!(said.contains(&format!("{net}, 2 classes, 16 training images")), "{said}");
    assert!(said.contains(&format!("starts from the bundled weights {name}\n")), "{said}");
    assert!(
        training.stdout().contains("best: top-1 100.00 %"),
        "two colors: {}",
        training.stdout()
    );
    let config = photos.config("run");
    assert_eq!(config["run"]["bundled"].as_str(), Some(*name));
    assert!(config["run"].get("init").is_none());
    assert_eq!(config["recipe"]["statistics"].as_str(), Some("running"));
}

#[test]
fn the_number_of_epochs_follows_the_number_of_photos() {
    let photos = Photos::new();
    // 16 images are 4 steps of 4: 6 epochs have 24 of them, and 5 are allowed.
    for (goal, epochs) in
        [("{ steps = 9, min = 1, max = 5 }", 2), ("{ steps = 24, min = 1, max = 5 }", 5)]
    {
        let run = format!("run-{epochs}");
        let training = photos.train(&run, &["--set", &format!("epochs={goal}")]);
        training.ok();
        assert!(training.stderr().contains(&format!("\nepoch {epochs}/{epochs}: ")));
        assert_eq!(photos.config(&run)["recipe"]["epochs"].as_integer(), Some(epochs));
    }
}

#[test]
fn from_scratch_where_asked_or_where_there_are_no_weights() {
    let photos = Photos::new();
    let training = photos.train("scratch", &["--from-scratch"]);
    training.ok();
    let said = training.stderr();
    assert!(said.contains("seesaw-shuffle-0.5d-imagenet, 2 classes"), "{said}");
    assert!(said.contains("starts from random weights\n"), "{said}");
    let config = photos.config("scratch");
    assert!(config["run"].get("bundled").is_none() && config["run"].get("init").is_none());
    assert!(config["recipe"].get("statistics").is_none(), "the batch's statistics");

    let tiny = Tiny::new();
    let net = tiny.net.to_str().unwrap();
    let training = photos.train("tiny", &["--net", net]);
    training.ok();
    let said = training.stderr();
    assert!(said.contains("no bundled weights for tiny, so it starts from scratch"), "{said}");
    assert!(said.contains("starts from random weights\n"), "{said}");

    // A recipe that is not made for trained weights does not start from them.
    let training = photos.train("modern", &["--recipe", "photos-modern"]);
    training.ok();
    assert!(training.stderr().contains("starts from random weights\n"), "{}", training.stderr());
    let both = photos.train("both", &["--from-scratch", "--init", "x"]);
    both.fails(&["--from-scratch", "--init"]);
}

#[test]
fn a_net_and_names_choose_among_the_weights() {
    let photos = Photos::new();
    for (run, arguments, weights) in [
        ("net", ["--net", "seesaw-shuffle-0.5d-imagenet"], "seesaw-shuffle-0.5d-imagenet"),
        ("init", ["--init", "seesaw-shuffle-0.5d-imagenet"], "seesaw-shuffle-0.5d-imagenet"),
    ] {
        let training = photos.train(run, &arguments);
        training.ok();
        let said = training.stderr();
        let start = format!("starts from the bundled weights {weights}\n");
        assert!(
            said.contains(&start) && said.contains("seesaw-shuffle-0.5d-imagenet, 2"),
            "{said}"
        );
    }
    let training = photos.train("wrong", &["--init", "seesaw-shuffle-9d"]);
    training.fails(&["seesaw-shuffle-9d"]);
    // A run's own model is a start too.
    let best = photos.path("net/best.safetensors");
    let training = photos.train("again", &["--init", best.to_str().unwrap()]);
    training.ok();
    assert!(training.stderr().contains("starts from the weights "), "{}", training.stderr());
    assert!(photos.config("again")["run"]["init"].as_str().unwrap().ends_with("best.safetensors"));
}

#[test]
fn bundled_weights_classify_by_name() {
    let photos = Photos::new();
    let photo = photos.path("photos/sky/0.bmp");
    let classes = |more: &[&str]| {
        let mut arguments: Vec<std::ffi::OsString> =
            args!["predict", photo, "--top", "1000", "--json"].into();
        arguments.extend(more.iter().map(Into::into));
        seesaw(arguments).json()["top"].as_array().unwrap().len()
    };
    assert_eq!(classes(&[]), 1000);
    assert_eq!(classes(&["--weights", "seesaw-shuffle-0.5d-imagenet"]), 1000);
    let models = seesaw(["models", "--json"]).json();
    let named: Vec<_> = models
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|net| net["bundled"].as_array().unwrap())
        .collect();
    assert_eq!(named.len(), seesaw::bundled::ALL.len());
    assert_eq!(named.iter().filter(|weights| weights["default"] == true).count(), 1);
    for weights in named {
        assert!(weights["license"].as_str().is_some() && weights["source"].as_str().is_some());
        let name = weights["name"].as_str().unwrap();
        assert_eq!(classes(&["--weights", name]) as u64, weights["classes"].as_u64().unwrap());
    }
}
