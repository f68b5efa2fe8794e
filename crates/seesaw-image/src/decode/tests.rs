use super::*;

/// A PNG's signature and header alone.
fn png_claiming(width: u32, height: u32) -> Vec<u8> {
    let mut header = b"IHDR".to_vec();
    header.extend([width.to_be_bytes(), height.to_be_bytes()].concat());
    header.extend([8, 2, 0, 0, 0]);
    let crc = crc32(&header).to_be_bytes();
    [b"\x89PNG\r\n\x1a\n\0\0\0\x0d", &header[..], &crc].concat()
}

/// CRC-32, bit by bit (PNG, annex D).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 }
        })
    })
}

fn bmp_claiming(width: u32, height: u32, compression: u32) -> Vec<u8> {
    let mut bytes = b"BM\0\0\0\0\0\0\0\0\x36\x04\0\0\x28\0\0\0".to_vec();
    bytes.extend([width.to_le_bytes(), height.to_le_bytes()].concat());
    bytes.extend([1, 0, 8, 0]);
    bytes.extend(compression.to_le_bytes());
    bytes.resize(0x436, 0);
    bytes
}

/// A lossy WebP in an extended container; `canvas` and `frame` are the sizes that each claims.
fn webp_claiming(canvas: (u32, u32), frame: (u16, u16)) -> Vec<u8> {
    let u24 = |n: u32| n.to_le_bytes()[..3].to_vec();
    let extended = [vec![0; 4], u24(canvas.0 - 1), u24(canvas.1 - 1)].concat();
    let (w, h) = (frame.0.to_le_bytes(), frame.1.to_le_bytes());
    let lossy = [&[0x10, 0, 0, 0x9D, 1, 0x2A][..], &w, &h, &[0; 6]].concat();
    let chunk = |name: &[u8; 4], body: &[u8]| {
        [&name[..], &(body.len() as u32).to_le_bytes(), body].concat()
    };
    let chunks = [chunk(b"VP8X", &extended), chunk(b"VP8 ", &lossy)].concat();
    [b"RIFF", &(chunks.len() as u32 + 4).to_le_bytes()[..], b"WEBP", &chunks].concat()
}

/// Markers up to the first scan, followed by an end marker.
fn jpeg_claiming(start_of_frame: u8, width: u16, height: u16) -> Vec<u8> {
    let (w, h) = (width.to_be_bytes(), height.to_be_bytes());
    let components = [1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0];
    let frame = [&[0xFF, start_of_frame, 0, 17, 8][..], &h, &w, &[3], &components].concat();
    let scan = [0xFF, 0xDA, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0];
    [&[0xFF, 0xD8][..], &frame, &scan, &[0xFF, 0xD9]].concat()
}

