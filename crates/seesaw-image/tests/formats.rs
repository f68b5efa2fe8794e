//! GIF, TIFF, Netpbm and animated WebP, against plain readings of the same samples.

use std::borrow::Cow;

use seesaw_image::{Format, Limits, RgbImage, decode};

fn decoded(bytes: &[u8]) -> Result<RgbImage, decode::ImageError> {
    decode::decode(bytes, &Limits::default())
}

fn read(bytes: &[u8], what: &str) -> RgbImage {
    decoded(bytes).unwrap_or_else(|error| panic!("{what}: {error}"))
}

/// `count` bytes that differ from their neighbors.
fn noise(count: usize) -> Vec<u8> {
    (0..count).map(|i| (i * 73 % 251) as u8).collect()
}

fn gray(samples: impl IntoIterator<Item = u8>) -> Vec<u8> {
    samples.into_iter().flat_map(|sample| [sample; 3]).collect()
}

/// No cut file is read as something else.
fn cuts_are_refused(bytes: &[u8], needed: usize, what: &str) {
    for len in 0..needed {
        assert!(decoded(&bytes[..len]).is_err(), "{what}: {len} of {} bytes", bytes.len());
    }
}

mod gif_files {
    use super::*;
    use gif::{Encoder, Frame};

    const PALETTE: [u8; 12] = [9, 8, 7, 255, 0, 0, 0, 255, 0, 1, 2, 3];

    fn frame(left: u16, top: u16, width: u16, height: u16) -> Frame<'static> {
        let indices = (0..width * height).map(|i| (i % 3 + 1) as u8).collect();
        Frame { left, top, width, height, buffer: Cow::Owned(indices), ..Frame::default() }
    }

    fn gif(width: u16, height: u16, frames: &[Frame]) -> Vec<u8> {
        let mut bytes = vec![];
        let mut encoder = Encoder::new(&mut bytes, width, height, &PALETTE).unwrap();
        frames.iter().for_each(|frame| encoder.write_frame(frame).unwrap());
        drop(encoder);
        bytes
    }

    /// The color at a place of a screen whose other pixels have the index `background`.
    fn color(frame: &Frame, palette: &[u8], background: usize, x: u16, y: u16) -> [u8; 3] {
        let inside = (frame.left..frame.left + frame.width).contains(&x)
            && (frame.top..frame.top + frame.height).contains(&y);
        let at = usize::from(y.wrapping_sub(frame.top)) * usize::from(frame.width);
        let at = at + usize::from(x.wrapping_sub(frame.left));
        let index = if inside { usize::from(frame.buffer[at]) } else { background };
        palette[3 * index..3 * index + 3].try_into().unwrap()
    }

    fn check(what: &str, size: (u16, u16), frames: &[Frame], background: usize) -> Vec<u8> {
        let bytes = gif(size.0, size.1, frames);
        let image = read(&bytes, what);
        let first = &frames[0];
        let size = (size.0.max(first.left + first.width), size.1.max(first.top + first.height));
        assert_eq!((image.width(), image.height()), (size.0.into(), size.1.into()), "{what}");
        let palette = first.palette.as_deref().unwrap_or(&PALETTE);
        let expected: Vec<u8> = (0..size.1)
            .flat_map(|y| (0..size.0).flat_map(move |x| color(first, palette, background, x, y)))
            .collect();
        assert!(image.pixels() == expected, "{what}");
        bytes
    }

    pub fn seed() -> Vec<u8> {
        gif(7, 5, &[frame(1, 1, 5, 3), frame(0, 0, 7, 5)])
    }

    #[test]
    fn the_first_frame_lies_on_the_screen() {
        let bytes = check("whole", (7, 5), &[frame(0, 0, 7, 5)], 0);
        cuts_are_refused(&bytes, bytes.len() - 4, "GIF");
        check("a part", (9, 8), &[frame(2, 1, 4, 5)], 0);
        check("beyond the screen", (4, 4), &[frame(2, 3, 5, 6)], 0);
        check("animated", (7, 5), &[frame(1, 1, 5, 3), frame(0, 0, 7, 5)], 0);
        let transparent = Frame { transparent: Some(3), ..frame(1, 1, 5, 3) };
        check("transparent", (7, 5), &[transparent], 3);
        let own = Frame { palette: Some(noise(24)), ..frame(0, 0, 7, 5) };
        check("with a palette of its own", (7, 5), &[own], 0);
    }

    #[test]
    fn interlaced_rows_are_put_in_order() {
        let height = 21;
        let rows: Vec<u8> = (0..height).map(|y| y % 3 + 1).collect();
        // In the order of the four passes (GIF89a, appendix E).
        let passes = [(0, 8), (4, 8), (2, 4), (1, 2)];
        let order = passes.iter().flat_map(|&(first, step)| (first..height).step_by(step));
        let buffer = order.flat_map(|y| [rows[usize::from(y)]; 2]).collect();
        let interlaced =
            Frame { width: 2, height: height.into(), interlaced: true, buffer, ..Frame::default() };
        let image = read(&gif(2, height.into(), &[interlaced]), "interlaced");
        let color = |&index: &u8| PALETTE[3 * usize::from(index)..][..3].to_vec();
        let expected: Vec<u8> =
            rows.iter().flat_map(|row| [color(row), color(row)].concat()).collect();
        assert_eq!(image.pixels(), expected);
    }

    #[test]
    fn a_huge_screen_or_frame_is_refused() {
        let mut bytes = gif(7, 5, &[frame(0, 0, 7, 5)]);
        bytes[6..10].fill(0xFF);
        assert!(decoded(&bytes).unwrap_err().to_string().contains("too large"));
        let bytes = gif(7, 5, &[Frame { left: 60_000, top: 60_000, ..frame(0, 0, 7, 5) }]);
        assert!(decoded(&bytes).unwrap_err().to_string().contains("too large"));
    }
}

