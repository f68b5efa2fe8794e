//! Arguments that several commands share, and the parsers of their values.

use std::{fmt, str::FromStr};

use clap::{
    Args, ValueEnum,
    builder::{RangedU64ValueParser, TypedValueParser},
};
use seesaw_engine::Machine;
use seesaw_kernels::KernelError;
use seesaw_train::net;

/// The greatest number of threads, side of a photo in the net, batch and number of timed runs.
const MAX_THREADS: usize = 256;
const MAX_SIDE: i64 = 4096;
const MAX_BATCH: u64 = 1024;
const MAX_RUNS: i64 = 100_000;

/// Changes to a net.
#[derive(Debug, Args)]
pub struct ShapeArgs {
    /// Number of classes [default: the net's]
    #[arg(long, value_name = "N")]
    pub classes: Option<usize>,
    /// Multiply the channel counts by this, keeping every group whole [default: 1]
    #[arg(long, value_name = "FACTOR")]
    pub width: Option<f64>,
    /// Side of the square input images [default: the net's]
    #[arg(long, value_name = "PIXELS")]
    pub input_size: Option<usize>,
}

/// The net that weights belong to.
#[derive(Debug, Args)]
pub struct NetArgs {
    /// Net of the weights: a name, or a TOML file [default: recognized from the weights]
    #[arg(long)]
    pub net: Option<String>,
    /// Number of classes that the weights must have
    #[arg(long, value_name = "N")]
    pub classes: Option<usize>,
    /// Which weights of a checkpoint to read: keys joined by dots, such as `checkpoint.model`, or what
    /// the names of the tensors begin with [default: averaged weights, else the usual keys]
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
}

/// How photos are resized, cropped and normalized.
#[derive(Debug, Default, Args)]
pub struct SizeArgs {
    /// Resize the shorter side of a photo to this [default: as the weights say]
    #[arg(long, value_name = "PIXELS", value_parser = side())]
    pub resize: Option<u32>,
    /// Side of the square that the net sees [default: as the weights say]
    #[arg(long, value_name = "PIXELS", value_parser = side())]
    pub crop: Option<u32>,
    /// Mean of red, green and blue in the training images, where 1 is full brightness [default: as the
    /// weights say]
    #[arg(long, value_name = "R,G,B", value_parser = mean, allow_hyphen_values = true)]
    pub mean: Option<Channels>,
    /// Standard deviation of red, green and blue [default: as the weights say]
    #[arg(long, value_name = "R,G,B", value_parser = std)]
    pub std: Option<Channels>,
    /// Cut out the center (`crop`), or show the whole photo: padded, or squeezed into the square [default: as
    /// the weights say]
    #[arg(long, value_name = "FIT")]
    pub fit: Option<Fit>,
}

/// How a photo becomes a square.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Fit {
    Crop,
    Pad,
    Squeeze,
}

impl From<Fit> for seesaw_arch::Fit {
    fn from(fit: Fit) -> Self {
        match fit {
            Fit::Crop => Self::Crop,
            Fit::Pad => Self::Pad,
            Fit::Squeeze => Self::Squeeze,
        }
    }
}

/// A number for each of red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Channels(pub [f32; 3]);

/// Means: of samples from 0 to 1.
fn mean(text: &str) -> Result<Channels, String> {
    channels(text, -1.0..=1.0)
}

/// Standard deviations; a few scripts divide by more than samples can deviate.
fn std(text: &str) -> Result<Channels, String> {
    channels(text, 1e-4..=2.0)
}

/// Three numbers, or one for all three.
fn channels(text: &str, range: std::ops::RangeInclusive<f32>) -> Result<Channels, String> {
    let numbers: Option<Vec<f32>> = text.split(',').map(|part| part.trim().parse().ok()).collect();
    let channels = match numbers.as_deref() {
        Some([all]) => [*all; 3],
        Some(&[red, green, blue]) => [red, green, blue],
        _ => {
            return Err("write three numbers, such as 0.485,0.456,0.406, or one for all".to_owned());
        }
    };
    let (least, greatest) = (range.start(), range.end());
    match channels.iter().find(|number| !range.contains(number)) {
        None => Ok(Channels(channels)),
        Some(number) if *number > *greatest && *number <= 255.0 => Err(format!(
            "{number} is greater than {greatest}; divide by 255, so that 1 is full brightness"
        )),
        Some(number) => Err(format!("{number} is not from {least} to {greatest}")),
    }
}

