//! Nets as other packages name, widen and count them, and what is assumed where several fit.

use std::path::Path;

use seesaw_arch::{Filter, Padding, zoo};
use seesaw_format::{
    FormatError, Model, NetWeights, Note, StoredPrecision, Tensor, Tensors, load_model, safetensors,
};

mod common;
use common::nets::{HEAD, Named, Names, PUBLISHED, REPEATS, STAGES, STEM, TIMM, TRANSFORMERS};

/// Tensors that are filled with their number in the list, so that each has to come to its place.
fn numbered(list: &[Named]) -> Tensors {
    let tensor = |(number, (name, shape)): (u16, &Named)| {
        let data = vec![f32::from(number); shape.iter().product()];
        (name.clone(), Tensor { shape: shape.clone(), data })
    };
    (1..).zip(list).map(tensor).collect()
}

fn write(path: &Path, list: &[Named]) {
    safetensors::write(path, &numbered(list), None, StoredPrecision::F32).unwrap();
}

fn read_as(file: &str, list: &[Named], net: Option<&str>) -> Result<Model, FormatError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(file);
    write(&path, list);
    load_model(&path, net.map(|name| zoo::net(name).unwrap()))
}

fn read(list: &[Named]) -> Model {
    read_as("net.safetensors", list, None).unwrap_or_else(|error| panic!("{error}"))
}

fn weights_in_order(model: &Model) -> Vec<f32> {
    let NetWeights { stem, blocks, head, classifier } = &model.weights;
    let mut values = vec![stem.weight[0], stem.bn.gamma[0], stem.bn.var[0]];
    for block in blocks {
        for conv in block.expand.iter().chain([&block.depthwise, &block.project]) {
            values.extend([conv.weight[0], conv.bn.gamma[0], conv.bn.beta[0], conv.bn.mean[0]]);
        }
    }
    values.extend([head.weight[0], head.bn.var[0], classifier.weight[0], classifier.bias[0]]);
    values
}

#[test]
fn each_package_has_names_of_its_own() {
    let expected = weights_in_order(&read(&PUBLISHED.tensors(REPEATS, 1000)));
    assert!(expected.is_sorted(), "{expected:?}");
    for names in [TIMM, TRANSFORMERS] {
        let model = read(&names.tensors(REPEATS, 1000));
        assert_eq!(weights_in_order(&model), expected);
        assert_eq!(model.net.stem.stride, 2);
    }
}

#[test]
fn channels_are_those_of_the_tensors() {
    let model = read(&PUBLISHED.tensors(REPEATS, 1000));
    let channels: Vec<usize> = model.net.stages.iter().map(|stage| stage.channels).collect();
    assert_eq!((model.net.stem.channels, channels.as_slice()), (STEM, &STAGES[..]));
    assert_eq!((model.net.head.channels, model.net.input_size), (HEAD, 224));
    let note = Note::Derived { from: "mobilenetv2-1.0-imagenet".to_owned() };
    assert!(model.notes.contains(&note), "{:?}", model.notes);
    // What the caller names is taken as it is written in the zoo, with the file's channels.
    let list = PUBLISHED.tensors(REPEATS, 7);
    let model = read_as("a.safetensors", &list, Some("mobilenetv2-1.0-cifar")).unwrap();
    assert_eq!((model.net.stem.stride, model.net.head.channels, model.net.classes), (1, HEAD, 7));
}

/// d-li14's nets with widths that were not on any list.
#[test]
fn widths_of_any_size_are_named() {
    for width in ["0.6", "0.15", "0.9", "1.1"] {
        let name = format!("mobilenetv2-1.0-imagenet-x{width}");
        let net = zoo::net(&name).unwrap();
        let tensors = NetWeights::random(&net, 1).unwrap().to_tensors(&net).unwrap();
        let nets = seesaw_format::recognize(&tensors).unwrap();
        let same = nets.iter().find(|found| found.stem.stride == 2).unwrap();
        assert_eq!((&same.stem, &same.head, &same.stages), (&net.stem, &net.head, &net.stages));
        assert!(zoo::net(&same.name).is_ok(), "{}", same.name);
    }
}

/// timm's mobilenetv2_110d and 120d have more blocks in each stage but the first and last.
#[test]
fn timms_deeper_nets_have_the_blocks_of_their_tensors() {
    let deeper = [1, 3, 4, 5, 4, 4, 1];
    let model = read(&TIMM.tensors(deeper, 1000));
    let repeats: Vec<usize> = model.net.stages.iter().map(|stage| stage.repeat).collect();
    assert_eq!(repeats, deeper);
    let preprocess = model.net.default_preprocess();
    assert_eq!((preprocess.filter, preprocess.crop), (Filter::Bicubic, 224));
}

