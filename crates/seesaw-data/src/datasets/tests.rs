//! Tiny data sets of each layout.

mod folders;
mod lists;
mod verify;

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use seesaw_testing::{bmp, folder};
use tempfile::TempDir;

use super::*;

/// A photo of one pixel.
fn pixel() -> Vec<u8> {
    bmp(1, 1, [1, 2, 3])
}

fn photos(names: &[&str]) -> TempDir {
    folder(names.iter().map(|&name| (name, pixel())))
}

fn default(path: &Path) -> Result<Splits, DataError> {
    open(path, &OpenOptions::default())
}

fn error(path: &Path) -> String {
    default(path).unwrap_err().to_string()
}

fn with_split(val_split: f64, seed: u64) -> OpenOptions {
    OpenOptions::new().val_split(val_split).seed(seed)
}

/// File names below the folder, with labels.
fn listing(dataset: &Dataset, root: &Path) -> Vec<(String, u32)> {
    let name = |index| {
        let path = dataset.path(index).unwrap();
        let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
        (name, dataset.label(index).unwrap())
    };
    (0..dataset.len()).map(name).collect()
}

/// Records of CIFAR whose pixels are the number of the record, the channel and the row.
fn cifar_records(labels: &[u8], coarse: bool) -> Vec<u8> {
    let mut bytes = vec![];
    for (n, &label) in labels.iter().enumerate() {
        bytes.extend(coarse.then_some(99));
        bytes.push(label);
        for (channel, row) in (0..3).flat_map(|channel| (0..32).map(move |row| (channel, row))) {
            bytes.extend([100 * channel + row + n as u8; 32]);
        }
    }
    bytes
}

fn cifar10(prefix: &str) -> Vec<(String, Vec<u8>)> {
    let names = (0..10).map(|n| format!("class {n}\n")).collect::<String>() + "\n";
    let batch = |n: u8| (format!("{prefix}data_batch_{n}.bin"), cifar_records(&[n, 9, 0], false));
    let mut files: Vec<_> = (1..=5).map(batch).collect();
    files.push((format!("{prefix}test_batch.bin"), cifar_records(&[7, 8], false)));
    files.push((format!("{prefix}batches.meta.txt"), names.into_bytes()));
    files
}

#[test]
fn cifar_10_is_read_from_its_folder_and_the_one_above() {
    for prefix in ["", "cifar-10-batches-bin/"] {
        let folder = folder(cifar10(prefix));
        let Splits { train, val, kind, .. } = default(folder.path()).unwrap();
        assert_eq!((kind, train.len(), val.len()), (Kind::Cifar10, 15, 2));
        assert_eq!((train.classes().len(), val.classes()[9].as_str()), (10, "class 9"));
        assert_eq!([0, 1, 3, 12].map(|index| train.label(index).unwrap()), [1, 9, 2, 5]);
        assert_eq!(train.class_counts(), [5, 1, 1, 1, 1, 1, 0, 0, 0, 5]);
        assert!(train.name(4).unwrap().ends_with("data_batch_2.bin[1]"));
        let image = train.image(4).unwrap();
        assert_eq!((image.width(), image.height()), (32, 32));
        assert_eq!(image.pixels()[..3], [1, 101, 201]);
        assert_eq!(image.pixels()[3 * 32 * 31..][..3], [32, 132, 232]);
    }
}

#[test]
fn cifar_100_takes_the_fine_labels() {
    let names: String = (0..100).map(|n| format!("fine {n}\r\n")).collect();
    let files = [
        ("cifar-100-binary/train.bin".to_owned(), cifar_records(&[3, 98], true)),
        ("cifar-100-binary/test.bin".to_owned(), cifar_records(&[97], true)),
        ("cifar-100-binary/fine_label_names.txt".to_owned(), names.into_bytes()),
    ];
    let folder = folder(files);
    let Splits { train, val, kind, .. } = default(folder.path()).unwrap();
    assert_eq!((kind, train.len(), val.label(0).unwrap()), (Kind::Cifar100, 2, 97));
    assert_eq!(train.classes()[98], "fine 98");
    assert_eq!(train.image(1).unwrap().pixels()[..3], [1, 101, 201]);
}

