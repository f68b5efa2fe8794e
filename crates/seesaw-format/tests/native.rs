//! Native files: round trips, recognition, and files that are damaged or not what they seem.

use std::path::{Path, PathBuf};

use seesaw_arch::{Filter, Net, Preprocess, zoo};
use seesaw_format::{
    FormatError, Metadata, NetWeights, StoredPrecision, load, load_model, recognize,
    safetensors::{self, HeaderText},
};
use seesaw_testing::shared;

const TINY: &str = r#"
name = "tiny"
input_size = 16
classes = 3
stem = { channels = 8, stride = 2 }
head = { channels = 16 }
[[stages]]
expansion = 2
channels = 8
repeat = 1
stride = 1
expand = "1:3"
flow = "shuffle(2)"
project = "3:1"
[[stages]]
expansion = 2
channels = 16
repeat = 2
stride = 2
expand = "1:2:5"
project = "1:1"
"#;

fn tiny() -> (Net, NetWeights) {
    let net = Net::from_toml(TINY).unwrap();
    let weights = NetWeights::random(&net, 7).unwrap();
    (net, weights)
}

fn write(folder: &Path, metadata: Option<&Metadata>, precision: StoredPrecision) -> PathBuf {
    let (net, weights) = tiny();
    let path = folder.join("tiny.safetensors");
    safetensors::write(&path, &weights.to_tensors(&net).unwrap(), metadata, precision).unwrap();
    path
}

fn metadata() -> Metadata {
    Metadata::new(tiny().0)
        .labels(["cat", "dog", "owl"].map(String::from).to_vec())
        .preprocess(Preprocess {
            resize: 18,
            crop: 16,
            mean: [0.5; 3],
            std: [0.25; 3],
            filter: Filter::Bicubic,
            fit: seesaw_arch::Fit::Crop,
        })
        .origin("made by a test")
}

#[test]
fn a_model_of_a_users_own_round_trips() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), Some(&metadata()), StoredPrecision::F32);
    let model = load_model(&path, None).unwrap();
    let (net, weights) = tiny();
    assert_eq!((&model.net, &model.weights), (&net, &weights));
    assert_eq!(model.labels, metadata().labels);
    assert_eq!(model.preprocess, metadata().preprocess);
    assert_eq!((model.origin, model.notes), (metadata().origin, Vec::new()));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
}

#[test]
fn one_read_gives_the_files_own_metadata_and_the_model_of_another_net() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), Some(&metadata()), StoredPrecision::F32);
    let contents = load(&path).unwrap();
    assert_eq!(contents.metadata, Some(metadata()));
    let renamed = Net { name: "mine".to_owned(), ..tiny().0 };
    let model = contents.into_model(Some(renamed.clone()), &path).unwrap();
    assert_eq!((model.net, model.labels), (renamed, metadata().labels));
}

#[test]
fn a_text_of_the_callers_takes_the_place_of_metadata() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    let (net, weights) = tiny();
    let tensors = weights.to_tensors(&net).unwrap();
    let text = HeaderText { key: "progress", text: "half \"way\"" };
    safetensors::write_with_text(&path, &tensors, Some(text), StoredPrecision::F32).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let (read, text) = safetensors::read_with_text(&bytes, "progress").unwrap();
    assert_eq!((&read, text.as_deref()), (&tensors, Some("half \"way\"")));
    assert_eq!(safetensors::read_with_text(&bytes, "seesaw").unwrap().1, None);
    assert_eq!(safetensors::read(&bytes).unwrap(), (tensors, None));
}

#[cfg(not(feature = "pytorch"))]
#[test]
fn without_the_feature_pytorch_files_are_refused_by_name() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/plain-zip.pth");
    assert!(matches!(load(&golden), Err(FormatError::NoPyTorch)));
}

