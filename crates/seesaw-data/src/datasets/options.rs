//! Options of opening a data set.

use seesaw_image::Limits;

/// Options of [`open`](super::open()).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct OpenOptions {
    /// The share of each class's training images that is held out for validation, from 0 to 1.
    ///
    /// With a number, validation images that the data set itself has are not used. With `None`, they
    /// are used, and where there are none, [`DEFAULT_VAL_SPLIT`] is held out.
    pub val_split: Option<f64>,
    /// Decides, together with the names of the files, which images are held out; 0 by default.
    pub seed: u64,
    /// Bytes of decoded images that are kept in memory, training and validation together; 1 GiB by
    /// default. CIFAR and MNIST are always kept.
    pub cache_bytes: u64,
    /// Limits on the size of an image.
    pub limits: Limits,
    /// A regular expression for the names of images, relative to the folder of their class folders and
    /// with `/`. Images for which its first group, or else the whole match, is the same text are held
    /// out together or not at all.
    pub group_by: Option<String>,
    /// Whether images are wanted to measure a model, so that neither training images nor a second
    /// class are needed.
    pub evaluation: bool,
    /// Whether the photos of a folder have no labels: then all of them, at any depth, are of one
    /// class. CIFAR, MNIST and lists keep theirs.
    pub unlabeled: bool,
}

/// The share that is held out where a data set has no validation images and no share is given.
pub const DEFAULT_VAL_SPLIT: f64 = 0.2;

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            val_split: None,
            seed: 0,
            cache_bytes: 1 << 30,
            limits: Limits::default(),
            group_by: None,
            evaluation: false,
            unlabeled: false,
        }
    }
}

impl OpenOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the share of the training images that is held out for validation.
    #[must_use]
    pub fn val_split(mut self, share: impl Into<Option<f64>>) -> Self {
        self.val_split = share.into();
        self
    }

    /// Sets the seed that decides which images are held out.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets how many bytes of decoded images are kept in memory.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: u64) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// Sets the pattern of names whose images stay together.
    #[must_use]
    pub fn group_by(mut self, pattern: impl Into<Option<String>>) -> Self {
        self.group_by = pattern.into();
        self
    }

    /// Sets whether images of any part and any number of classes are enough.
    #[must_use]
    pub fn evaluation(mut self, evaluation: bool) -> Self {
        self.evaluation = evaluation;
        self
    }

    /// Sets whether the photos of a folder have no labels.
    #[must_use]
    pub fn unlabeled(mut self, unlabeled: bool) -> Self {
        self.unlabeled = unlabeled;
        self
    }

    /// Sets the limits on the size of an image.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}
