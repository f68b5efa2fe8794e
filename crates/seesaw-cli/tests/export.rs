//! `seesaw export`, and reading its files back.

use std::{fs, path::Path};

use seesaw_arch::zoo;
use seesaw_format::{Metadata, NetWeights, StoredPrecision, safetensors};
use seesaw_testing::bmp_of;
use tempfile::TempDir;

mod common;
use common::{args, seesaw};

/// A folder with a small model, `net.safetensors`, and a photo.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut net = zoo::net("seesaw-shuffle-0.5d-cifar").unwrap().with_width(0.3).unwrap();
    (net.classes, net.head.channels) = (3, 32);
    let mut weights = NetWeights::random(&net, 3).unwrap();
    weights.classifier.bias = vec![0.5, -0.5, 0.1];
    let labels = ["it's", "a \"quote\"", "größer"].map(str::to_owned).to_vec();
    let metadata = Metadata::new(net.clone()).labels(labels);
    let tensors = weights.to_tensors(&net).unwrap();
    let path = folder.path().join("net.safetensors");
    safetensors::write(&path, &tensors, Some(&metadata), StoredPrecision::F32).unwrap();
    let photo = bmp_of(50, 40, |x, y| [(5 * x) as u8, (6 * y) as u8, (x * y) as u8]);
    fs::write(folder.path().join("photo.bmp"), photo).unwrap();
    folder
}

/// Names of the files in a folder, without those of [`folder`].
fn others(folder: &Path) -> Vec<String> {
    let names =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != "net.safetensors" && name != "photo.bmp").collect()
}

fn answer(model: &Path, photo: &Path, extra: &[&str]) -> Vec<(String, f64)> {
    let mut arguments = args!["predict", "--weights", model, photo, "--json"].to_vec();
    arguments.extend(extra.iter().map(Into::into));
    let answer = seesaw(arguments).json();
    let top = answer["top"].as_array().unwrap().iter();
    top.map(|guess| {
        (guess["class"].as_str().unwrap().into(), guess["probability"].as_f64().unwrap())
    })
    .collect()
}

#[test]
fn predict_answers_alike_from_every_kind_of_file() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let (model, photo) = (at("net.safetensors"), at("photo.bmp"));
    let expected = answer(&model, &photo, &[]);
    assert_eq!(expected.len(), 3);
    for groups in ["auto", "dense", "split"] {
        let file = at("net.onnx");
        let run = seesaw(args!["export", model, file, "--groups", groups, "--input", "photo"]);
        assert!(run.ok().contains("input image: u8 [height, width, 3]"), "{}", run.stdout());
        assert_eq!(answer(&file, &photo, &[]), expected, "{groups}");
        // Recognized by its first bytes too.
        fs::rename(&file, at("net.bin")).unwrap();
        assert_eq!(answer(&at("net.bin"), &photo, &[]), expected, "{groups}");
    }
    let run = seesaw(args!["export", at("net.bin"), at("net.pth")]);
    assert!(run.ok().contains("class names are not in it"), "{}", run.stdout());
    // A description of the net, which is narrower than those of the zoo.
    let described = seesaw(args!["summary", model, "--toml"]).ok().to_owned();
    fs::write(at("net.toml"), described).unwrap();
    let toml = at("net.toml");
    let found = answer(&at("net.pth"), &photo, &["--net", toml.to_str().unwrap()]);
    let probabilities =
        |answer: &[(String, f64)]| answer.iter().map(|(_, p)| *p).collect::<Vec<_>>();
    assert_eq!(probabilities(&found), probabilities(&expected));
}

#[test]
fn bundled_names_work_and_nets_are_for_code_alone() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let file = at("bundled.onnx");
    let run = seesaw(args!["export", "seesaw-shuffle-0.5d-imagenet", file, "--half", "--softmax"]);
    assert!(run.ok().contains("probabilities: f32 [batch, 1000]"), "{}", run.stdout());
    assert!(run.ok().contains("written as dense ones"), "{}", run.stdout());
    seesaw(args!["export", "igcv3-0.5d-cifar", at("a.onnx")])
        .fails(&["is a net without weights", "hint: name a model"]);
    let run = seesaw(args!["export", "igcv3-0.5d-cifar", at("a.py")]);
    assert!(run.ok().contains("trains it"), "{}", run.stdout());
    let text = fs::read_to_string(at("a.py")).unwrap();
    // The recipe for small images.
    assert!(text.contains("'cutout': 8"), "{text}");
    let run = seesaw(args!["export", at("net.safetensors"), at("b.py"), "--recipe", "fine-tune"]);
    assert!(run.ok().contains("holds no weights"), "{}", run.stdout());
    assert!(run.stderr().contains("without the recipe's `fit_classifier`"), "{}", run.stderr());
    assert!(fs::read_to_string(at("b.py")).unwrap().contains(r"LABELS = ['it\'s', "));
}

