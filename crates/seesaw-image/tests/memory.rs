//! The peak memory of decoding hostile files; alone in its process, because the peak is the
//! process's.

use seesaw_image::{Limits, decode};
use seesaw_testing::peak_memory_kb;

const LIMIT_KB: u64 = 245_000;

/// The same with twice the coefficients of 50 megapixels.
const PROGRESSIVE_LIMIT_KB: u64 = 360_000;

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

/// A gray JPEG with 4:2:0 chroma and this EXIF orientation: every code is a single bit, 0, for "no
/// difference", "end of block".
fn jpeg(width: u16, height: u16, progressive: bool, orientation: u8) -> Vec<u8> {
    let exif = [
        &b"\xFF\xE1\0\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"[..],
        &[orientation, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    let quantization = [&[0xFF, 0xDB, 0, 67, 0][..], &[1; 64]].concat();
    let (h, w) = (height.to_be_bytes(), width.to_be_bytes());
    let start = if progressive { 0xC2 } else { 0xC0 };
    let components = [1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0];
    let frame = [&[0xFF, start, 0, 17, 8][..], &h, &w, &[3], &components].concat();
    let table = |kind: u8| [&[0xFF, 0xC4, 0, 20, kind, 1][..], &[0; 15], &[0]].concat();
    let mut bytes =
        [&[0xFF, 0xD8][..], &exif, &quantization, &frame, &table(0), &table(0x10)].concat();
    let units = usize::from(width).div_ceil(16) * usize::from(height).div_ceil(16);
    let luma = usize::from(width).div_ceil(8) * usize::from(height).div_ceil(8);
    let mut scan = |components: &[u8], band: [u8; 2], bits: usize| {
        let len = 6 + 2 * components.len() as u8;
        bytes.extend([0xFF, 0xDA, 0, len, components.len() as u8]);
        bytes.extend(components.iter().flat_map(|&id| [id, 0]));
        bytes.extend([band[0], band[1], 0]);
        bytes.resize(bytes.len() + bits.div_ceil(8), 0);
    };
    if progressive {
        scan(&[1, 2, 3], [0, 0], 6 * units);
        scan(&[1], [1, 63], luma);
        scan(&[2], [1, 63], units);
        scan(&[3], [1, 63], units);
    } else {
        scan(&[1, 2, 3], [0, 63], 12 * units);
    }
    bytes.extend([0xFF, 0xD9]);
    bytes
}

/// Photos of 50 megapixels, with as many bytes as such photos have.
fn decode_large_jpegs(limits: &Limits, progressive: bool) {
    for (width, height, orientation) in [(8160, 6120, 6), (6144, 8192, 1)] {
        let mut bytes = jpeg(width, height, progressive, orientation);
        bytes.resize(20 << 20, 0);
        let image = decode::decode(&bytes, limits)
            .unwrap_or_else(|error| panic!("{width}x{height}, {orientation}: {error}"));
        let stored = if orientation == 1 { (width, height) } else { (height, width) };
        let divisor = if progressive { 4 } else { 1 };
        let expected = (u32::from(stored.0) / divisor, u32::from(stored.1) / divisor);
        assert_eq!((image.width(), image.height()), expected);
        assert!(image.pixels().iter().all(|&sample| sample == 128), "gray");
    }
}

#[test]
fn the_largest_pictures_of_the_smallest_files_stay_below_the_limit() {
    if peak_memory_kb().is_none() {
        return;
    }
    let limits = Limits::default();
    decode_large_jpegs(&limits, false);
    assert!(decode::decode(&bmp(7900, 7900), &limits).is_ok());
    assert!(decode::decode(&bmp(8100, 8100), &limits).is_err());
    assert!(decode::decode(&png(7200, 7200), &limits).is_ok());
    assert!(decode::decode(&png(7300, 7300), &limits).is_err());
    let peak = peak_memory_kb().unwrap();
    // Far below, the images would not have been decoded.
    assert!((190_000..LIMIT_KB).contains(&peak), "{peak} kB");

    decode_large_jpegs(&limits, true);
    let too_large = decode::decode(&jpeg(9000, 7100, true, 1), &limits).unwrap_err();
    assert!(too_large.to_string().contains("too large"), "{too_large}");
    // Of one color, they are the worst case: up to as many coefficients wait as are kept.
    let peak = peak_memory_kb().unwrap();
    assert!(peak < PROGRESSIVE_LIMIT_KB, "{peak} kB");
}
