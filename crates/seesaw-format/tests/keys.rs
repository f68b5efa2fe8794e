//! Which weights of a file are read: nested state dicts, averages, prefixes and several nets.
#![cfg(feature = "pytorch")]

use std::path::Path;

use seesaw_format::{
    FormatError, Model, Note, StoredPrecision, Tensor, Tensors, load_keyed, load_model, safetensors,
};
use seesaw_testing::folder;

mod common;
use common::{
    Py,
    nets::{Named, PUBLISHED, REPEATS, state_dict},
};

fn net(fill: f32) -> Py {
    Py::dict(state_dict("", fill))
}

fn read_at(file: &Py, key: Option<&str>) -> Result<Model, FormatError> {
    let folder = folder([("net.pth", file.saved())]);
    let path = folder.path().join("net.pth");
    load_keyed(&path, key)?.into_model(None, &path)
}

/// The number that fills the weights that are read, and what was said.
fn filled(file: &Py, key: Option<&str>) -> (f32, String) {
    let model = read_at(file, key).unwrap_or_else(|error| panic!("{error}"));
    let notes: Vec<String> = model.notes.iter().map(ToString::to_string).collect();
    (model.weights.head.weight[0], notes.join("\n"))
}

#[test]
fn averages_are_preferred_and_named_with_what_was_not_taken() {
    let optimizer = Py::dict([("state", Py::Dict(vec![(Py::Int(0), Py::Tensor(9.0, vec![3]))]))]);
    for (plain, average) in [
        ("state_dict", "state_dict_ema"),
        ("model", "model_ema"),
        ("model", "ema"),
        ("net", "ema_state_dict"),
        ("params", "params_ema"),
        ("model", "ema-model"),
    ] {
        let file = Py::dict([
            (plain, net(1.0)),
            (average, net(2.0)),
            ("optimizer", optimizer.clone()),
            ("epoch", Py::Int(3)),
        ]);
        let (fill, notes) = filled(&file, None);
        assert_eq!(fill, 2.0, "{average}");
        let expected = format!("took the weights of `{average}`; there are also `{plain}`");
        assert!(notes.contains(&expected), "{notes}");
        let (fill, notes) = filled(&file, Some(plain));
        assert_eq!(fill, 1.0, "{plain}");
        assert!(!notes.contains("took"), "the caller's choice is no news: {notes}");
    }
}

/// torchvision's reference script, torch's `AveragedModel`, timm's and YOLO's wrappers.
#[test]
fn averages_come_wrapped_in_many_ways() {
    let mut averaged = vec![("n_averaged".to_owned(), Py::Tensor(7.0, vec![]))];
    averaged.extend(state_dict("module.", 2.0));
    let file = Py::dict([("model", net(1.0)), ("model_ema", Py::dict(averaged.clone()))]);
    let (fill, notes) = filled(&file, None);
    assert_eq!(fill, 2.0);
    assert!(
        notes.contains("removed `module.`") && notes.contains("left out `n_averaged`"),
        "{notes}"
    );
    let (fill, _) = filled(&Py::dict([("ema", Py::dict([("module", Py::dict(averaged))]))]), None);
    assert_eq!(fill, 2.0);
    // In one flat dictionary, as Lightning saves a module with two nets.
    let flat = [state_dict("model.", 1.0), state_dict("model_ema.module.", 2.0)].concat();
    let file = Py::dict([("state_dict", Py::dict(flat))]);
    let (fill, notes) = filled(&file, None);
    assert_eq!(fill, 2.0);
    assert!(
        notes.contains("took the weights of `model_ema.module`; there are also `model`"),
        "{notes}"
    );
    assert_eq!(filled(&file, Some("state_dict.model")).0, 1.0);
    assert_eq!(filled(&file, Some("state_dict.model_ema")).0, 2.0);
}

/// An average of parameters alone lacks the running statistics, so it is no net.
#[test]
fn averages_without_statistics_are_only_mentioned() {
    let parameters = state_dict("", 2.0).into_iter().filter(|(name, _)| !name.contains("running"));
    let file = Py::dict([("model", net(1.0)), ("ema", Py::dict(parameters))]);
    let (fill, notes) = filled(&file, None);
    assert_eq!(fill, 1.0);
    assert!(notes.contains("took the weights of `model`; there are also `ema`"), "{notes}");
}

#[test]
fn weights_are_found_wherever_they_are() {
    for path in [
        "weights",
        "params",
        "state",
        "net",
        "network",
        "ema_state_dict",
        "model_state_dict",
        "checkpoint.model",
        "a.b.c",
        "trainer.state.net",
        "my weights",
        "generator",
    ] {
        let nested = path.rsplit('.').fold(net(1.0), |value, key| Py::dict([(key, value)]));
        let beside = Py::dict([("best", Py::Tensor(0.5, vec![])), ("epoch", Py::Int(1))]);
        let Py::Dict(mut entries) = beside else { unreachable!() };
        let Py::Dict(more) = nested else { unreachable!() };
        entries.extend(more);
        assert_eq!(filled(&Py::Dict(entries), None).0, 1.0, "{path}");
    }
    let in_tuple = Py::Tuple(vec![Py::Int(3), net(1.0)]);
    assert_eq!(filled(&in_tuple, None).0, 1.0);
    assert_eq!(filled(&Py::List(vec![Py::dict([("model", net(1.0))])]), None).0, 1.0);
}