#[test]
fn weights_that_are_not_the_nets_are_refused() {
    let (net, weights) = tiny();
    let (mut more, mut fewer) = (weights.clone(), weights);
    more.head.bn.mean.push(0.0);
    fewer.blocks[2].project.weight.pop();
    for (wrong, part) in [(more, "more values"), (fewer, "`features.3.project.1.weight` lacks")] {
        let error = wrong.to_tensors(&net).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn half_precision_rounds_matrices_and_keeps_norms() {
    let folder = tempfile::tempdir().unwrap();
    let full = std::fs::metadata(write(folder.path(), Some(&metadata()), StoredPrecision::F32));
    let path = write(folder.path(), Some(&metadata()), StoredPrecision::F16);
    let full = full.unwrap().len();
    assert!(std::fs::metadata(&path).unwrap().len() < full);
    let (_, weights) = tiny();
    let read = load_model(&path, None).unwrap().weights;
    assert_eq!(read.stem.bn, weights.stem.bn);
    for (a, b) in read.stem.weight.iter().zip(&weights.stem.weight) {
        // Half a unit in the last of 11 bits.
        assert!((a - b).abs() <= b.abs() / 2048.0 + 1e-7, "{a} {b}");
    }
}

#[test]
fn half_precision_makes_no_weight_infinite() {
    let folder = tempfile::tempdir().unwrap();
    let (net, mut weights) = tiny();
    weights.head.weight[0] = 1e5;
    let path = folder.path().join("large.safetensors");
    let tensors = weights.to_tensors(&net).unwrap();
    safetensors::write(&path, &tensors, None, StoredPrecision::F16).unwrap();
    let read = load_model(&path, Some(net)).unwrap().weights;
    assert_eq!(read.head, weights.head);
    assert_ne!(read.stem, weights.stem);
}

#[test]
fn every_net_of_the_zoo_is_among_its_own_candidates() {
    for net in zoo::all() {
        for classes in [net.classes, 7] {
            let net = net.clone().with_classes(classes);
            let tensors = NetWeights::random(&net, 1).unwrap().to_tensors(&net).unwrap();
            let candidates = recognize(&tensors).unwrap();
            assert!(candidates.contains(&net), "{}", net.name);
            assert!(candidates.len() <= 2, "{}: {}", net.name, candidates.len());
        }
    }
    let narrow = zoo::net("seesaw-share-v0-1.0d-cifar-x0.5").unwrap();
    let tensors = NetWeights::random(&narrow, 1).unwrap().to_tensors(&narrow).unwrap();
    assert_eq!(recognize(&tensors).unwrap(), [narrow]);
}

#[test]
fn what_names_and_shapes_do_not_tell_the_user_must() {
    let folder = tempfile::tempdir().unwrap();
    let net = zoo::net("seesaw-share-v1-0.5d-cifar").unwrap();
    let weights = NetWeights::random(&net, 1).unwrap();
    let tensors = weights.to_tensors(&net).unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["a.safetensors", "share.safetensors"] {
        safetensors::write(&path(name), &tensors, None, StoredPrecision::F32).unwrap();
    }
    let error = load_model(&path("a.safetensors"), None).unwrap_err();
    assert!(matches!(error, FormatError::Ambiguous { .. }));
    let text = error.to_string();
    assert!(text.contains("seesaw-shuffle-0.5d-cifar and seesaw-share-v1-0.5d-cifar"), "{text}");
    let assumed = load_model(&path("share.safetensors"), None).unwrap();
    assert_eq!(
        (&assumed.net, assumed.notes.iter().any(seesaw_format::Note::is_assumption)),
        (&net, true)
    );
    let given = load_model(&path("a.safetensors"), Some(net.clone())).unwrap();
    assert_eq!((given.net, given.weights), (net, weights));
}

#[test]
fn weights_of_another_net_say_what_does_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), None, StoredPrecision::F32);
    let other = zoo::net("mobilenetv2-1.0-cifar").unwrap();
    let error = load_model(&path, Some(other)).unwrap_err().to_string();
    for part in [
        "not of mobilenetv2-1.0-cifar",
        "missing (",
        "left over (",
        "of another shape (",
        "[8, 3, 3, 3] instead of [32, 3, 3, 3]",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let error = load_model(&path, None).unwrap_err();
    assert!(matches!(error, FormatError::Unrecognized { .. }), "{error}");
}

#[test]
fn a_file_that_contradicts_itself_can_be_read_as_the_net_that_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let (net, weights) = tiny();
    let path = folder.path().join("tiny.safetensors");
    let mut tensors = weights.to_tensors(&net).unwrap();
    let five = Net { classes: 5, ..net.clone() };
    let linear = NetWeights::random(&five, 1).unwrap().to_tensors(&five).unwrap();
    for name in ["classifier.0.weight", "classifier.0.bias"] {
        tensors.insert(name, linear.get(name).unwrap().clone());
    }
    safetensors::write(&path, &tensors, Some(&metadata()), StoredPrecision::F32).unwrap();
    assert!(matches!(load_model(&path, None), Err(FormatError::Mismatch { .. })));
    let model = load_model(&path, Some(net.clone())).unwrap();
    assert_eq!(
        (model.net, model.labels),
        (five, Vec::new()),
        "three names do not name five classes"
    );
    // Without a linear layer it is the net as given that does not fit.
    for name in ["classifier.0.weight", "classifier.0.bias"] {
        tensors.remove(name);
    }
    safetensors::write(&path, &tensors, None, StoredPrecision::F32).unwrap();
    let error = load_model(&path, Some(net)).unwrap_err().to_string();
    assert!(error.contains("2 missing (classifier.0.weight, classifier.0.bias)"), "{error}");
}

