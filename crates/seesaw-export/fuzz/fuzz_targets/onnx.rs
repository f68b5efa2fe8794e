//! The reader of our own ONNX files on any bytes, and on a valid file with edits, which get past the
//! checks of its metadata: five bytes of input are a place, in four, and what is written there.
//! From `crates/seesaw-export`: `cargo +nightly fuzz run onnx`
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use prost::Message;
use seesaw_arch::zoo;
use seesaw_export::onnx::{Options, from_bytes, model};
use seesaw_format::{Metadata, NetWeights};

static VALID: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut net = zoo::net("seesaw-shuffle-0.5d-cifar").expect("it is in the zoo");
    net = net.with_width(0.1).expect("a valid width").with_classes(2);
    net.head.channels = 8;
    let weights = NetWeights::random(&net, 1).expect("a valid net");
    let file = model(&weights, &Metadata::new(net), &Options::default()).expect("a small net");
    file.encode_to_vec()
});

fuzz_target!(|bytes: &[u8]| {
    let _ = from_bytes(bytes);
    let mut file = VALID.clone();
    for edit in bytes.chunks_exact(5) {
        let place = u32::from_le_bytes(edit[..4].try_into().expect("four bytes")) as usize;
        let length = file.len();
        // Half of the edits go where the metadata and the names of nodes are: at the end and the start.
        let place = match place % 4 {
            0 => place / 4 % length.min(2000),
            1 => length - 1 - place / 4 % length.min(4000),
            _ => place / 4 % length,
        };
        file[place] = edit[4];
    }
    let _ = from_bytes(&file);
});