#[test]
fn of_several_equal_nets_the_caller_chooses() {
    let file = Py::dict([("student", net(1.0)), ("teacher", net(2.0))]);
    let error = read_at(&file, None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "it holds several nets: `student` and `teacher`; choose one by its key"
    );
    assert_eq!(filled(&file, Some("teacher")).0, 2.0);
    let flat = Py::dict([state_dict("student.", 1.0), state_dict("teacher.", 2.0)].concat());
    assert!(matches!(read_at(&flat, None), Err(FormatError::SeveralWeights { .. })));
    assert_eq!(filled(&flat, Some("teacher")).0, 2.0);
    let error = read_at(&file, Some("nobody")).unwrap_err().to_string();
    assert_eq!(error, "nothing is at `nobody`; it has `student`, `teacher`");
    let error = read_at(&net(1.0), Some("nobody")).unwrap_err().to_string();
    assert_eq!(error, "nothing is at `nobody`; it has its tensors at the top");
}

const PREFIXES: [&str; 9] = [
    "module.",
    "_orig_mod.",
    "module._orig_mod.",
    "_orig_mod.module.",
    "model.",
    "net.",
    "backbone.",
    "module.encoder.",
    "0.",
];

#[test]
fn prefixes_are_removed_from_checkpoints() {
    for prefix in PREFIXES {
        let names = Py::dict(state_dict(prefix, 1.0));
        for file in [names.clone(), Py::dict([("state_dict", names)])] {
            let (fill, notes) = filled(&file, None);
            assert_eq!(fill, 1.0);
            assert!(notes.contains(&format!("removed `{prefix}`")), "{notes}");
        }
    }
}

fn native(tensors: &[Named]) -> Tensors {
    let tensor = |(name, shape): &Named| {
        let data = vec![1.0; shape.iter().product()];
        (name.clone(), Tensor { shape: shape.clone(), data })
    };
    tensors.iter().map(tensor).collect()
}

fn write(path: &Path, tensors: &Tensors) {
    safetensors::write(path, tensors, None, StoredPrecision::F32).unwrap();
}

#[test]
fn prefixes_are_removed_from_safetensors_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    let plain = PUBLISHED.tensors(REPEATS, 10);
    for prefix in PREFIXES {
        let named: Vec<Named> =
            plain.iter().map(|(name, shape)| (format!("{prefix}{name}"), shape.clone())).collect();
        write(&path, &native(&named));
        let model = load_model(&path, None).unwrap();
        let expected = Note::Stripped { prefix: prefix.to_owned() };
        assert!(model.notes.contains(&expected), "{prefix}: {:?}", model.notes);
    }
}

/// A backbone in a wrapper with its own linear layer, and what else a training module holds.
#[test]
fn tensors_beside_the_net_keep_their_names_or_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    let mut named: Vec<Named> = PUBLISHED
        .tensors(REPEATS, 10)
        .into_iter()
        .map(|(name, shape)| match name.starts_with("classifier") {
            true => (name, shape),
            false => (format!("backbone.{name}"), shape),
        })
        .collect();
    named.push(("criterion.weight".to_owned(), vec![10]));
    named.push(("n_averaged".to_owned(), vec![]));
    write(&path, &native(&named));
    let model = load_model(&path, None).unwrap();
    let left = ["criterion.weight", "n_averaged"].map(str::to_owned).to_vec();
    assert!(model.notes.contains(&Note::LeftOut { names: left }), "{:?}", model.notes);
    // In the layers of the net, more tensors make another net.
    for name in ["backbone.features.3.se.weight", "backbone.conv.2.weight", "classifier.scale"] {
        let mut named = named.clone();
        named.push((name.to_owned(), vec![10]));
        write(&path, &native(&named));
        let error = load_model(&path, None).unwrap_err();
        let FormatError::Unrecognized { is_named, .. } = &error else { panic!("{error}") };
        let last = name.trim_start_matches("backbone.");
        assert!(*is_named && error.to_string().contains(last), "{error}");
    }
}

#[test]
fn names_of_other_nets_are_described() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("resnet.safetensors");
    let names = ["net.conv1.weight", "net.layer1.0.conv1.weight", "net.layer1.0.bn1.running_mean"];
    let named: Vec<Named> = names.iter().map(|name| ((*name).to_owned(), vec![3])).collect();
    write(&path, &native(&named));
    let error = load_model(&path, None).unwrap_err();
    let FormatError::Unrecognized { is_named: false, .. } = error else { panic!("{error}") };
    assert_eq!(
        error.to_string(),
        "no known net has these 3 tensors: their names begin with `layer1.` (2), `conv1.` (1)"
    );
    let given = seesaw_arch::zoo::net("mobilenetv2-1.0-imagenet").unwrap();
    let error = load_model(&path, Some(given)).unwrap_err().to_string();
    assert!(
        error.contains("no tensor has a name of the net's") && error.contains("layer1"),
        "{error}"
    );
}

#[test]
fn a_net_that_is_nearly_known_says_what_is_missing() {
    let mut named = PUBLISHED.tensors(REPEATS, 10);
    named.retain(|(name, _)| name != "conv.0.weight");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    write(&path, &native(&named));
    let error = load_model(&path, None).unwrap_err().to_string();
    assert!(error.contains("the nearest is mobilenetv2-1.0-"), "{error}");
    assert!(error.contains("1 missing (conv.0.weight)"), "{error}");
}
