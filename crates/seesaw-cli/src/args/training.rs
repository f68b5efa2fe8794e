//! The arguments of training and of data sets.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{NetArgs, SizeArgs, ThreadsArgs, batch, side, threads};

/// Train a net on a data set, into the folder of a run
#[derive(Debug, Args)]
#[command(
    override_usage = "\
seesaw train --data <DATA> [OPTIONS]
       seesaw train --resume <RUN> [OPTIONS]",
    after_help = "\
Data sets: a folder with `train` and `val`, each with a folder of photos for each class; one folder of
such class folders; a .csv list with the columns `path` and `label`; CIFAR-10 and CIFAR-100 in their
binary layouts; MNIST's files. The net gets as many classes as the data have.

Without `--net` and `--recipe`, photos train seesaw-shuffle-0.5d-imagenet by `photos-modern`, images of
up to 64 pixels seesaw-shuffle-0.5d-cifar by `cifar-modern`; with `--init`, the net of the file goes on
by `fine-tune`.

Ctrl-C finishes the step, saves, and exits with code 130; a second one ends at once. A resumed run ends
with the same weights as one that was left alone.

Examples:
  seesaw train --data photos
  seesaw train --data photos --limit 500 --epochs 2            a quick trial
  seesaw train --data cifar10 --net igcv3-1.0d-cifar --recipe paper-cifar --out runs/igcv3
  seesaw train --data flowers --init runs/photos/best.safetensors --set optimizer.rate=0.01
  seesaw train --data photos --precision bf16              faster where the processor has bf16
  seesaw train --resume runs/photos
  seesaw train --recipe cifar-modern --show-recipe > mine.toml"
)]
pub struct TrainArgs {
    /// The data set: a folder, or a .csv list
    #[arg(long, required_unless_present_any = ["resume", "list_recipes", "show_recipe"])]
    pub data: Option<PathBuf>,
    /// The net: a name (`seesaw models` lists them), or a TOML file that describes one
    #[arg(long)]
    pub net: Option<String>,
    /// How it is trained
    #[command(flatten)]
    pub recipe: RecipeArgs,
    /// The folder of the run; `runs/` and the data's name when not given
    #[arg(long, value_name = "RUN")]
    pub out: Option<PathBuf>,
    /// Begin with the weights of this file; with other classes, its last layer begins anew
    #[arg(long, value_name = "FILE")]
    pub init: Option<PathBuf>,
    /// Learn from this model's outputs as well
    #[arg(long, value_name = "FILE")]
    pub teacher: Option<PathBuf>,
    /// Take N random images for training, and as many for validation
    #[arg(long, value_name = "N", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    pub limit: Option<usize>,
    /// Go on with a run from its last checkpoint
    #[arg(
        long,
        value_name = "RUN",
        conflicts_with_all = [
            "data", "net", "recipe", "out", "init", "teacher", "limit", "epochs", "recipe_batch",
            "seed", "input_size", "precision", "val_split", "set", "list_recipes", "show_recipe",
        ]
    )]
    pub resume: Option<PathBuf>,
    /// Save after every N steps, and not only every five minutes and after each epoch
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub checkpoint_every: Option<u64>,
    #[command(flatten)]
    pub threads: ThreadsArgs,
    /// Print one JSON object an epoch and line
    #[arg(long)]
    pub json: bool,
    /// List the built-in recipes
    #[arg(long, exclusive = true)]
    pub list_recipes: bool,
    /// Print the recipe with all changes in TOML, to start one of your own from
    #[arg(long)]
    pub show_recipe: bool,
}

/// A recipe and changes to it.
#[derive(Debug, Args)]
pub struct RecipeArgs {
    /// How the net is trained: a built-in recipe's name (`--list-recipes`), or a TOML file
    #[arg(long, value_name = "RECIPE")]
    pub recipe: Option<String>,
    /// How many times training goes over the data
    #[arg(long, value_name = "N")]
    pub epochs: Option<usize>,
    /// Images in a batch
    #[arg(id = "recipe_batch", long = "batch", value_name = "B")]
    pub batch: Option<usize>,
    /// Everything random follows from this number
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Side of the training images in pixels, in all epochs
    #[arg(long, value_name = "PIXELS", value_parser = side())]
    pub input_size: Option<u32>,
    /// What the convolutions multiply: f32, or bf16, which is faster where the processor has it
    #[arg(long, value_name = "P", value_parser = ["f32", "bf16"], hide_possible_values = true)]
    pub precision: Option<String>,
    /// Share of the images that is held out to validate, instead of the data's own
    #[arg(long, value_name = "SHARE")]
    pub val_split: Option<f64>,
    /// Change a field of the recipe, such as `optimizer.rate=0.05`; can be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub set: Vec<(String, String)>,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("write KEY=VALUE, such as optimizer.rate=0.05".to_owned()),
    }
}

/// Compare the nets of finished runs: accuracy, costs, and what seeds alone make differ
#[derive(Debug, Args)]
#[command(after_help = "\
Runs of one net that differ in nothing but the seed stand in one row. A run scores what its last epoch
validates at, so that no epoch is chosen by the images that judge it. What else the runs differ in is
named on standard error.

