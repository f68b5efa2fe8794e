//! Damaged and hostile files: an error or an image, never a panic.

use std::path::{Path, PathBuf};

use seesaw_arch::splitmix64;
use seesaw_image::{Limits, decode};

fn seeds() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/decode");
    let mut seeds: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    seeds.sort();
    seeds
}

/// Small enough that headers that claim much cost no time.
const LIMITS: Limits = Limits::new().file_bytes(1 << 20).side(4096).pixels(1 << 18).memory(1 << 23);

/// A number below `bound`, from the test's own SplitMix64.
fn below(bound: usize, state: &mut u64) -> usize {
    (splitmix64::next(state) % bound as u64) as usize
}

/// Changes a few bytes, or cuts, doubles or drops a part.
fn mutate(bytes: &mut Vec<u8>, state: &mut u64) {
    for _ in 0..=below(4, state) {
        let at = below(bytes.len(), state);
        let end = (at + 1 + below(16, state)).min(bytes.len());
        match below(8, state) {
            0 => bytes[at] = 0xFF,
            1 => bytes[at] = 0,
            2 => drop(bytes.drain(at..end)),
            3 => bytes.extend_from_within(at..end),
            4 => bytes.truncate(at),
            _ => bytes[at] ^= 1 << below(8, state),
        }
        if bytes.is_empty() {
            return;
        }
    }
}

#[test]
fn no_damage_makes_the_decoders_panic() {
    let mut state = 1;
    let mut counts = [0, 0];
    for seed in seeds() {
        let whole = std::fs::read(&seed).unwrap();
        for case in 0..200 {
            let mut bytes = whole.clone();
            mutate(&mut bytes, &mut state);
            let error = decode::decode(&bytes, &LIMITS).err();
            counts[usize::from(error.is_some())] += 1;
            // A panic within a decoder comes out as this error.
            let message = error.map(|error| error.to_string()).unwrap_or_default();
            assert!(!message.contains("gave up"), "{}: case {case}", seed.display());
        }
    }
    // Both happen often, or the test would not reach the decoders' depths.
    assert!(counts.iter().all(|&count| count > 1000), "{counts:?}");
}

#[test]
fn a_cut_file_is_an_error_or_the_whole_picture() {
    for seed in seeds() {
        let bytes = std::fs::read(&seed).unwrap();
        let whole = decode::decode(&bytes, &LIMITS).unwrap();
        let mut refused = 0;
        for len in 0..bytes.len() {
            match decode::decode(&bytes[..len], &LIMITS) {
                // Padding and end marks may be missing.
                Ok(image) => {
                    assert!(image == whole, "{}: {len} of {} bytes", seed.display(), bytes.len());
                }
                Err(_) => refused += 1,
            }
        }
        // The end of a PNG, and the checksums before it, are 20 bytes and those that complete its last one.
        assert!(refused + 24 > bytes.len(), "{}: only {refused}", seed.display());
    }
}
