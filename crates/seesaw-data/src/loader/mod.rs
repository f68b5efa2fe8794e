//! Batches of images for a net, made ahead of their use.
//!
//! A batch depends only on the data set, the options, the epoch and its number: neither on the number
//! of workers nor on where in an epoch the loader was started.
//!
//! In a packed data set, one more thread reads ahead of the workers: the images of some batches to come, in
//! the order in which they are stored. That changes nothing but when a disk is read.

mod epoch;
mod error;
mod order;

use std::sync::Arc;

pub use epoch::Epoch;
pub use error::LoadError;

use order::Draw;

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
    /// The labels of the images that were mixed in, where the augmentation mixes.
    pub mixed: Option<Mixed>,
    /// The index of each image in the data set.
    pub indices: Vec<u32>,
    /// Pixels of both sides.
    pub size: usize,
}

impl Batch {
    /// The number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no images, which no batch of a loader is.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

/// How batches are made.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LoaderOptions {
    /// Images per batch.
    pub batch: usize,
    /// The size and normalization of the images; [`Preprocess::resize`] applies to center crops.
    pub preprocess: Preprocess,
    /// Random changes.
    pub augment: Augment,
    /// Decides the order and the random changes.
    pub seed: u64,
    /// Threads that make batches. With 0, the caller's thread makes each batch when it is requested.
    pub workers: usize,
    /// The most batches that are ready and not yet taken, at least 1.
    pub ahead: usize,
    /// Whether each epoch has a random order of its own instead of the data set's.
    pub shuffle: bool,
    /// Whether each class is drawn equally often, whatever its number of images; only with `shuffle`.
    /// An epoch has as many images as ever: some images of small classes come more than once, and
    /// some of large classes wait for a later epoch.
    pub balanced: bool,
    /// Whether the order keeps images near those that are stored near them; only with `shuffle`, without
    /// `balanced`, and in a packed data set. A disk then reads long ranges, where a random order makes it
    /// look for each image.
    ///
    /// Blocks of about 4 MiB are drawn in a random order, and the images of 16 blocks at a time are
    /// shuffled. Each block is a random sample of the data set, because images are packed in a random
    /// order.
    pub blocks: bool,
    /// Whether a last batch that is not full is dropped.
    pub drop_last: bool,
}

impl LoaderOptions {
    /// Options for evaluation: every image once and in order, resized and cropped as `preprocess`
    /// says.
    pub fn evaluate(preprocess: &Preprocess, batch: usize) -> Self {
        Self {
            batch,
            preprocess: preprocess.clone(),
            augment: Augment::default(),
            seed: 0,
            workers: 1,
            ahead: 2,
            shuffle: false,
            balanced: false,
            blocks: false,
            drop_last: false,
        }
    }

    /// Options for training: a new order in each epoch, full batches only, and random changes.
    pub fn train(preprocess: &Preprocess, batch: usize, augment: Augment, seed: u64) -> Self {
        let evaluate = Self::evaluate(preprocess, batch);
        Self { augment, seed, shuffle: true, drop_last: true, ..evaluate }
    }

    /// Sets the number of threads that make batches.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Sets how many batches may be ready and not yet taken.
    #[must_use]
    pub fn ahead(mut self, ahead: usize) -> Self {
        self.ahead = ahead;
        self
    }

    /// Sets whether each epoch has a random order of its own.
    #[must_use]
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// Sets whether each class is drawn equally often.
    #[must_use]
    pub fn balanced(mut self, balanced: bool) -> Self {
        self.balanced = balanced;
        self
    }

    /// Sets whether the order keeps images near those that are stored near them.
    #[must_use]
    pub fn blocks(mut self, blocks: bool) -> Self {
        self.blocks = blocks;
        self
    }
}

/// Makes the batches of a data set.
#[derive(Debug, Clone)]
pub struct Loader {
    shared: Arc<Shared>,
}

/// What the workers share.
#[derive(Debug)]
struct Shared {
    dataset: Arc<Dataset>,
    options: LoaderOptions,
    normalizer: Normalizer,
    /// The number of images.
    images: u32,
}

