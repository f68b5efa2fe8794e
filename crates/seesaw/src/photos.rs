//! Photos on several threads, in bounded memory.

use std::{
    path::Path,
    sync::{PoisonError, RwLock},
};

use seesaw_arch::{Fit, Preprocess};
use seesaw_image::{
    ImageError, Limits, RgbImage,
    decode::{self, Quantity},
};

use crate::PhotoError;

/// The memory in which threads decode photos: no more than one photo may take alone. Small photos share
/// it, a large one waits until it has all of it.
#[derive(Debug)]
pub struct DecodeMemory {
    threads: u64,
    /// Held for reading while the memory is shared, for writing by a photo that needs all of it.
    lock: RwLock<()>,
}

impl DecodeMemory {
    /// For this many threads.
    pub fn new(threads: usize) -> Self {
        Self { threads: threads.max(1) as u64, lock: RwLock::new(()) }
    }

    /// Decodes within a share of the memory that `alone` allows, or with all of it if that is too little.
    fn decode<T>(
        &self,
        alone: &Limits,
        decode: impl Fn(&Limits) -> Result<T, ImageError>,
    ) -> Result<T, ImageError> {
        // A panic elsewhere leaves nothing broken behind these locks.
        let shared = {
            let _memory = self.lock.read().unwrap_or_else(PoisonError::into_inner);
            decode(&alone.memory(alone.memory / self.threads))
        };
        match shared {
            Err(ImageError::TooLarge { quantity: Quantity::Memory, .. }) => {
                let _memory = self.lock.write().unwrap_or_else(PoisonError::into_inner);
                decode(alone)
            }
            other => other,
        }
    }
}

/// Decodes photos on any number of threads.
#[derive(Debug)]
pub(crate) struct PhotoLoader<'a> {
    preprocess: &'a Preprocess,
    limits: Limits,
    memory: DecodeMemory,
}

impl<'a> PhotoLoader<'a> {
    /// A loader for `threads` threads.
    pub fn new(preprocess: &'a Preprocess, threads: usize) -> Self {
        Self { preprocess, limits: limits(preprocess), memory: DecodeMemory::new(threads) }
    }

    /// The photo at `path` as an input of the net, `[3, crop, crop]`.
    pub fn load(&self, path: &Path) -> Result<Vec<f32>, PhotoError> {
        let photo = self.memory.decode(&self.limits, |limits| decode::open(path, limits))?;
        prepare(self.preprocess, &photo)
    }
}

/// A photo as an input of a net.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LoadedPhoto {
    /// `[3, crop, crop]`, normalized.
    pub input: Vec<f32>,
    /// Which part of the upright photo the net sees, in shares of its width and height: left, top, width,
    /// height. It reaches beyond the photo where that is padded.
    pub seen: [f64; 4],
}

impl LoadedPhoto {
    /// An input of which the whole photo is seen.
    pub fn new(input: Vec<f32>) -> Self {
        Self { input, seen: [0.0, 0.0, 1.0, 1.0] }
    }
}

/// The photo in these bytes as an input of a net, decoded in `memory`.
pub(crate) fn load_bytes(
    bytes: &[u8],
    preprocess: &Preprocess,
    memory: &DecodeMemory,
) -> Result<LoadedPhoto, PhotoError> {
    let photo = memory.decode(&limits(preprocess), |limits| decode::decode(bytes, limits))?;
    let seen = seen(preprocess, photo.width(), photo.height());
    Ok(LoadedPhoto { input: prepare(preprocess, &photo)?, seen })
}

/// Which part of a photo of this size is seen, as [`LoadedPhoto::seen`].
fn seen(preprocess: &Preprocess, width: u32, height: u32) -> [f64; 4] {
    let (width, height) = (f64::from(width), f64::from(height));
    let side = match preprocess.fit {
        Fit::Crop => width.min(height) * f64::from(preprocess.crop) / f64::from(preprocess.resize),
        Fit::Pad => width.max(height),
        Fit::Squeeze => return [0.0, 0.0, 1.0, 1.0],
    };
    let (across, down) = (side / width, side / height);
    [(1.0 - across) / 2.0, (1.0 - down) / 2.0, across, down]
}

/// The photo in these bytes, with all the memory that one photo may take.
pub(crate) fn decode_one(bytes: &[u8], preprocess: &Preprocess) -> Result<RgbImage, PhotoError> {
    Ok(decode::decode(bytes, &limits(preprocess))?)
}

/// The limits of every command, for photos that are scaled to this size.
fn limits(preprocess: &Preprocess) -> Limits {
    Limits::default().at_least(preprocess.resize.max(preprocess.crop))
}

/// The image as an input of the net, `[3, crop, crop]`.
pub(crate) fn prepare(preprocess: &Preprocess, image: &RgbImage) -> Result<Vec<f32>, PhotoError> {
    let mut input = vec![0.0; preprocess.output_len()];
    seesaw_image::preprocess(preprocess, image, &mut input)?;
    Ok(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_is_in_the_center() {
        let crop = Preprocess { resize: 256, crop: 224, ..Preprocess::imagenet(224) };
        assert_eq!(seen(&crop, 512, 256), [0.28125, 0.0625, 0.4375, 0.875]);
        let fit = |fit| Preprocess { fit, ..crop.clone() };
        assert_eq!(seen(&fit(Fit::Pad), 400, 200), [0.0, -0.5, 1.0, 2.0]);
        assert_eq!(seen(&fit(Fit::Squeeze), 400, 200), [0.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn a_photo_too_large_for_a_share_gets_all_the_memory() {
        let tried = std::cell::RefCell::new(Vec::new());
        let too_large = |limits: &Limits| {
            tried.borrow_mut().push(limits.memory);
            let (value, limit) = (150, limits.memory);
            match limit {
                100 => Ok(()),
                _ => Err(ImageError::TooLarge { quantity: Quantity::Memory, value, limit }),
            }
        };
        DecodeMemory::new(4).decode(&Limits::default().memory(100), too_large).unwrap();
        assert_eq!(tried.into_inner(), [25, 100]);
    }
}
