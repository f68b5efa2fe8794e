//! What a user of this command can do about errors of the libraries, which know none of its
//! arguments.

use std::{error::Error, path::Path};

use seesaw_arch::{ArchError, space::SpaceError};
use seesaw_comm::CommError;
use seesaw_data::{
    DataError, datasets::pack::PackError, download::DownloadError, find::FindError,
    loader::LoadError,
};
use seesaw_engine::EngineError;
use seesaw_export::ExportError;
use seesaw_format::FormatError;
use seesaw_kernels::KernelError;
use seesaw_search::SearchError;
use seesaw_train::{
    TrainError,
    recipe::RecipeError,
    run::{Config, RunFolder, read_log},
};

/// An error of a library that may have a remedy in terms of this command.
pub trait Hint: Error {
    /// What to do, if the error's message does not say it all.
    fn hint(&self) -> Option<String> {
        None
    }
}

impl Hint for ArchError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::UnknownNet { nearest: None, .. } => "`seesaw models` lists them",
            Self::Toml(_) => "`seesaw summary NET --toml` prints a description to start from",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

impl Hint for KernelError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Environment { .. } => {
                "unset SEESAW_ISA to use the best instruction set of this processor"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

impl Hint for EngineError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Arch(error) => error.hint(),
            Self::Kernel(error) => error.hint(),
            _ => None,
        }
    }
}

impl Hint for FormatError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Arch(error) => return error.hint(),
            Self::Unrecognized { is_named: true, .. } => {
                "name the net with `--net NAME`, or with `--net FILE.toml` for one of your own"
            }
            Self::Unrecognized { is_named: false, .. } => {
                "read are the tensor names of the published code, and of MobileNetV2 and \
                 EfficientNet-Lite0 in torchvision, timm and transformers: rename the tensors"
            }
            Self::Ambiguous { candidates } => {
                let nets: Vec<String> =
                    candidates.iter().map(|name| format!("`--net {name}`")).collect();
                return Some(format!("choose {}", nets.join(" or ")));
            }
            Self::SeveralWeights { keys } => return Some(choose_key(keys)),
            Self::NoKey { available, .. } if !available.is_empty() => {
                return Some(choose_key(available));
            }
            Self::NoKey { .. } => "omit `--key`",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// How to read one of the weights in a checkpoint, with a command that does not read them too.
fn choose_key(keys: &[String]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| format!("`--key {key}`")).collect();
    let keys = keys.join(" or ");
    format!("choose {keys}, for training with `seesaw import IN OUT.safetensors` before")
}

impl Hint for ExportError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Engine(error) => error.hint(),
            Self::Format(error) => error.hint(),
            Self::TooLarge { .. } => Some("try `--groups split` or `--half`".to_owned()),
            Self::Recipe { .. } => Some("choose another with `--recipe NAME`".to_owned()),
            _ => None,
        }
    }
}

impl Hint for SpaceError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Toml(_) => {
                Some("`seesaw search --show-space` prints a space to start from".to_owned())
            }
            Self::Net(error) => error.hint(),
            _ => None,
        }
    }
}

impl Hint for SearchError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Exists { folder } => {
                let folder = folder.display();
                format!("`seesaw search --resume {folder}` continues it; or choose another `--out`")
            }
            Self::None { .. } => "`seesaw search --data DATA --out SEARCH` starts one".to_owned(),
            Self::TooShort { trial_hours, .. } => format!(
                "give `--hours` of at least {:.1}, or fewer images with `--limit`; nothing is lost, \
                 `--resume` continues",
                // Some short trainings, and some long ones.
                trial_hours * 30.0
            ),
            Self::NoNet { .. } => "choose another `--madds` or `--budget-ms`".to_owned(),
            Self::OtherMachine { .. } => "join from a machine with that processor".to_owned(),
            Self::Damaged { .. } => {
                "remove the damaged line and those after it, and `--resume` does them again"
                    .to_owned()
            }
            Self::Version { .. } => "continue it with that version".to_owned(),
            Self::AllFail { .. } => "try a lower `--set optimizer.rate=`".to_owned(),
            Self::Space(error) => return error.hint(),
            Self::Net(error) => return error.hint(),
            Self::Engine(error) => return error.hint(),
            Self::Train { error, .. } => return error.hint(),
            _ => return None,
        })
    }
}

