//! The PyTorch reader on any bytes: an error or tensors no larger than the file allows.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(tensors) = seesaw_format::pytorch::read(bytes) {
        let numbers: usize = tensors.iter().map(|(_, tensor)| tensor.data.len()).sum();
        assert!(numbers <= bytes.len());
    }
    let _ = seesaw_format::pytorch::read_keyed(bytes, Some("model.net"));
});
