//! What a file is that is not one of weights, by its first bytes and its name.

use std::{fmt, path::Path};

use crate::FormatError;

/// A kind of file or folder that is mistaken for weights, or holds them in a form that is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// A file without bytes.
    Empty,
    /// A file of zeros, as an interrupted copy leaves it.
    Zeros,
    /// The text that stands for a file in Git LFS.
    LfsPointer,
    /// A web page.
    WebPage,
    /// A JSON text.
    Json,
    /// A TOML text.
    Toml,
    /// Another text.
    Text,
    /// A picture.
    Picture,
    /// A PDF.
    Pdf,
    /// A program.
    Program,
    /// A compressed file or an archive of this kind.
    Packed(&'static str),
    /// A zip archive without weights.
    Zip,
    /// A zip archive around a checkpoint.
    ZippedCheckpoint,
    /// A pickle that `torch.save` did not write.
    Pickle,
    /// ONNX.
    Onnx,
    /// Keras, or another program's data in HDF5.
    Hdf5,
    /// Keras's own archive.
    Keras,
    /// TensorFlow Lite.
    TfLite,
    /// A TensorFlow graph or SavedModel.
    TensorFlow,
    /// Core ML.
    CoreMl,
    /// GGUF or GGML.
    Gguf,
    /// NumPy arrays.
    NumPy,
    /// A folder with the entries of a PyTorch checkpoint.
    UnpackedCheckpoint,
    /// A folder with a safetensors file.
    SafetensorsFolder,
    /// A folder.
    Folder,
}

/// What to do with another framework's weights.
const CONVERT: &str = "load it where it was made and save the weights as safetensors or with \
                       `torch.save(net.state_dict(), ...)`";

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Self::Empty => "an empty file; download or copy it again",
            Self::Zeros => "a file that begins with zeros only; download or copy it again",
            Self::LfsPointer => {
                "a Git LFS pointer, which stands for the file; `git lfs pull` fetches the file itself"
            }
            Self::WebPage => "a web page; download the file itself, not the page about it",
            Self::Json => "a JSON text; if it is a server's answer, download the file again",
            Self::Toml => "a TOML text; a description of a net has no weights",
            Self::Text => "a text",
            Self::Picture => "a picture",
            Self::Pdf => "a PDF",
            Self::Program => "a program",
            Self::Packed(kind) => return write!(f, "a {kind} file; unpack it first"),
            Self::Zip => "a zip archive without a checkpoint's `data.pkl`",
            Self::ZippedCheckpoint => {
                "a zip archive that contains files of weights; unpack it and read one of them"
            }
            Self::Pickle => {
                "a pickle that `torch.save` did not write, such as joblib's or scikit-learn's; save \
                 the weights with `torch.save(net.state_dict(), ...)`"
            }
            Self::Onnx => return write!(f, "an ONNX file; {CONVERT}"),
            Self::Hdf5 => return write!(f, "an HDF5 file, such as Keras's `.h5`; {CONVERT}"),
            Self::Keras => return write!(f, "a Keras file; {CONVERT}"),
            Self::TfLite => return write!(f, "a TensorFlow Lite file; {CONVERT}"),
            Self::TensorFlow => return write!(f, "a TensorFlow graph or checkpoint; {CONVERT}"),
            Self::CoreMl => return write!(f, "a Core ML model; {CONVERT}"),
            Self::Gguf => return write!(f, "a GGUF file; {CONVERT}"),
            Self::NumPy => return write!(f, "NumPy arrays; {CONVERT}"),
            Self::UnpackedCheckpoint => {
                "a folder with an unpacked PyTorch checkpoint; pack it again: \
                 `zip -0 -r net.pth FOLDER`"
            }
            Self::SafetensorsFolder => {
                "a folder with a safetensors file or its index; give that file"
            }
            Self::Folder => "a folder; give the file of weights in it",
        };
        f.write_str(what)
    }
}

/// Kinds by their first bytes.
const MAGIC: [(&[u8], FileKind); 24] = [
    (b"version https://git-lfs", FileKind::LfsPointer),
    (b"\x89HDF\r\n\x1a\n", FileKind::Hdf5),
    (b"GGUF", FileKind::Gguf),
    (b"lmgg", FileKind::Gguf),
    (b"\x93NUMPY", FileKind::NumPy),
    (b"\x1f\x8b", FileKind::Packed("gzip")),
    (b"BZh", FileKind::Packed("bzip2")),
    (b"\xfd7zXZ\0", FileKind::Packed("xz")),
    (b"\x28\xb5\x2f\xfd", FileKind::Packed("zstd")),
    (b"7z\xbc\xaf\x27\x1c", FileKind::Packed("7z")),
    (b"Rar!", FileKind::Packed("rar")),
    (b"\x04\x22\x4d\x18", FileKind::Packed("lz4")),
    (b"PK\x05\x06", FileKind::Zip),
    (b"\xff\xd8\xff", FileKind::Picture),
    (b"\x89PNG", FileKind::Picture),
    (b"GIF8", FileKind::Picture),
    (b"BM", FileKind::Picture),
    (b"II*\0", FileKind::Picture),
    (b"MM\0*", FileKind::Picture),
    (b"%PDF", FileKind::Pdf),
    (b"\x7fELF", FileKind::Program),
    (b"MZ", FileKind::Program),
    (b"\xcf\xfa\xed\xfe", FileKind::Program),
    (b"ustar", FileKind::Packed("tar")),
];

