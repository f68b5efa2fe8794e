//! Errors of training.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use seesaw_format::FormatError;

use crate::recipe::{OtherLength, RecipeError};

/// Why a net cannot be trained, or a run cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The net breaks a rule.
    #[error(transparent)]
    Arch(#[from] seesaw_arch::ArchError),
    /// The kernels do not support this.
    #[error(transparent)]
    Kernel(#[from] seesaw_kernels::KernelError),
    /// A net cannot be compiled or run for validation.
    #[error(transparent)]
    Engine(#[from] seesaw_engine::EngineError),
    /// A file of weights cannot be read or written.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The ranks of a training cannot, or can no longer, exchange anything.
    #[error("{0}; what is saved can be resumed with any number of ranks")]
    Comm(#[from] seesaw_comm::CommError),
    /// Another rank of the training failed.
    #[error("rank {rank}: {message}{}", and_others(*others))]
    OtherRank {
        /// The first rank that failed.
        rank: usize,
        /// Its error.
        message: String,
        /// How many others failed as well.
        others: usize,
    },
    /// The ranks of a training were given different things.
    #[error("the {what} differs between ranks: {first} on rank 0 and {other} on rank {rank}")]
    RanksDiffer {
        /// What differs.
        what: String,
        /// The first rank that has another one than rank 0.
        rank: usize,
        /// What rank 0 has.
        first: String,
        /// What that rank has.
        other: String,
    },
    /// The ranks of a training have learned different things from the same, which a defect of the memory,
    /// the processor or the program must have caused.
    #[error(
        "the weights of rank {rank} differ from those of rank 0 after step {step}, which a defect of the \
         memory or the processor can cause; resume from the checkpoint, without that machine"
    )]
    RanksDiverged {
        /// The first rank whose weights differ from those of rank 0.
        rank: usize,
        /// Optimizer steps before.
        step: u64,
    },
    /// The data set cannot be opened or read.
    #[error(transparent)]
    Data(#[from] seesaw_data::DataError),
    /// The data set yields no batch.
    #[error(transparent)]
    Load(#[from] seesaw_data::loader::LoadError),
    /// The recipe is invalid.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// A picture cannot be drawn.
    #[cfg(feature = "plots")]
    #[error(transparent)]
    Plot(#[from] seesaw_plot::PlotError),
    /// A file of a run cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// A net cannot be trained on batches of this many images.
    #[error("a batch of {images} images; it must have 1 to {max}")]
    BatchSize {
        /// Images in a batch.
        images: usize,
        /// The most that are supported.
        max: usize,
    },
    /// A probability of dropout is out of range.
    #[error("dropout {rate}; it must be at least 0 and less than 1")]
    Dropout {
        /// The probability.
        rate: f32,
    },
    /// The images of a step are not whole, have another size, or are too many or none.
    #[error("{values} values, which are not 1 to {max} images of 3 x {size} x {size}")]
    Images {
        /// Values of all images.
        values: usize,
        /// The most images of a step.
        max: usize,
        /// Side of the images that the net is trained on, in pixels.
        size: usize,
    },
    /// Parameters, gradients or statistics are those of another net.
    #[error("{found} {what} instead of {expected}: they are those of another net")]
    OtherNet {
        /// `parameters`, `gradients` or `statistics`.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many the net has.
        expected: usize,
    },
    /// A batch does not hold as many images as labels, or images of another size.
    #[error("a batch of {values} values, which are not {images} images of 3 x {size} x {size}")]
    BatchLength {
        /// Values in the batch.
        values: usize,
        /// Labels in the batch.
        images: usize,
        /// Side of the images that the net is trained on, in pixels.
        size: usize,
    },
    /// A file of a run does not hold what it should.
    #[error("{}: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// There is no run in the folder.
    #[error("{} holds no run: it has no `config.toml`", folder.display())]
    NoRun {
        /// The folder.
        folder: PathBuf,
    },
    /// A new run needs a folder without a run. The one that is there can be resumed.
    #[error("{} already holds a run; resume that one, or choose another folder", folder.display())]
    RunExists {
        /// The folder.
        folder: PathBuf,
    },
    /// A run has epochs left, so that it has no final score yet.
    #[error(
        "{}: only {done} of {epochs} epochs are done; resume the run to finish it",
        folder.display()
    )]
    Unfinished {
        /// The folder of the run.
        folder: PathBuf,
        /// Epochs that are done.
        done: usize,
        /// Epochs of the recipe.
        epochs: usize,
    },
    /// A run cannot go on as one that was started with another number of epochs.
    #[error("{}: cannot go on to {epochs} epochs: {why}", folder.display())]
    OtherLength {
        /// The folder of the run.
        folder: PathBuf,
        /// The number of epochs that was asked for.
        epochs: usize,
        /// Why not.
        why: OtherLength,
    },
    /// A batch norm would normalize one value, which leaves nothing of it.
    #[error(
        "the batch norm of layer {layer} would see one value per channel, in batches of {batch} images \
         of {size} pixels, and learn nothing; use a larger `batch`, larger images, or \
         `statistics = \"running\"` with trained weights"
    )]
    OneValue {
        /// The layer.
        layer: String,
        /// Side of the images, in pixels.
        size: usize,
        /// Images in a batch.
        batch: usize,
    },
    /// Two of the runs to compare have the same net and seed.
    #[error("{}: another run also has net {net} and seed {seed}", folder.display())]
    SameSeed {
        /// The folder of the second run.
        folder: PathBuf,
        /// The net's name.
        net: String,
        /// The seed.
        seed: u64,
    },
    /// There is nothing to train on, or nothing to validate on. A part of the training images can
    /// be held out by the recipe's `val_split`.
    #[error(
        "{}: {train} images to train on and {val} to validate on, and both are needed: the recipe's \
         `val_split` holds out a share of the training images",
        data.display()
    )]
    NeedsImages {
        /// The data set.
        data: PathBuf,
        /// Images to train on.
        train: usize,
        /// Images to validate on.
        val: usize,
    },
    /// A run cannot be resumed because its data set is no longer the same.
    #[error(
        "{}: the data set has changed since the run started (now {train} images to train on and \
         {val} to validate on, then {run_train} and {run_val}{}); start a new run",
        data.display(),
        of_file(example.as_ref())
    )]
    DataChanged {
        /// The data set.
        data: PathBuf,
        /// Images to train on, now.
        train: usize,
        /// Images to validate on, now.
        val: usize,
        /// Images to train on when the run started.
        run_train: usize,
        /// Images to validate on when the run started.
        run_val: usize,
        /// A file that is missing or in another part, if the run has a list of its files.
        example: Option<String>,
    },
    /// The first weights are those of a net with other layers.
    #[error("{} holds {found}, whose layers are not those of {net}", path.display())]
    OtherLayers {
        /// The file of weights.
        path: PathBuf,
        /// The name of its net.
        found: String,
        /// The name of the net to train.
        net: String,
    },
    /// The net has class names, and some classes of the data are not among them.
    #[error(
        "the net does not know {} of the {data} classes of the data: {}. Its {} classes are {}",
        unknown.len(),
        few(unknown),
        labels.len(),
        few(labels)
    )]
    UnknownClasses {
        /// How many classes the data have.
        data: usize,
        /// Those that the net does not know.
        unknown: Vec<String>,
        /// The names that the net has.
        labels: Vec<String>,
    },
    /// Several outputs of the net have the name of a class of the data.
    #[error("outputs {} and {} of the net are both called `{name}`", outputs[0], outputs[1])]
    SameLabel {
        /// The name.
        name: String,
        /// Their indices.
        outputs: [u32; 2],
    },
    /// The net has no class names, and the data have another number of classes.
    #[error(
        "the weights hold no class names, and the data have {data} classes where the net has {net}"
    )]
    NoLabels {
        /// How many classes the data have.
        data: usize,
        /// How many classes the net has.
        net: usize,
    },
    /// A class has no training image that can be read.
    #[error(
        "class `{class}`: none of its {images} training images can be read; repair them or remove \
         the class"
    )]
    EmptyClass {
        /// The class.
        class: String,
        /// How many training images it has.
        images: usize,
    },
    /// The teacher does not fit the data.
    #[error("the teacher {}: {error}", path.display())]
    Teacher {
        /// The teacher's file.
        path: PathBuf,
        /// What does not fit.
        error: Box<TrainError>,
    },
    /// The teacher needs images that are normalized as the recipe does not.
    #[error(
        "the teacher {} needs images normalized with mean {mean:?} and std {std:?}; set `mean` and \
         `std` of the recipe to these",
        path.display()
    )]
    TeacherNormalization {
        /// The teacher's file.
        path: PathBuf,
        /// The mean of red, green and blue that it needs.
        mean: [f32; 3],
        /// The standard deviation that it needs.
        std: [f32; 3],
    },
    /// The teacher has no feature map of the shape of any that the recipe asks to compare.
    #[error(
        "no feature map of {net} has the shape of one of the teacher {}: compare logits alone, \
         without `loss.features`, or choose a teacher with the same stages",
        path.display()
    )]
    NoCounterpart {
        /// The teacher's file.
        path: PathBuf,
        /// The net.
        net: String,
    },
    /// A recipe or an option that needs a teacher, without one.
    #[error("{what} needs a teacher")]
    NoTeacher {
        /// The recipe's field or the option.
        what: &'static str,
    },
    /// No block of a net has a counterpart that could be grafted.
    #[error(
        "nothing of {teacher} can be grafted on {net}: no block has the same channels and stride at \
         the same place"
    )]
    NoGraft {
        /// The net that was to be grafted.
        teacher: String,
        /// The net that it was to be grafted on.
        net: String,
    },
    /// The loss or the gradient exploded.
    #[error(
        "training diverged{} after {step} steps at learning rate {rate:.3e}: {cause}. Try a lower \
         `optimizer.rate`, a longer `schedule.warmup`, or gradient clipping by `clip`",
        in_epoch(epoch.as_ref())
    )]
    Diverged {
        /// The epoch, from 1, where there are epochs.
        epoch: Option<usize>,
        /// Optimizer steps before.
        step: u64,
        /// What exploded.
        cause: Divergence,
        /// The learning rate.
        rate: f64,
    },
}

