//! CIFAR-10 and CIFAR-100 in their binary layouts.
//!
//! A file is a sequence of records: one label (CIFAR-10) or a coarse and a fine label (CIFAR-100), then
//! the red, the green and the blue plane of 32 by 32 bytes. <https://www.cs.toronto.edu/~kriz/cifar.html>

use std::{fs, path::Path, sync::Arc};

use seesaw_image::RgbImage;

use super::{DataError, Findings, Found, Kind, item::Item};

const SIDE: usize = 32;
const PLANE: usize = SIDE * SIDE;

/// Which of the two layouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cifar {
    /// One label per record.
    Ten,
    /// A coarse and a fine label, of which the fine one is used.
    Hundred,
}

impl Cifar {
    fn classes(self) -> u32 {
        match self {
            Self::Ten => 10,
            Self::Hundred => 100,
        }
    }

    fn labels(self) -> usize {
        match self {
            Self::Ten => 1,
            Self::Hundred => 2,
        }
    }

    fn layout(self) -> Layout {
        match self {
            Self::Ten => Layout {
                kind: Kind::Cifar10,
                name: "CIFAR-10 in its binary layout",
                archive_folder: "cifar-10-batches-bin",
                names: "batches.meta.txt",
                train: &[
                    "data_batch_1.bin",
                    "data_batch_2.bin",
                    "data_batch_3.bin",
                    "data_batch_4.bin",
                    "data_batch_5.bin",
                ],
                test: "test_batch.bin",
            },
            Self::Hundred => Layout {
                kind: Kind::Cifar100,
                name: "CIFAR-100 in its binary layout",
                archive_folder: "cifar-100-binary",
                names: "fine_label_names.txt",
                train: &["train.bin"],
                test: "test.bin",
            },
        }
    }
}

struct Layout {
    kind: Kind,
    name: &'static str,
    /// The folder in the official archive.
    archive_folder: &'static str,
    /// The file with the names of the classes, one per line.
    names: &'static str,
    train: &'static [&'static str],
    test: &'static str,
}

pub(super) fn find(path: &Path) -> Result<Option<Found>, DataError> {
    for cifar in [Cifar::Ten, Cifar::Hundred] {
        let layout = cifar.layout();
        for folder in [path.to_owned(), path.join(layout.archive_folder)] {
            if folder.join(layout.train[0]).is_file() {
                return read(&folder, cifar, &layout).map(Some);
            }
        }
    }
    Ok(None)
}

fn read(folder: &Path, cifar: Cifar, layout: &Layout) -> Result<Found, DataError> {
    let files = layout.train.iter().chain([&layout.test, &layout.names]);
    let missing: Vec<&str> = files.copied().filter(|name| !folder.join(name).is_file()).collect();
    if !missing.is_empty() {
        return Err(DataError::Incomplete {
            path: folder.to_owned(),
            layout: layout.name,
            missing: missing.join(", "),
        });
    }
    let root: Arc<Path> = folder.into();
    let items = |name: &&str| -> Result<Vec<Item>, DataError> {
        let path = folder.join(name);
        let bytes = fs::read(&path).map_err(DataError::io(&path))?;
        let records = read_cifar(&bytes, cifar)
            .map_err(|reason| DataError::Damaged { path, reason })?
            .into_iter();
        let item = |(n, (label, image))| Item::record(&root, name, n as u32, label, image);
        Ok(records.enumerate().map(item).collect())
    };
    let mut train = vec![];
    for name in layout.train {
        train.extend(items(name)?);
    }
    let classes = class_names(&folder.join(layout.names), cifar)?;
    let (test, findings) = (Some(items(&layout.test)?), Findings::default());
    Ok(Found { kind: layout.kind, classes, train, val: None, test, findings, packed: None })
}

fn class_names(path: &Path, cifar: Cifar) -> Result<Vec<String>, DataError> {
    let text = fs::read_to_string(path).map_err(DataError::io(path))?;
    let names: Vec<String> =
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    if names.len() != cifar.classes() as usize {
        let reason = format!("it names {} classes instead of {}", names.len(), cifar.classes());
        return Err(DataError::damaged(path, reason));
    }
    Ok(names)
}

/// Reads the labels and images of a file of any number of records.
///
/// # Errors
/// What is wrong with the file: no record, a partial record, or an invalid label.
pub fn read_cifar(bytes: &[u8], cifar: Cifar) -> Result<Vec<(u32, RgbImage)>, String> {
    let labels = cifar.labels();
    let record_len = labels + 3 * PLANE;
    if bytes.is_empty() || !bytes.len().is_multiple_of(record_len) {
        return Err(format!("{} bytes are not a number of {record_len}-byte records", bytes.len()));
    }
    let record = |(n, record): (usize, &[u8])| {
        let (labels, planes) = record.split_at(labels);
        let label = u32::from(*labels.last().expect("every layout has a label"));
        if label >= cifar.classes() {
            return Err(format!("record {n} has label {label} of {} classes", cifar.classes()));
        }
        let pixel = |at| [planes[at], planes[PLANE + at], planes[2 * PLANE + at]];
        let pixels = (0..PLANE).flat_map(pixel).collect();
        let image = RgbImage::new(SIDE as u32, SIDE as u32, pixels);
        Ok((label, image.expect("three planes of pixels")))
    };
    bytes.chunks_exact(record_len).enumerate().map(record).collect()
}
