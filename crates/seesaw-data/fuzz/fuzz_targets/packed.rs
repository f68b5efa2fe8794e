//! Any bytes are the index of a packed data set or an error. An odd first byte makes the checksum right, so
//! that what it guards is reached. From `crates/seesaw-data`: `cargo +nightly fuzz run packed`
#![no_main]

use libfuzzer_sys::fuzz_target;
use seesaw_data::datasets::read_index;

fuzz_target!(|bytes: &[u8]| {
    let Some((mode, bytes)) = bytes.split_first() else { return };
    let mut bytes = bytes.to_vec();
    if mode % 2 == 1 {
        let end = format!("{{\"index_crc32c\":{}}}\n", crc32c::crc32c(&bytes));
        bytes.extend(end.as_bytes());
    }
    if let Ok(index) = read_index(&bytes[..]) {
        // A line of an image has no fewer bytes.
        assert!(index.images() <= bytes.len() / 30);
    }
});
