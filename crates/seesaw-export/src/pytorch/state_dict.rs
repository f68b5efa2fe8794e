//! State dicts: a zip archive with a pickle, as `torch.save` writes them.

use std::{
    io::{BufWriter, Error, Result, Write},
    path::Path,
};

use seesaw_format::{Tensor, Tensors, replace_file};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::ExportError;

/// Folder of everything in the archive; PyTorch takes any.
const FOLDER: &str = "weights";
/// The version of the archive's layout.
const VERSION: &[u8] = b"3\n";
/// Bytes at whose multiples PyTorch lays tensors, so that they can be mapped into memory.
const ALIGNMENT: u16 = 64;

/// Writes tensors as a state dict, which `torch.load(weights_only=True)` accepts. The file appears whole
/// or not at all.
///
/// # Errors
/// When the file cannot be written.
pub fn write_state_dict(path: &Path, tensors: &Tensors) -> std::result::Result<(), ExportError> {
    let written = replace_file(path, |file| {
        let mut archive = ZipWriter::new(BufWriter::new(file));
        entry(&mut archive, "data.pkl", &pickle(tensors))?;
        entry(&mut archive, "byteorder", b"little")?;
        for (number, (_, tensor)) in tensors.iter().enumerate() {
            let bytes: Vec<u8> = tensor.data.iter().flat_map(|x| x.to_le_bytes()).collect();
            entry(&mut archive, &format!("data/{number}"), &bytes)?;
        }
        entry(&mut archive, "version", VERSION)?;
        archive.finish().map_err(Error::other)?.flush()
    });
    written.map_err(ExportError::io(path))
}

fn entry<W: Write + std::io::Seek>(
    archive: &mut ZipWriter<W>,
    name: &str,
    bytes: &[u8],
) -> Result<()> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .with_alignment(ALIGNMENT);
    archive.start_file(format!("{FOLDER}/{name}"), options).map_err(Error::other)?;
    archive.write_all(bytes)
}

/// A pickle, protocol 2, of an `OrderedDict` from names to tensors.
fn pickle(tensors: &Tensors) -> Vec<u8> {
    let mut pickle = Pickle(b"\x80\x02".to_vec());
    pickle.ordered_dict();
    pickle.0.push(b'(');
    for (number, (name, tensor)) in tensors.iter().enumerate() {
        pickle.text(name);
        pickle.tensor(number, tensor);
    }
    pickle.0.extend(b"u.");
    pickle.0
}

/// A program for the unpickler's stack machine. CPython's `pickletools` describes its opcodes.
struct Pickle(Vec<u8>);

impl Pickle {
    fn global(&mut self, module: &str, name: &str) {
        self.0.push(b'c');
        self.0.extend(module.as_bytes());
        self.0.push(b'\n');
        self.0.extend(name.as_bytes());
        self.0.push(b'\n');
    }

    fn text(&mut self, text: &str) {
        self.0.push(b'X');
        let len = u32::try_from(text.len()).expect("a name of a tensor");
        self.0.extend(len.to_le_bytes());
        self.0.extend(text.as_bytes());
    }

    fn integer(&mut self, number: usize) {
        if let Ok(byte) = u8::try_from(number) {
            self.0.extend([b'K', byte]);
        } else if let Ok(number) = i32::try_from(number) {
            self.0.push(b'J');
            self.0.extend(number.to_le_bytes());
        } else {
            // The sign bit of the last byte is clear.
            self.0.extend([0x8a, 8]);
            self.0.extend((number as u64).to_le_bytes());
        }
    }

    fn tuple(&mut self, numbers: &[usize]) {
        self.0.push(b'(');
        numbers.iter().for_each(|number| self.integer(*number));
        self.0.push(b't');
    }

    fn ordered_dict(&mut self) {
        self.global("collections", "OrderedDict");
        self.0.extend(b")R");
    }

    /// A call of the function that makes a tensor from a storage, its offset, sizes and strides.
    fn tensor(&mut self, storage: usize, tensor: &Tensor) {
        self.global("torch._utils", "_rebuild_tensor_v2");
        self.0.push(b'(');
        self.0.push(b'(');
        self.text("storage");
        self.global("torch", "FloatStorage");
        self.text(&storage.to_string());
        self.text("cpu");
        self.integer(tensor.data.len());
        self.0.extend(b"tQ");
        self.integer(0);
        self.tuple(&tensor.shape);
        let axes = 0..tensor.shape.len();
        let strides: Vec<usize> =
            axes.map(|axis| tensor.shape[axis + 1..].iter().product()).collect();
        self.tuple(&strides);
        // No gradient, and no hooks.
        self.0.push(0x89);
        self.ordered_dict();
        self.0.extend(b"tR");
    }
}

#[cfg(test)]
mod tests {
    use seesaw_arch::zoo;
    use seesaw_format::{NetWeights, load, load_model, pytorch};

    use super::*;

    #[test]
    fn our_reader_gets_every_bit_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shuffle.pth");
        for name in ["seesaw-shuffle-0.5d-cifar", "efficientnet-lite0"] {
            let net = zoo::net(name).unwrap();
            let weights = NetWeights::random(&net, 3).unwrap();
            let tensors = weights.to_tensors(&net).unwrap();
            write_state_dict(&path, &tensors).unwrap();
            assert_eq!(load(&path).unwrap().tensors, tensors);
            let model = load_model(&path, None).unwrap();
            assert_eq!((model.net, model.weights), (net, weights));
        }
    }

    #[test]
    fn odd_tensors_survive() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pth");
        let tensor = |shape: &[usize]| {
            let len = shape.iter().product::<usize>();
            Tensor { shape: shape.to_vec(), data: (0..len).map(|x| x as f32 / 3.0).collect() }
        };
        let shapes: [&[usize]; 5] = [&[], &[1], &[70_000], &[2, 0, 3], &[3, 300, 1, 1]];
        let names = ["größer", "b", "c'\"\n", "d", "e"];
        let tensors: Tensors = names
            .iter()
            .zip(shapes)
            .map(|(name, shape)| (name.to_string(), tensor(shape)))
            .collect();
        write_state_dict(&path, &tensors).unwrap();
        assert_eq!(pytorch::read(&std::fs::read(&path).unwrap()).unwrap(), tensors);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing/a.pth");
        let error = write_state_dict(&path, &Tensors::new()).unwrap_err().to_string();
        assert!(error.contains("missing/a.pth"), "{error}");
    }
}
