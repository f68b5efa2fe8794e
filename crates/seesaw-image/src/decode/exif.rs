//! The one EXIF tag that affects pixels: the orientation.

use crate::RgbImage;

/// The orientation in an EXIF block (a TIFF file, with or without a preceding `Exif\0\0`): 1 to 8,
/// and 1 where the block has none or is invalid.
pub(super) fn orientation(exif: &[u8]) -> u16 {
    let tiff = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    find_orientation(tiff).filter(|o| (1..=8).contains(o)).unwrap_or(1)
}

/// Reads tag 0x0112 of the first directory (TIFF 6.0, section 2).
fn find_orientation(tiff: &[u8]) -> Option<u16> {
    const ORIENTATION: u16 = 0x0112;
    const ENTRY_LEN: usize = 12;
    let little_endian = match tiff.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let u16_at = |at: usize| {
        let bytes = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if little_endian { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let u32_at = |at: usize| {
        let (first, second) = (u32::from(u16_at(at)?), u32::from(u16_at(at.checked_add(2)?)?));
        Some(if little_endian { second << 16 | first } else { first << 16 | second })
    };
    let directory = u32_at(4)? as usize;
    let entries = usize::from(u16_at(directory)?);
    (0..entries)
        .map_while(|i| directory.checked_add(2 + ENTRY_LEN * i))
        .find(|&entry| u16_at(entry) == Some(ORIENTATION))
        .and_then(|entry| u16_at(entry.checked_add(8)?))
}

/// Whether an image of this orientation changes its width with its height when made upright.
pub(super) fn transposes(orientation: u16) -> bool {
    (5..=8).contains(&orientation)
}

/// Turns a stored image upright.
pub(super) fn upright(image: &mut RgbImage, orientation: u16) {
    if transposes(orientation) {
        image.transpose();
    }
    match orientation {
        2 | 6 => image.flip_horizontal(),
        3 | 7 => image.rotate_180(),
        4 | 8 => {
            image.rotate_180();
            image.flip_horizontal();
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_upright() {
        let directory_at = |at: u32| [&b"II*\0"[..], &at.to_le_bytes(), &[0xFF; 40]].concat();
        for exif in [vec![], b"Exif\0\0".to_vec(), b"MM\0*\0\0\0\x08\0\x01".to_vec()] {
            assert_eq!(orientation(&exif), 1, "{exif:?}");
        }
        for at in [0, 8, 40, 47, 48, u32::MAX] {
            assert_eq!(orientation(&directory_at(at)), 1, "directory at {at}");
        }
    }

    #[test]
    fn both_byte_orders_are_read() {
        let big = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        let little = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        assert_eq!(orientation(big), 6);
        assert_eq!(orientation(little), 6);
        assert_eq!(orientation(&[&b"Exif\0\0"[..], big].concat()), 6);
    }
}