impl FileKind {
    /// What a file is that begins with these bytes, where that is known.
    pub(crate) fn of(bytes: &[u8], path: &Path) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::Empty);
        }
        if bytes.get(257..262) == Some(b"ustar") {
            return Some(Self::Packed("tar"));
        }
        if bytes.get(4..8) == Some(b"TFL3") {
            return Some(Self::TfLite);
        }
        if bytes.get(4..8) == Some(b"ftyp") || bytes.get(8..12) == Some(b"WEBP") {
            return Some(Self::Picture);
        }
        let by_magic = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic));
        by_magic
            .map(|(_, kind)| *kind)
            .or_else(|| text(bytes, path))
            .or_else(|| by_name(path))
            .or_else(|| match bytes {
                // A protocol buffer: the version, and the name of the program that wrote it.
                [8, 1..=20, 0x12, len, ..] if (1..60).contains(len) => Some(Self::Onnx),
                _ if bytes.len() >= 512 && bytes.iter().all(|byte| *byte == 0) => Some(Self::Zeros),
                // Pickles of protocols 0 and 1.
                [b'(' | b']' | b'}', b'l' | b'd' | b'q' | b'c' | b'i', ..] => Some(Self::Pickle),
                [b'c', ..] if bytes.iter().filter(|byte| **byte == b'\n').count() > 1 => {
                    Some(Self::Pickle)
                }
                _ => None,
            })
    }

    /// The error for a file that begins with these bytes.
    pub(crate) fn error(bytes: &[u8], path: &Path) -> FormatError {
        Self::of(bytes, path).map_or(FormatError::UnknownKind, FormatError::OtherKind)
    }

    /// What a folder holds.
    pub(crate) fn of_folder(path: &Path) -> Self {
        let has = |name: &str| path.join(name).exists();
        let named = |extension: &str| path.extension().is_some_and(|own| own == extension);
        if has("data.pkl") || (has("version") && has("data")) {
            Self::UnpackedCheckpoint
        } else if has("saved_model.pb") {
            Self::TensorFlow
        } else if named("mlpackage") || named("mlmodelc") {
            Self::CoreMl
        } else if has("model.safetensors") || has("model.safetensors.index.json") {
            Self::SafetensorsFolder
        } else {
            Self::Folder
        }
    }

    /// What a zip archive with these entries is, which has no `data.pkl`.
    #[cfg(feature = "pytorch")]
    pub(crate) fn of_archive(names: impl Iterator<Item = String>) -> Self {
        let (mut all, mut arrays, mut weights) = (0, 0, false);
        for name in names {
            if name.ends_with("model.weights.h5") || name.ends_with("variables.h5") {
                return Self::Keras;
            }
            if name.ends_with(".mlmodel") {
                return Self::CoreMl;
            }
            if name.ends_with("saved_model.pb") {
                return Self::TensorFlow;
            }
            all += 1;
            arrays += usize::from(name.ends_with(".npy"));
            weights |= [".pth", ".pt", ".tar", ".safetensors", ".ckpt", ".bin"]
                .iter()
                .any(|extension| name.ends_with(extension));
        }
        match (weights, arrays) {
            (true, _) => Self::ZippedCheckpoint,
            (false, arrays) if arrays > 0 && arrays == all => Self::NumPy,
            _ => Self::Zip,
        }
    }
}

/// Whether the bytes are text, and of which kind.
fn text(bytes: &[u8], path: &Path) -> Option<FileKind> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    // The last character may be cut.
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            str::from_utf8(&bytes[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    if text.chars().any(|c| c.is_control() && !c.is_whitespace()) {
        return None;
    }
    let start = text.trim_start().to_ascii_lowercase();
    let is_toml = path.extension().is_some_and(|own| own.eq_ignore_ascii_case("toml"));
    Some(match start.as_str() {
        "" => FileKind::Empty,
        page if page.starts_with("<!doctype html") || page.starts_with("<html") => {
            FileKind::WebPage
        }
        page if page.starts_with("<?xml") || page.starts_with("<head") => FileKind::WebPage,
        page if page.starts_with('<') && page.contains("html") => FileKind::WebPage,
        _ if is_toml => FileKind::Toml,
        json if json.starts_with("{\"") || json.starts_with("[{") => FileKind::Json,
        json if json.starts_with('{') && json[1..].trim_start().starts_with('"') => FileKind::Json,
        // Pickles of protocol 0 are text too.
        pickle if pickle.starts_with("(dp") || pickle.starts_with("(lp") => FileKind::Pickle,
        pickle if pickle.starts_with("ccopy_reg") || pickle.starts_with("ccollections") => {
            FileKind::Pickle
        }
        _ => FileKind::Text,
    })
}

/// Formats without first bytes of their own, by the name of the file.
fn by_name(path: &Path) -> Option<FileKind> {
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    let extension = name.rsplit_once('.').map(|(_, extension)| extension)?;
    Some(match extension {
        "onnx" => FileKind::Onnx,
        "h5" | "hdf5" => FileKind::Hdf5,
        "keras" => FileKind::Keras,
        "tflite" => FileKind::TfLite,
        "pb" | "meta" => FileKind::TensorFlow,
        "mlmodel" => FileKind::CoreMl,
        "gguf" | "ggml" => FileKind::Gguf,
        "npy" | "npz" => FileKind::NumPy,
        "joblib" => FileKind::Pickle,
        _ if name.contains(".data-00000-of-") || name.ends_with(".ckpt.index") => {
            FileKind::TensorFlow
        }
        _ => return None,
    })
}
