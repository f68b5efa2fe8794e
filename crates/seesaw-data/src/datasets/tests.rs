//! Tiny data sets of each layout.

use std::{fs, io::Write, path::PathBuf};

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
        let Splits { train, val, kind } = default(folder.path()).unwrap();
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
    let Splits { train, val, kind } = default(folder.path()).unwrap();
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
        let Splits { train, val, kind } = default(folder.path()).unwrap();
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

#[test]
fn class_folders_come_in_two_parts() {
    for val in ["val", "validation", "valid", "test"] {
        let names = ["train/b/2.png", "train/b/1.jpg", "train/a/x/3.BMP", "train/a/notes.txt"];
        let folder = photos(&[&names[..], &[&format!("{val}/b/1.jpg")]].concat());
        let Splits { train, val, kind } = default(folder.path()).unwrap();
        assert_eq!((kind, train.classes()), (Kind::Folders, &["a".to_owned(), "b".to_owned()][..]));
        let root = folder.path().join("train");
        let expected = [("a/x/3.BMP", 0), ("b/1.jpg", 1), ("b/2.png", 1)];
        assert_eq!(listing(&train, &root), expected.map(|(name, label)| (name.to_owned(), label)));
        assert_eq!((val.len(), val.label(0).unwrap()), (1, 1));
        assert_eq!(train.image(0).unwrap().pixels(), [1, 2, 3]);
        // The folder's own validation images are not used where a share is held out.
        let held_out = open(folder.path(), &with_split(0.5, 0)).unwrap();
        assert_eq!((held_out.train.len(), held_out.val.len()), (2, 1));
        assert!(held_out.val.path(0).unwrap().starts_with(&root));
    }
}

#[test]
fn a_split_depends_on_seed_and_names_alone_and_keeps_the_shares() {
    let names: Vec<String> = (0..40).map(|n| format!("{}/{n}.jpg", ["a", "b"][n / 30])).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let first = photos(&names);
    let reversed: Vec<&str> = names.iter().rev().copied().collect();
    let second = photos(&reversed);
    let split = |folder: &TempDir, share, seed| {
        let splits = open(folder.path(), &with_split(share, seed)).unwrap();
        [&splits.train, &splits.val].map(|part| listing(part, folder.path()))
    };
    let [train, val] = split(&first, 0.1, 5);
    let of_class = |label| val.iter().filter(|(_, found)| *found == label).count();
    assert_eq!((train.len(), of_class(0), of_class(1)), (36, 3, 1));
    assert_eq!(split(&second, 0.1, 5), [train.clone(), val.clone()]);
    assert_ne!(split(&first, 0.1, 6)[1], val);
    let mut both = [train, val].concat();
    both.sort();
    let mut all: Vec<_> = split(&first, 0.0, 5)[0].clone();
    all.sort();
    assert_eq!((both.len(), &both), (40, &all));
    // A file more moves no other file out of the held out part of another class.
    let more = photos(&[&names[..], &["a/new.jpg"]].concat());
    let b_only = |part: &[(String, u32)]| {
        part.iter().filter(|(_, label)| *label == 1).cloned().collect::<Vec<_>>()
    };
    assert_eq!(b_only(&split(&more, 0.1, 5)[1]), b_only(&split(&first, 0.1, 5)[1]));
    let default = default(first.path()).unwrap();
    assert_eq!((default.train.len(), default.val.len()), (32, 8));
}

#[test]
fn folders_that_are_no_data_set_say_what_is_missing() {
    let empty = tempfile::tempdir().unwrap();
    let text = error(empty.path());
    assert!(text.contains("it has no class folders. Supported are CIFAR-10"), "{text}");
    let text = error(&empty.path().join("nowhere"));
    assert!(text.contains("nowhere: no such file or folder"), "{text}");
    let loose = photos(&["a.jpg", ".git/b.jpg"]);
    assert!(error(loose.path()).contains("no class folders"));
    assert!(error(&loose.path().join("a.jpg")).contains("it is a file"));
    let one = photos(&["a/1.jpg", "a/2.jpg"]);
    assert!(error(one.path()).contains("1 classes, and a classifier needs at least two"));
    let bare = photos(&["a/1.jpg", "b/readme"]);
    let text = error(bare.path());
    assert!(text.contains("class `b`") && text.contains("no photos in this folder"), "{text}");
    let other = photos(&["train/a/1.jpg", "train/b/1.jpg", "val/c/1.jpg"]);
    let text = error(other.path());
    assert!(text.contains("val: class `c` is not among the training images"), "{text}");
    for share in [-0.1, 1.0, f64::NAN] {
        let text = open(one.path(), &with_split(share, 0)).unwrap_err().to_string();
        assert!(text.contains("must be at least 0 and less than 1"), "{text}");
    }
}

#[test]
fn a_list_names_files_beside_it() {
    let text = "\u{feff}note,Label, path ,SPLIT\nx,\"cat, big\",a/1.bmp,train\n,ant,a/2.bmp,val\n,ant,3.bmp,train\n";
    let mut files = vec![("list.CSV".to_owned(), text.into())];
    files.extend(["a/1.bmp", "a/2.bmp", "3.bmp"].map(|name| (name.to_owned(), pixel())));
    let folder = folder(files);
    let Splits { train, val, kind } = default(&folder.path().join("list.CSV")).unwrap();
    assert_eq!(
        (kind, train.classes()),
        (Kind::List, &["ant".to_owned(), "cat, big".to_owned()][..])
    );
    let expected = [("a/1.bmp".to_owned(), 1), ("3.bmp".to_owned(), 0)];
    assert_eq!(listing(&train, folder.path()), expected);
    assert_eq!(listing(&val, folder.path()), [("a/2.bmp".to_owned(), 0)]);
    assert_eq!(train.image(1).unwrap().pixels(), [1, 2, 3]);
}

