//! What can go wrong in training.

use std::path::{Path, PathBuf};

/// Why a net cannot be trained, or a run cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The net breaks a rule.
    #[error(transparent)]
    Arch(#[from] seesaw_arch::ArchError),
    /// The kernels refuse: an instruction set is absent, or a shape is not theirs.
    #[error(transparent)]
    Kernel(#[from] seesaw_kernels::KernelError),
    /// A net cannot be compiled for validation, or a run of it has other shapes.
    #[error(transparent)]
    Engine(#[from] seesaw_engine::EngineError),
    /// A file of weights cannot be read or written.
    #[error(transparent)]
    Format(#[from] seesaw_format::FormatError),
    /// The data set cannot be had.
    #[error(transparent)]
    Data(#[from] seesaw_data::DataError),
    /// There are no batches to be had of the data set.
    #[error(transparent)]
    Load(#[from] seesaw_data::loader::LoadError),
    /// The recipe makes no sense.
    #[error(transparent)]
    Recipe(#[from] crate::recipe::RecipeError),
    /// A file of the run cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The net cannot be trained with these sizes.
    #[error("{0}")]
    Shape(String),
    /// Net, data, recipe and files do not go together.
    #[error("{0}")]
    Setup(String),
    /// A file of the run does not hold what it should.
    #[error("{}: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The loss or the gradient left all bounds.
    #[error(
        "training diverged in epoch {epoch}, after {step} steps: {what}. The checkpoint holds the \
         last state that was saved before. Begin again with a lower rate (it was {rate:.3e}: `--set \
         optimizer.rate=...`), a longer warm-up (`--set schedule.warmup=...`) or shorter gradients \
         (`--set clip=1`)"
    )]
    Diverged {
        /// The epoch, from 1.
        epoch: usize,
        /// Steps before.
        step: u64,
        /// What left its bounds.
        what: String,
        /// The learning rate.
        rate: f64,
    },
    /// A picture cannot be drawn.
    #[cfg(feature = "plots")]
    #[error(transparent)]
    Plot(#[from] seesaw_plot::PlotError),
}

impl TrainError {
    /// An input or output error at `path`.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { path, error }
    }

    /// A file that does not hold what it should.
    pub(crate) fn damaged(path: &Path, why: &dyn std::fmt::Display) -> Self {
        Self::Damaged { path: path.to_owned(), why: why.to_string() }
    }
}