/// How many threads compute.
#[derive(Debug, Args)]
pub struct ThreadsArgs {
    /// Threads to compute with: 1 to 256, or `all` for one per processor
    #[arg(long, value_name = "T", default_value_t = Threads::All)]
    threads: Threads,
}

impl ThreadsArgs {
    /// The number of threads.
    pub fn count(&self) -> usize {
        match self.threads {
            Threads::All => {
                std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS)
            }
            Threads::Count(count) => count,
        }
    }

    /// The number of threads, unless it is left to the command.
    pub fn chosen(&self) -> Option<usize> {
        match self.threads {
            Threads::All => None,
            Threads::Count(count) => Some(count),
        }
    }

    /// The threads, with the instruction set that `SEESAW_ISA` names or else the best one.
    pub fn machine(&self) -> Result<Machine, KernelError> {
        Machine::from_env(self.count())
    }
}

/// A number of threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Threads {
    /// One for each processor.
    All,
    /// So many, 1 to 256.
    Count(usize),
}

impl FromStr for Threads {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("all", _) => Ok(Self::All),
            (_, Ok(count @ 1..=MAX_THREADS)) => Ok(Self::Count(count)),
            _ => Err(format!("must be 1 to {MAX_THREADS}, or `all`")),
        }
    }
}

impl fmt::Display for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Count(count) => write!(f, "{count}"),
        }
    }
}

/// What the pointwise convolutions of training multiply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Precision {
    F32,
    Bf16,
}

/// What makes classes of unequal size count alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Balance {
    Weights,
    Sampler,
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        })
    }
}

impl From<Precision> for net::Precision {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::F32 => Self::F32,
            Precision::Bf16 => Self::Bf16,
        }
    }
}

/// Changes to a recipe.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Changes to the recipe")]
pub struct RecipeChanges {
    /// Passes over the training images
    #[arg(long, value_name = "N")]
    pub epochs: Option<usize>,
    /// Images per batch
    #[arg(long, value_name = "B")]
    pub batch: Option<usize>,
    /// Random seed
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Side of the training images, in all epochs
    #[arg(long, value_name = "PIXELS", value_parser = side())]
    pub input_size: Option<u32>,
    /// Number format that convolutions multiply; bf16 is faster on processors that support it
    #[arg(long, value_name = "P")]
    pub precision: Option<Precision>,
    /// Share of the images to hold out for validation, instead of the data set's own split
    #[arg(long, value_name = "SHARE")]
    pub val_split: Option<f64>,
    /// Hold out all or none of the images for whose names this regular expression, or its first group,
    /// matches the same text, such as 'burst([0-9]+)'
    #[arg(long, value_name = "PATTERN")]
    pub group_by: Option<String>,
    /// Make classes of unequal size count alike: `weights` multiplies the loss of rare classes, `sampler`
    /// shows their images more often
    #[arg(long, value_name = "HOW")]
    pub balance: Option<Balance>,
    /// Change a field of the recipe, such as `optimizer.rate=0.05`; can be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub set: Vec<(String, String)>,
}

pub fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("write KEY=VALUE, such as optimizer.rate=0.05".to_owned()),
    }
}

/// How a training is carried out, none of which changes its result.
#[derive(Debug, Args)]
pub struct ExecutionArgs {
    /// Save a checkpoint every N steps, in addition to every five minutes and every epoch
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub checkpoint_every: Option<u64>,
    #[command(flatten)]
    pub threads: ThreadsArgs,
    /// Print one JSON object per epoch, one per line
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub ranks: RanksArgs,
}

