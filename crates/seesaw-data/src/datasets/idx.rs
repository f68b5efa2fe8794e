//! MNIST's idx files, plain or gzipped: a magic number, big-endian sizes, and bytes.
//! <https://yann.lecun.com/exdb/mnist/>

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use flate2::read::GzDecoder;
use seesaw_image::RgbImage;

use super::{DataError, Findings, Found, Kind, item::Item};

/// The largest file that is read, in bytes after unpacking. MNIST's has 47 MB.
const MAX_BYTES: u64 = 1 << 30;

/// Fashion-MNIST's classes; its files do not name them.
const FASHION: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// The bytes of an idx file with their sizes, the outermost first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idx {
    /// One to four sizes.
    pub shape: Vec<usize>,
    /// As many bytes as the product of the sizes.
    pub data: Vec<u8>,
}

/// Reads an idx file of bytes, of at most 1 GiB.
///
/// # Errors
/// What is wrong with the file.
pub fn read_idx(mut reader: impl Read) -> Result<Idx, String> {
    let broken = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => "it ends within its header".to_owned(),
        _ => error.to_string(),
    };
    let mut magic = [0; 4];
    reader.read_exact(&mut magic).map_err(broken)?;
    let [0, 0, 0x08, dimensions @ 1..=4] = magic else {
        return Err(format!("it begins with {magic:02x?}, unlike any idx file of bytes"));
    };
    let mut shape = vec![];
    let mut len = 1_u64;
    for _ in 0..dimensions {
        let mut size = [0; 4];
        reader.read_exact(&mut size).map_err(broken)?;
        let size = u32::from_be_bytes(size);
        len = len.saturating_mul(size.into());
        shape.push(size as usize);
    }
    if len > MAX_BYTES {
        return Err(format!("its header announces {len} bytes, and the limit is {MAX_BYTES}"));
    }
    let mut data = vec![];
    // One more byte shows that a file is too long. Memory grows with what is read, not with what is
    // announced.
    reader.take(len + 1).read_to_end(&mut data).map_err(broken)?;
    if data.len() as u64 != len {
        let found = if data.len() as u64 > len { "more" } else { "fewer" };
        return Err(format!("its header announces {len} bytes, and {found} follow"));
    }
    Ok(Idx { shape, data })
}

pub(super) fn find(path: &Path) -> Result<Option<Found>, DataError> {
    for folder in ["", "raw", "MNIST/raw", "FashionMNIST/raw"].map(|name| path.join(name)) {
        if file(&folder, "train-images", 3).is_some() {
            return read(&folder).map(Some);
        }
    }
    Ok(None)
}

/// The file of a part, under any of the usual names, gzipped or not.
fn file(folder: &Path, part: &str, dimensions: u8) -> Option<PathBuf> {
    ["", ".gz"].iter().find_map(|ending| {
        ['-', '.'].iter().find_map(|dot| {
            let path = folder.join(format!("{part}{dot}idx{dimensions}-ubyte{ending}"));
            path.is_file().then_some(path)
        })
    })
}

fn read(folder: &Path) -> Result<Found, DataError> {
    let part = |part: &str, dimensions: u8| {
        file(folder, part, dimensions).ok_or_else(|| DataError::Incomplete {
            path: folder.to_owned(),
            layout: "MNIST's layout",
            missing: format!("{part}-idx{dimensions}-ubyte, or the same with .gz"),
        })
    };
    let root: Arc<Path> = folder.into();
    let train = items(&root, &part("train-images", 3)?, &part("train-labels", 1)?)?;
    let test = items(&root, &part("t10k-images", 3)?, &part("t10k-labels", 1)?)?;

    let fashion = folder.to_string_lossy().to_lowercase().contains("fashion");
    let last = train.iter().chain(&test).map(|item| item.label).max().unwrap_or(0);
    let (kind, classes) = if fashion && last < 10 {
        (Kind::FashionMnist, FASHION.map(str::to_owned).to_vec())
    } else {
        (Kind::Mnist, (0..=last.max(9)).map(|label| label.to_string()).collect())
    };
    let (test, findings) = (Some(test), Findings::default());
    Ok(Found { kind, classes, train, val: None, test, findings, packed: None })
}

fn items(root: &Arc<Path>, images: &Path, labels: &Path) -> Result<Vec<Item>, DataError> {
    let pixels = open(images)?;
    let classes = open(labels)?;
    let &[count, height, width] = &pixels.shape[..] else {
        return Err(DataError::damaged(images, "it does not hold images"));
    };
    if classes.shape != [count] {
        let reason = format!("it does not hold the labels of {count} images");
        return Err(DataError::damaged(labels, reason));
    }
    if pixels.data.is_empty() {
        return Err(DataError::damaged(images, "it holds no images"));
    }
    let name = images.file_name().unwrap_or_default().to_string_lossy();
    let image = |(n, (gray, &label)): (usize, (&[u8], &u8))| {
        let rgb = gray.iter().flat_map(|&sample| [sample; 3]).collect();
        RgbImage::new(width as u32, height as u32, rgb)
            .map(|image| Item::record(root, &name, n as u32, label.into(), image))
            .ok_or_else(|| DataError::damaged(images, "its images have no pixels"))
    };
    pixels.data.chunks_exact(height * width).zip(&classes.data).enumerate().map(image).collect()
}

fn open(path: &Path) -> Result<Idx, DataError> {
    let file = io::BufReader::new(File::open(path).map_err(DataError::io(path))?);
    let idx = if path.extension().is_some_and(|e| e == "gz") {
        read_idx(GzDecoder::new(file))
    } else {
        read_idx(file)
    };
    idx.map_err(|reason| DataError::damaged(path, reason))
}