#[test]
fn transformers_net_is_tensorflows_without_its_background() {
    let list = TRANSFORMERS.tensors(REPEATS, 1001);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let mut tensors = numbered(&list);
    for name in ["classifier.weight", "classifier.bias"] {
        let mut tensor = tensors.remove(name).unwrap();
        let row = tensor.data.len() / 1001;
        // The background's row is not to be seen again.
        tensor.data[..row].fill(-7.0);
        tensor.data[row] = 8.0;
        tensors.insert(name, tensor);
    }
    safetensors::write(&path, &tensors, None, StoredPrecision::F32).unwrap();
    let model = load_model(&path, None).unwrap();
    let linear = &model.weights.classifier;
    assert_eq!(
        (model.net.classes, linear.bias.len(), linear.weight.len()),
        (1000, 1000, 1000 * HEAD)
    );
    assert_eq!((linear.weight[0], linear.bias[0]), (8.0, 8.0));
    assert!(!linear.weight.contains(&-7.0) && model.notes.contains(&Note::Background));
    assert_eq!((model.net.padding, model.net.batch_norm_eps), (Padding::Same, 1e-3));
    assert_eq!(model.net.default_preprocess().mean, [0.5; 3]);
    // Other packages' 1001 classes may be anything.
    let model = read(&TIMM.tensors(REPEATS, 1001));
    assert_eq!(model.net.classes, 1001);
}

/// EfficientNet-Lite0 as timm names it: two nets with the same tensors.
#[test]
fn timms_efficientnet_lite0_is_known_by_the_files_name() {
    let net = zoo::net("efficientnet-lite0").unwrap();
    let mut list: Vec<Named> = Vec::new();
    let mut add = |conv: &str, norm: &str, shape: [usize; 4]| {
        list.push((format!("{conv}.weight"), shape.to_vec()));
        for part in ["weight", "bias", "running_mean", "running_var"] {
            list.push((format!("{norm}.{part}"), vec![shape[0]]));
        }
    };
    add("conv_stem", "bn1", [32, 3, 3, 3]);
    let mut input = 32;
    for (stage, row) in net.stages.iter().enumerate() {
        for block in 0..row.repeat {
            let (wide, name) = (input * row.expansion, format!("blocks.{stage}.{block}"));
            let name = |part: &str| format!("{name}.{part}");
            let parts = match stage {
                0 => ["conv_dw", "bn1", "conv_pw", "bn2"],
                _ => ["conv_dw", "bn2", "conv_pwl", "bn3"],
            };
            if stage > 0 {
                add(&name("conv_pw"), &name("bn1"), [wide, input, 1, 1]);
            }
            add(&name(parts[0]), &name(parts[1]), [wide, 1, row.kernel, row.kernel]);
            add(&name(parts[2]), &name(parts[3]), [row.channels, wide, 1, 1]);
            input = row.channels;
        }
    }
    add("conv_head", "bn2", [1280, 320, 1, 1]);
    list.extend([("classifier.weight".into(), vec![5, 1280]), ("classifier.bias".into(), vec![5])]);
    for (file, padding, eps) in [
        ("tf_efficientnet_lite0-0aa007d2.safetensors", Padding::Same, 1e-3),
        ("efficientnet_lite0_ra.safetensors", Padding::Symmetric, 1e-5),
        ("net.safetensors", Padding::Same, 1e-3),
    ] {
        let model = read_as(file, &list, None).unwrap();
        assert_eq!((model.net.padding, model.net.batch_norm_eps), (padding, eps), "{file}");
        assert!(model.notes.iter().any(Note::is_assumption), "{file}");
    }
}

#[test]
fn the_number_of_classes_stands_for_a_data_set() {
    let at = |classes, file| read_as(file, &PUBLISHED.tensors(REPEATS, classes), None);
    for (classes, file, side) in [
        (1000, "net.safetensors", 224),
        (10, "net.safetensors", 32),
        (100, "net.safetensors", 32),
        // What the file is called says more.
        (1000, "cifar.safetensors", 32),
        (100, "imagenet100.safetensors", 224),
        (7, "my-imagenet-net.safetensors", 224),
    ] {
        let model = at(classes, file).unwrap();
        assert_eq!((model.net.input_size, model.net.classes), (side, classes), "{file}");
        let assumed = |note: &Note| match note {
            Note::Assumed(assumption) => Some(assumption.to_string()),
            _ => None,
        };
        let assumed = model.notes.iter().find_map(assumed).expect("an assumption");
        let by_name = file != "net.safetensors";
        let reason =
            if by_name { "by the file's name".into() } else { format!("{classes} classes") };
        assert!(assumed.contains(&reason) && assumed.contains("the tensors also fit"), "{assumed}");
    }
    let error = at(7, "net.safetensors").unwrap_err();
    let FormatError::Ambiguous { candidates } = &error else { panic!("{error}") };
    assert_eq!(candidates, &["mobilenetv2-1.0-imagenet", "mobilenetv2-1.0-cifar"]);
    for name in candidates {
        let list = PUBLISHED.tensors(REPEATS, 7);
        assert!(read_as("net.safetensors", &list, Some(name)).is_ok(), "what it says works");
    }
}

#[test]
fn a_net_of_the_zoo_with_1000_classes_is_imagenets() {
    let net = zoo::net("mobilenetv2-1.0-imagenet").unwrap();
    let tensors = NetWeights::random(&net, 1).unwrap().to_tensors(&net).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("best.safetensors");
    safetensors::write(&path, &tensors, None, StoredPrecision::F32).unwrap();
    assert_eq!(load_model(&path, None).unwrap().net, net);
}

#[test]
fn names_of_a_list_are_all_different() {
    for names in [PUBLISHED, TIMM, TRANSFORMERS] {
        let Names { linear, .. } = names;
        let list = names.tensors(REPEATS, 3);
        assert_eq!(numbered(&list).len(), list.len(), "{linear}");
    }
}
