//! Any bytes are an image or an error. From `crates/seesaw-image`, with the goldens as seeds:
//! `mkdir -p fuzz/corpus/decode && cargo +nightly fuzz run decode fuzz/corpus/decode tests/golden/decode`
#![no_main]

use libfuzzer_sys::fuzz_target;
use seesaw_arch::{Fit, Preprocess};
use seesaw_image::{Limits, decode};

fuzz_target!(|bytes: &[u8]| {
    // Small, so that the fuzzer spends its time on content and not on large empty images.
    let limits = Limits::new().file_bytes(1 << 20).side(4096).pixels(1 << 18).memory(1 << 23);
    if let Ok(image) = decode::decode(bytes, &limits) {
        for fit in [Fit::Crop, Fit::Pad, Fit::Squeeze] {
            let preprocess = Preprocess { resize: 9, crop: 8, fit, ..Preprocess::cifar() };
            let mut input = vec![0.0; preprocess.output_len()];
            seesaw_image::preprocess(&preprocess, &image, &mut input).expect("valid preprocessing");
            assert!(input.iter().all(|number| number.is_finite()));
        }
    }
});