impl Hint for RecipeError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Toml(_) => Some("`seesaw recipes NAME` prints a recipe to start from".to_owned()),
            _ => None,
        }
    }
}

impl Hint for CommError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoMpi { .. } => {
                "`apt install mpich`, `dnf install mpich`, `pip install mpich` or your cluster's \
                 `module load` installs one; then start with `mpirun -n N seesaw train ... --ranks mpi`"
            }
            Self::OtherLauncher { .. } => "see docs/guides/cluster.md",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

impl Hint for TrainError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Arch(error) => return error.hint(),
            Self::Kernel(error) => return error.hint(),
            Self::Engine(error) => return error.hint(),
            Self::Format(error) => return error.hint(),
            Self::Recipe(error) => return error.hint(),
            Self::Comm(error) => return error.hint(),
            Self::RanksDiffer { what, .. } if what == "instruction set" => {
                "set `SEESAW_ISA` to one that all machines have, such as avx2"
            }
            Self::RunExists { folder } | Self::Unfinished { folder, .. } => {
                return Some(format!("`seesaw resume {}` continues the run", folder.display()));
            }
            Self::OtherLength { folder, epochs, .. } => return train_on(folder, *epochs),
            Self::OneValue { .. } => "pass a larger `--batch` or `--input-size`",
            Self::NeedsImages { .. } => "`--val-split 0.2` holds out a fifth for validation",
            Self::TeacherNormalization { mean, std, .. } => {
                return Some(format!("pass `--set mean='{mean:?}' --set std='{std:?}'`"));
            }
            Self::Diverged { .. } => {
                "start again with a lower rate (`--set optimizer.rate=...`), a longer warm-up \
                 (`--set schedule.warmup=...`) or gradient clipping (`--set clip=1`)"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// The command that starts a new run where another one ends, which cannot be given more epochs.
///
/// The run's own recipe holds out the same images for validation; at a tenth of its rate, the first
/// steps do not undo what the last ones learned.
fn train_on(folder: &Path, epochs: usize) -> Option<String> {
    let run = RunFolder::new(folder);
    let Config { run: facts, data, recipe, .. } = Config::read(&run.config()).ok()?;
    let done =
        run.last().exists().then(|| read_log(&run.log()).ok()).flatten().map_or(0, |l| l.len());
    if done == 0 {
        return None;
    }
    let more = if epochs > done { epochs - done } else { epochs };
    let mut command = format!(
        "seesaw train --data {} --init {} --recipe {} --epochs {more} --set optimizer.rate={}",
        quoted(&data.path),
        quoted(&run.last()),
        quoted(folder),
        tenth(recipe.optimizer.rate),
    );
    if let Some(limit) = data.limit {
        command += &format!(" --limit {limit}");
    }
    if let Some(teacher) = &facts.teacher {
        command += &format!(" --teacher {}", quoted(teacher));
    }
    if facts.unlabeled {
        command += " --unlabeled";
    }
    Some(format!(
        "to train its last weights for {more} epochs more, in a new run with the same recipe and a \
         tenth of its rate: `{command}`"
    ))
}

/// A tenth of a rate, without the digits that only binary numbers have.
fn tenth(rate: f64) -> f64 {
    format!("{:.6e}", rate / 10.0).parse().unwrap_or(rate / 10.0)
}

/// A path as a word of a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/\\:._-+=@%".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

impl Hint for seesaw::Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Format { source, .. } => source.hint(),
            Self::Engine(error) => error.hint(),
            Self::Preprocess(error) => error.hint(),
            _ => None,
        }
    }
}

#[cfg(feature = "serve")]
impl Hint for seesaw_serve::ServeError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Name(_) | Self::DuplicateName(_) => {
                "write NAME=MODEL, such as `flowers=runs/flowers/best.safetensors`"
            }
            Self::Listen { .. } => "`--listen ADDRESS:PORT` chooses another address or port",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

// The messages of these say all there is to do.
impl Hint for DataError {}
impl Hint for DownloadError {}
impl Hint for FindError {}
impl Hint for LoadError {}
impl Hint for PackError {}