`to best` is the distance to the best mean with its standard error, from the spread of seeds over all nets
that have several. A distance of less than twice its error may be chance.

Inference is timed for one image, the nets in turns; leave the machine alone meanwhile.

Examples:
  seesaw compare runs/shuffle-1 runs/shuffle-2 runs/igcv3-1 runs/igcv3-2
  seesaw compare runs/* --pictures docs
  seesaw compare runs/* --json")]
pub struct CompareArgs {
    /// Folders of finished runs
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// Draw accuracy over multiply-adds and over milliseconds into this folder, as `top1-madds.svg`
    /// and `top1-ms.svg`
    #[arg(long, value_name = "FOLDER")]
    pub pictures: Option<PathBuf>,
    /// Times that each net's inference is timed
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub times: u32,
    /// Threads that compute
    #[arg(long, value_name = "T", default_value_t = 1, value_parser = threads())]
    pub threads: usize,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Draw the logs of runs together: loss and accuracy over epochs, a line a run
#[derive(Debug, Args)]
#[command(after_help = "\
Writes a picture for each of the log's columns train_loss, train_top1, val_loss and val_top1 of which a run
has two values, and prints their paths. Runs may still be under way.

Examples:
  seesaw plot runs/*
  seesaw plot runs/with-mixup runs/without --out pictures --format png")]
pub struct PlotArgs {
    /// Folders of runs
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// The folder to write into
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub out: PathBuf,
    /// What to write
    #[arg(long, value_enum, default_value_t = PictureFormat::Svg)]
    pub format: PictureFormat,
}

/// A format of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PictureFormat {
    Svg,
    Png,
}

/// Measure how good a model is on a data set
#[derive(Debug, Args)]
#[command(after_help = "\
Of the folder of a run, its best model is taken, and the validation images that the run held out. Classes
go by their names; where the weights hold none, by their order.

Examples:
  seesaw eval runs/photos
  seesaw eval runs/photos --confusion confusion.svg --worst worst.png
  seesaw eval net.safetensors --data photos --json
  seesaw eval old.pth --net igcv3-1.0d-cifar --data cifar10")]
pub struct EvalArgs {
    /// Weights (the project's safetensors, a PyTorch checkpoint, torchvision's MobileNetV2), or the
    /// folder of a run
    pub model: PathBuf,
    /// The data set, instead of the run's
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Which part of it; `test` is `val`, and of data that are no run's and have no such part,
    /// everything
    #[arg(long, value_enum, default_value_t = Split::Val)]
    pub split: Split,
    /// Take N random images
    #[arg(long, value_name = "N", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    pub limit: Option<usize>,
    #[command(flatten)]
    pub net: NetArgs,
    /// Class names, instead of those in the weights: one a line, or `id<TAB>name`
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    #[command(flatten)]
    pub sizes: SizeArgs,
    /// Draw which classes are taken for which (.svg or .png)
    #[arg(long, value_name = "FILE")]
    pub confusion: Option<PathBuf>,
    /// Show the photos that the model is most wrong about, side by side (.png)
    #[arg(long, value_name = "FILE")]
    pub worst: Option<PathBuf>,
    /// Images that are prepared at a time
    #[arg(long, value_name = "B", default_value_t = 64, value_parser = batch())]
    pub batch: usize,
    #[command(flatten)]
    pub threads: ThreadsArgs,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

/// A part of a data set: the images to validate or to train on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Split {
    #[value(alias = "test")]
    Val,
    Train,
}

/// Get a data set, or see what a folder holds
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  seesaw data cifar10 cifar10          download CIFAR-10
  seesaw data info photos --check      classes, counts, and broken photos")]
pub struct DataArgs {
    #[command(subcommand)]
    pub command: DataCommand,
}

#[derive(Debug, Subcommand)]
pub enum DataCommand {
    Cifar10(Cifar10Args),
    Info(DataInfoArgs),
}

/// Download CIFAR-10 (170 MB), check its md5, and unpack it
#[derive(Debug, Args)]
#[command(after_help = "\
A download that was cut off goes on where it stopped. An archive that a browser saved into the folder, as
cifar-10-binary.tar.gz, is taken.

Examples:
  seesaw data cifar10 cifar10
  seesaw train --data cifar10")]
pub struct Cifar10Args {
    /// The folder to put it into
    pub folder: PathBuf,
    /// Another place of the same archive (http)
    #[arg(long)]
    pub url: Option<String>,
}

/// Show what a data set is: its layout, classes and counts
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  seesaw data info photos
  seesaw data info photos --check
  seesaw data info photos.csv --val-split 0.1 --json")]
pub struct DataInfoArgs {
    /// The data set: a folder, or a .csv list
    pub data: PathBuf,
    /// Decode every image, and name those that are broken
    #[arg(long)]
    pub check: bool,
    /// Share of the images that is held out to validate, instead of the data's own
    #[arg(long, value_name = "SHARE")]
    pub val_split: Option<f64>,
    #[command(flatten)]
    pub threads: ThreadsArgs,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}
