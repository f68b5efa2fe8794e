//! The peak memory of decoding hostile files; alone in its process, because the peak is the
//! process's.

use seesaw_image::{Limits, decode};
use seesaw_testing::peak_memory_kb;

const LIMIT_KB: u64 = 195_000;

/// Run-length encoded, and over after its palette.
fn bmp(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"BM\0\0\0\0\0\0\0\0\x36\x04\0\0\x28\0\0\0".to_vec();
    bytes.extend([width.to_le_bytes(), height.to_le_bytes()].concat());
    bytes.extend([1, 0, 8, 0, 1, 0, 0, 0]);
    bytes.resize(0x436, 1);
    bytes.extend([0, 1]);
    bytes
}

/// Of one color, so that it packs to next to nothing.
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = vec![];
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_compression(png::Compression::Fastest);
    let mut writer = encoder.write_header().unwrap();
    let mut stream = writer.stream_writer().unwrap();
    let row = vec![9; 4 * width as usize];
    for _ in 0..height {
        std::io::Write::write_all(&mut stream, &row).unwrap();
    }
    stream.finish().unwrap();
    drop(writer);
    bytes
}

#[test]
fn the_largest_pictures_of_the_smallest_files_stay_below_the_limit() {
    if peak_memory_kb().is_none() {
        return;
    }
    let limits = Limits::default();
    assert!(decode::decode(&bmp(7000, 7000), &limits).is_ok());
    assert!(decode::decode(&bmp(7100, 7100), &limits).is_err());
    assert!(decode::decode(&png(6400, 6400), &limits).is_ok());
    assert!(decode::decode(&png(6500, 6500), &limits).is_err());
    let peak = peak_memory_kb().unwrap();
    // Far below, the images would not have been decoded.
    assert!((140_000..LIMIT_KB).contains(&peak), "{peak} kB");
}
