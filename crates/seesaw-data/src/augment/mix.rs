//! Mixup and cutmix: each image of a batch receives a part of the next one.

use seesaw_image::resize::Rect;

use super::Augment;
use crate::rng::Rng;

/// The second labels of a batch whose images are mixed.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixed {
    /// The label of the image that was mixed in, for each image.
    pub labels: Vec<u32>,
    /// The weight of an image's own label; the rest goes to the label that was mixed in. 1 where nothing
    /// was mixed in.
    pub share: Vec<f32>,
}

/// How much of itself an image keeps.
enum Blend {
    /// Everything.
    Keep,
    /// This share of each number.
    Share(f32),
    /// Everything but a rectangle.
    Cut(Rect<usize>),
}

/// Mixes each image, planes `[3, size, size]`, with the original of the one that follows it, and the
/// last with the first. `rng` returns the random numbers for the image at an index of the batch.
pub(crate) fn mix(
    augment: &Augment,
    images: &mut [f32],
    labels: &[u32],
    size: usize,
    rng: impl Fn(usize) -> Rng,
) -> Mixed {
    let mut partners = labels.to_vec();
    partners.rotate_left(labels.len().min(1));
    let mut share = vec![1.0; labels.len()];
    let len = 3 * size * size;
    let first = images.get(..len).unwrap_or_default().to_vec();
    for (place, share) in share.iter_mut().enumerate() {
        let (own, after) = images[place * len..].split_at_mut(len);
        let other = after.get(..len).unwrap_or(&first);
        *share = match draw(augment, size, &mut rng(place)) {
            Blend::Keep => 1.0,
            Blend::Share(share) => {
                for (own, &other) in own.iter_mut().zip(other) {
                    *own = share * *own + (1.0 - share) * other;
                }
                share
            }
            Blend::Cut(Rect { left, top, width, height }) => {
                for row in (0..3).flat_map(|c| (top..top + height).map(move |y| c * size + y)) {
                    let row = row * size + left..row * size + left + width;
                    own[row.clone()].copy_from_slice(&other[row]);
                }
                1.0 - (height * width) as f32 / (size * size) as f32
            }
        };
    }
    Mixed { labels: partners, share }
}

fn draw(augment: &Augment, size: usize, rng: &mut Rng) -> Blend {
    if !rng.chance(augment.mix_probability) {
        return Blend::Keep;
    }
    let cuts = match (augment.mixup > 0.0, augment.cutmix > 0.0) {
        (false, false) => return Blend::Keep,
        (true, true) => rng.chance(0.5),
        (_, cuts) => cuts,
    };
    // An image keeps the larger share. If it could become mostly its neighbor, and the neighbor stays
    // itself, batches would show some images twice and others not at all.
    let share = rng.beta(if cuts { augment.cutmix } else { augment.mixup });
    let share = share.max(1.0 - share);
    if !cuts {
        return Blend::Share(share as f32);
    }
    // Around a random pixel; only the part within the image is pasted, and counted.
    let half = 0.5 * (1.0 - share).sqrt() * size as f64;
    let mut range = || {
        let center = rng.below(size as u64) as f64;
        let edge = |at: f64| at.clamp(0.0, size as f64) as usize;
        (edge(center - half), edge(center + half))
    };
    let ((top, bottom), (left, right)) = (range(), range());
    Blend::Cut(Rect { left, top, width: right - left, height: bottom - top })
}
