//! Files that are no weights, or not all of them: what they are, and what to do.

use std::path::Path;

use seesaw_format::{FormatError, StoredPrecision, Tensor, Tensors, load, safetensors};
use seesaw_testing::{bmp, folder};

#[cfg(feature = "pytorch")]
mod common;

/// The error of reading a file of this name and content.
fn refused(name: &str, bytes: impl AsRef<[u8]>) -> String {
    let folder = folder([(name, bytes)]);
    load(&folder.path().join(name)).unwrap_err().to_string()
}

/// A tar archive's first header, as far as it matters.
fn tar() -> Vec<u8> {
    let mut tar = vec![0; 512];
    tar[..7].copy_from_slice(b"net.pth");
    tar[257..262].copy_from_slice(b"ustar");
    tar
}

#[test]
fn files_of_other_kinds_are_named() {
    let lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
    let html = "\n<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>";
    let cases: [(&str, &[u8], &str); 37] = [
        ("a.pth", lfs.as_bytes(), "a Git LFS pointer, which stands for the file; `git lfs pull`"),
        ("a.safetensors", lfs.as_bytes(), "`git lfs pull`"),
        ("a.pth", html.as_bytes(), "a web page; download the file itself"),
        ("a.pth", b"<html lang=en>", "a web page"),
        ("a.pth", b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code>", "a web page"),
        ("a.pth", b"", "an empty file; download or copy it again"),
        ("a.pth", b"\n\n", "an empty file"),
        ("a.pth", &[0; 4096], "zeros only"),
        ("a.pth", b"{\"error\": \"not found\"}", "a JSON text"),
        ("config.json", b"{\n  \"layers\": 3}", "a JSON text"),
        ("net.toml", b"name = \"net\"\n", "a TOML text"),
        ("a.pth", b"hello, this is a text and no weights", "a text"),
        ("a.onnx", b"\x08\x07\x12\x07pytorch\x1a\x051.13.1", "an ONNX file"),
        ("a.bin", b"\x08\x07\x12\x07pytorch\x1a\x051.13.1", "an ONNX file"),
        ("a.h5", b"\x89HDF\r\n\x1a\n\0\0\0\0", "an HDF5 file, such as Keras's"),
        ("a.tflite", b"\x1c\0\0\0TFL3\x14\0\x20", "a TensorFlow Lite file"),
        ("a.bin", b"\x1c\0\0\0TFL3\x14\0\x20", "a TensorFlow Lite file"),
        ("frozen.pb", b"\n\x10\n\x05input\x12\x0bPlaceholder", "a TensorFlow graph"),
        ("m.ckpt.data-00000-of-00001", b"\x01\x02\x03\xff\xfe", "a TensorFlow graph or checkpoint"),
        ("a.mlmodel", b"\x08\x01\x12\xff", "a Core ML model"),
        ("a.gguf", b"GGUF\x03\0\0\0", "a GGUF file"),
        ("a.npy", b"\x93NUMPY\x01\0v\0", "NumPy arrays"),
        ("a.pth", b"\x1f\x8b\x08\0", "a gzip file; unpack it first"),
        ("a.pth", b"7z\xbc\xaf\x27\x1c\0\x04", "a 7z file; unpack it first"),
        ("a.pth", b"BZh91AY&SY", "a bzip2 file"),
        ("a.pth", b"\xfd7zXZ\0\0", "a xz file"),
        ("a.pth", b"\x28\xb5\x2f\xfd\x04", "a zstd file"),
        ("a.pth", b"Rar!\x1a\x07", "a rar file"),
        ("a.pth", b"\xff\xd8\xff\xe0\0\x10JFIF", "a picture"),
        ("a.pth", b"\x89PNG\r\n\x1a\n", "a picture"),
        ("a.pth", b"RIFF\x10\0\0\0WEBPVP8 ", "a picture"),
        ("a.pth", b"\0\0\0\x18ftypheic", "a picture"),
        ("a.pth", b"%PDF-1.7", "a PDF"),
        ("a.pth", b"\x7fELF\x02", "a program"),
        ("a.joblib", b"\xff\x04joblib", "a pickle that `torch.save` did not write"),
        ("a.pkl", b"(dp0\nS'a'\np1\nI1\ns.", "a pickle that `torch.save` did not write"),
        ("a.pkl", b"(lp0\nF1.0\na.", "a pickle that `torch.save` did not write"),
    ];
    for (name, bytes, expected) in cases {
        let error = refused(name, bytes);
        assert!(error.contains(expected), "{name} {bytes:?}: {error}");
    }
    for (bytes, expected) in [(tar(), "a tar file"), (bmp(2, 2, [0; 3]), "a picture")] {
        let error = refused("a.pth", &bytes);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn folders_say_what_to_give_instead() {
    for (files, expected) in [
        (&["data.pkl", "data/0", "version"][..], "zip -0 -r net.pth FOLDER"),
        (&["saved_model.pb", "variables/x"], "a TensorFlow graph"),
        (&["config.json", "model.safetensors"], "a folder with a safetensors file"),
        (&["a.pth"], "a folder; give the file of weights in it"),
    ] {
        let folder = folder(files.iter().map(|name| (*name, "")));
        let error = load(folder.path()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

fn tensors(names: &[&str]) -> Tensors {
    let tensor =
        |name: &&str| ((*name).to_owned(), Tensor { shape: vec![2], data: vec![1.5, 2.5] });
    names.iter().map(tensor).collect()
}

fn write(path: &Path, names: &[&str]) {
    safetensors::write(path, &tensors(names), None, StoredPrecision::F32).unwrap();
}

#[test]
fn files_that_were_cut_say_by_how_much() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    write(&path, &["a", "b"]);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 3]).unwrap();
    let error = load(&path).unwrap_err().to_string();
    let (len, of) = (whole.len() - 3, whole.len());
    assert_eq!(error, format!("cut short: {len} bytes of {of}; download or copy it again"));
    std::fs::write(&path, &whole[..20]).unwrap();
    let error = load(&path).unwrap_err().to_string();
    assert!(error.contains("cut short: 20 bytes, and the end is missing"), "{error}");
    // Longer than it says is not cut, but damaged.
    std::fs::write(&path, [whole, vec![0]].concat()).unwrap();
    assert!(matches!(load(&path), Err(FormatError::Safetensors(_))));
}

#[test]
fn parts_lead_to_their_index_and_the_index_to_its_parts() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let parts = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    write(&path(parts[0]), &["a"]);
    let error = load(&path(parts[0])).unwrap_err().to_string();
    assert!(error.contains("part 1 of 2 of the weights: read the `.index.json`"), "{error}");
    let index = path("model.safetensors.index.json");
    let json =
        format!(r#"{{"metadata":{{}},"weight_map":{{"a":"{}","b":"{}"}}}}"#, parts[0], parts[1]);
    std::fs::write(&index, json).unwrap();
    let error = load(&path(parts[0])).unwrap_err().to_string();
    assert!(error.contains("read `model.safetensors.index.json`"), "{error}");
    let error = load(&index).unwrap_err().to_string();
    assert!(error.contains(&format!("its part `{}` is not next to it", parts[1])), "{error}");
    write(&path(parts[1]), &["b"]);
    let contents = load(&index).unwrap();
    assert_eq!(contents.tensors, tensors(&["a", "b"]));
    assert_eq!(contents.notes[0].to_string(), "read 2 parts");
}

#[test]
fn an_index_names_files_next_to_it_and_nothing_else() {
    for name in
        ["../a.safetensors", "/etc/passwd", "b/a.safetensors", "..", "", "x.index.json", "."]
    {
        let json = format!(r#"{{"weight_map":{{"a":"{name}"}}}}"#);
        let error = refused("m.index.json", &json);
        assert!(error.contains("is not the name of a part"), "{name}: {error}");
    }
    for json in ["", "{}", "[", r#"{"weight_map":3}"#] {
        assert!(refused("m.index.json", json).contains("an index of weights"), "{json}");
    }
    let many = (0..65).map(|i| format!(r#""t{i}":"f{i}""#)).collect::<Vec<_>>().join(",");
    let error = refused("m.index.json", format!(r#"{{"weight_map":{{{many}}}}}"#));
    assert!(error.contains("65 parts, and the limit is 64"), "{error}");
    let error = refused("m.index.json", " ".repeat(5 << 20));
    assert!(error.contains("longer than"), "{error}");
}

#[cfg(feature = "pytorch")]
mod archives {
    use std::io::{Cursor, Write};

    use super::*;

    /// A zip archive of empty entries.
    fn zip(names: &[&str]) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for name in names {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(b"x").unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn archives_of_other_kinds_are_named() {
        for (names, expected) in [
            (&["metadata.json", "config.json", "model.weights.h5"][..], "a Keras file"),
            (&["arr_0.npy", "arr_1.npy"], "NumPy arrays"),
            (&["run/net.pth", "run/log.txt"], "unpack it and read one of them"),
            (&["a/saved_model.pb", "a/x.npy"], "a TensorFlow graph"),
            (&["x.txt"], "a zip archive without a checkpoint's `data.pkl`"),
        ] {
            let error = refused("a.pth", zip(names));
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn checkpoints_that_were_cut_are_cut_short() {
        let file = common::Py::dict([("a", common::Py::Tensor(1.0, vec![300]))]).saved();
        for end in [30, file.len() / 2, file.len() - 23] {
            let error = refused("a.pth", &file[..end]);
            let expected = format!("cut short: {end} bytes, and the end is missing");
            assert!(error.contains(&expected), "{end}: {error}");
        }
        let old = common::view("a", 0, &[2], &[1]);
        let error = refused("a.pth", &old[..old.len() - 3]);
        assert!(error.contains("it ends too early: it is cut short or damaged"), "{error}");
        let error = refused("a.pkl", b"\x80\x04}\x94.");
        assert!(error.contains("a pickle that `torch.save` did not write"), "{error}");
    }

    #[test]
    fn checkpoints_in_parts_are_read() {
        let one = |name: &str| common::Py::dict([(name, common::Py::Tensor(1.0, vec![2]))]).saved();
        let parts = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"];
        let json = format!(r#"{{"weight_map":{{"a":"{}","b":"{}"}}}}"#, parts[0], parts[1]);
        let index = "pytorch_model.bin.index.json";
        let folder =
            folder([(parts[0], one("a")), (parts[1], one("b")), (index, json.into_bytes())]);
        assert_eq!(load(&folder.path().join(index)).unwrap().tensors.len(), 2);
    }
}