#[test]
fn wrong_requests_write_nothing() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let model = at("net.safetensors");
    seesaw(args!["export", model, at("net.tflite")]).fails(&["must end in .onnx, .pth or .py"]);
    seesaw(args!["export", model, at("net")]).fails(&["must end in .onnx, .pth or .py"]);
    seesaw(args!["export", model, at("missing/net.onnx")]).fails(&["no such folder"]);
    seesaw(args!["export", model, at("net.pth"), "--half"]).fails(&["`--half` is for .onnx files"]);
    seesaw(args!["export", model, at("net.onnx"), "--recipe", "fine-tune"])
        .fails(&["for .py files"]);
    seesaw(args!["export", model, at("net.py"), "--fit", "pad"]).fails(&["`--fit` is for"]);
    seesaw(args!["export", model, at("net.pth"), "--crop", "64"]).fails(&["`--crop` is for"]);
    seesaw(args!["export", model, at("net.py"), "--recipe", "distill"]).fails(&["loss.features"]);
    seesaw(args!["export", at("photo.bmp"), at("net.onnx")]).fails(&["photo.bmp"]);
    let labels = at("labels.txt");
    fs::write(&labels, "one\ntwo\n").unwrap();
    seesaw(args!["export", model, at("net.onnx"), "--labels", labels]).fails(&["2 class names"]);
    fs::remove_file(labels).unwrap();
    fs::create_dir(at("taken.onnx")).unwrap();
    seesaw(args!["export", model, at("taken.onnx")]).fails(&["taken.onnx"]);
    assert_eq!(others(folder.path()), ["taken.onnx"]);
}

#[test]
fn the_input_is_not_overwritten() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    seesaw(args!["export", at("net.safetensors"), at("net.onnx")]).ok();
    let before = fs::read(at("net.onnx")).unwrap();
    seesaw(args!["export", at("net.onnx"), at("net.onnx"), "--half"]).fails(&["the same file"]);
    assert!(fs::read(at("net.onnx")).unwrap() == before);
}

#[test]
fn foreign_and_damaged_files_are_refused() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    // A model with the name of its program and an empty graph.
    fs::write(at("foreign.bin"), b"\x08\x08\x12\x07pytorch\x3a\x00").unwrap();
    let run = seesaw(args!["predict", "--weights", at("foreign.bin"), at("photo.bmp")]);
    run.fails(&["foreign.bin", "an ONNX file that `seesaw export` did not write"]);
    fs::write(at("text.onnx"), "no protobuf").unwrap();
    seesaw(args!["predict", "--weights", at("text.onnx"), at("photo.bmp")])
        .fails(&["a damaged ONNX file"]);
    seesaw(args!["predict", "--weights", at("missing.onnx"), at("photo.bmp")])
        .fails(&["missing.onnx"]);
    seesaw(args!["export", at("net.safetensors"), at("net.onnx")]).ok();
    let bytes = fs::read(at("net.onnx")).unwrap();
    fs::write(at("net.onnx"), &bytes[..bytes.len() / 2]).unwrap();
    seesaw(args!["eval", at("net.onnx"), "--data", folder.path()]).fails(&["a damaged ONNX file"]);
}

#[test]
fn a_page_has_every_file_and_needs_the_modules() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let (model, site, modules) = (at("net.safetensors"), at("site"), at("modules"));
    let export = |extra: &[&str]| {
        let mut arguments =
            args!["export", model, site, "--web", "--modules", modules, "--half"].to_vec();
        arguments.extend(extra.iter().map(Into::into));
        seesaw(arguments)
    };
    export(&[]).fails(&["no WebAssembly modules", "modules", "hint: build them"]);
    assert!(!site.exists());
    fs::create_dir(&modules).unwrap();
    fs::write(modules.join("seesaw.wasm"), b"\0asm\x01\0\0\0").unwrap();
    export(&[]).fails(&["no WebAssembly modules"]);
    fs::write(modules.join("seesaw-relaxed.wasm"), b"<html>").unwrap();
    export(&[]).fails(&["seesaw-relaxed.wasm: not a WebAssembly module"]);
    fs::write(modules.join("seesaw-relaxed.wasm"), b"\0asm\x01\0\0\0").unwrap();
    export(&["--softmax"]).fails(&["`--softmax` is for .onnx files"]);
    export(&["--recipe", "fine-tune"]).fails(&["`--recipe` is for .py files"]);
    assert!(!site.exists());
    let labels = at("labels.txt");
    fs::write(&labels, "one\ntwo\nthree\n").unwrap();
    let run = export(&["--labels", labels.to_str().unwrap()]);
    assert!(run.ok().contains("serve the folder with any web server"), "{}", run.stdout());
    let mut files = others(&site);
    files.sort();
    let expected = [
        "app.js",
        "icon.svg",
        "index.html",
        "model.safetensors",
        "offline.js",
        "page.css",
        "page.js",
        "page.webmanifest",
        "seesaw-relaxed.wasm",
        "seesaw.js",
        "seesaw.wasm",
    ];
    assert_eq!(files, expected);
    let photo = at("photo.bmp");
    let (found, given) =
        (answer(&site.join("model.safetensors"), &photo, &[]), answer(&model, &photo, &[]));
    assert!((found[0].1 - given[0].1).abs() < 0.01, "{found:?} {given:?}");
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|(label, _)| ["one", "two", "three"].contains(&label.as_str())));
    seesaw(args!["export", model, photo, "--web", "--modules", modules])
        .fails(&["photo.bmp", "a file; `--web` writes a folder"]);
}