/// What exploded in a training that diverged.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Divergence {
    /// The training loss, which became this.
    Loss(f64),
    /// The gradient: it is not finite.
    Gradient,
    /// The validation loss: it is not finite.
    ValidationLoss,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loss(loss) => write!(f, "the loss became {loss}"),
            Self::Gradient => f.write_str("the gradient is not finite"),
            Self::ValidationLoss => f.write_str("the validation loss is not finite"),
        }
    }
}

/// At most ten names, and how many more there are.
fn few(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let mut shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        shown.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    shown
}

fn of_file(example: Option<&String>) -> String {
    example.map_or_else(String::new, |name| format!("; one that is no longer there is {name}"))
}

fn and_others(count: usize) -> String {
    match count {
        0 => String::new(),
        _ => format!(" (and {count} other ranks failed)"),
    }
}

fn in_epoch(epoch: Option<&usize>) -> String {
    epoch.map_or_else(String::new, |epoch| format!(" in epoch {epoch}"))
}

impl TrainError {
    /// An input or output error at `path`.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { path, error }
    }

    /// A file that does not hold what it should.
    pub(crate) fn damaged(path: &Path, why: &dyn fmt::Display) -> Self {
        Self::Damaged { path: path.to_owned(), why: why.to_string() }
    }

    /// The same, in epoch `number` if training diverged.
    pub(crate) fn in_epoch(mut self, number: usize) -> Self {
        if let Self::Diverged { epoch, .. } = &mut self {
            *epoch = Some(number);
        }
        self
    }
}
