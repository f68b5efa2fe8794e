//! Any bytes are a data set or an error. The first byte picks the reader, so that one corpus serves
//! all. From `crates/seesaw-data`: `cargo +nightly fuzz run datasets`
#![no_main]

use libfuzzer_sys::fuzz_target;
use seesaw_data::datasets::{Cifar, read_cifar, read_idx, read_list};

fuzz_target!(|bytes: &[u8]| {
    let Some((reader, bytes)) = bytes.split_first() else { return };
    match reader % 4 {
        0 | 1 => {
            let (cifar, record, classes) =
                if reader % 4 == 0 { (Cifar::Ten, 3073, 10) } else { (Cifar::Hundred, 3074, 100) };
            if let Ok(images) = read_cifar(bytes, cifar) {
                assert_eq!(images.len() * record, bytes.len());
                assert!(images.iter().all(|(label, _)| *label < classes));
            }
        }
        2 => {
            if let Ok(idx) = read_idx(bytes) {
                assert_eq!(idx.shape.iter().product::<usize>(), idx.data.len());
                assert!(idx.data.len() < bytes.len());
            }
        }
        _ => {
            if let Ok(list) = read_list(bytes) {
                assert!(list.entries.iter().all(|entry| !entry.label.is_empty()));
            }
        }
    }
});
