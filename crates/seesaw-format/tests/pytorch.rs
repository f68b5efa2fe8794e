//! PyTorch checkpoints in all their forms, and malicious files.
#![cfg(feature = "pytorch")]

use std::path::{Path, PathBuf};

use seesaw_format::{FormatError, StoredPrecision, load, load_model, pytorch, safetensors};
use seesaw_testing::shared;

mod common;
use common::{hostile, text, view};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// `arange(6).reshape(2, 3) / 4 - 0.5`, as `make.py` writes it.
const RAMP: [f32; 6] = [-0.5, -0.25, 0.0, 0.25, 0.5, 0.75];

#[test]
fn both_containers_all_types_and_nestings() {
    for kind in ["zip", "old"] {
        for name in [
            "plain-KIND.pth",
            "nested-KIND.pth.tar",
            "float16-KIND.pt",
            "bfloat16-KIND.pt",
            "float64-KIND.pt",
        ] {
            let name = name.replace("KIND", kind);
            let tensors = load(&golden(&name)).unwrap().tensors;
            let get = |key: &str| {
                let tensor = tensors.get(key).unwrap_or_else(|| panic!("{name}: {key}"));
                (tensor.shape.clone(), tensor.data.clone())
            };
            assert_eq!(get("a"), (vec![2, 3], RAMP.to_vec()), "{name}");
            let transposed = [-0.5, 0.25, -0.25, 0.5, 0.0, 0.75].to_vec();
            assert_eq!(get("b"), (vec![3, 2], transposed), "{name}: not contiguous");
            assert_eq!(get("c"), (vec![2], vec![-0.25, 0.0]), "{name}: an offset");
            assert_eq!(get("one"), (vec![], vec![2.5]), "{name}");
            assert_eq!(tensors.len(), 4, "{name}: whole numbers are left out");
        }
    }
    assert_eq!(load(&golden("parameter.pt")).unwrap().tensors.get("a").unwrap().data, RAMP);
}

/// A module's own state dict carries its version in an attribute.
#[test]
fn attributes_of_a_state_dict_do_not_matter() {
    let mut file = view("module.a", 0, &[2], &[1]);
    let end = file.windows(5).position(|program| program == b"tRs.\x80").unwrap() + 3;
    let attributes = [b"}".to_vec(), text("_metadata"), b"}sb".to_vec()].concat();
    file.splice(end..end, attributes);
    assert_eq!(pytorch::read(&file).unwrap().get("a").unwrap().data, [1.5, 2.5]);
}

#[test]
fn nothing_is_ever_called() {
    let programs: [&[u8]; 8] = [
        b"\x80\x02cos\nsystem\n(S'echo'\ntR.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04echo\x85R.",
        b"(S'echo'\nios\nsystem\n.",
        b"(cbuiltins\neval\nS'1'\no.",
        b"\x80\x02\x82\x01.",
        b"\x80\x02ctorch\nload\n)R.",
        b"\x80\x02K\x01N}b.",
        b"\x80\x02K\x01)R.",
    ];
    for program in programs {
        let error = pytorch::read(&hostile(program)).unwrap_err();
        assert!(matches!(error, FormatError::Refused(_)), "{error}");
    }
    let error = pytorch::read(&hostile(programs[0])).unwrap_err().to_string();
    assert!(error.contains("asks to call `os.system`, which was refused"), "{error}");
}

