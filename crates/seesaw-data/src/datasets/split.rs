//! Choosing the images that are held out for validation.

use std::{collections::BTreeMap, path::Path};

use super::Item;
use crate::rng::{Purpose, Rng};

/// Splits off `share` of the images of each class, rounded. Of a class with two or more images, at
/// least one is held out and one is left. Both parts keep their order.
///
/// Images are drawn by a hash of the seed and their names, so that neither the location of the data
/// set nor the order in which the file system lists it matters.
pub(super) fn hold_out(items: Vec<Item>, share: f64, seed: u64) -> (Vec<Item>, Vec<Item>) {
    let mut by_class = BTreeMap::<u32, Vec<(u64, usize)>>::new();
    for (index, item) in items.iter().enumerate() {
        let (name, record) = item.key();
        let ticket = Rng::new(seed, Purpose::Split, [hash(name), record.into()]).bits();
        by_class.entry(item.label).or_default().push((ticket, index));
    }
    let mut held = vec![false; items.len()];
    for class in by_class.values_mut() {
        class.sort_unstable();
        for &(_, index) in &class[..held_out_count(class.len(), share)] {
            held[index] = true;
        }
    }
    let mut parts = (vec![], vec![]);
    for (item, held) in items.into_iter().zip(held) {
        if held { parts.1.push(item) } else { parts.0.push(item) }
    }
    parts
}

fn held_out_count(images: usize, share: f64) -> usize {
    if share == 0.0 || images < 2 {
        return 0;
    }
    ((images as f64 * share).round() as usize).clamp(1, images - 1)
}

/// FNV-1a of a relative path, the same on every system.
fn hash(name: &Path) -> u64 {
    let mut hash = 0xCBF2_9CE4_8422_2325;
    for component in name.components() {
        for &byte in component.as_os_str().as_encoded_bytes().iter().chain(b"/") {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_keeps_images_on_both_sides() {
        assert_eq!([0, 1, 2, 3, 10].map(|n| held_out_count(n, 0.2)), [0, 0, 1, 1, 2]);
        assert_eq!([1, 2, 10].map(|n| held_out_count(n, 0.999)), [0, 1, 9]);
        assert_eq!(held_out_count(100, 0.0), 0);
    }

    #[test]
    fn names_are_hashed_by_their_parts() {
        // FNV-1a of "a/b/".
        let expected = [b'a', b'/', b'b', b'/'].iter().fold(0xCBF2_9CE4_8422_2325, |h: u64, &b| {
            (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3)
        });
        assert_eq!(hash(Path::new("a/b")), expected);
        assert_ne!(hash(Path::new("ab")), expected);
    }
}
