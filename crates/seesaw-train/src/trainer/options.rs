//! What a run is started with.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use seesaw_arch::Net;
use seesaw_format::Model;

use crate::{ranks::Ranks, recipe::Recipe};

/// A run to start.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Start {
    /// The data set; see [`seesaw_data::datasets`] for the layouts.
    pub data: PathBuf,
    /// The net; it gets as many classes as the data have.
    pub net: Net,
    /// How it is trained.
    pub recipe: Recipe,
    /// The run folder, which must not hold a run yet.
    pub out: PathBuf,
    /// The weights to start from; without, random ones. If their classes differ from those of the
    /// data, the linear layer is reinitialized, or fitted where the recipe says so.
    pub init: Option<Init>,
    /// A model that is grafted on the net: see [`crate::graft`](mod@crate::graft). Not with `init`.
    pub graft: Option<PathBuf>,
    /// A model whose logits are learned from as well as the labels.
    pub teacher: Option<PathBuf>,
    /// Whether the images have no labels: then the net's classes are the teacher's, the loss compares
    /// with the teacher alone, and top-1 is how often the two agree.
    pub unlabeled: bool,
    /// For quick trials: draws this many images for training, and as many for validation.
    pub limit: Option<usize>,
}

impl Start {
    /// A run from random weights on the whole data set, without a teacher.
    pub fn new(
        data: impl Into<PathBuf>,
        net: Net,
        recipe: Recipe,
        out: impl Into<PathBuf>,
    ) -> Self {
        let (data, out) = (data.into(), out.into());
        Self {
            data,
            net,
            recipe,
            out,
            init: None,
            graft: None,
            teacher: None,
            unlabeled: false,
            limit: None,
        }
    }
}

/// Weights that a run starts from.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Init {
    /// Those in a file: safetensors or a PyTorch checkpoint.
    File(PathBuf),
    /// Those of a model in memory, such as one that a program carries.
    Model {
        /// Its name, which the run's configuration records.
        name: String,
        /// The model.
        model: Arc<Model>,
    },
}

impl Init {
    /// A model in memory.
    pub fn model(name: impl Into<String>, model: Arc<Model>) -> Self {
        Self::Model { name: name.into(), model }
    }
}

impl From<PathBuf> for Init {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl fmt::Display for Init {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Model { name, .. } => f.write_str(name),
        }
    }
}

/// How a run is carried out here, which influences nothing that its epochs learn.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunOptions {
    /// When checkpoints are written within an epoch.
    pub save: SavePolicy,
    /// Bytes of decoded images that may be kept in memory.
    pub cache_bytes: u64,
    /// Where the data set of a run to resume lies now, if it has been moved.
    pub data: Option<PathBuf>,
    /// How many epochs a run to resume has in all, if not as many as it was started with. It then ends
    /// like one that was started with so many.
    pub epochs: Option<usize>,
    /// Those that carry it out together.
    pub ranks: Ranks,
}

impl Default for RunOptions {
    /// A checkpoint every five minutes, 1 GiB of images, and one rank.
    fn default() -> Self {
        let (save, ranks) = (SavePolicy::default(), Ranks::default());
        Self { save, cache_bytes: 1 << 30, data: None, epochs: None, ranks }
    }
}

impl RunOptions {
    /// The same with this policy of saving.
    pub fn save(mut self, save: SavePolicy) -> Self {
        self.save = save;
        self
    }

    /// The same for a run whose data set has been moved there.
    pub fn data(mut self, path: impl Into<Option<PathBuf>>) -> Self {
        self.data = path.into();
        self
    }

    /// The same for a run that has so many epochs from now on.
    pub fn epochs(mut self, epochs: impl Into<Option<usize>>) -> Self {
        self.epochs = epochs.into();
        self
    }

    /// The same, carried out by these ranks together.
    pub fn ranks(mut self, ranks: Ranks) -> Self {
        self.ranks = ranks;
        self
    }

    /// The same with this many bytes for decoded images.
    pub fn cache_bytes(mut self, bytes: u64) -> Self {
        self.cache_bytes = bytes;
        self
    }
}

/// When checkpoints are written within an epoch. There is one after each epoch anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SavePolicy {
    /// The longest time between two checkpoints.
    pub every: Option<Duration>,
    /// The most optimizer steps between two checkpoints.
    pub steps: Option<u64>,
}

impl Default for SavePolicy {
    /// Every five minutes.
    fn default() -> Self {
        Self { every: Some(Duration::from_secs(300)), steps: None }
    }
}

impl SavePolicy {
    /// Whether a checkpoint is due after so many steps and so long a time without one.
    pub(super) fn is_due(&self, unsaved_steps: u64, since: Duration) -> bool {
        self.steps.is_some_and(|steps| unsaved_steps >= steps)
            || self.every.is_some_and(|every| since >= every)
    }
}
