//! Batches of images for a net, made ahead of their use.
//!
//! A batch depends on the data set, the options, the epoch and its number, and on nothing else: not
//! on the number of workers, nor on where an epoch was begun.

mod epoch;
mod error;

use std::sync::Arc;

pub use epoch::Epoch;
pub use error::LoadError;

use seesaw_arch::Preprocess;
use seesaw_image::Normalizer;

use crate::{
    Augment, Dataset,
    augment::{self, Mixed},
    rng::{Purpose, Rng},
};

/// Images with their labels, as a net takes them.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// `[n][3][size][size]`, red first, normalized.
    pub images: Vec<f32>,
    /// The label of each image.
    pub labels: Vec<u32>,
    /// The labels of what was mixed in, where the augmentation mixes.
    pub mixed: Option<Mixed>,
    /// The index of each image in the data set.
    pub indices: Vec<u32>,
    /// Pixels of both sides.
    pub size: usize,
}

impl Batch {
    /// How many images there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none; a loader makes no such batch.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

/// How batches are made.
#[derive(Debug, Clone, PartialEq)]
pub struct LoaderOptions {
    /// Images in a batch.
    pub batch: usize,
    /// Pixels of both sides.
    pub size: usize,
    /// Pixels of the shorter side before a center crop.
    pub resize: usize,
    /// Random changes.
    pub augment: Augment,
    /// Mean of red, green and blue, where 1 is full brightness.
    pub mean: [f32; 3],
    /// Standard deviation of red, green and blue.
    pub std: [f32; 3],
    /// Decides the order and the changes.
    pub seed: u64,
    /// Threads that make batches; with 0 the caller's makes each when it is asked for.
    pub workers: usize,
    /// Batches that may wait to be taken, at least 1.
    pub ahead: usize,
    /// Whether each epoch has an order of its own, instead of the data set's.
    pub shuffle: bool,
    /// Whether a last batch that is not full is left out.
    pub drop_last: bool,
}

impl LoaderOptions {
    /// For evaluation: every image once, in order, resized and cropped as `preprocess` says.
    pub fn evaluate(preprocess: &Preprocess, batch: usize) -> Self {
        Self {
            batch,
            size: preprocess.crop as usize,
            resize: preprocess.resize as usize,
            augment: Augment::default(),
            mean: preprocess.mean,
            std: preprocess.std,
            seed: 0,
            workers: 1,
            ahead: 2,
            shuffle: false,
            drop_last: false,
        }
    }

    /// For training: a new order each epoch, full batches only, and random changes.
    pub fn train(preprocess: &Preprocess, batch: usize, augment: Augment, seed: u64) -> Self {
        let evaluate = Self::evaluate(preprocess, batch);
        Self { augment, seed, shuffle: true, drop_last: true, ..evaluate }
    }

    fn preprocess(&self) -> Preprocess {
        let pixels = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
        Preprocess {
            resize: pixels(self.resize),
            crop: pixels(self.size),
            mean: self.mean,
            std: self.std,
        }
    }
}

/// Makes the batches of a data set.
#[derive(Debug, Clone)]
pub struct Loader {
    shared: Arc<Shared>,
}

/// What workers need.
#[derive(Debug)]
struct Shared {
    dataset: Arc<Dataset>,
    options: LoaderOptions,
    normalizer: Normalizer,
    /// How many images there are.
    images: u32,
}

impl Loader {
    /// A loader of these images.
    ///
    /// # Errors
    /// [`LoadError`] where an option makes no sense, or there would be no batch.
    pub fn new(dataset: Arc<Dataset>, options: LoaderOptions) -> Result<Self, LoadError> {
        options.preprocess().validate()?;
        options.augment.validate()?;
        for (option, value) in [("batch", options.batch), ("ahead", options.ahead)] {
            if value == 0 {
                return Err(LoadError::Zero(option));
            }
        }
        let images = u32::try_from(dataset.len()).map_err(|_| LoadError::TooMany(dataset.len()))?;
        let count = dataset.len();
        if count == 0 || (options.drop_last && count < options.batch) {
            return Err(LoadError::NoBatch { images: count, batch: options.batch });
        }
        let normalizer = Normalizer::new(options.mean, options.std);
        Ok(Self { shared: Arc::new(Shared { dataset, options, normalizer, images }) })
    }

    /// The batches of an epoch, in order, from number `first_batch` on (0 for all of it).
    ///
    /// Workers start at once and end when the iterator is dropped.
    pub fn epoch(&self, epoch: u64, first_batch: usize) -> Epoch {
        Epoch::start(Arc::clone(&self.shared), epoch, first_batch, self.batches())
    }

    /// How many batches an epoch has.
    pub fn batches(&self) -> usize {
        let (images, batch) = (self.shared.images as usize, self.shared.options.batch);
        if self.shared.options.drop_last { images / batch } else { images.div_ceil(batch) }
    }

    /// How many images an epoch has.
    pub fn images(&self) -> usize {
        let (images, batch) = (self.shared.images as usize, self.shared.options.batch);
        if self.shared.options.drop_last { images / batch * batch } else { images }
    }

    /// The data set.
    pub fn dataset(&self) -> &Arc<Dataset> {
        &self.shared.dataset
    }

    /// The options.
    pub fn options(&self) -> &LoaderOptions {
        &self.shared.options
    }
}

impl Shared {
    /// The indices of an epoch, in its order.
    fn order(&self, epoch: u64) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.images).collect();
        if self.options.shuffle {
            Rng::new(self.options.seed, Purpose::Order, [epoch, 0]).shuffle(&mut order);
        }
        order
    }

    /// The batch of these images; `None` where `stop` says so before it is done.
    fn batch(
        &self,
        epoch: u64,
        indices: &[u32],
        stop: impl Fn() -> bool,
    ) -> Result<Option<Batch>, LoadError> {
        let LoaderOptions { size, augment, .. } = &self.options;
        let image_len = 3 * size * size;
        let mut images = vec![0.0; image_len * indices.len()];
        let mut labels = Vec::with_capacity(indices.len());
        for (&index, planes) in indices.iter().zip(images.chunks_exact_mut(image_len)) {
            if stop() {
                return Ok(None);
            }
            labels.push(self.dataset.label(index as usize)?);
            self.image(epoch, index, planes)?;
        }
        let mixed = augment.mixes().then(|| {
            let rng = |place: usize| self.rng(Purpose::Mix, epoch, indices[place]);
            augment::mix(augment, &mut images, &labels, *size, rng)
        });
        Ok(Some(Batch { images, labels, mixed, indices: indices.to_vec(), size: *size }))
    }

    fn image(&self, epoch: u64, index: u32, planes: &mut [f32]) -> Result<(), LoadError> {
        let LoaderOptions { size, resize, augment, .. } = &self.options;
        let mut rng = self.rng(Purpose::Augment, epoch, index);
        let image = self.dataset.image(index as usize)?;
        let picture = augment.picture(&image, *resize as u32, *size as u32, &mut rng);
        let picture = picture.ok_or(LoadError::Size(*size))?;
        self.normalizer.write(&picture, planes);
        augment.erase(planes, *size, &mut rng);
        Ok(())
    }

    fn rng(&self, purpose: Purpose, epoch: u64, index: u32) -> Rng {
        Rng::new(self.options.seed, purpose, [epoch, index.into()])
    }
}

#[cfg(test)]
mod tests;