mod tiff_files {
    use super::*;
    use std::io::Cursor;
    use tiff::encoder::{Compression, DeflateLevel, TiffEncoder, colortype};

    /// A TIFF with one strip; `tags` in rising order without strips. Values that do not fit follow.
    fn tiff(big_endian: bool, tags: &[(u16, &[u16])], data: &[u8]) -> Vec<u8> {
        let short = |n: u16| if big_endian { n.to_be_bytes() } else { n.to_le_bytes() };
        let long = |n: u32| if big_endian { n.to_be_bytes() } else { n.to_le_bytes() };
        let strips = [(273, 8_u32), (279, data.len() as u32)];
        let mut all: Vec<(u16, Result<&[u16], u32>)> =
            tags.iter().map(|&(tag, values)| (tag, Ok(values))).collect();
        all.extend(strips.map(|(tag, value)| (tag, Err(value))));
        all.sort_by_key(|(tag, _)| *tag);
        let mut bytes = if big_endian { b"MM\0*".to_vec() } else { b"II*\0".to_vec() };
        let directory_at = 8 + data.len().next_multiple_of(2);
        bytes.extend(long(directory_at as u32));
        bytes.extend(data);
        bytes.resize(directory_at, 0);
        let mut outside = vec![];
        let outside_at = directory_at + 2 + 12 * all.len() + 4;
        bytes.extend(short(all.len() as u16));
        for (tag, values) in all {
            bytes.extend(short(tag));
            match values {
                Err(value) => bytes
                    .extend([short(4).to_vec(), long(1).to_vec(), long(value).to_vec()].concat()),
                Ok(values) => {
                    bytes.extend([short(3).to_vec(), long(values.len() as u32).to_vec()].concat());
                    let mut stored: Vec<u8> =
                        values.iter().flat_map(|&value| short(value)).collect();
                    if stored.len() > 4 {
                        bytes.extend(long((outside_at + outside.len()) as u32));
                        outside.extend(stored);
                    } else {
                        stored.resize(4, 0);
                        bytes.extend(stored);
                    }
                }
            }
        }
        bytes.extend([0; 4]);
        bytes.extend(outside);
        bytes
    }

