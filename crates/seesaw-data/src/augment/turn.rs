//! Symmetries of a square.

use seesaw_image::RgbImage;

/// Bytes of a pixel.
const PIXEL: usize = 3;

/// The image with its rows in reverse order.
pub(super) fn flipped_vertically(image: &RgbImage) -> RgbImage {
    let row = PIXEL * image.width() as usize;
    let pixels = image.pixels().chunks_exact(row).rev().flatten().copied().collect();
    same_size(image, pixels)
}

/// A square image, turned clockwise by so many quarters of a circle; others stay as they are.
pub(super) fn turned(image: &RgbImage, quarters: u64) -> RgbImage {
    if image.width() != image.height() || quarters.is_multiple_of(4) {
        return image.clone();
    }
    let (side, from) = (image.width() as usize, image.pixels());
    let mut pixels = Vec::with_capacity(from.len());
    for y in 0..side {
        for x in 0..side {
            // Where the pixel that comes to (x, y) was before.
            let (x, y) = match quarters % 4 {
                1 => (y, side - 1 - x),
                2 => (side - 1 - x, side - 1 - y),
                _ => (side - 1 - y, x),
            };
            pixels.extend_from_slice(&from[PIXEL * (y * side + x)..][..PIXEL]);
        }
    }
    same_size(image, pixels)
}

fn same_size(image: &RgbImage, pixels: Vec<u8>) -> RgbImage {
    RgbImage::new(image.width(), image.height(), pixels).expect("as many pixels as before")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use seesaw_arch::Preprocess;

    use super::*;
    use crate::{
        augment::Augment,
        rng::{Purpose, Rng},
    };

    /// An image whose red says which pixel it was.
    fn numbered(side: u32) -> RgbImage {
        let pixels = (0..side * side).flat_map(|n| [n as u8, 7, 9]).collect();
        RgbImage::new(side, side, pixels).unwrap()
    }

    fn reds(image: &RgbImage) -> Vec<u8> {
        image.pixels().iter().step_by(PIXEL).copied().collect()
    }

    #[test]
    fn pixels_move_where_they_belong() {
        let image = numbered(3);
        assert_eq!(reds(&flipped_vertically(&image)), [6, 7, 8, 3, 4, 5, 0, 1, 2]);
        assert_eq!(reds(&turned(&image, 0)), reds(&image));
        assert_eq!(reds(&turned(&image, 1)), [6, 3, 0, 7, 4, 1, 8, 5, 2]);
        assert_eq!(reds(&turned(&image, 2)), [8, 7, 6, 5, 4, 3, 2, 1, 0]);
        assert_eq!(reds(&turned(&image, 3)), [2, 5, 8, 1, 4, 7, 0, 3, 6]);
        let colors = |image: &RgbImage| image.pixels().chunks_exact(3).all(|p| p[1..] == [7, 9]);
        assert!(colors(&turned(&image, 1)) && colors(&flipped_vertically(&image)));
        let wide = RgbImage::new(2, 1, vec![0; 6]).unwrap();
        assert_eq!(turned(&wide, 1), wide);
    }

    /// How often each result of an augmentation occurs over 1600 images.
    fn seen(augment: &Augment) -> BTreeMap<Vec<u8>, usize> {
        let view = Preprocess { resize: 4, crop: 4, ..Preprocess::cifar() };
        let mut seen = BTreeMap::new();
        for index in 0..1600 {
            let mut rng = Rng::new(5, Purpose::Augment, [1, index]);
            let image = augment.apply(&numbered(4), &view, &mut rng).unwrap();
            *seen.entry(reds(&image)).or_default() += 1;
        }
        seen
    }

    #[test]
    fn each_symmetry_occurs_as_often_as_the_others() {
        let none = Augment::default();
        let turn = Augment { turn: true, ..Augment::default() };
        let both = Augment { flip: true, flip_vertical: true, ..Augment::default() };
        for (augment, count) in [
            (none.clone(), 1),
            (Augment { flip_vertical: true, ..none }, 2),
            (both.clone(), 4),
            (turn.clone(), 4),
            (Augment { flip: true, ..turn.clone() }, 8),
            (Augment { flip_vertical: true, ..turn }, 8),
            (Augment { turn: true, ..both }, 8),
        ] {
            let seen = seen(&augment);
            assert_eq!(seen.len(), count, "{augment:?}");
            // Five standard deviations of 1600 draws are at most 100.
            assert!(seen.values().all(|n| n.abs_diff(1600 / count) < 100), "{augment:?}: {seen:?}");
        }
    }

    #[test]
    fn recipes_that_do_not_use_them_do_not_name_them() {
        let text = serde_json::to_string(&Augment::default()).unwrap();
        assert!(!text.contains("turn") && !text.contains("vertical"), "{text}");
        let turned: Augment = serde_json::from_str(r#"{"turn": true}"#).unwrap();
        assert!(serde_json::to_string(&turned).unwrap().contains(r#""turn":true"#));
    }
}
