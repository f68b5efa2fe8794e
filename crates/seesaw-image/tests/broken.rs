//! Files that others wrote carelessly: what is whole is read, what is not is refused, and nothing is read
//! as another picture.

use std::path::{Path, PathBuf};

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use seesaw_image::{Limits, RgbImage, decode};

fn decoded(bytes: &[u8]) -> Result<RgbImage, decode::ImageError> {
    decode::decode(bytes, &Limits::default())
}

fn pattern(width: u16, height: u16) -> Vec<u8> {
    let wave = |at: u16, period: f32| ((f32::from(at) / period).sin() * 60.0 + 128.0) as u8;
    let (w, h) = (width, height);
    (0..h)
        .flat_map(|y| (0..w).flat_map(move |x| [wave(x, 9.0), wave(y, 13.0), wave(x + y, 21.0)]))
        .collect()
}

/// How a JPEG is encoded.
#[derive(Debug, Clone, Copy)]
struct Kind {
    sampling: SamplingFactor,
    /// Components in scans of their own.
    apart: bool,
    progressive: bool,
    restart: u16,
}

const PLAIN: Kind =
    Kind { sampling: SamplingFactor::R_4_2_0, apart: false, progressive: false, restart: 0 };

fn jpeg(width: u16, height: u16, kind: Kind) -> Vec<u8> {
    let mut bytes = vec![];
    let mut encoder = Encoder::new(&mut bytes, 90);
    encoder.set_sampling_factor(kind.sampling);
    encoder.set_optimized_huffman_tables(kind.apart);
    encoder.set_progressive(kind.progressive);
    if kind.restart > 0 {
        encoder.set_restart_interval(kind.restart);
    }
    encoder.encode(&pattern(width, height), width, height, ColorType::Rgb).unwrap();
    bytes
}

/// The largest difference of two samples.
fn difference(a: &RgbImage, b: &RgbImage) -> u8 {
    assert_eq!((a.width(), a.height()), (b.width(), b.height()));
    a.pixels().iter().zip(b.pixels()).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

fn scans(jpeg: &[u8]) -> usize {
    jpeg.windows(2).filter(|pair| *pair == [0xFF, 0xDA]).count()
}

fn golden_jpegs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/decode");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "jpg")).collect()
}

#[test]
fn components_one_after_the_other_are_the_same_picture() {
    use SamplingFactor as S;
    for sampling in [S::R_4_4_4, S::R_4_2_2, S::R_4_4_0, S::R_4_2_0] {
        for (width, height) in [(64, 64), (41, 55), (17, 16), (100, 33)] {
            let kind = Kind { sampling, ..PLAIN };
            let together = jpeg(width, height, kind);
            let apart = jpeg(width, height, Kind { apart: true, ..kind });
            assert_eq!((scans(&together), scans(&apart)), (1, 3), "{sampling:?}");
            let what = format!("{sampling:?} {width}x{height}");
            // The decoders round in different places.
            let found = decoded(&apart).unwrap_or_else(|error| panic!("{what}: {error}"));
            let difference = difference(&found, &decoded(&together).unwrap());
            assert!(difference <= 4, "{what}: differs by {difference}");
        }
    }
}

#[test]
fn bytes_between_the_segments_do_not_matter() {
    for kind in [PLAIN, Kind { apart: true, ..PLAIN }, Kind { progressive: true, ..PLAIN }] {
        let whole = jpeg(48, 40, kind);
        let expected = decoded(&whole).unwrap();
        let junks: [&[u8]; 4] =
            [b"8 bytes.", &[0; 300], &[0xFF, 0, 0xFF, 0, 7], &[0xFF, 0xFF, 0xFF]];
        for junk in junks {
            // What a file is, its first three bytes say.
            let mut starts = vec![];
            let mut at = 2;
            while whole[at + 1] != 0xDA {
                at += 2 + usize::from(whole[at + 2]) * 256 + usize::from(whole[at + 3]);
                starts.push(at);
            }
            for start in starts {
                let with_junk = [&whole[..start], junk, &whole[start..]].concat();
                let found = decoded(&with_junk);
                let found =
                    found.unwrap_or_else(|error| panic!("{kind:?} {junk:?} at {start}: {error}"));
                assert!(found == expected, "{kind:?}, {junk:?} at {start}");
            }
            let end = whole.len() - 2;
            let before_end = [&whole[..end], junk, &whole[end..]].concat();
            assert!(decoded(&before_end).unwrap() == expected, "{kind:?}, {junk:?} before the end");
        }
    }
}