/// Which processes carry out a training together.
#[derive(Debug, Args)]
pub struct RanksArgs {
    /// Share each step with others: `mpi` for the processes that `mpirun` or `srun` started, `threads:N` for
    /// N workers in this process, each with its share of the threads. Weights are the same to the last bit
    #[arg(long, value_name = "RANKS")]
    pub ranks: Option<RanksKind>,
    /// Number format in which ranks send gradients; bf16 halves the bytes, and makes results depend on
    /// the number of ranks
    #[arg(long, value_name = "P", default_value_t = Precision::F32, requires = "ranks")]
    pub wire: Precision,
    /// Seconds that a rank may be late, beyond ten times the longest step, until it is taken for dead
    #[arg(long, value_name = "S", default_value_t = 30, requires = "ranks",
        value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub rank_timeout: u64,
}

/// What the ranks of a training are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RanksKind {
    /// Processes that a launcher of MPI started.
    Mpi,
    /// So many threads of this process, 1 to 256.
    Threads(usize),
}

impl FromStr for RanksKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let count = text.strip_prefix("threads:").map(str::parse);
        match (text, count) {
            ("mpi", _) => Ok(Self::Mpi),
            (_, Some(Ok(count @ 1..=MAX_THREADS))) => Ok(Self::Threads(count)),
            _ => Err(format!("must be `mpi`, or `threads:N` with N from 1 to {MAX_THREADS}")),
        }
    }
}

/// A side in pixels.
pub fn side() -> impl TypedValueParser<Value = u32> {
    clap::value_parser!(u32).range(1..=MAX_SIDE)
}

/// Images in a batch.
pub fn batch() -> impl TypedValueParser<Value = usize> {
    RangedU64ValueParser::new().range(1..=MAX_BATCH)
}

/// A number of timed runs.
pub fn runs() -> impl TypedValueParser<Value = u32> {
    clap::value_parser!(u32).range(1..=MAX_RUNS)
}

/// A probability or a similarity, from 0 to 1.
pub fn probability() -> impl TypedValueParser<Value = f64> {
    clap::builder::NonEmptyStringValueParser::new().try_map(|text| match text.parse::<f64>() {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        _ => Err("must be a number from 0 to 1"),
    })
}

/// A number of images, at least one.
pub fn images() -> impl TypedValueParser<Value = usize> {
    RangedU64ValueParser::new().range(1..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_numbers_or_one_for_all() {
        assert_eq!(mean("0.5"), Ok(Channels([0.5; 3])));
        assert_eq!(std(" 0.1, 0.2,0.3"), Ok(Channels([0.1, 0.2, 0.3])));
        for wrong in ["", "0.1,0.2", "0.1,0.2,0.3,0.4", "a,b,c", "nan", "inf", "-2", "1e9"] {
            assert!(mean(wrong).is_err() && std(wrong).is_err(), "{wrong}");
        }
        assert!(std("0").is_err(), "would divide by 0");
        assert!(mean("123.675,116.28,103.53").unwrap_err().contains("divide by 255"));
        assert!(std("58.395,57.12,57.375").unwrap_err().contains("divide by 255"));
    }

    #[test]
    fn ranks_are_processes_or_threads() {
        assert_eq!("mpi".parse(), Ok(RanksKind::Mpi));
        assert_eq!("threads:8".parse(), Ok(RanksKind::Threads(8)));
        for wrong in ["", "threads", "threads:", "threads:0", "threads:257", "8", "MPI"] {
            assert!(wrong.parse::<RanksKind>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn threads_are_a_number_or_all() {
        assert_eq!("all".parse(), Ok(Threads::All));
        assert_eq!("256".parse(), Ok(Threads::Count(256)));
        for wrong in ["0", "257", "-1", "", "many"] {
            assert!(wrong.parse::<Threads>().is_err(), "{wrong}");
        }
        for threads in [Threads::All, Threads::Count(3)] {
            assert_eq!(threads.to_string().parse(), Ok(threads));
        }
    }
}
