//! The command line: every command, argument and help text.

mod training;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

pub use training::{
    Cifar10Args, CompareArgs, DataArgs, DataCommand, DataInfoArgs, EvalArgs, PictureFormat,
    PlotArgs, RecipeArgs, Split, TrainArgs,
};

/// Small image classifiers whose pointwise convolutions work in groups of unequal size.
#[derive(Debug, Parser)]
#[command(
    name = "seesaw",
    version,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = "\
Examples:
  seesaw models                                       the nets and their costs
  seesaw summary seesaw-shuffle-1.0d-imagenet         a net, layer by layer
  seesaw import net.pth.tar net.safetensors           weights that PyTorch wrote
  seesaw predict --weights net.safetensors photos/    name what photos show
  seesaw train --data photos/                         train a net on folders of photos
  seesaw eval runs/photos                             how good it has become

Exit codes: 0 all went well, 1 some inputs failed, 2 wrong usage or an unusable file, 130 stopped by
Ctrl-C."
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Models(ModelsArgs),
    Summary(SummaryArgs),
    Tables(TablesArgs),
    Import(ImportArgs),
    Run(RunArgs),
    Predict(PredictArgs),
    Train(Box<TrainArgs>),
    Eval(Box<EvalArgs>),
    Compare(CompareArgs),
    Plot(PlotArgs),
    Data(DataArgs),
    Bench(BenchArgs),
    Completions(CompletionsArgs),
}

/// List the nets of the zoo with their costs
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  seesaw models
  seesaw models --json | jq -r '.[].name'")]