#[test]
fn without_its_end_mark_a_whole_jpeg_is_read() {
    // The last two have bytes that look like markers.
    let trailers: [&[u8]; 5] = [
        b"",
        b"MotionPhoto_Data\0\0\0\x18ftypmp42\0\0\0\0isommp42",
        b"\0\0\0\0",
        &[0xFF, 0xC0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 0xFF, 0xD8, 0xFF, 0xE1],
        &[0x12, 0xFF, 0xC2, 0xFF],
    ];
    let mut files: Vec<(String, Vec<u8>)> = golden_jpegs()
        .into_iter()
        .map(|path| (path.display().to_string(), std::fs::read(path).unwrap()))
        .collect();
    assert!(files.len() > 15);
    for (apart, progressive, restart) in [
        (false, false, 0),
        (true, false, 0),
        (false, true, 0),
        (false, false, 1),
        (false, false, 3),
    ] {
        let kind = Kind { apart, progressive, restart, ..PLAIN };
        files.push((format!("{kind:?}"), jpeg(57, 43, kind)));
    }
    for (name, whole) in files {
        let expected = decoded(&whole).unwrap();
        let body = whole.strip_suffix(&[0xFF, 0xD9]).unwrap();
        for trailer in trailers {
            let found = decoded(&[body, trailer].concat());
            let found = found.unwrap_or_else(|error| panic!("{name}, {trailer:?}: {error}"));
            assert!(found == expected, "{name}, {trailer:?}");
        }
        // A part of the image is missing, whatever follows.
        for share in [4, 2] {
            let half = &body[..body.len() - body.len() / share];
            for trailer in trailers {
                // An end mark would be accepted as Pillow accepts it; none of these has one.
                let result = decoded(&[half, trailer].concat());
                assert!(result.is_err(), "{name}: half of it, {trailer:?}");
            }
        }
    }
}

/// A JPEG with an Adobe segment of this color transform, or none, and a JFIF segment or none.
fn marked(jpeg: &[u8], jfif: bool, transform: Option<u8>) -> Vec<u8> {
    let len = usize::from(jpeg[4]) * 256 + usize::from(jpeg[5]);
    assert_eq!(jpeg[2..4], [0xFF, 0xE0], "it begins with JFIF");
    let (app0, rest) = jpeg[2..].split_at(2 + len);
    let adobe = transform.map(|t| [&b"\xFF\xEE\0\x0EAdobe\0\x64\0\0\0\0"[..], &[t]].concat());
    [&jpeg[..2], if jfif { app0 } else { &[] }, &adobe.unwrap_or_default(), rest].concat()
}

#[test]
fn contradictory_color_markers_mean_what_they_mean_to_libjpeg() {
    let kind = Kind { sampling: SamplingFactor::R_4_4_4, ..PLAIN };
    let plain = jpeg(40, 40, kind);
    let colors = decoded(&plain).unwrap();
    let raw = decoded(&marked(&plain, false, Some(0))).unwrap();
    // Read as RGB, a gray sample of luma is red.
    assert!(difference(&colors, &raw) > 50);
    let ids = |bytes: &[u8], ids: &[u8; 3]| {
        let mut bytes = bytes.to_vec();
        let frame = bytes.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
        let scan = bytes.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap();
        for (i, id) in ids.iter().enumerate() {
            bytes[frame + 10 + 3 * i] = *id;
            bytes[scan + 5 + 2 * i] = *id;
        }
        bytes
    };
    let cases = [
        // JFIF is YCbCr, whatever else is said.
        (marked(&plain, true, Some(0)), &colors),
        (ids(&plain, b"RGB"), &colors),
        // Without it, Adobe decides; an unknown number is YCbCr.
        (marked(&plain, false, Some(1)), &colors),
        (marked(&plain, false, Some(2)), &colors),
        (marked(&plain, false, Some(7)), &colors),
        (ids(&marked(&plain, false, Some(1)), b"RGB"), &colors),
        (ids(&marked(&plain, false, Some(0)), &[1, 2, 3]), &raw),
        // Without either, the names of the components decide.
        (marked(&plain, false, None), &colors),
        (ids(&marked(&plain, false, None), b"RGB"), &raw),
        (ids(&marked(&plain, false, None), &[7, 8, 9]), &colors),
    ];
    for (i, (bytes, expected)) in cases.iter().enumerate() {
        let found = decoded(bytes).unwrap_or_else(|error| panic!("case {i}: {error}"));
        let difference = difference(&found, expected);
        assert!(difference <= 3, "case {i}: differs by {difference}");
    }
}