#[test]
fn values_that_cannot_be_weights_are_named() {
    let (net, weights) = tiny();
    for (value, what) in [(f32::NAN, "NaN"), (f32::INFINITY, "infinity"), (-1.0, "negative")] {
        let mut broken = weights.clone();
        broken.blocks[1].depthwise.bn.var[3] = value;
        let tensors = broken.to_tensors(&net).unwrap();
        let error = NetWeights::from_tensors(&net, &tensors).unwrap_err().to_string();
        assert!(error.contains("features.2.depthwise_norm.running_var"), "{error}");
        assert!(error.contains(what), "{error}");
    }
}

#[test]
fn damaged_files_are_refused_and_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), Some(&metadata()), StoredPrecision::F32);
    let bytes = std::fs::read(&path).unwrap();
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    for end in (0..header).step_by(7).chain([header, bytes.len() - 1]) {
        assert!(safetensors::read(&bytes[..end]).is_err(), "cut at {end}");
    }
    let mut refused = 0;
    for at in 0..header {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x15;
        refused += usize::from(safetensors::read(&flipped).is_err());
    }
    assert!(refused > header / 4, "{refused} of {header}");
}

#[test]
fn what_is_no_weight_file_is_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    std::fs::write(&path, [0; 64]).unwrap();
    assert!(matches!(load(&path), Err(FormatError::UnknownKind)));
    let missing = load(&folder.path().join("none")).unwrap_err().to_string();
    assert!(missing.contains("none: No such file"), "{missing}");
    // A file that claims to be larger than any net; sparse, so that the test is quick.
    std::fs::File::create(&path).unwrap().set_len(2 << 30).unwrap();
    assert!(matches!(load(&path), Err(FormatError::TooLarge { .. })));
    let mut newer = metadata();
    newer.version = 2;
    let path = write(folder.path(), Some(&newer), StoredPrecision::F32);
    let error = load(&path).unwrap_err().to_string();
    assert!(error.contains("version 2 is newer"), "{error}");
}

#[test]
fn texts_that_a_terminal_would_obey_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (net, weights) = tiny();
    let tensors = weights.to_tensors(&net).unwrap();
    let path = folder.path().join("tiny.safetensors");
    let mut named = metadata();
    named.labels[1] = "dog\x1b[2J".to_owned();
    let error =
        safetensors::write(&path, &tensors, Some(&named), StoredPrecision::F32).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("`dog\u{fffd}[2J` contains control characters"), "{text:?}");
    let key = serde_json::json!({ "seesaw": r#"{"version":1,"net":{"\u001b[2J":0}}"# });
    let header = serde_json::json!({ "__metadata__": key }).to_string();
    let file = [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
    let text = safetensors::read(&file).unwrap_err().to_string();
    assert!(!text.contains(char::is_control) && text.contains("unknown field"), "{text:?}");
}

#[test]
fn a_file_that_cannot_be_replaced_stays_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), Some(&metadata()), StoredPrecision::F32);
    let before = std::fs::read(&path).unwrap();
    let mut wrong = metadata();
    wrong.labels.pop();
    let (net, weights) = tiny();
    let tensors = weights.to_tensors(&net).unwrap();
    assert!(safetensors::write(&path, &tensors, Some(&wrong), StoredPrecision::F32).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let nowhere = folder.path().join("no/such/folder/x.safetensors");
    assert!(safetensors::write(&nowhere, &tensors, None, StoredPrecision::F32).is_err());
}

#[test]
fn torchvisions_names_are_mobilenetv2_for_224_pixels() {
    let Some(path) = shared("weights/mobilenetv2-imagenet.safetensors") else { return };
    let model = load_model(&path, None).unwrap();
    assert_eq!(model.net, zoo::net("mobilenetv2-1.0-imagenet").unwrap());
}
