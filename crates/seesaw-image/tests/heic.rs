//! HEIC, against the pixels that were encoded.

use seesaw_image::{Limits, RgbImage, decode};

fn decoded(bytes: &[u8]) -> Result<RgbImage, decode::ImageError> {
    decode::decode(bytes, &Limits::default())
}

/// A photo with colors that change slowly, as HEIC keeps them.
fn photo(width: u32, height: u32) -> Vec<u8> {
    let pixel = |x: u32, y: u32| [(x * 200 / width) as u8, (y * 200 / height) as u8, 90];
    (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect()
}

fn heic(width: u32, height: u32) -> Vec<u8> {
    let options = heifer::EncodeOptions { quality: 95, ..Default::default() };
    heifer::encode_rgb8(width, height, &photo(width, height), &options).unwrap()
}

#[test]
fn a_phones_photo_is_read_in_one_piece_and_in_tiles() {
    for (width, height) in [(64, 48), (700, 530)] {
        let image = decoded(&heic(width, height)).unwrap();
        assert_eq!((image.width(), image.height()), (width, height));
        let pairs = image.pixels().iter().zip(photo(width, height));
        let worst = pairs.map(|(a, b)| a.abs_diff(b)).max().unwrap();
        assert!(worst <= 6, "{worst}");
    }
}

#[test]
fn cut_and_changed_files_are_errors_and_sizes_are_limited() {
    let whole = heic(300, 200);
    for len in (0..whole.len()).step_by(97) {
        assert!(decoded(&whole[..len]).is_err(), "{len} bytes");
    }
    for at in (0..whole.len()).step_by(53) {
        let mut changed = whole.clone();
        changed[at] ^= 0x55;
        // Anything but a panic; a change of the picture's own data may go unnoticed.
        let _ = decoded(&changed);
    }
    for limits in [Limits::default().pixels(50_000), Limits::default().memory(400_000)] {
        let error = decode::decode(&whole, &limits).unwrap_err();
        assert!(matches!(error, decode::ImageError::TooLarge { .. }), "{error}");
    }
}