pub struct ModelsArgs {
    /// Print one JSON array instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Show a net layer by layer: shapes, parameters, multiply-adds, memory
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  seesaw summary seesaw-shuffle-1.0d-imagenet
  seesaw summary seesaw-shuffle-0.5d-cifar --classes 100 --json
  seesaw summary mobilenetv2-1.0-imagenet --width 0.75 --input-size 160
  seesaw summary seesaw-share-v1-0.5d-imagenet --toml > mine.toml
  seesaw summary mine.toml
  seesaw summary checkpoint.pth.tar")]
pub struct SummaryArgs {
    /// A net's name (`seesaw models` lists them), a TOML file that describes one, or a file of
    /// weights
    pub net: String,
    #[command(flatten)]
    pub shape: ShapeArgs,
    /// Print one JSON object instead of a table
    #[arg(long, conflicts_with = "toml")]
    pub json: bool,
    /// Print the net's description in TOML, to start one of your own from
    #[arg(long)]
    pub toml: bool,
}

/// Changes to a net.
#[derive(Debug, Args)]
pub struct ShapeArgs {
    /// Number of classes, instead of the net's own
    #[arg(long, value_name = "N")]
    pub classes: Option<usize>,
    /// Multiply the channel counts by this, keeping every group whole
    #[arg(long, value_name = "FACTOR")]
    pub width: Option<f64>,
    /// Side of the square images in pixels, instead of the net's own
    #[arg(long, value_name = "PIXELS")]
    pub input_size: Option<usize>,
}

/// Compare the nets' costs with the figures that the papers print
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  seesaw tables
  seesaw tables --json")]
pub struct TablesArgs {
    /// Print one JSON array instead of tables
    #[arg(long)]
    pub json: bool,
}

/// Turn weights of any readable kind into one safetensors file that says which net it is
#[derive(Debug, Args)]
#[command(after_help = "\
Reads PyTorch checkpoints (.pth, .pth.tar, .pt; both containers, nested or not, with or without the
`module.` prefix) without running anything in them, and safetensors files. The net is recognized from
the tensors' names and shapes.

Examples:
  seesaw import checkpoint.pth.tar net.safetensors
  seesaw import mobilenet_v2.pth net.safetensors --labels classes.txt --resize 232 --f16
  seesaw import mine.pt mine.safetensors --net mine.toml")]
pub struct ImportArgs {
    /// The file to read
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    /// The safetensors file to write
    #[arg(value_name = "OUT.safetensors")]
    pub output: PathBuf,
    #[command(flatten)]
    pub net: NetArgs,
    /// Class names to keep in the file, in the order of the outputs: one a line, or `id<TAB>name`
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    #[command(flatten)]
    pub sizes: SizeArgs,
    /// Write 16-bit floats: half the size, about three significant digits
    #[arg(long)]
    pub f16: bool,
}

/// Run a net on a tensor file: `input` [n,3,h,w] in, `logits` [n,classes] out
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  seesaw run --weights net.safetensors --input x.safetensors --output y.safetensors
  seesaw run --weights old.pth --net igcv3-1.0d-cifar --classes 100 --input x.safetensors \\
             --output y.safetensors --features")]
pub struct RunArgs {
    /// Weights: the project's safetensors, a PyTorch checkpoint, torchvision's MobileNetV2
    #[arg(long, value_name = "FILE")]
    pub weights: PathBuf,
    #[command(flatten)]
    pub net: NetArgs,
    /// Safetensors file with the f32 tensor `input` [n,3,side,side], normalized as in training
    #[arg(long, value_name = "X.safetensors")]
    pub input: PathBuf,
    /// Safetensors file to write `logits` [n,classes] to
    #[arg(long, value_name = "Y.safetensors")]
    pub output: PathBuf,
    /// Write the output of every block too, as `features.N` [n,channels,rows,columns]
    #[arg(long)]
    pub features: bool,
    /// Images that go through the net at a time
    #[arg(long, value_name = "B", default_value_t = 8, value_parser = batch())]
    pub batch: usize,
    #[command(flatten)]
    pub threads: ThreadsArgs,
}

/// Name what photos show
#[derive(Debug, Args)]
#[command(after_help = "\
Reads JPEG, PNG, WebP and BMP. Folders are searched with their subfolders; a pattern in quotes is
expanded here. A photo that cannot be read is reported and counted, and the rest goes on; the exit code
is then 1.

Without `--weights`, the program's own name ten kinds of things: cassette player, chain saw, church,
English springer, French horn, garbage truck, gas pump, golf ball, parachute, tench.

Examples:
  seesaw predict docs/photos
  seesaw predict --weights net.safetensors photo.jpg
  seesaw predict --weights net.safetensors photos/ --top 1
  seesaw predict --weights mobilenetv2.safetensors --labels classes.tsv 'photos/**/*.jpg' --json")]
pub struct PredictArgs {
    /// Weights: the project's safetensors, a PyTorch checkpoint, torchvision's MobileNetV2; the
    /// program's own when not given
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    #[command(flatten)]
    pub net: NetArgs,
    /// Photos, folders of photos, or patterns such as 'photos/*.jpg'
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// How many of the likeliest classes to print
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub top: u32,
    /// Class names, instead of those in the weights: one a line, or `id<TAB>name`
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    #[command(flatten)]
    pub sizes: SizeArgs,
    /// Photos that go through the net at a time
    #[arg(long, value_name = "B", default_value_t = 8, value_parser = batch())]
    pub batch: usize,
    #[command(flatten)]
    pub threads: ThreadsArgs,
    /// Print one JSON object a photo and line
    #[arg(long)]
    pub json: bool,
}

/// Measure how fast a net runs
#[derive(Debug, Args)]
#[command(after_help = "\
The share of peak is the arithmetic done (2 flops a multiply-add) over what the same threads can do at
most, which is measured first. Without weights the net gets random ones: the speed is the same.

`--layers` shows steps of the plan and, indented, a block's layers. A block whose middle is larger than
the cache runs its layers in turns on a few rows; a clock that is read between the turns divides the
block's time among them. The memory is that of weights, input and output; in a block the middle stays
in the cache, so a layer may run faster than memory allows.

Examples:
  seesaw bench seesaw-shuffle-1.0d-imagenet
  seesaw bench seesaw-shuffle-0.5d-cifar --train --threads 2 --layers
  seesaw bench mobilenetv2-1.0-imagenet --threads 2 --batch 8 --layers
  seesaw bench seesaw-shuffle-1.0d-imagenet --plot roofline.svg
  seesaw bench net.safetensors --json")]
pub struct BenchArgs {
    /// A net's name, a TOML file that describes one, or a file of weights
    pub net: String,
    #[command(flatten)]
    pub shape: ShapeArgs,
    /// Weights of the net, instead of random ones
    #[arg(long, value_name = "FILE", conflicts_with = "classes")]
    pub weights: Option<PathBuf>,
    /// Measure training instead: steps on a batch, with its images made and changed on the way
    #[arg(long, conflicts_with_all = ["weights", "plot"])]
    pub train: bool,
    /// With `--train`, what the convolutions multiply: f32 when not given, or bf16
    #[arg(long, value_name = "P", value_parser = ["f32", "bf16"], hide_possible_values = true, requires = "train")]
    pub precision: Option<String>,
    /// Images in a batch; 1, or 64 with `--train`, when not given
    #[arg(long, value_name = "B", value_parser = batch())]
    pub batch: Option<usize>,
    /// Batches to time, after a warm-up; 50, or 20 with `--train`, when not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub runs: Option<u32>,
    /// Show work, memory and time of every layer
    #[arg(long)]
    pub layers: bool,
    /// Draw the layers' speed over their work for each byte, as .svg or .png
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// Threads that compute
    #[arg(long, value_name = "T", default_value_t = 1, value_parser = threads())]
    pub threads: usize,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Print a shell's completion script
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  seesaw completions bash > ~/.local/share/bash-completion/completions/seesaw
  seesaw completions zsh > ~/.zfunc/_seesaw
  seesaw completions fish > ~/.config/fish/completions/seesaw.fish")]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

/// Which net the weights are of.
#[derive(Debug, Args)]
pub struct NetArgs {
    /// The net that the weights are of (a name or a TOML file), where they do not tell
    #[arg(long)]
    pub net: Option<String>,
    /// Number of classes that the weights must have
    #[arg(long, value_name = "N")]
    pub classes: Option<usize>,
}

/// How photos are scaled and cropped.
#[derive(Debug, Args)]
pub struct SizeArgs {
    /// Scale the shorter side of a photo to this, instead of what the weights say
    #[arg(long, value_name = "PIXELS", value_parser = side())]
    pub resize: Option<u32>,
    /// Side of the center crop that goes into the net, instead of what the weights say
    #[arg(long, value_name = "PIXELS", value_parser = side())]
    pub crop: Option<u32>,
}

/// How many threads compute.
#[derive(Debug, Args)]
pub struct ThreadsArgs {
    /// Threads that compute; all processors when not given
    #[arg(long, value_name = "T", value_parser = threads())]
    pub threads: Option<usize>,
}

impl ThreadsArgs {
    /// The number asked for, or that of the processors.
    pub fn count(&self) -> usize {
        let processors = || std::thread::available_parallelism().map_or(1, usize::from);
        self.threads.unwrap_or_else(|| processors().min(MAX_THREADS))
    }
}

/// The most threads that can be asked for, the longest side of a photo in the net, the largest batch.
const MAX_THREADS: usize = 256;
const MAX_SIDE: i64 = 4096;
const MAX_BATCH: u64 = 1024;

fn threads() -> impl clap::builder::TypedValueParser<Value = usize> {
    clap::builder::RangedU64ValueParser::new().range(1..=MAX_THREADS as u64)
}

fn side() -> impl clap::builder::TypedValueParser<Value = u32> {
    clap::value_parser!(u32).range(1..=MAX_SIDE)
}

fn batch() -> impl clap::builder::TypedValueParser<Value = usize> {
    clap::builder::RangedU64ValueParser::new().range(1..=MAX_BATCH)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn definitions_are_consistent() {
        super::Cli::command().debug_assert();
    }
}
