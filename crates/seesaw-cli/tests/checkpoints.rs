//! What the command says about weights that need a choice, and about files that are none.

use std::path::PathBuf;

use seesaw_format::{StoredPrecision, Tensors, load, load_model, safetensors};

mod common;
use common::{Tiny, args, seesaw};

/// The small net's weights twice in one file, under these prefixes; those of the second are doubled.
fn twice(tiny: &Tiny, prefixes: [&str; 2]) -> PathBuf {
    let tensors = load(&tiny.weights).unwrap().tensors;
    let copies = [(prefixes[0], 1.0), (prefixes[1], 2.0)];
    let both: Tensors = copies
        .iter()
        .flat_map(|(prefix, factor)| {
            tensors.iter().map(move |(name, tensor)| {
                let mut tensor = tensor.clone();
                tensor.data.iter_mut().for_each(|x| *x *= factor);
                (format!("{prefix}{name}"), tensor)
            })
        })
        .collect();
    let path = tiny.path("twice.safetensors");
    safetensors::write(&path, &both, None, StoredPrecision::F32).unwrap();
    path
}

#[test]
fn a_key_chooses_one_of_several_nets() {
    let tiny = Tiny::new();
    let (input, output) = (twice(&tiny, ["student.", "teacher."]), tiny.path("out.safetensors"));
    seesaw(args!["import", input, output, "--net", tiny.net]).fails(&[
        "twice.safetensors: it holds several nets: `student` and `teacher`",
        "hint: choose `--key student` or `--key teacher`, for training with `seesaw import IN",
    ]);
    let original = load_model(&tiny.imported(), None).unwrap().weights.head.weight;
    for (key, factor) in [("student", 1.0), ("teacher", 2.0)] {
        seesaw(args!["import", input, output, "--net", tiny.net, "--key", key]).ok();
        let head = load_model(&output, None).unwrap().weights.head.weight;
        let expected: Vec<f32> = original.iter().map(|x| x * factor).collect();
        assert_eq!(head, expected, "{key}");
        let logits = tiny.path("logits.safetensors");
        seesaw(args![
            "infer",
            "--weights",
            input,
            "--net",
            tiny.net,
            "--key",
            key,
            "--input",
            tiny.io,
            "--output",
            logits
        ])
        .ok();
    }
    seesaw(args!["import", input, output, "--net", tiny.net, "--key", "nobody"]).fails(&[
        "nothing is at `nobody`; it has `student`, `teacher`",
        "hint: choose `--key student`",
    ]);
}

#[test]
fn what_was_taken_is_said_on_standard_error() {
    let tiny = Tiny::new();
    let (input, output) = (twice(&tiny, ["model.", "model_ema."]), tiny.path("out.safetensors"));
    let run = seesaw(args!["import", input, output, "--net", tiny.net]);
    run.ok();
    for part in [
        "warning: ",
        "took the weights of `model_ema`; there are also `model` (`--key` decides)",
        "note: ",
        "removed `model_ema.`, with which the names of the tensors began",
        "note: the weights do not say how images were normalized; assumed are the mean [0.485, 0.456, \
         0.406]",
        "(`--mean` and `--std` decide)",
    ] {
        assert!(run.stderr().contains(part), "{part}:\n{}", run.stderr());
    }
}

#[test]
fn mean_and_deviation_are_kept_in_the_file() {
    let tiny = Tiny::new();
    let output = tiny.path("out.safetensors");
    let run = seesaw(args![
        "import",
        tiny.weights,
        output,
        "--net",
        tiny.net,
        "--mean",
        "0.5,0.25,0.125",
        "--std",
        "0.5"
    ]);
    run.ok();
    assert!(!run.stderr().contains("normalized"), "{}", run.stderr());
    let preprocess = load_model(&output, None).unwrap().preprocess.unwrap();
    assert_eq!((preprocess.mean, preprocess.std), ([0.5, 0.25, 0.125], [0.5; 3]));
    for (mean, part) in [("123.675,116.28,103.53", "divide by 255"), ("1,2", "write three numbers")]
    {
        seesaw(args!["import", tiny.weights, output, "--net", tiny.net, "--mean", mean])
            .fails(&[part]);
    }
}

#[test]
fn errors_lead_somewhere() {
    let tiny = Tiny::new();
    let output = tiny.path("out.safetensors");
    let file = |name: &str, bytes: &[u8]| {
        let path = tiny.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
    seesaw(args!["import", file("lfs.pth", lfs), output]).fails(&[
        "lfs.pth: neither a safetensors file nor a PyTorch checkpoint, but a Git LFS pointer",
        "`git lfs pull`",
    ]);
    let cut = &std::fs::read(&tiny.weights).unwrap()[..5000];
    seesaw(args!["import", file("cut.safetensors", cut), output]).fails(&[
        "cut.safetensors: cut short: 5000 bytes, and the end is missing",
        "download or copy it again",
    ]);
    // Names that no `--net` could help with.
    let tensors = load(&tiny.weights).unwrap().tensors;
    let renamed: Tensors = tensors
        .iter()
        .map(|(name, t)| (format!("layer.{}x", name.replace('.', "_")), t.clone()))
        .collect();
    let path = tiny.path("other.safetensors");
    safetensors::write(&path, &renamed, None, StoredPrecision::F32).unwrap();
    let run = seesaw(args!["import", path, output]);
    run.fails(&["their names begin with", "rename the tensors"]);
    assert!(!run.stderr().contains("--net"), "{}", run.stderr());
    seesaw(args!["predict", "--key", "model", "x.jpg"]).fails(&["`--key` describe weights"]);
    let bundled = "efficientnet-lite0-imagenet";
    seesaw(args!["predict", "--weights", bundled, "--key", "model", "x.jpg"])
        .fails(&["bundled weights, which have no keys"]);
}
