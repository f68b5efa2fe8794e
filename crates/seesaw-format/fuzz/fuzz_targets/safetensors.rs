//! The native reader on any bytes, and what follows it: recognition and conversion.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use seesaw_format::{Contents, NetWeights, recognize, safetensors};

fuzz_target!(|bytes: &[u8]| {
    if let Ok((tensors, metadata)) = safetensors::read(bytes) {
        let _ = recognize(&tensors);
        if let Some(metadata) = metadata {
            let _ = NetWeights::from_tensors(&metadata.net, &tensors);
        }
        match Contents::from_bytes(bytes) {
            Ok(contents) => drop(contents.into_model(None, Path::new(""))),
            // A header that begins with white space is JSON, but not what the format requires.
            Err(_) => assert!(!safetensors::is_safetensors(bytes)),
        }
    }
});