fn too_large(bytes: &[u8]) -> (Quantity, u64) {
    match decode(bytes, &Limits::default()) {
        Err(ImageError::TooLarge { quantity, value, .. }) => (quantity, value),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_content_decides_what_a_file_is() {
    let limits = Limits::default();
    assert!(matches!(decode(b"", &limits), Err(ImageError::Empty)));
    let texts =
        [&b"hello"[..], b"BM is a text that begins so", b"\xFF", b"RIFF....WAVE", b"\x89PNG"];
    for text in texts {
        assert!(matches!(decode(text, &limits), Err(ImageError::NotAnImage)), "{text:?}");
    }
    for heic in [b"\0\0\0\x1cftypheic\0\0\0\0mif1heic", b"\0\0\0\x1cftypmif1\0\0\0\0mif1heic"] {
        assert_eq!(Format::detect(heic).ok(), Some(Format::Heic));
        assert!(decode(heic, &limits).is_err(), "brands alone are no photo");
    }
    let others: [(&[u8], &str, &str); 20] = [
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1", "HEIF", "heif-convert"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0avifmiaf", "AVIF", "magick"),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1", "AVIF", "magick"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isom", "video", "ffmpeg"),
        (b"\0\0\0\x14ftypqt  ", "video", "ffmpeg"),
        (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", "RAW file (Canon)", "JPEG"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL", "magick"),
        (b"\xFF\x0A", "JPEG XL", "magick"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000", "magick"),
        (b"8BPS\0\x01", "Photoshop", "export"),
        (b"%PDF-1.7", "PDF", "export"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG", "export"),
        (b"<?xml version='1.0'?>\n<!-- a --><svg/>", "SVG", "export"),
        (b"II*\0\x10\0\0\0CR\x02\0", "RAW file (Canon)", "export"),
        (b"MM\0*\0\0\0\x08\0\x01\0\xFE\0\x04\0\0\0\x01\0\0\0\x01", "RAW file", "export"),
        (b"II*\0\x08\0\0\0\x01\0\x12\xC6\x01\0\x04\0\0\0\x01\x04\0\0", "DNG", "export"),
        (b"II*\0\x08\0\0\0\x01\0\x06\x01\x03\0\x01\0\0\0\x23\x80\0\0", "RAW file", "export"),
        (b"FUJIFILMCCD-RAW 0201", "Fujifilm", "export"),
        (b"IIU\0\x18\0\0\0", "Panasonic", "export"),
        (b"\0\0\x01\0\x01\0", "icon", "magick"),
    ];
    for (bytes, name, advice) in others {
        let message = decode(bytes, &limits).unwrap_err().to_string();
        assert!(message.contains(name) && message.contains(advice), "{message}");
    }
}

#[test]
fn every_format_has_its_extensions() {
    let extensions = [Format::EXTENSIONS, Format::FOREIGN_EXTENSIONS].concat();
    for (i, extension) in extensions.iter().enumerate() {
        assert!(!extensions[..i].contains(extension), "{extension} twice");
        assert_eq!(extension.to_ascii_lowercase(), *extension);
    }
}

#[test]
fn claims_of_a_huge_side_are_refused() {
    assert_eq!(too_large(&png_claiming(100_000, 100_000)), (Quantity::Side, 100_000));
    assert_eq!(too_large(&bmp_claiming(100_000, 9, 1)), (Quantity::Side, 100_000));
    assert_eq!(too_large(&webp_claiming((1 << 24, 1), (1, 1))), (Quantity::Side, 1 << 24));
}

#[test]
fn claims_of_many_pixels_are_refused() {
    let pixels = (Quantity::Pixels, 60_000 * 60_000);
    assert_eq!(too_large(&png_claiming(60_000, 60_000)), pixels);
    assert_eq!(too_large(&bmp_claiming(60_000, 60_000, 1)), pixels);
    assert_eq!(too_large(&jpeg_claiming(0xC0, 60_000, 60_000)), pixels);
    let webp = webp_claiming((16_000, 16_000), (16_000, 16_000));
    assert_eq!(too_large(&webp), (Quantity::Pixels, 16_000 * 16_000));
}

#[test]
fn a_progressive_jpeg_of_three_full_planes_may_be_smaller_than_a_baseline_one() {
    let (quantity, value) = too_large(&jpeg_claiming(0xC2, 7000, 7000));
    assert_eq!(quantity, Quantity::Memory);
    // The coefficients, at two bytes each, and little for the image at a quarter of its size.
    assert!((6 * 49_000_000..7 * 49_000_000).contains(&value), "{value}");
    // The baseline one passes the limits, and fails for want of tables.
    let baseline = decode(&jpeg_claiming(0xC0, 7000, 7000), &Limits::default());
    assert!(matches!(baseline, Err(ImageError::Damaged { .. })), "{baseline:?}");
}

#[test]
fn an_uncompressed_bmp_must_hold_what_it_claims() {
    let result = decode(&bmp_claiming(7000, 7000, 0), &Limits::default());
    assert!(matches!(result, Err(ImageError::Truncated(Format::Bmp))), "{result:?}");
}

#[test]
fn a_bmp_without_pixels_is_refused() {
    for (width, height) in [(0, 1), (1, 0), (0, 0), (u32::MAX, 1)] {
        let message = decode(&bmp_claiming(width, height, 0), &Limits::default()).unwrap_err();
        assert!(message.to_string().contains("no pixels"), "{message}");
    }
}

#[test]
fn a_png_palette_that_ends_within_a_color_is_refused() {
    let crc = |chunk: &[u8]| crc32(chunk).to_be_bytes();
    let header = b"IHDR\0\0\0\x01\0\0\0\x01\x08\x03\0\0\0";
    let palette = b"PLTE\x01\x02\x03\x04";
    let chunks = [
        &b"\x89PNG\r\n\x1a\n\0\0\0\x0d"[..],
        &[&header[..], &crc(header), &[0, 0, 0, 4]].concat(),
        &[&palette[..], &crc(palette), b"\0\0\0\0IDAT", &crc(b"IDAT")].concat(),
    ];
    let message = decode(&chunks.concat(), &Limits::default()).unwrap_err().to_string();
    assert!(message.contains("palette"), "{message}");
}

#[test]
fn a_webp_whose_frame_is_larger_than_its_canvas_is_refused() {
    let result = decode(&webp_claiming((16, 16), (16_383, 16_383)), &Limits::default());
    let message = result.unwrap_err().to_string();
    assert!(message.contains("differs in size"), "{message}");
}

#[test]
fn jpegs_that_are_not_read_say_why() {
    let message = |start| decode(&jpeg_claiming(start, 8, 8), &Limits::default()).unwrap_err();
    assert!(message(0xC3).to_string().contains("lossless"));
    assert!(message(0xC9).to_string().contains("arithmetic"));
    assert!(message(0xC5).to_string().contains("hierarchical"));
    let no_pixels = decode(&jpeg_claiming(0xC0, 0, 8), &Limits::default()).unwrap_err();
    assert!(no_pixels.to_string().contains("no pixels"));
}

#[test]
fn the_limit_of_bytes_holds_before_and_while_reading() {
    let limits = Limits::new().file_bytes(4);
    let too_large = |result| {
        matches!(
            result,
            Err(ImageError::TooLarge { quantity: Quantity::FileBytes, value: 5.., .. })
        )
    };
    assert!(too_large(decode(b"hello", &limits)));
    assert!(too_large(open(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"), &limits)));
    // Its length is 0 until it is read.
    if Path::new("/dev/zero").exists() {
        assert!(too_large(open("/dev/zero", &limits)));
    }
}

#[test]
fn files_that_cannot_be_read_are_errors() {
    for path in ["/no/such/file.jpg", env!("CARGO_MANIFEST_DIR")] {
        let result = open(path, &Limits::default());
        assert!(matches!(result, Err(ImageError::Io(_))), "{path}: {result:?}");
    }
}

#[test]
fn errors_say_how_much_is_too_much() {
    let message = |bytes: &[u8]| decode(bytes, &Limits::default()).unwrap_err().to_string();
    assert_eq!(
        message(&png_claiming(100_000, 100_000)),
        "too large: 100000 pixels on a side, and the limit is 65535: scale the image down first"
    );
    let message = message(&jpeg_claiming(0xC2, 7000, 7000));
    assert!(message.contains("MiB of memory to decode, and the limit is 200.0 MiB"), "{message}");
}

#[test]
fn a_run_length_bmp_that_ends_early_keeps_the_first_color() {
    let mut bytes = bmp_claiming(3, 2, 1);
    bytes[0x36..0x3E].copy_from_slice(&[10, 20, 30, 0, 40, 50, 60, 0]);
    // Bottom row: one pixel of color 1, then the end.
    bytes.extend([1, 1, 0, 1]);
    let image = decode(&bytes, &Limits::default()).unwrap();
    let (first, second) = ([30, 20, 10], [60, 50, 40]);
    assert_eq!(image.pixels(), [first, first, first, second, first, first].concat());
    bytes.truncate(bytes.len() - 2);
    assert!(matches!(decode(&bytes, &Limits::default()), Err(ImageError::Truncated(_))));
}
