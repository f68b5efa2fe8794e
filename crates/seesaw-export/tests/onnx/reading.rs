//! Files that are read back, and hostile ones.

use prost::Message;
use seesaw_arch::{Groups as Sizes, Net, Preprocess, zoo};
use seesaw_engine::{Machine, Options as PlanOptions, compile, lower};
use seesaw_export::{
    ExportError,
    onnx::{Groups, Input, Options, from_bytes, is_onnx, model, proto, read, write},
};
use seesaw_format::{Metadata, NetWeights};

use crate::{Rng, weights};

fn net() -> Net {
    small("seesaw-share-v1-0.5d-cifar")
}

fn small(name: &str) -> Net {
    let mut net = zoo::net(name).unwrap().with_width(0.3).unwrap().with_classes(4);
    net.head.channels = 32;
    net
}

fn metadata(net: &Net) -> Metadata {
    let labels = ["a", "jack-o'-lantern", "b \"c\" \\d", "größer"].map(str::to_owned);
    Metadata::new(net.clone()).labels(labels.into()).origin("a test")
}

fn logits(net: &Net, weights: &NetWeights) -> Vec<f32> {
    let side = 16;
    let images = Rng(5).values(3 * side * side, -2.0..2.0);
    let options = PlanOptions::new(net).input_size(side);
    compile(net, weights, &options, &Machine::solo()).unwrap().logits(&images).unwrap()
}

#[test]
fn a_file_restores_the_model_bit_by_bit_in_every_form() {
    for name in [
        "seesaw-shuffle-0.5d-cifar",
        "igcv3-0.5d-cifar",
        "seesaw-share-v0-0.5d-cifar",
        "efficientnet-lite0",
    ] {
        let net = small(name);
        let weights = weights(&net, 3);
        let metadata = metadata(&net).preprocess(Preprocess::cifar().with_crop(16));
        for groups in [Groups::Auto, Groups::Dense, Groups::Split] {
            for input in [Input::Tensor, Input::Pixels, Input::Photo] {
                let options =
                    Options { groups, input, softmax: input == Input::Photo, half: false };
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("a.onnx");
                let summary = write(&path, &weights, &metadata, &options).unwrap();
                let bytes = std::fs::read(&path).unwrap();
                assert_eq!(summary.bytes, bytes.len() as u64);
                assert!(is_onnx(&bytes));
                let restored = read(&path).unwrap();
                assert_eq!(restored.net, net);
                assert_eq!(restored.labels, metadata.labels);
                assert_eq!(restored.preprocess, metadata.preprocess);
                assert_eq!(restored.origin, metadata.origin);
                assert_eq!(logits(&net, &restored.weights), logits(&net, &weights), "{name}");
                // Its batch norms change nothing, so that what it writes is the same file.
                let again = folder.path().join("b.onnx");
                write(&again, &restored.weights, &metadata, &options).unwrap();
                assert!(std::fs::read(&again).unwrap() == bytes, "{name} {groups:?} {input:?}");
            }
        }
        let folded = lower(&net, &weights).unwrap();
        assert!(folded.steps.iter().any(|step| step.scale[0] != 1.0), "norms that do something");
    }
}

#[test]
fn halved_weights_are_read_as_they_were_rounded() {
    let net = net();
    let weights = weights(&net, 3);
    let options = Options { half: true, ..Options::default() };
    let bytes = model(&weights, &metadata(&net), &options).unwrap().encode_to_vec();
    let restored = from_bytes(&bytes).unwrap();
    let again = model(&restored.weights, &metadata(&net), &options).unwrap().encode_to_vec();
    assert!(again == bytes);
}

#[test]
fn names_and_sizes_are_in_the_form_that_loaders_read() {
    let net = net();
    let model = model(&weights(&net, 3), &metadata(&net), &Options::default()).unwrap();
    let find = |key: &str| {
        let entry = model.metadata_props.iter().find(|entry| entry.key == key);
        entry.unwrap_or_else(|| panic!("{key}")).value.clone()
    };
    let names = r#"{0: 'a', 1: 'jack-o\'-lantern', 2: 'b "c" \\d', 3: 'größer'}"#;
    assert_eq!(find("names"), names);
    assert_eq!(
        (find("task"), find("imgsz"), find("stride")),
        ("classify".into(), "[32, 32]".into(), "4".into())
    );
    assert_eq!((find("channels"), find("batch")), ("3".into(), "-1".into()));
    let keys: std::collections::HashSet<_> = model.metadata_props.iter().map(|e| &e.key).collect();
    assert_eq!(keys.len(), model.metadata_props.len());
}

