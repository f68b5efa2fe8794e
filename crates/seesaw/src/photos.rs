//! Photos on several threads, in bounded memory.

use std::{
    path::Path,
    sync::{PoisonError, RwLock},
};

use seesaw_arch::Preprocess;
use seesaw_image::{
    ImageError, Limits, RgbImage,
    decode::{self, Quantity},
};

use crate::PhotoError;

/// Decodes photos on any number of threads in no more memory than one may take alone: small photos
/// share it, a large one waits until it has all of it.
#[derive(Debug)]
pub(crate) struct PhotoLoader<'a> {
    preprocess: &'a Preprocess,
    alone: Limits,
    shared: Limits,
    /// Held for reading while the memory is shared, for writing by a photo that needs all of it.
    memory: RwLock<()>,
}

impl<'a> PhotoLoader<'a> {
    /// A loader for `threads` threads.
    pub fn new(preprocess: &'a Preprocess, threads: usize) -> Self {
        let alone = limits(preprocess);
        let shared = alone.memory(alone.memory / threads.max(1) as u64);
        Self { preprocess, alone, shared, memory: RwLock::new(()) }
    }

    /// The photo at `path` as an input of the net, `[3, crop, crop]`.
    pub fn load(&self, path: &Path) -> Result<Vec<f32>, PhotoError> {
        // A panic elsewhere leaves nothing broken behind these locks.
        let shared = {
            let _memory = self.memory.read().unwrap_or_else(PoisonError::into_inner);
            self.load_within(path, &self.shared)
        };
        match shared {
            Err(PhotoError::Image(ImageError::TooLarge { quantity: Quantity::Memory, .. })) => {
                let _memory = self.memory.write().unwrap_or_else(PoisonError::into_inner);
                self.load_within(path, &self.alone)
            }
            other => other,
        }
    }

    fn load_within(&self, path: &Path, limits: &Limits) -> Result<Vec<f32>, PhotoError> {
        prepare(self.preprocess, &decode::open(path, limits)?)
    }
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