#[test]
fn programs_that_would_fill_the_memory_are_stopped() {
    // A tuple of two of the tuple before, doubled a hundred times.
    let mut doubling = b"\x80\x02)".to_vec();
    doubling.extend(b"2\x86".repeat(100));
    doubling.push(b'.');
    // More values than any checkpoint makes, and a stack of marks.
    let many = [b"\x80\x02".to_vec(), b"N".repeat(2_000_000), b".".to_vec()].concat();
    let marks = [b"\x80\x02".to_vec(), b"(".repeat(2_000_000), b".".to_vec()].concat();
    // A dictionary that is copied again and again.
    let mut copies = b"\x80\x02]q\x00(".to_vec();
    copies.extend(b"NN\x86".repeat(50_000));
    copies.extend(b"e0ccollections\nOrderedDict\nq\x01");
    copies.extend(b"h\x01h\x00\x85R".repeat(1_000));
    copies.push(b'.');
    // Lengths that the file does not have.
    let huge: [&[u8]; 5] = [
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"X\xff\xff\xff\xff",
        b"\x8b\xff\xff\xff\x7f",
        b"\x96\xff\xff\xff\xff\xff\xff\xff\xff",
        b"j\xff\xff\xff\xff.",
    ];
    for program in [doubling, many, marks, copies].iter().map(Vec::as_slice).chain(huge) {
        assert!(matches!(pytorch::read(&hostile(program)), Err(FormatError::Pickle(_))));
    }
    // Lists in lists, deep enough to overflow a stack that follows them.
    let deep = [b"\x80\x02".to_vec(), b"]".repeat(100_000), b"a".repeat(99_999), b".".to_vec()];
    assert!(pytorch::read(&hostile(&deep.concat())).is_err());
}

#[test]
fn views_stay_within_their_storage() {
    let read =
        |offset, shape: &[u8], strides: &[u8]| pytorch::read(&view("a", offset, shape, strides));
    assert_eq!(read(0, &[2], &[1]).unwrap().get("a").unwrap().data, [1.5, 2.5]);
    assert_eq!(read(1, &[3], &[0]).unwrap().get("a").unwrap().data, [2.5; 3]);
    assert!(read(9, &[0, 3], &[1, 1]).unwrap().get("a").unwrap().data.is_empty());
    for (offset, shape, strides) in [
        (1, &[2][..], &[1][..]),
        (0, &[3], &[1]),
        (0, &[2, 2], &[1, 1]),
        (0, &[255, 255, 255, 255], &[0, 0, 0, 0]),
        (0, &[255; 8], &[255; 8]),
        (0, &[2], &[1, 1]),
        (0, &[1; 9], &[1; 9]),
    ] {
        assert!(read(offset, shape, strides).is_err(), "{offset} {shape:?} {strides:?}");
    }
}

#[test]
fn any_cut_or_flipped_byte_is_an_error_or_harmless() {
    for name in ["plain-zip.pth", "plain-old.pth", "nested-old.pth.tar", "float16-old.pt"] {
        let bytes = std::fs::read(golden(name)).unwrap();
        for end in 0..bytes.len() {
            assert!(pytorch::read(&bytes[..end]).is_err(), "{name} cut at {end}");
        }
        for at in 0..bytes.len() {
            for bit in [0x01, 0x80, 0xff] {
                let mut flipped = bytes.clone();
                flipped[at] ^= bit;
                if let Ok(tensors) = pytorch::read(&flipped) {
                    let numbers: usize = tensors.iter().map(|(_, t)| t.data.len()).sum();
                    assert!(numbers <= bytes.len());
                }
            }
        }
    }
}

#[test]
fn every_published_checkpoint_is_recognized_and_survives_the_native_format() {
    let Some(folder) = shared("golden") else { return };
    for (file, net, classes) in [
        ("igcv3-0.5d-cifar10", "igcv3-0.5d-cifar", 10),
        ("share-0.5d-cifar100", "seesaw-share-v1-0.5d-cifar", 100),
        ("shuffle-0.5d-cifar10", "seesaw-shuffle-0.5d-cifar", 10),
        ("shuffle-1.0d-imagenet", "seesaw-shuffle-1.0d-imagenet", 1000),
    ] {
        let model = load_model(&folder.join(format!("{file}.pth.tar")), None).unwrap();
        assert_eq!((model.net.name.as_str(), model.net.classes), (net, classes));
        let tensors = model.weights.to_tensors(&model.net).unwrap();
        let native = tempfile::NamedTempFile::new().unwrap();
        safetensors::write(native.path(), &tensors, None, StoredPrecision::F32).unwrap();
        let again = load_model(native.path(), Some(model.net.clone())).unwrap();
        assert_eq!(again.weights, model.weights, "{file}");
    }
}