#[test]
fn damaged_cifar_says_what_is_wrong() {
    let changed = |name: &str, bytes: Option<Vec<u8>>| {
        let mut files = cifar10("");
        files.retain(|(other, _)| other != name);
        files.extend(bytes.map(|bytes| (name.to_owned(), bytes)));
        error(folder(files).path())
    };
    let text = changed("data_batch_4.bin", None);
    assert!(text.contains("CIFAR-10 in its binary layout needs data_batch_4.bin"), "{text}");
    let text = changed("data_batch_2.bin", Some(vec![0; 3072]));
    assert!(text.contains("data_batch_2.bin: damaged: 3072 bytes are not"), "{text}");
    let text = changed("test_batch.bin", Some(vec![]));
    assert!(text.contains("0 bytes are not a number of 3073-byte records"), "{text}");
    let text = changed("test_batch.bin", Some(cifar_records(&[1, 10], false)));
    assert!(text.contains("record 1 has label 10 of 10 classes"), "{text}");
    let text = changed("batches.meta.txt", Some(b"cat\ndog\n".to_vec()));
    assert!(text.contains("it names 2 classes instead of 10"), "{text}");
    let python = folder([("cifar-10-batches-py/batches.meta".to_owned(), "")]);
    assert!(error(python.path()).contains("it is CIFAR for Python"));
}

fn idx(shape: &[u32], data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, shape.len() as u8];
    bytes.extend(shape.iter().flat_map(|size| size.to_be_bytes()));
    bytes.extend(data);
    bytes
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![], Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn mnist(prefix: &str, train_labels: &[u8]) -> Vec<(String, Vec<u8>)> {
    let images = idx(&[2, 2, 3], &(0..12).collect::<Vec<u8>>());
    vec![
        (format!("{prefix}train-images-idx3-ubyte"), images.clone()),
        (format!("{prefix}train-labels-idx1-ubyte.gz"), gz(&idx(&[2], train_labels))),
        (format!("{prefix}t10k-images.idx3-ubyte.gz"), gz(&images)),
        (format!("{prefix}t10k-labels-idx1-ubyte"), idx(&[2], &[9, 1])),
    ]
}

#[test]
fn mnist_is_read_plain_and_compressed_and_becomes_rgb() {
    for (prefix, expected, class) in
        [("", Kind::Mnist, "9"), ("FashionMNIST/raw/", Kind::FashionMnist, "Ankle boot")]
    {
        let folder = folder(mnist(prefix, &[4, 0]));
        let Splits { train, val, kind, .. } = default(folder.path()).unwrap();
        assert_eq!((kind, train.len(), val.len()), (expected, 2, 2));
        assert_eq!((train.classes().len(), train.classes()[9].as_str()), (10, class));
        assert_eq!([train.label(0).unwrap(), val.label(0).unwrap()], [4, 9]);
        let image = train.image(1).unwrap();
        assert_eq!((image.width(), image.height()), (3, 2));
        assert_eq!(image.pixels()[..6], [6, 6, 6, 7, 7, 7]);
    }
    let letters = folder(mnist("", &[4, 25]));
    assert_eq!(default(letters.path()).unwrap().train.classes().len(), 26);
}

#[test]
fn damaged_idx_files_say_what_is_wrong() {
    for (bytes, part) in [
        (vec![], "it ends within its header"),
        (vec![0, 0, 8, 1, 0], "it ends within its header"),
        (vec![0, 0, 0x0D, 1, 0, 0, 0, 0], "unlike any idx file of bytes"),
        (vec![0, 0, 8, 5], "unlike any idx file of bytes"),
        (idx(&[3], &[1, 2]), "announces 3 bytes, and fewer follow"),
        (idx(&[3], &[1, 2, 3, 4]), "announces 3 bytes, and more follow"),
        (idx(&[u32::MAX, u32::MAX, u32::MAX, 2], &[]), "the limit is 1073741824"),
    ] {
        let error = read_idx(&bytes[..]).unwrap_err();
        assert!(error.contains(part), "{error}");
    }
    let changed = |name: &str, bytes: Option<Vec<u8>>| {
        let mut files = mnist("", &[1, 2]);
        files.retain(|(other, _)| !other.starts_with(name));
        files.extend(bytes.map(|bytes| (format!("{name}-ubyte"), bytes)));
        error(folder(files).path())
    };
    let text = changed("t10k-labels-idx1", None);
    assert!(text.contains("needs t10k-labels-idx1-ubyte, or the same with .gz"), "{text}");
    let text = changed("train-labels-idx1", Some(idx(&[3], &[0; 3])));
    assert!(text.contains("it does not hold the labels of 2 images"), "{text}");
    let text = changed("train-images-idx3", Some(idx(&[4], &[0; 4])));
    assert!(text.contains("it does not hold images"), "{text}");
    let text = changed("train-images-idx3", Some(idx(&[2, 0, 3], &[])));
    assert!(text.contains("it holds no images"), "{text}");
    let mut files = mnist("", &[1, 2]);
    files[1].1.truncate(12);
    let text = error(folder(files).path());
    assert!(text.contains("train-labels-idx1-ubyte.gz: damaged"), "{text}");
}
