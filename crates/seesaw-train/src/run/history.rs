//! The log, with a line for each epoch.

use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

use super::replace;
use crate::TrainError;

/// An epoch's line in `log.csv`. Nothing in it depends on the speed of the machine, or on whether the
/// run was stopped and resumed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EpochRow {
    /// The epoch, from 1.
    pub epoch: usize,
    /// Steps since the beginning.
    pub step: u64,
    /// Side of the training images, in pixels.
    pub size: usize,
    /// Images in a batch.
    pub batch: usize,
    /// The learning rate of the epoch's last step.
    pub rate: f64,
    /// Mean training loss, as the recipe defines it.
    pub train_loss: f64,
    /// Share of the training images, as augmented, that were classified correctly.
    pub train_top1: f64,
    /// Mean cross entropy over the validation images. Like the next two fields, `None`, and empty in
    /// the file, in an epoch that did not [validate](crate::recipe::Recipe::validate_every).
    pub val_loss: Option<f64>,
    /// Share of the validation images that were classified correctly.
    pub val_top1: Option<f64>,
    /// Share of the validation images whose class was among the five most probable.
    pub val_top5: Option<f64>,
    /// Whether it validated, and better than every earlier epoch.
    #[serde(deserialize_with = "digit_or_bool")]
    pub best: bool,
}

/// The first line of `log.csv`.
pub const HEADER: &str =
    "epoch,step,size,batch,rate,train_loss,train_top1,val_loss,val_top1,val_top5,best";

impl EpochRow {
    /// The line, without a line break. Reading it gives back exactly the same numbers.
    pub fn line(&self) -> String {
        let cell = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
        format!(
            "{},{},{},{},{},{},{},{},{},{},{}",
            self.epoch,
            self.step,
            self.size,
            self.batch,
            self.rate,
            self.train_loss,
            self.train_top1,
            cell(self.val_loss),
            cell(self.val_top1),
            cell(self.val_top5),
            u8::from(self.best)
        )
    }
}

/// Writes the whole log. It is short, and a log that is written whole cannot end in half a line.
pub(crate) fn write_log(path: &Path, rows: &[EpochRow]) -> Result<(), TrainError> {
    let mut text = format!("{HEADER}\n");
    for row in rows {
        text.push_str(&row.line());
        text.push('\n');
    }
    replace(path, text.as_bytes())
}

/// A line in `timing.csv`: an epoch, or the part of one since the run was resumed.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct EpochTime {
    /// The epoch, from 1.
    pub epoch: usize,
    /// Images trained on in that time.
    pub train_images: usize,
    /// Seconds of training.
    pub train_s: f64,
    /// Seconds of validation.
    pub val_s: f64,
}

/// Reads a `log.csv`.
///
/// # Errors
/// When it cannot be read, or a line is invalid.
pub fn read_log(path: &Path) -> Result<Vec<EpochRow>, TrainError> {
    read_lines(path)
}

/// Reads a `timing.csv`.
///
/// # Errors
/// When it cannot be read, or a line is invalid.
pub fn read_times(path: &Path) -> Result<Vec<EpochTime>, TrainError> {
    read_lines(path)
}

fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, TrainError> {
    let file = std::fs::File::open(path).map_err(TrainError::io(path))?;
    let lines = csv::Reader::from_reader(file).into_deserialize().collect::<Result<_, _>>();
    lines.map_err(|error| TrainError::damaged(path, &error))
}

/// A flag is `1` or `0` in the log, and a boolean in a checkpoint.
fn digit_or_bool<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Flag {
        Bool(bool),
        Digit(u8),
    }
    Ok(match Flag::deserialize(from)? {
        Flag::Bool(flag) => flag,
        Flag::Digit(digit) => digit != 0,
    })
}
