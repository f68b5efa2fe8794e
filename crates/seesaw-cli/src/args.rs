//! The command line: every command with its arguments and help, one file each.

mod bench;
mod common;
mod compare;
mod completions;
mod data;
mod embed;
mod eval;
mod export;
mod import;
mod infer;
mod models;
mod plot;
mod predict;
mod recipes;
mod resume;
mod search;
#[cfg(feature = "serve")]
mod serve;
mod summary;
mod tables;
mod train;

use clap::{Parser, Subcommand};

pub use bench::BenchArgs;
#[cfg(test)]
pub use common::Fit;
pub use common::{
    Balance, Channels, ExecutionArgs, NetArgs, Precision, RanksKind, RecipeChanges, ShapeArgs,
    SizeArgs,
};
pub use compare::CompareArgs;
pub use completions::CompletionsArgs;
pub use data::{Cifar10Args, DataArgs, DataCommand, DataInfoArgs, DataPackArgs};
pub use embed::EmbedArgs;
pub use eval::{EvalArgs, Split};
pub use export::ExportArgs;
pub use import::ImportArgs;
pub use infer::InferArgs;
pub use models::ModelsArgs;
pub use plot::{PictureFormat, PlotArgs};
pub use predict::PredictArgs;
pub use recipes::RecipesArgs;
pub use resume::ResumeArgs;
pub use search::{HowArgs, SearchArgs, SearchCommand, SearchReportArgs, SpaceArgs, WorkArgs};
#[cfg(feature = "serve")]
pub use serve::ServeArgs;
pub use summary::SummaryArgs;
pub use tables::TablesArgs;
pub use train::{StartArgs, TrainArgs};

/// Small image classifiers whose pointwise convolutions work in groups of unequal size.
#[derive(Debug, Parser)]
#[command(
    name = "seesaw",
    version,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = "\
Examples:
  seesaw predict photos/                              classify photos with the bundled weights
  seesaw train --data photos/                         train a net on folders of photos
  seesaw resume runs/photos                           resume an interrupted training
  seesaw eval runs/photos                             measure the accuracy of the result
  seesaw predict --weights runs/photos/best.safetensors photo.jpg
  seesaw import net.pth.tar net.safetensors           convert PyTorch weights
  seesaw export runs/photos/best.safetensors net.onnx write a model for other programs
  seesaw summary seesaw-shuffle-1.0d-imagenet         show a net layer by layer

Exit codes: 0 success, 1 some inputs failed, 2 wrong usage or an unusable file, 130 interrupted by
Ctrl-C, 129, 138 or 143 by another signal."
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
    Export(Box<ExportArgs>),
    Predict(PredictArgs),
    Embed(EmbedArgs),
    #[cfg(feature = "serve")]
    Serve(ServeArgs),
    #[command(alias = "run")]
    Infer(InferArgs),
    Train(Box<TrainArgs>),
    Resume(ResumeArgs),
    Recipes(RecipesArgs),
    Search(Box<SearchArgs>),
    Eval(Box<EvalArgs>),
    Compare(CompareArgs),
    Plot(PlotArgs),
    Data(DataArgs),
    Bench(BenchArgs),
    Completions(CompletionsArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn definitions_are_consistent() {
        super::Cli::command().debug_assert();
    }
}