#[test]
fn ten_thousand_classes_are_written_and_read() {
    let net = net().with_classes(10_000);
    let labels = (0..10_000).map(|class| format!("class '{class}'")).collect();
    let metadata = Metadata::new(net.clone()).labels(labels);
    let bytes = model(&weights(&net, 3), &metadata, &Options::default()).unwrap().encode_to_vec();
    assert_eq!(from_bytes(&bytes).unwrap().labels, metadata.labels);
}

#[test]
fn labels_that_span_lines_are_refused() {
    let net = net();
    let labels = vec!["two\nlines".to_owned(); 4];
    let error = model(&weights(&net, 3), &Metadata::new(net).labels(labels), &Options::default());
    assert!(error.unwrap_err().to_string().contains("control characters"));
}

/// 64 groups of a net with 4096 channels: their dense form has 64 times as many numbers.
#[test]
fn a_file_beyond_the_limit_of_protobuf_is_refused_before_anything_is_computed() {
    let mut net = net();
    net.stages.truncate(1);
    net.stem.channels = 4096;
    let stage = &mut net.stages[0];
    (stage.channels, stage.expansion, stage.repeat) = (4096, 4, 8);
    stage.expand = Some(Sizes::new(&[1; 64]).unwrap());
    stage.project = Sizes::new(&[1; 64]).unwrap();
    net.validate().unwrap();
    // Weights of another net: they are not looked at.
    let other = weights(&self::net(), 3);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.onnx");
    let options = Options { groups: Groups::Dense, ..Options::default() };
    let error = write(&path, &other, &Metadata::new(net), &options).unwrap_err();
    assert!(matches!(error, ExportError::TooLarge { bytes, .. } if bytes > 1 << 31), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn files_of_other_programs_are_refused_by_name() {
    let mut model = model(&weights(&net(), 3), &metadata(&net()), &Options::default()).unwrap();
    model.metadata_props.retain(|entry| entry.key != "seesaw");
    let error = from_bytes(&model.encode_to_vec()).unwrap_err();
    assert!(matches!(error, ExportError::Foreign), "{error}");
    assert!(error.to_string().contains("`seesaw export` did not write"));
}

/// Every change is an error that says what is wrong.
#[test]
fn changed_files_are_refused() {
    let net = net();
    let whole = model(&weights(&net, 3), &metadata(&net), &Options::default()).unwrap();
    let refused = |change: &dyn Fn(&mut proto::Model), expected: &str| {
        let mut model = whole.clone();
        change(&mut model);
        let error = from_bytes(&model.encode_to_vec()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    fn tensor<'a>(model: &'a mut proto::Model, name: &str) -> &'a mut proto::Tensor {
        let tensors = &mut model.graph.as_mut().unwrap().initializer;
        tensors.iter_mut().find(|tensor| tensor.name == name).unwrap()
    }
    let weight = "block.2.expand.weight";
    refused(&|m| m.metadata_props.retain(|e| e.key != "seesaw.forms"), "how its groups");
    refused(&|m| m.graph = None, "lacks `stem.weight`");
    refused(&|m| tensor(m, weight).dims[0] += 1, "has the shape");
    refused(&|m| tensor(m, weight).dims = vec![1; 9], "too many sizes");
    refused(&|m| tensor(m, weight).data_type = 7, "too few numbers");
    refused(&|m| tensor(m, weight).raw_data.truncate(5), "too few numbers");
    refused(&|m| tensor(m, weight).raw_data[..4].fill(0xff), "not finite");
    // A weight between two groups.
    refused(
        &|m| tensor(m, weight).raw_data.as_chunks_mut::<4>().0.fill([0, 0, 0x80, 0x3f]),
        "connects groups",
    );
    let seesaw = |m: &mut proto::Model, text: &str| {
        m.metadata_props.iter_mut().find(|e| e.key == "seesaw").unwrap().value = text.to_owned();
    };
    refused(&|m| seesaw(m, "{}"), "missing field");
    refused(&|m| seesaw(m, &" ".repeat((4 << 20) + 1)), "longer than");
}

/// No cut and no changed byte leads to a panic or to much memory.
#[test]
fn damaged_bytes_are_errors_or_models() {
    let net = net();
    let bytes =
        model(&weights(&net, 3), &metadata(&net), &Options::default()).unwrap().encode_to_vec();
    for end in (0..bytes.len()).step_by(bytes.len() / 100) {
        assert!(from_bytes(&bytes[..end]).is_err(), "{end}");
    }
    let mut changed = bytes.clone();
    for at in (0..bytes.len()).step_by(bytes.len() / 100).chain(0..200) {
        for change in [0x01, 0x80, 0xff] {
            changed[at] ^= change;
            let _ = from_bytes(&changed);
            changed[at] = bytes[at];
        }
    }
    // Empty messages, two bytes each.
    assert!(from_bytes(&[0x72, 0x00].repeat(1 << 20)).is_err());
    assert!(from_bytes(&[]).is_err());
}
