//! Malicious PyTorch files: a clear error, soon, and nothing in them is run.
#![cfg(feature = "pytorch")]

use std::{
    io::{Cursor, Read, Write},
    path::Path,
    time::{Duration, Instant},
};

use seesaw_format::{FormatError, pytorch};
use zip::{ZipArchive, ZipWriter, write::SimpleFileOptions};

mod common;
use common::{hostile, text, view};

/// What reading any of these small files may take, even in a debug build on a busy machine; the
/// work they ask for would take minutes.
const SOON: Duration = Duration::from_secs(10);

fn soon(bytes: &[u8]) -> Result<usize, FormatError> {
    let start = Instant::now();
    let result = pytorch::read(bytes);
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    result.map(|tensors| tensors.len())
}

/// One endless persistent id, used again and again.
#[test]
fn persistent_ids_cost_no_more_than_their_bytes() {
    let mut ids = b"\x80\x02(".to_vec();
    ids.extend(text("storage"));
    ids.extend(b"ctorch\nFloatStorage\n");
    ids.extend([text("0"), text("cpu"), b"K\x02".to_vec(), b"N".repeat(100_000)].concat());
    ids.extend(b"tq\x000");
    ids.extend(b"h\x00Q0".repeat(100_000));
    ids.extend(b"N.");
    assert!(matches!(soon(&hostile(&ids)), Err(FormatError::Pickle(_))));
}

/// A list of storages that names the last of very many values, very often.
#[test]
fn the_list_of_storages_is_read_in_one_pass() {
    let mut storages = b"\x80\x02(".to_vec();
    storages.extend(text("storage"));
    storages.extend(b"ctorch\nFloatStorage\n");
    storages.extend([text("0"), text("cpu"), b"K\x00tq\x000".to_vec()].concat());
    storages.extend(b"N".repeat(200_000));
    storages.extend(b"h\x00Q.");
    let mut file = hostile(&storages);
    file.truncate(file.len() - 4);
    file.extend([b"\x80\x02](".to_vec(), text("0"), b"q\x00".to_vec()].concat());
    file.extend(b"h\x00".repeat(200_000));
    file.extend(b"e.");
    file.extend([0; 8].repeat(200_001));
    assert!(soon(&file).is_err());
}

/// A tensor without numbers, set very often under one endless name.
#[test]
fn names_are_not_copied_again_and_again() {
    let name = "a".repeat(1_000_000);
    let empty = view(&name, 0, &[0], &[1]);
    let at = empty.windows(4).position(|end| end == b"tRs.").unwrap();
    let mut file = empty[..at + 2].to_vec();
    let start = file.windows(6).position(|program| program == b"\x80\x02}X\x40\x42").unwrap();
    file.splice(start + 3..start + 3, *b"(");
    let after_name = start + 4 + 5 + name.len();
    file.splice(after_name..after_name, *b"q\x00");
    file.extend(b"q\x01");
    file.extend(b"h\x00h\x01".repeat(250_000));
    file.extend(b"u");
    file.extend(&empty[at + 3..]);
    assert!(matches!(soon(&file), Err(FormatError::Pickle(_))));
}

/// A file of one storage of two numbers whose length says that it has `len`.
fn with_length(len: u64) -> Vec<u8> {
    let mut file = view("a", 0, &[2], &[1]);
    let at = file.len() - 2 * 4 - 8;
    file[at..at + 8].copy_from_slice(&len.to_le_bytes());
    file
}

/// Lengths are compared with what is left of the file before anything is allocated.
#[test]
fn old_storages_are_no_longer_than_their_file() {
    assert_eq!(soon(&with_length(2)).unwrap(), 1);
    for len in [3, 1 << 30, 1 << 61, 1 << 62, (1 << 62) + 2, u64::MAX] {
        assert!(matches!(soon(&with_length(len)), Err(FormatError::Pickle(_))), "{len}");
    }
    // A storage that is shorter than its tensor.
    assert!(matches!(soon(&with_length(1)), Err(FormatError::Pickle(_))));
}

/// An old file whose list of storages is `list`, a pickle, with the bytes of one storage.
fn with_list(list: &[u8]) -> Vec<u8> {
    let file = view("a", 0, &[2], &[1]);
    let own = [b"\x80\x02]".to_vec(), text("0"), b"a.".to_vec()].concat();
    let at = file.windows(own.len()).rposition(|bytes| bytes == own).unwrap();
    [&file[..at], list, &file[at + own.len()..]].concat()
}

#[test]
fn old_lists_of_storages_are_lists_of_the_tensors_storages() {
    let list = |keys: &[&str]| {
        let keys: Vec<u8> =
            keys.iter().flat_map(|key| [text(key), b"a".to_vec()].concat()).collect();
        [b"\x80\x02]".to_vec(), keys, b".".to_vec()].concat()
    };
    assert_eq!(soon(&with_list(&list(&["0"]))).unwrap(), 1);
    for wrong in [
        list(&[]),
        list(&["1"]),
        list(&["0", "0"]),
        list(&["0", "1"]),
        b"\x80\x02}.".to_vec(),
        b"\x80\x02N.".to_vec(),
        b"\x80\x02]K\x00a.".to_vec(),
        b"\x80\x02]Na.".to_vec(),
    ] {
        assert!(matches!(soon(&with_list(&wrong)), Err(FormatError::Pickle(_))), "{wrong:?}");
    }
}

#[test]
fn errors_do_not_carry_what_a_terminal_would_obey() {
    let error = pytorch::read(&hostile(b"\x80\x02cos\x1b[2J\nsystem\x07\n.")).unwrap_err();
    assert!(matches!(error, FormatError::Refused(_)));
    let shown = error.to_string();
    assert!(!shown.contains(char::is_control) && shown.contains("os"), "{shown:?}");
}

/// The golden archive, packed again with deflate, each storage followed by `zeros` bytes.
fn deflated(zeros: usize) -> Vec<u8> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/plain-zip.pth");
    let mut archive = ZipArchive::new(Cursor::new(std::fs::read(golden).unwrap())).unwrap();
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    let mut packed = ZipWriter::new(Cursor::new(Vec::new()));
    for i in 0..archive.len() {
        let mut entry = archive.by_index(i).unwrap();
        let name = entry.name().unwrap().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        if name.contains("/data/") {
            bytes.resize(bytes.len() + zeros, 0);
        }
        packed.start_file(name, options).unwrap();
        packed.write_all(&bytes).unwrap();
    }
    packed.finish().unwrap().into_inner()
}

#[test]
fn compressed_entries_are_read_as_far_as_the_file_could_hold_them() {
    assert_eq!(pytorch::read(&deflated(0)).unwrap().len(), 4);
    let error = pytorch::read(&deflated(10_000_000)).unwrap_err().to_string();
    assert!(error.contains("it is too large"), "{error}");
}
