//! `seesaw export`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use seesaw_export::onnx;

use super::{NetArgs, SizeArgs};

/// Write a model for other programs: ONNX, a PyTorch state dict, PyTorch code, or a web page
#[derive(Debug, Args)]
#[command(after_help = "\
The name of the output decides:
  .onnx   for ONNX Runtime, OpenVINO, browsers: opset 18, batch norm folded, any batch size; seesaw reads
          it back
  .pth    a state dict for PyTorch, which `torch.load(weights_only=True)` accepts
  .py     one file that defines the net in PyTorch and trains it, on a GPU too; without weights
With `--web` it is a folder: a page that classifies photos in the browser, without a server's help.

Examples:
  seesaw export runs/photos/best.safetensors net.onnx
  seesaw export runs/photos/best.safetensors net.onnx --input photo --softmax
  seesaw export seesaw-shuffle-0.5d-imagenet net.onnx --half
  seesaw export runs/photos/best.safetensors net.pth
  seesaw export runs/photos/best.safetensors site --web --half
  seesaw export seesaw-shuffle-1.0d-imagenet net.py --recipe photos-modern")]
pub struct ExportArgs {
    /// A safetensors file, a PyTorch checkpoint, an ONNX file that `seesaw export` wrote, or the name of
    /// bundled weights; for `.py` also the name of a net or a TOML file
    #[arg(value_name = "NET_OR_MODEL")]
    pub model: String,
    /// File to write: .onnx, .pth or .py; with `--web` a folder
    #[arg(value_name = "OUT")]
    pub output: PathBuf,
    #[command(flatten)]
    pub net: NetArgs,
    /// Class names in the order of the outputs: one per line, or `id<TAB>name` [default: as the
    /// weights say]
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    #[command(flatten)]
    pub sizes: SizeArgs,
    #[command(flatten)]
    pub onnx: OnnxArgs,
    /// `.py`: recipe of the training, a built-in one or a TOML file [default: the one that suits the
    /// net]
    #[arg(long, value_name = "NAME", help_heading = "PyTorch code")]
    pub recipe: Option<String>,
    /// Write a page that classifies photos in the browser, into the folder OUT
    #[arg(long, help_heading = "Web pages")]
    pub web: bool,
    /// Folder of the engine's WebAssembly modules [default: `web` next to the program or here]
    #[arg(long, value_name = "FOLDER", requires = "web", help_heading = "Web pages")]
    pub modules: Option<PathBuf>,
}

/// How an ONNX file is written.
#[derive(Debug, Args)]
#[command(next_help_heading = "ONNX files")]
pub struct OnnxArgs {
    /// How convolutions in groups are written
    #[arg(long, value_name = "FORM", value_enum)]
    pub groups: Option<Groups>,
    /// What the program that runs the file passes in
    #[arg(long, value_name = "KIND", value_enum)]
    pub input: Option<Input>,
    /// Store weights as 16-bit floats: half the size, about three significant digits; for pages too
    #[arg(long)]
    pub half: bool,
    /// Put out probabilities instead of logits
    #[arg(long)]
    pub softmax: bool,
}

/// How convolutions in groups are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Groups {
    /// Dense where groups are small, odd or shuffled, else in groups; the default
    Auto,
    /// As dense convolutions with zeros between the groups; the fastest form in most engines
    Dense,
    /// As drawn in the paper: a convolution for each group, and the channel shuffle
    Split,
}

/// What the caller of an ONNX file passes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Input {
    /// Normalized images, f32 [batch, 3, side, side]; the default
    Tensor,
    /// Images from 0 to 1 of the same shape, normalized inside
    Pixels,
    /// One photo of any size, u8 [height, width, 3]; resized, cropped and normalized inside
    Photo,
}

impl OnnxArgs {
    /// The library's options.
    pub fn options(&self) -> onnx::Options {
        let groups = match self.groups {
            None | Some(Groups::Auto) => onnx::Groups::Auto,
            Some(Groups::Dense) => onnx::Groups::Dense,
            Some(Groups::Split) => onnx::Groups::Split,
        };
        let input = match self.input {
            None | Some(Input::Tensor) => onnx::Input::Tensor,
            Some(Input::Pixels) => onnx::Input::Pixels,
            Some(Input::Photo) => onnx::Input::Photo,
        };
        onnx::Options { groups, input, half: self.half, softmax: self.softmax }
    }

    /// Those of these options that were given.
    pub fn given(&self) -> impl Iterator<Item = &'static str> {
        let given = [
            (self.groups.is_some(), "--groups"),
            (self.input.is_some(), "--input"),
            (self.half, "--half"),
            (self.softmax, "--softmax"),
        ];
        given.into_iter().filter(|(given, _)| *given).map(|(_, name)| name)
    }
}
