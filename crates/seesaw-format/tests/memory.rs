//! The peak memory of reading hostile files; alone in its process, because the peak is the
//! process's.
#![cfg(feature = "pytorch")]

use seesaw_format::{pytorch, safetensors};
use seesaw_testing::peak_memory_kb;

const LIMIT_KB: u64 = 195_000;

/// A safetensors file that is all header.
fn native(header: &str) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat()
}

/// A tensor of no numbers in very many dimensions.
fn dimensions(bytes: usize) -> Vec<u8> {
    let sizes = "0,".repeat(bytes / 2 - 40);
    native(&format!(r#"{{"a":{{"dtype":"F32","shape":[{sizes}0],"data_offsets":[0,0]}}}}"#))
}

/// Very many notes.
fn notes(bytes: usize) -> Vec<u8> {
    let notes: Vec<String> = (0..bytes / 12).map(|i| format!(r#""{i:x}":"""#)).collect();
    native(&format!(r#"{{"__metadata__":{{{}}}}}"#, notes.join(",")))
}

/// A list that is filled with one value, in the old container.
fn endless_list(bytes: usize) -> Vec<u8> {
    let mut file =
        b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}."
            .to_vec();
    file.extend(b"\x80\x02]");
    let part = [b"(N".to_vec(), b"2".repeat(500_000), b"e".to_vec()].concat();
    file.extend(part.repeat(bytes / part.len()));
    file.extend(b".\x80\x02].");
    file
}

/// Very many values made by this program, each of them small.
fn values(bytes: usize, each: &[u8]) -> Vec<u8> {
    let mut file = endless_list(0);
    file.truncate(file.len() - b".\x80\x02].".len());
    // A name and a text, to use again and again.
    file.extend(b"cos\nsystem\nq\x000X\x04\0\0\0textq\x010");
    let part = [b"(".to_vec(), each.repeat(1000), b"e".to_vec()].concat();
    file.extend(part.repeat(bytes / part.len()));
    file.extend(b".\x80\x02].");
    file
}

/// An archive that lists very many entries.
fn entries(count: u32) -> Vec<u8> {
    let mut file = b"PK\x03\x04".to_vec();
    for i in 0..count {
        file.extend(b"PK\x01\x02\x14\0\x14\0");
        file.extend([0; 20]);
        file.extend([4, 0]);
        file.extend([0; 16]);
        file.extend(i.to_be_bytes().map(|byte| byte.max(1)));
    }
    let len = file.len() as u32 - 4;
    let count = (count as u16).to_le_bytes();
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend([count, count].concat());
    file.extend([len.to_le_bytes(), 4u32.to_le_bytes()].concat());
    file.extend([0, 0]);
    file
}

#[test]
fn files_of_a_few_megabytes_stay_below_the_limit() {
    if peak_memory_kb().is_none() {
        return;
    }
    // At the limit of what is parsed, and far above it.
    assert!(safetensors::read(&dimensions((4 << 20) - 100)).is_ok());
    assert!(safetensors::read(&notes((4 << 20) - 100)).is_ok());
    for bytes in [5 << 20, 16 << 20] {
        let error = safetensors::read(&dimensions(bytes)).unwrap_err().to_string();
        assert!(error.contains("its header has"), "{error}");
    }
    assert!(pytorch::read(&endless_list(16 << 20)).is_err());
    for each in [&b"]"[..], b"}", b"h\x00)R", b"h\x01h\x01\x86", b"X\x01\0\0\0a", b"h\x00)\x81}b"] {
        let error = pytorch::read(&values(16 << 20, each)).unwrap_err().to_string();
        assert!(error.contains("makes more values"), "{error}");
    }
    let error = pytorch::read(&entries(65_000)).unwrap_err().to_string();
    assert!(error.contains("without a checkpoint's `data.pkl`"), "{error}");
    let peak = peak_memory_kb().unwrap();
    // Far below, the headers would not have been parsed.
    assert!((60_000..LIMIT_KB).contains(&peak), "{peak} kB");
}