    #[test]
    fn every_kind_of_samples_is_read() {
        let (width, height) = (11_u16, 6_u16);
        let pixels = usize::from(width * height);
        let samples = noise(4 * pixels);
        let low_byte = |samples: &[u8], big: bool| -> Vec<u8> {
            samples.iter().flat_map(|&high| if big { [high, 77] } else { [77, high] }).collect()
        };
        let ink = |c: u8, k: u8| {
            let light = 255.0 - f64::from(k);
            (light - f64::from(c) * light / 255.0).round() as i16
        };
        for big in [false, true] {
            let tags = |photometric: u16, bits: &'static [u16], more: &[(u16, &'static [u16])]| {
                let mut tags: Vec<(u16, Vec<u16>)> = vec![
                    (256, vec![width]),
                    (257, vec![height]),
                    (258, bits.to_vec()),
                    (259, vec![1]),
                    (262, vec![photometric]),
                    (277, vec![bits.len() as u16]),
                    (278, vec![height]),
                ];
                tags.extend(more.iter().map(|&(tag, values)| (tag, values.to_vec())));
                tags
            };
            let make = |tags: &[(u16, Vec<u16>)], data: &[u8]| {
                let tags: Vec<(u16, &[u16])> = tags.iter().map(|(tag, v)| (*tag, &v[..])).collect();
                tiff(big, &tags, data)
            };
            let one = &samples[..pixels];
            let three = &samples[..3 * pixels];
            let rgb_of_four: Vec<u8> = samples.chunks(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
            let two_bits: Vec<u8> = (0..pixels).map(|i| (i * 7 % 4) as u8).collect();
            let packed: Vec<u8> = two_bits
                .chunks(width.into())
                .flat_map(|row| {
                    row.chunks(4).map(|four| {
                        four.iter().enumerate().fold(0, |byte, (i, s)| byte | s << (6 - 2 * i))
                    })
                })
                .collect();
            let palette: Vec<u16> = (0..12).map(|i| i * 5000 + 99).collect();
            let looked_up = |index: &u8| {
                [0, 4, 8].map(|plane| (palette[plane + usize::from(*index)] >> 8) as u8)
            };
            let cases: [(&str, Vec<u8>, Vec<u8>); 9] = [
                ("gray", make(&tags(1, &[8], &[]), one), gray(one.to_vec())),
                ("white is 0", make(&tags(0, &[8], &[]), one), gray(one.iter().map(|s| !s))),
                ("16 bits", make(&tags(1, &[16], &[]), &low_byte(one, big)), gray(one.to_vec())),
                ("RGB", make(&tags(2, &[8, 8, 8], &[]), three), three.to_vec()),
                (
                    "RGB, 16 bits",
                    make(&tags(2, &[16, 16, 16], &[]), &low_byte(three, big)),
                    three.to_vec(),
                ),
                ("RGBA", make(&tags(2, &[8, 8, 8, 8], &[(338, &[2])]), &samples), rgb_of_four),
                (
                    "gray, 2 bits",
                    make(&tags(1, &[2], &[]), &packed),
                    gray(two_bits.iter().map(|sample| sample * 85)),
                ),
                (
                    "gray, 2 bits, white is 0",
                    make(&tags(0, &[2], &[]), &packed),
                    gray(two_bits.iter().map(|sample| 255 - sample * 85)),
                ),
                (
                    "palette of 2 bits",
                    {
                        let mut tags = tags(3, &[2], &[]);
                        tags.push((320, palette.clone()));
                        make(&tags, &packed)
                    },
                    two_bits.iter().flat_map(looked_up).collect(),
                ),
            ];
            for (what, bytes, expected) in cases {
                let image = read(&bytes, what);
                assert_eq!((image.width(), image.height()), (width.into(), height.into()));
                assert!(image.pixels() == expected, "{what}, big-endian: {big}");
                cuts_are_refused(&bytes, bytes.len() - 30, what);
            }
            let cmyk = read(&make(&tags(5, &[8; 4], &[]), &samples), "CMYK");
            for (inks, found) in samples.chunks(4).zip(cmyk.pixels().chunks(3)) {
                for (&sample, &ink_of) in found.iter().zip(inks) {
                    assert!(
                        (i16::from(sample) - ink(ink_of, inks[3])).abs() <= 1,
                        "{inks:?} {found:?}"
                    );
                }
            }
            let planes = make(&tags(2, &[8, 8, 8], &[(284, &[2])]), three);
            assert!(decoded(&planes).is_err(), "colors in separate planes");
            let turned = read(&make(&tags(1, &[8], &[(274, &[6])]), one), "turned");
            assert_eq!((turned.width(), turned.height()), (height.into(), width.into()));
            assert_eq!(turned.pixels()[0], one[usize::from(width * (height - 1))]);
        }
    }

    pub fn seed() -> Vec<u8> {
        let mut file = Cursor::new(vec![]);
        let mut encoder = TiffEncoder::new(&mut file).unwrap().with_compression(Compression::Lzw);
        encoder.write_image::<colortype::RGB8>(9, 7, &noise(3 * 63)).unwrap();
        file.into_inner()
    }

    #[test]
    fn compressed_strips_are_read() {
        let samples = noise(3 * 50 * 40);
        for (what, compression) in [
            ("none", Compression::Uncompressed),
            ("LZW", Compression::Lzw),
            ("deflate", Compression::Deflate(DeflateLevel::default())),
            ("PackBits", Compression::Packbits),
        ] {
            let mut file = Cursor::new(vec![]);
            let mut encoder = TiffEncoder::new(&mut file).unwrap().with_compression(compression);
            encoder.write_image::<colortype::RGB8>(50, 40, &samples).unwrap();
            assert!(read(file.get_ref(), what).pixels() == samples, "{what}");
        }
    }

    #[test]
    fn claims_of_many_pixels_are_refused() {
        let tags: [(u16, &[u16]); 7] = [
            (256, &[60_000]),
            (257, &[60_000]),
            (258, &[8]),
            (259, &[1]),
            (262, &[1]),
            (277, &[1]),
            (278, &[60_000]),
        ];
        assert!(
            decoded(&tiff(false, &tags, &[0; 4])).unwrap_err().to_string().contains("too large")
        );
    }
}