#[test]
fn a_list_without_a_split_is_split_by_class() {
    let lines: String = (0..20).map(|n| format!("{n}.jpg,{}\n", ["x", "y"][n % 2])).collect();
    let folder = folder([("set.csv".to_owned(), format!("path,label\n{lines}"))]);
    let Splits { train, val, .. } = default(&folder.path().join("set.csv")).unwrap();
    assert_eq!((train.class_counts(), val.class_counts()), (vec![8, 8], vec![2, 2]));
}

#[test]
fn lists_that_make_no_sense_name_the_line() {
    for (text, line, part) in [
        ("", 1, "must name `path` and `label`"),
        ("file,class\na.jpg,x\n", 1, "is `file,class`"),
        ("path,label\na.jpg,x\n,y\n", 3, "`path` is empty"),
        ("path,label\na.jpg,\n", 2, "`label` is empty"),
        ("path,label,split\na.jpg,x,dev\n", 2, "`split` must be `train` or `val`, and is `dev`"),
        ("path,label\na.jpg\n", 2, "record"),
    ] {
        let ListError { line: found, reason } = read_list(text.as_bytes()).unwrap_err();
        assert!(found == line && reason.contains(part), "{text:?}: line {found}: {reason}");
    }
    assert!(read_list(&b"path,label\na.jpg,\xFF\n"[..]).unwrap_err().reason.contains("UTF-8"));
    let folder =
        folder([("l.csv".to_owned(), "path,label,split\na,x,train\nb,y,train\nc,z,val\n")]);
    let path = folder.path().join("l.csv");
    assert!(error(&path).contains("l.csv: class `z` is not among the training images"));
    fs::write(&path, "path,label\na,x\nb,\n").unwrap();
    assert!(error(&path).contains("l.csv: line 3: `label` is empty"));
}

#[test]
fn broken_images_are_named_and_left_out_and_none_left_is_an_error() {
    let names: Vec<String> =
        (0..60).map(|n| format!("{}/{n:02}.bmp", ["a", "b"][n / 30])).collect();
    let folder = folder(names.iter().map(|name| (name.clone(), pixel())));
    let broken = ["a/03.bmp", "a/04.bmp", "b/59.bmp"].map(|name| folder.path().join(name));
    for path in &broken {
        fs::write(path, "not an image").unwrap();
    }
    for threads in [0, 1, 3] {
        let mut dataset = open(folder.path(), &with_split(0.0, 0)).unwrap().train;
        let heard = std::sync::Mutex::new(vec![]);
        let report = dataset.verify(threads, &|done| heard.lock().unwrap().push(done)).unwrap();
        assert_eq!((report.kept, dataset.len()), (57, 57));
        assert_eq!(
            report.broken.iter().map(|(path, _)| path).collect::<Vec<_>>(),
            broken.iter().collect::<Vec<&PathBuf>>()
        );
        assert!(report.broken[0].1.contains("not an image"), "{report:?}");
        assert_eq!(dataset.class_counts(), [28, 29]);
        let mut heard = heard.into_inner().unwrap();
        heard.sort_unstable();
        assert_eq!(heard, (1..=60).collect::<Vec<_>>());
    }
    for name in &names {
        fs::write(folder.path().join(name), "").unwrap();
    }
    let mut dataset = open(folder.path(), &with_split(0.0, 0)).unwrap().train;
    let error = dataset.verify(2, &|_| {}).unwrap_err().to_string();
    assert!(
        error.contains("all 60 are broken, the first of them") && error.contains("00.bmp"),
        "{error}"
    );
    let mut empty = open(folder.path(), &with_split(0.0, 0)).unwrap().val;
    assert_eq!(empty.verify(2, &|_| {}).unwrap(), Report { kept: 0, broken: vec![] });
}

#[test]
fn a_sample_is_random_and_the_same_for_a_seed() {
    let names: Vec<String> =
        ["a", "b"].iter().flat_map(|c| (0..50).map(move |n| format!("{c}/{n:02}.bmp"))).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let folder = photos(&names);
    let sample = |limit, seed| {
        let mut dataset = open(folder.path(), &with_split(0.0, 0)).unwrap().train;
        dataset.sample(limit, seed);
        (0..dataset.len()).map(|index| dataset.path(index).unwrap()).collect::<Vec<_>>()
    };
    let kept = sample(20, 1);
    assert!(kept.len() == 20 && kept.is_sorted() && kept == sample(20, 1));
    assert_ne!(kept, sample(20, 2));
    let of_a = kept.iter().filter(|path| path.starts_with(folder.path().join("a"))).count();
    assert!((5..=15).contains(&of_a), "{kept:?}");
    assert_eq!((sample(100, 1).len(), sample(usize::MAX, 1).len()), (100, 100));
}

#[test]
fn images_are_kept_as_far_as_the_budget_goes() {
    let names = ["a/1.bmp", "a/2.bmp", "b/1.bmp", "b/2.bmp"];
    let folder = photos(&names);
    // Room for two images of one pixel.
    let options = with_split(0.0, 0).cache_bytes(8);
    let mut dataset = open(folder.path(), &options).unwrap().train;
    dataset.verify(1, &|_| {}).unwrap();
    for name in names {
        fs::remove_file(folder.path().join(name)).unwrap();
    }
    let kept: Vec<bool> = (0..4).map(|index| dataset.image(index).is_ok()).collect();
    assert_eq!(kept, [true, true, false, false]);
    let error = dataset.image(3).unwrap_err().to_string();
    assert!(error.contains("2.bmp: cannot read the file"), "{error}");
    let error = dataset.image(4).unwrap_err().to_string();
    assert_eq!(error, "image 4 of a data set of 4");
}
