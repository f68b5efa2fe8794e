//! The bundled model on the photos of the documentation, in every way that a photo may come.

use std::path::{Path, PathBuf};

use seesaw::bundled::{self, Bundled};
use seesaw::{Builder, Classifier, Error, Machine, Model, PhotoError, Preprocess, RgbImage};

fn photos() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/photos");
    let mut photos: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    photos.retain(|path| path.extension().is_some_and(|extension| extension == "jpg"));
    photos.sort();
    assert!(photos.len() >= 6);
    photos
}

#[test]
fn photos_are_named_as_their_files_are() {
    // The bundled weights know more than what the files are named after: a church is a bell cote.
    let classifier = Builder::default().build(imagenette()).unwrap();
    assert_eq!(classifier.labels().len(), classifier.net().classes);
    for photo in photos() {
        let guesses = classifier.classify_file(&photo).unwrap();
        let name = photo.file_stem().unwrap().to_string_lossy().replace('-', " ");
        assert_eq!(guesses[0].label.to_lowercase(), name);
        let total: f64 = guesses.iter().map(|guess| guess.probability).sum();
        assert!((total - 1.0).abs() < 1e-9 && guesses.len() == 10);
        let bytes = std::fs::read(&photo).unwrap();
        assert_eq!(classifier.classify_bytes(&bytes).unwrap(), guesses);
    }
}

fn imagenette() -> Model {
    let weights = "../../weights/seesaw-shuffle-0.5d-imagenette.safetensors";
    let bytes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(weights)).unwrap();
    Model::from_bytes(&bytes).unwrap()
}

#[test]
fn bundled_weights_are_what_their_entries_say() {
    for bundled in bundled::ALL {
        let Bundled { name, net, classes, input_size, license, source, .. } = bundled;
        let model = bundled.model().unwrap();
        assert_eq!((model.net.name.as_str(), model.net.classes), (net, classes), "{name}");
        assert_eq!(model.labels.len(), classes, "{name}");
        let preprocess = model.preprocess.as_ref().unwrap();
        assert_eq!(preprocess.crop as usize, input_size, "{name}");
        assert!(model.origin.is_some() && model.notes.is_empty(), "{name}");
        assert!(!license.is_empty() && !source.is_empty(), "{name}");
        let cards = include_str!("../../../weights/README.md");
        assert!(cards.contains(&format!("\n## {name}\n")), "no model card of {name}");
        // f16: two bytes a weight, and the metadata.
        let zoo = seesaw_arch::zoo::net(net).unwrap().with_classes(classes);
        let weights = 2 * zoo.cost(input_size).unwrap().params;
        let len = bundled.bytes.len();
        assert!((weights..weights + weights / 8).contains(&len), "{name}: {len} bytes");
        // Names are unique, and training finds the weights by the layers alone.
        assert_eq!(Bundled::named(name), Some(&bundled));
        let other = seesaw_arch::Net { name: "mine".into(), ..zoo.with_classes(3) };
        assert_eq!(Bundled::for_net(&other).unwrap().net, net);
    }
    assert_eq!(Bundled::default().name, bundled::DEFAULT);
    assert_eq!(Bundled::named("resnet50"), None);
    let cifar = seesaw_arch::zoo::net("seesaw-shuffle-0.5d-cifar").unwrap();
    assert_eq!(Bundled::for_net(&cifar), None);
}

#[test]
fn the_default_knows_everyday_photos() {
    let classifier = Classifier::bundled().unwrap();
    assert_eq!(classifier.labels().len(), 1000);
    let name = |photo: &PathBuf| photo.file_stem().unwrap().to_string_lossy().replace('-', " ");
    let right = photos()
        .iter()
        .filter(|photo| {
            let guesses = classifier.classify_file(photo).unwrap();
            guesses[..5].iter().any(|guess| guess.label.to_lowercase() == name(photo))
        })
        .count();
    assert!(right + 1 >= photos().len(), "{right} of {} among the first five", photos().len());
}

#[test]
fn many_photos_give_what_each_gives_alone_in_order() {
    let alone = Builder::default().build(imagenette()).unwrap();
    let mut paths = photos();
    paths.insert(2, PathBuf::from("no such photo.jpg"));
    let machine = Machine::new(3, None).unwrap();
    let together = Builder::new(&machine).batch(4).build(imagenette()).unwrap();
    let mut seen = Vec::new();
    together
        .classify_files(&paths, |path, guesses| {
            seen.push(path.to_owned());
            match guesses {
                Ok(guesses) => assert_eq!(guesses, alone.classify_file(path).unwrap()),
                Err(error) => assert!(matches!(error, PhotoError::Image(_)) && seen.len() == 3),
            }
            Ok::<(), ()>(())
        })
        .unwrap();
    assert_eq!(seen, paths);
    let stopped = together.classify_files(&paths, |_, _| Err("stop"));
    assert_eq!(stopped, Err("stop"));
}

#[test]
fn features_tell_photos_apart_and_are_reproducible() {
    let classifier = Classifier::bundled().unwrap();
    let gray = RgbImage::new(30, 20, vec![128; 3 * 30 * 20]).unwrap();
    let white = RgbImage::new(30, 20, vec![255; 3 * 30 * 20]).unwrap();
    let features = classifier.features(&gray).unwrap();
    assert_eq!(features.len(), classifier.net().head.channels);
    assert_eq!(features, classifier.features(&gray).unwrap());
    assert_ne!(features, classifier.features(&white).unwrap());
}

#[test]
fn what_does_not_fit_the_model_is_an_error() {
    let build = |builder: Builder| builder.build(imagenette()).unwrap_err();
    let error = build(Builder::default().labels(vec!["one".into()]));
    assert!(matches!(error, Error::LabelCount { found: 1, classes: 10 }));
    let crop = Preprocess { crop: 0, ..Preprocess::imagenet(224) };
    assert!(matches!(build(Builder::default().preprocess(crop)), Error::Preprocess(_)));
    assert!(matches!(build(Builder::default().batch(0)), Error::Engine(_)));
    let error = Classifier::open("no such model").unwrap_err().to_string();
    assert!(error.starts_with("no such model: "), "{error}");
    assert!(matches!(Classifier::from_bytes(b"text"), Err(Error::Format { path: None, .. })));
}
