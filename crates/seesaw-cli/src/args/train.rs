//! `seesaw train`

use std::path::PathBuf;

use clap::Args;

use super::{ExecutionArgs, RecipeChanges, common::images};

/// Train a net on a data set
#[derive(Debug, Args)]
#[command(
    override_usage = "seesaw train [OPTIONS] --data <DATA>",
    after_help = "\
Data sets: a folder with `train` and `val`, each with one subfolder per class; a folder with one subfolder
per class; a .csv list with the columns `path` and `label`; CIFAR-10 and CIFAR-100 in their binary
layouts; the files of MNIST. The net gets as many classes as the data set has.

Photos start from the weights in the program that know 1000 classes, and are trained with the recipe
`fine-tune`. With `--net`, training starts from the bundled weights of that net, if there are some
(`seesaw models` lists them); with `--init`, from other weights. With `--from-scratch`, or a recipe that is
not made for trained weights, it starts from random ones: the default net is then
seesaw-shuffle-0.5d-imagenet, and the default recipe `photos-modern`. Images closer to 32 pixels than to
224 start from random weights too, with seesaw-shuffle-0.5d-cifar and `cifar-modern`.

Ctrl-C finishes the current step, saves a checkpoint and exits with code 130; a second Ctrl-C exits at
once. So do SIGTERM (143), SIGHUP when the terminal closes (129), and SIGUSR1 (138 on Linux), which Slurm
can send before a job's time is over. `seesaw resume` continues the run, which ends with the same weights
as one without interruption.

Examples:
  seesaw train --data photos                               a few hundred photos are enough
  seesaw train --data photos --limit 500 --epochs 2        a quick trial
  seesaw train --data photos --from-scratch
  seesaw train --data cifar10 --net igcv3-1.0d-cifar --recipe paper-cifar --out runs/igcv3
  seesaw train --data flowers --init runs/photos/best.safetensors --set optimizer.rate=0.01
  seesaw train --data any-photos --unlabeled --recipe distill \
    --graft mobilenetv2.safetensors --teacher mobilenetv2.safetensors
  seesaw train --data photos --precision bf16              faster on processors with bf16"
)]
pub struct TrainArgs {
    #[command(flatten)]
    pub start: StartArgs,
    #[command(flatten)]
    pub changes: RecipeChanges,
    #[command(flatten)]
    pub execution: ExecutionArgs,
    #[command(flatten)]
    pub old: OldTrainArgs,
}

/// What a new run starts from.
#[derive(Debug, Args)]
pub struct StartArgs {
    /// Data set: a folder, a .csv list or a packed one
    // Clap makes sure that it is here, unless an old spelling asks for something else.
    #[arg(long, required_unless_present = "OldTrainArgs")]
    pub data: Option<PathBuf>,
    /// Net: a name (`seesaw models` lists them), or a TOML file [default: see below]
    #[arg(long)]
    pub net: Option<String>,
    /// Recipe: a name (`seesaw recipes` lists them), or a TOML file [default: see below]
    #[arg(long, value_name = "RECIPE")]
    pub recipe: Option<String>,
    /// Run folder [default: runs/<name of the data set>]
    #[arg(long, value_name = "RUN")]
    pub out: Option<PathBuf>,
    /// Start from these weights: a file, or the name of bundled ones (`seesaw models` lists them); if the
    /// classes differ, the last layer starts fresh [default: see below]
    #[arg(long, value_name = "FILE", conflicts_with = "graft")]
    pub init: Option<PathBuf>,
    /// Start from random weights
    #[arg(long, conflicts_with_all = ["init", "graft"])]
    pub from_scratch: bool,
    /// Graft this model on the net: its weights, as far as the net's groups can take them over
    #[arg(long, value_name = "FILE")]
    pub graft: Option<PathBuf>,
    /// Also learn from the outputs of this model, and with the table [loss.features] of the recipe
    /// from its feature maps
    #[arg(long, value_name = "FILE")]
    pub teacher: Option<PathBuf>,
    /// The photos have no labels: learn all classes of the teacher from its outputs alone
    #[arg(long, requires = "teacher")]
    pub unlabeled: bool,
    /// Use only N random training images, and N validation images
    #[arg(long, value_name = "N", value_parser = images())]
    pub limit: Option<usize>,
}

/// Old spellings of `seesaw resume` and `seesaw recipes`, which still work.
#[derive(Debug, Args)]
pub struct OldTrainArgs {
    // Not `epochs`: the command says what to do instead.
    #[arg(long, value_name = "RUN", hide = true, conflicts_with_all = [
        "StartArgs", "batch", "seed", "input_size", "precision", "val_split", "group_by", "balance", "set",
    ])]
    pub resume: Option<PathBuf>,
    #[arg(long, hide = true, exclusive = true)]
    pub list_recipes: bool,
    #[arg(long, hide = true, conflicts_with = "resume")]
    pub show_recipe: bool,
}