#[test]
fn netpbm_is_read_as_text_and_binary() {
    let rgb = noise(12);
    let binary = |header: &str, samples: &[u8]| [header.as_bytes(), samples].concat();
    let wide: Vec<u8> = rgb.iter().flat_map(|&high| [high, 200]).collect();
    let cases = [
        ("P1", b"P1\n# a comment\n3 2\n1 0 1\n0 1 0".to_vec(), 3, gray([0, 255, 0, 255, 0, 255])),
        ("P1 without spaces", b"P1 3 2 101010".to_vec(), 3, gray([0, 255, 0, 255, 0, 255])),
        ("P2", b"P2 2 2 # gray\n15\n0 3 15 5".to_vec(), 2, gray([0, 51, 255, 85])),
        ("P3", b"P3\n1 2\n255\n1 2 3\n4 5 6\n".to_vec(), 1, vec![1, 2, 3, 4, 5, 6]),
        // Rows end with a byte.
        ("P4", binary("P4\n10 2\n", &[0xA0, 0x40, 0, 0xC0]), 10, {
            let mut expected = [255; 20];
            [0, 2, 9, 18, 19].into_iter().for_each(|at| expected[at] = 0);
            gray(expected)
        }),
        // The first sample is a white space too.
        ("P5", binary("P5 2 2 255\n", &[10, 32, 35, 255]), 2, gray([10, 32, 35, 255])),
        ("P5, 16 bits", binary("P5 2 1 65535\n", &[1, 99, 255, 0]), 2, gray([1, 255])),
        ("P5, 12 bits", binary("P5 2 1 4095\n", &[15, 255, 8, 0]), 2, gray([255, 128])),
        ("P6", binary("P6\n# a\r\n2 2\n255\n", &rgb), 2, rgb.clone()),
        ("P6, 16 bits", binary("P6 2 2 65535\n", &wide), 2, rgb.clone()),
        (
            "P7",
            binary(
                "P7\nWIDTH 2\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n",
                &rgb[..8],
            ),
            2,
            [&rgb[..3], &rgb[4..7]].concat(),
        ),
    ];
    for (what, bytes, width, expected) in cases {
        assert_eq!(Format::detect(&bytes).unwrap(), Format::Pnm, "{what}");
        let image = read(&bytes, what);
        assert_eq!(image.width(), width, "{what}");
        assert_eq!(image.pixels(), expected, "{what}");
        let needed = bytes.trim_ascii_end().len().min(bytes.len());
        // A number in text may lose digits; nothing else may be missing.
        let digits = if what.starts_with("P2") { 0 } else { 1 };
        cuts_are_refused(&bytes, needed - 1 + digits.min(usize::from(bytes[1] > b'3')), what);
    }
    for hostile in [
        &b"P6 0 1 255\n"[..],
        b"P6 99999 99999 255\n",
        b"P6 1 1 0\n123",
        b"P6 1 1 70000\n123",
        b"P3 1 1 255 1 2 -3",
        b"P2 99999999999999999999 1 255 1",
        b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 4000000000\nMAXVAL 255\nENDHDR\n",
        b"P1 2 1 1 7",
    ] {
        assert!(decoded(hostile).is_err(), "{}", String::from_utf8_lossy(hostile));
    }
}

mod webp_files {
    use super::*;
    use image_webp::{ColorType, WebPEncoder};

    fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let len = (body.len() as u32).to_le_bytes();
        let padding = &[0][..body.len() % 2];
        [name, &len[..], body, padding].concat()
    }

    fn u24(n: u32) -> [u8; 3] {
        let [a, b, c, _] = n.to_le_bytes();
        [a, b, c]
    }

    /// The chunk of a losslessly encoded picture.
    fn lossless(width: u32, height: u32, samples: &[u8]) -> Vec<u8> {
        let mut bytes = vec![];
        WebPEncoder::new(&mut bytes).encode(samples, width, height, ColorType::Rgb8).unwrap();
        bytes[12..].to_vec()
    }

    /// A frame at a place on the canvas, in even coordinates.
    fn frame(left: u32, top: u32, size: (u32, u32), picture: &[u8]) -> Vec<u8> {
        let header = [u24(left / 2), u24(top / 2), u24(size.0 - 1), u24(size.1 - 1), u24(100)];
        chunk(b"ANMF", &[&header.concat()[..], &[0], picture].concat())
    }

    fn animation(canvas: (u32, u32), frames: &[Vec<u8>]) -> Vec<u8> {
        let extended = [&[0b10, 0, 0, 0][..], &u24(canvas.0 - 1), &u24(canvas.1 - 1)].concat();
        let chunks = [chunk(b"VP8X", &extended), chunk(b"ANIM", &[0; 6]), frames.concat()].concat();
        [b"RIFF", &(chunks.len() as u32 + 4).to_le_bytes()[..], b"WEBP", &chunks].concat()
    }

    pub fn seed() -> Vec<u8> {
        animation((8, 6), &[frame(0, 0, (8, 6), &lossless(8, 6, &noise(3 * 8 * 6)))])
    }

    #[test]
    fn the_first_frame_of_an_animation_is_read() {
        let (first, second) = (noise(3 * 8 * 6), vec![200; 3 * 8 * 6]);
        let frames = [&first, &second].map(|samples| frame(0, 0, (8, 6), &lossless(8, 6, samples)));
        let bytes = animation((8, 6), &frames);
        let image = read(&bytes, "animation");
        assert_eq!((image.width(), image.height()), (8, 6));
        assert!(image.pixels() == first);
        cuts_are_refused(&bytes, bytes.len(), "animation");

        let small = frame(2, 4, (4, 2), &lossless(4, 2, &first[..24]));
        let image = read(&animation((8, 6), &[small]), "a part of the canvas");
        let row = |y: usize| &image.pixels()[3 * (8 * y + 2)..3 * (8 * y + 6)];
        assert_eq!([row(4), row(5)].concat(), first[..24]);
        assert!(image.pixels()[..3 * 8 * 4].iter().all(|&sample| sample == 0));
    }

    #[test]
    fn a_frame_that_is_larger_than_it_claims_is_refused() {
        let picture = lossless(8, 6, &noise(3 * 8 * 6));
        for (canvas, claimed) in [((4, 4), (8, 6)), ((8, 6), (4, 4)), ((1 << 24, 1), (8, 6))] {
            assert!(decoded(&animation(canvas, &[frame(0, 0, claimed, &picture)])).is_err());
        }
        // The decoder would allocate what a lossy frame's own header says.
        let lossy = [&[0x10, 0, 0, 0x9D, 1, 0x2A][..], &[0xFF, 0x3F, 0xFF, 0x3F], &[0; 6]].concat();
        let bytes = animation((8, 6), &[frame(0, 0, (8, 6), &chunk(b"VP8 ", &lossy))]);
        assert!(decoded(&bytes).unwrap_err().to_string().contains("differs in size"));
    }
}

#[test]
fn damage_makes_no_decoder_panic() {
    let mut state = 7_u64;
    let mut next = move |bound: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    let limits = Limits::new().pixels(1 << 18).memory(1 << 23);
    let seeds = [
        gif_files::seed(),
        tiff_files::seed(),
        webp_files::seed(),
        b"P6 3 2 255 aaaaaaaaaaaaaaaaaa".to_vec(),
    ];
    let mut counts = [0, 0];
    for seed in seeds {
        assert!(decode::decode(&seed, &limits).is_ok());
        for _ in 0..1500 {
            let mut bytes = seed.clone();
            for _ in 0..=next(3) {
                let at = next(bytes.len());
                bytes[at] = [0, 0xFF, bytes[at] ^ 1 << next(8)][next(3)];
            }
            let error = decode::decode(&bytes, &limits).err();
            counts[usize::from(error.is_some())] += 1;
            let message = error.map(|error| error.to_string()).unwrap_or_default();
            assert!(!message.contains("gave up"), "{bytes:?}");
        }
    }
    assert!(counts.iter().all(|&count| count > 300), "{counts:?}");
}