impl Loader {
    /// A loader of the images of a data set.
    ///
    /// # Errors
    /// [`LoadError`] where an option is invalid, or there would be no batch.
    pub fn new(dataset: Arc<Dataset>, options: LoaderOptions) -> Result<Self, LoadError> {
        options.preprocess.validate()?;
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
        let normalizer = Normalizer::new(options.preprocess.mean, options.preprocess.std);
        Ok(Self { shared: Arc::new(Shared { dataset, options, normalizer, images }) })
    }

    /// The batches of an epoch in order, starting at number `first_batch`; 0 is the whole epoch.
    ///
    /// Workers start immediately and end when the iterator is dropped.
    pub fn epoch(&self, epoch: u64, first_batch: usize) -> Epoch {
        self.batches_of(epoch, (first_batch..self.batches()).collect())
    }

    /// The batches of an epoch with these numbers, in the given order, such as those of one of several
    /// ranks.
    ///
    /// # Panics
    /// When the epoch has no batch of such a number.
    pub fn batches_of(&self, epoch: u64, numbers: Vec<usize>) -> Epoch {
        let batches = self.batches();
        assert!(numbers.iter().all(|number| *number < batches), "batches of the epoch");
        Epoch::start(Arc::clone(&self.shared), epoch, numbers)
    }

    /// The indices of the images of an epoch, in its order; those of a last batch that is dropped are the
    /// last.
    pub fn order(&self, epoch: u64) -> Vec<u32> {
        self.shared.order(epoch).iter().map(|draw| draw.index).collect()
    }

    /// The number of batches in an epoch.
    pub fn batches(&self) -> usize {
        let (images, batch) = (self.shared.images as usize, self.shared.options.batch);
        if self.shared.options.drop_last { images / batch } else { images.div_ceil(batch) }
    }

    /// The number of images in an epoch.
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
    /// The batch of these images; `None` where `stop` returns true before it is complete.
    fn batch(
        &self,
        epoch: u64,
        draws: &[Draw],
        stop: impl Fn() -> bool,
    ) -> Result<Option<Batch>, LoadError> {
        let (augment, size) = (&self.options.augment, self.size());
        let image_len = 3 * size * size;
        let mut images = vec![0.0; image_len * draws.len()];
        let mut labels = Vec::with_capacity(draws.len());
        for (&draw, planes) in draws.iter().zip(images.chunks_exact_mut(image_len)) {
            if stop() {
                return Ok(None);
            }
            labels.push(self.dataset.label(draw.index as usize)?);
            self.image(epoch, draw, planes)?;
        }
        let mixed = augment.mixes().then(|| {
            let rng = |place: usize| self.rng(Purpose::Mix, epoch, draws[place]);
            augment::mix(augment, &mut images, &labels, size, rng)
        });
        let indices = draws.iter().map(|draw| draw.index).collect();
        Ok(Some(Batch { images, labels, mixed, indices, size }))
    }

    fn image(&self, epoch: u64, draw: Draw, planes: &mut [f32]) -> Result<(), LoadError> {
        let LoaderOptions { preprocess, augment, .. } = &self.options;
        let mut rng = self.rng(Purpose::Augment, epoch, draw);
        let image = self.dataset.image(draw.index as usize)?;
        let image = augment.apply(&image, preprocess, &mut rng);
        // The sizes are valid, so it is the image that has an extreme shape.
        let image = image.ok_or(LoadError::Size(preprocess.crop))?;
        self.normalizer.write(&image, planes);
        augment.erase(planes, self.size(), &mut rng);
        Ok(())
    }

    /// Pixels of both sides of an image in a batch.
    fn size(&self) -> usize {
        self.options.preprocess.crop as usize
    }

    fn rng(&self, purpose: Purpose, epoch: u64, draw: Draw) -> Rng {
        Rng::new(self.options.seed, purpose, [epoch, draw.counter()])
    }
}

#[cfg(test)]
mod tests;
