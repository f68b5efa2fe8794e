//! The one EXIF tag that affects pixels: the orientation; and the directory that it is in.

use crate::RgbImage;

/// The orientation in an EXIF block (a TIFF file, with or without a preceding `Exif\0\0`): 1 to 8,
/// and 1 where the block has none or is invalid.
pub(super) fn orientation(exif: &[u8]) -> u16 {
    let tiff = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    find_orientation(tiff).filter(|o| (1..=8).contains(o)).unwrap_or(1)
}

/// Reads tag 0x0112 of the first directory.
fn find_orientation(tiff: &[u8]) -> Option<u16> {
    const ORIENTATION: u16 = 0x0112;
    first_directory(tiff, ORIENTATION)
}

/// The number of a tag in the first directory of a TIFF file (TIFF 6.0, section 2): the value of a short,
/// and the low half of a long.
pub(super) fn first_directory(tiff: &[u8], tag: u16) -> Option<u16> {
    let (value_at, little_endian) = find_value(tiff, tag)?;
    u16_at(tiff, value_at, little_endian)
}

/// A copy of a TIFF file in which a tag that [`first_directory`] finds has another value.
pub(super) fn with_first_directory(tiff: &[u8], tag: u16, value: u16) -> Vec<u8> {
    let mut changed = tiff.to_vec();
    if let Some((at, little_endian)) = find_value(tiff, tag) {
        let value = if little_endian { value.to_le_bytes() } else { value.to_be_bytes() };
        if let Some(stored) = changed.get_mut(at..at + 2) {
            stored.copy_from_slice(&value);
        }
    }
    changed
}

/// Where the number is, and whether its low byte comes first.
fn find_value(tiff: &[u8], tag: u16) -> Option<(usize, bool)> {
    const ENTRY_LEN: usize = 12;
    const LONG: u16 = 4;
    let little_endian = match tiff.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let u16_at = |at| u16_at(tiff, at, little_endian);
    let u32_at = |at: usize| {
        let (first, second) = (u32::from(u16_at(at)?), u32::from(u16_at(at.checked_add(2)?)?));
        Some(if little_endian { second << 16 | first } else { first << 16 | second })
    };
    let directory = u32_at(4)? as usize;
    let entries = usize::from(u16_at(directory)?);
    let entry = (0..entries)
        .map_while(|i| directory.checked_add(2 + ENTRY_LEN * i))
        .find(|&entry| u16_at(entry) == Some(tag))?;
    let value_at = entry.checked_add(8)?;
    // The low half of a big-endian long comes second.
    let long = u16_at(entry.checked_add(2)?)? == LONG && !little_endian;
    Some((if long { value_at.checked_add(2)? } else { value_at }, little_endian))
}

fn u16_at(bytes: &[u8], at: usize, little_endian: bool) -> Option<u16> {
    let bytes = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
    Some(if little_endian { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
}

/// Whether an image of this orientation changes its width with its height when made upright.
pub(super) fn transposes(orientation: u16) -> bool {
    (5..=8).contains(&orientation)
}

/// Turns a stored image upright.
///
/// Where `in_place`, it takes no memory for a second image, and three times as long.
pub(super) fn upright(image: &mut RgbImage, orientation: u16, in_place: bool) {
    if transposes(orientation) {
        if in_place { image.transpose_in_place() } else { image.transpose() }
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