fn png_chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let crc = !name.iter().chain(body).fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 }
        })
    });
    [&(body.len() as u32).to_be_bytes()[..], name, body, &crc.to_be_bytes()].concat()
}

/// A PNG of 30 by 20 pixels, in its parts: signature and header, image data, end.
fn png_parts() -> [Vec<u8>; 3] {
    let mut bytes = vec![];
    let mut encoder = png::Encoder::new(&mut bytes, 30, 20);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(&pattern(30, 20)).unwrap();
    let data_at = bytes.windows(4).position(|name| name == b"IDAT").unwrap() - 4;
    let end_at = bytes.windows(4).position(|name| name == b"IEND").unwrap() - 4;
    [bytes[..data_at].to_vec(), bytes[data_at..end_at].to_vec(), bytes[end_at..].to_vec()]
}

#[test]
fn a_png_is_read_where_its_picture_is_whole() {
    let [header, data, end] = png_parts();
    let expected = decoded(&[&header[..], &data, &end].concat()).unwrap();
    let wrong_crc = |chunk: &[u8]| {
        let mut chunk = chunk.to_vec();
        *chunk.last_mut().unwrap() ^= 1;
        chunk
    };
    let ancillary = wrong_crc(&png_chunk(b"gAMA", &45_455_u32.to_be_bytes()));
    // In two chunks, the first of which has the wrong checksum.
    let body = &data[8..data.len() - 4];
    let (first, second) = body.split_at(body.len() / 2);
    let halves = [wrong_crc(&png_chunk(b"IDAT", first)), png_chunk(b"IDAT", second)].concat();
    let whole = [
        ("a wrong checksum of the data", [&header[..], &wrong_crc(&data), &end].concat()),
        ("a wrong checksum of a part of the data", [&header[..], &halves, &end].concat()),
        ("a wrong checksum elsewhere", [&header[..], &ancillary, &data, &end].concat()),
        ("no end", [&header[..], &data].concat()),
        ("no end, and a wrong checksum", [&header[..], &wrong_crc(&data)].concat()),
        ("half of the end", [&header[..], &data, &end[..6]].concat()),
        ("no checksum, no end", [&header[..], &data[..data.len() - 4]].concat()),
        ("something else for an end", [&header[..], &data, b"and so on and so on"].concat()),
    ];
    for (what, bytes) in whole {
        let found = decoded(&bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(found == expected, "{what}");
    }
}

#[test]
fn a_png_whose_picture_is_damaged_is_refused() {
    let [header, data, end] = png_parts();
    let expected = decoded(&[&header[..], &data, &end].concat()).unwrap();
    let mut refused = 0;
    for at in 8..data.len() - 4 {
        // Every bit of the compressed data, with the checksum of the chunk as it was.
        for bit in 0..8 {
            let mut damaged = data.clone();
            damaged[at] ^= 1 << bit;
            match decoded(&[&header[..], &damaged, &end].concat()) {
                // Some bits of the compressed data mean nothing.
                Ok(image) => assert!(image == expected, "bit {bit} of byte {at}"),
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 1000);
    let wrong_header = {
        let mut header = header.clone();
        header[8 + 8 + 3] ^= 2;
        header
    };
    assert!(decoded(&[&wrong_header[..], &data, &end].concat()).is_err(), "another width");
    for len in 0..data.len() - 12 {
        assert!(decoded(&[&header[..], &data[..len]].concat()).is_err(), "{len} bytes of the data");
    }
}
