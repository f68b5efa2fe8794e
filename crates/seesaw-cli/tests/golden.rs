//! PyTorch's logits through `import` and `infer`, on every instruction set, at 1 and 2 threads.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use seesaw_kernels::Isa;
use seesaw_testing::shared;

mod common;
use common::{Run, Tiny, args, command, run, seesaw};

/// The most that a logit may differ from PyTorch's.
const LOGITS: f32 = 1e-4;

/// Runs `weights` on the `input` of `io`, into `output`.
fn run_net(weights: &Path, io: &Path, output: &Path, more: &[OsString], isa: Option<Isa>) -> Run {
    let mut command = command();
    command.args(args!["infer", "--weights", weights, "--input", io, "--output", output]);
    if let Some(isa) = isa {
        command.env("SEESAW_ISA", isa.to_string());
    }
    run(command.args(more))
}

/// Compares the tensors that both files have, of as many images as `io` holds of them, and counts
/// them.
fn compare(output: &Path, io: &Path) -> usize {
    let [got, expected] = [output, io].map(|path| seesaw_format::load(path).unwrap().tensors);
    let mut compared = 0;
    for (name, got) in got.iter() {
        let Some(expected) = expected.get(name) else { continue };
        assert_eq!(got.shape[1..], expected.shape[1..], "{name}");
        // Features reach a few tens, where 1e-4 is some ten units in the last place.
        let scale = match name {
            "logits" => 1.0,
            _ => expected.data.iter().fold(1.0f32, |m, x| m.max(x.abs())),
        };
        for (i, (got, expected)) in got.data.iter().zip(&expected.data).enumerate() {
            let error = (got - expected).abs();
            assert!(error <= LOGITS * scale, "{name}: at {i} {got} instead of {expected}");
        }
        compared += 1;
    }
    compared
}

/// Runs imported weights in every way.
fn check(weights: &Path, io: &Path, folder: &Path) {
    let output = folder.join("output.safetensors");
    let mut first: Option<Vec<u8>> = None;
    for isa in Isa::present() {
        for threads in ["1", "2"] {
            let _ = std::fs::remove_file(&output);
            let more = args!["--threads", threads, "--batch", "3"];
            run_net(weights, io, &output, &more, Some(isa)).ok();
            assert_eq!(compare(&output, io), 1, "logits");
            let bytes = std::fs::read(&output).unwrap();
            if threads == "1" {
                first = Some(bytes);
            } else {
                assert!(first.as_ref() == Some(&bytes), "{isa}: threads change the result");
            }
        }
    }
    run_net(weights, io, &output, &args!["--features"], None).ok();
    assert!(compare(&output, io) >= 8, "block outputs");
}

#[test]
fn a_small_net_with_every_kind_of_block() {
    let tiny = Tiny::new();
    check(&tiny.imported(), &tiny.io, tiny.folder.path());
}

#[test]
fn every_golden_net() {
    let Some(golden) = shared("golden") else { return };
    let folder = tempfile::tempdir().unwrap();
    let files = std::fs::read_dir(golden).unwrap().map(|file| file.unwrap().path());
    let checkpoints: Vec<PathBuf> =
        files.filter(|path| path.to_string_lossy().ends_with(".pth.tar")).collect();
    assert!(checkpoints.len() >= 4, "{checkpoints:?}");
    for path in checkpoints {
        let weights = folder.path().join("weights.safetensors");
        seesaw(args!["import", path, weights]).ok();
        let io = path.to_string_lossy().replace(".pth.tar", ".io.safetensors");
        check(&weights, Path::new(&io), folder.path());
    }
}

#[test]
fn half_precision_is_half_the_size_and_near() {
    let tiny = Tiny::new();
    let half = tiny.path("half.safetensors");
    let text = seesaw(args!["import", tiny.imported(), half, "--f16"]);
    assert!(text.ok().contains("tiny, 7 classes"), "{}", text.stdout());
    let output = tiny.path("output.safetensors");
    run_net(&half, &tiny.io, &output, &[], None).ok();
    let [got, expected] = [&output, &tiny.io].map(|path| seesaw_format::load(path).unwrap());
    let logits = [&got, &expected].map(|c| c.tensors.get("logits").unwrap().data.clone());
    let worst = logits[0].iter().zip(&logits[1]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst > 0.0 && worst < 0.05, "{worst}");
}

#[test]
fn inputs_that_do_not_fit() {
    use seesaw_format::{StoredPrecision, Tensor, Tensors, safetensors};
    let tiny = Tiny::new();
    let weights = tiny.imported();
    let [input, output] = ["x.safetensors", "y.safetensors"].map(|name| tiny.path(name));
    let refused = |name: &str, shape: &[usize], value: f32, what: &str| {
        let len = shape.iter().product();
        let mut tensors = Tensors::new();
        tensors.insert(name, Tensor { shape: shape.to_vec(), data: vec![value; len] });
        safetensors::write(&input, &tensors, None, StoredPrecision::F32).unwrap();
        run_net(&weights, &input, &output, &[], None).fails(&["x.safetensors: ", what]);
        assert!(!output.exists());
    };
    refused("image", &[1, 3, 8, 8], 0.0, "no tensor `input`");
    refused("input", &[3, 8, 8], 0.0, "[3, 8, 8]; it must be [n, 3, side, side]");
    refused("input", &[1, 4, 8, 8], 0.0, "must be [n, 3, side, side]");
    refused("input", &[1, 3, 8, 9], 0.0, "must be [n, 3, side, side]");
    refused("input", &[0, 3, 8, 8], 0.0, "must be [n, 3, side, side]");
    refused("input", &[1, 3, 8, 8], f32::NAN, "`input` holds NaN at position 0");
    std::fs::write(&input, "hello").unwrap();
    run_net(&weights, &input, &output, &[], None).fails(&["x.safetensors: neither"]);
}

#[test]
fn outputs_do_not_replace_inputs() {
    let tiny = Tiny::new();
    let (weights, before) = (tiny.imported(), std::fs::read(&tiny.io).unwrap());
    seesaw(args!["import", weights, weights])
        .fails(&["input and output are the same file", "hint: "]);
    run_net(&weights, &tiny.io, &tiny.io, &[], None).fails(&["input and output are the same file"]);
    run_net(&weights, &tiny.io, &weights, &[], None).fails(&["input and output are the same file"]);
    run_net(&weights, &tiny.io, &tiny.path("y.bin"), &[], None).fails(&["ends in .safetensors"]);
    run_net(&weights, &tiny.io, &tiny.path("no/y.safetensors"), &[], None).fails(&["No such file"]);
    assert_eq!(std::fs::read(&tiny.io).unwrap(), before);
}

#[test]
fn an_instruction_set_that_is_absent() {
    let tiny = Tiny::new();
    let (weights, output) = (tiny.imported(), tiny.path("y.safetensors"));
    for isa in Isa::ALL.into_iter().filter(|isa| !isa.is_present()) {
        run_net(&weights, &tiny.io, &output, &[], Some(isa))
            .fails(&["this processor has no", "hint: unset SEESAW_ISA"]);
    }
    let mut command = command();
    command.args(["bench", "igcv3-0.5d-cifar"]).env("SEESAW_ISA", "sse9");
    run(&mut command)
        .fails(&["SEESAW_ISA: unknown instruction set `sse9`", "hint: unset SEESAW_ISA"]);
}
