//! The result of an evaluation, as text and as JSON.

use std::io::Write;

use seesaw_data::{Dataset, datasets::Part};
use seesaw_train::metrics::{Evaluation, Summary};
use serde::Serialize;

use crate::{
    failure::Failure,
    output::{self, Align, Table},
};

use super::Subject;

/// What `--json` prints.
#[derive(Serialize)]
pub struct Report<'a> {
    weights: String,
    net: &'a str,
    data: String,
    /// `train`, `val`, `test` or `all`.
    split: &'static str,
    input_size: u32,
    images: usize,
    broken: usize,
    /// Images among them that the net was trained on, as far as that is known.
    trained_on: usize,
    top1: f64,
    top5: f64,
    loss: f64,
    calibration_error: f64,
    /// The mean of the classes' recall, in which rare classes count as much as frequent ones.
    balanced_accuracy: f64,
    /// The mean of the classes' F1.
    macro_f1: f64,
    /// The net's classes, of which the five most probable count for `top5`.
    #[serde(skip)]
    outputs: usize,
    classes: Vec<Class<'a>>,
}

/// What was evaluated.
pub struct Scope {
    /// The part of the data set; `None` for all of it.
    pub part: Option<Part>,
    /// Images that cannot be decoded.
    pub broken: usize,
    /// Images that the net was trained on.
    pub trained: usize,
    /// For each class of the data set, the index of its output.
    pub columns: Vec<u32>,
}

impl Scope {
    fn name(&self) -> &'static str {
        match self.part {
            Some(Part::Train) => "train",
            Some(Part::Val) => "val",
            Some(Part::Test) => "test",
            _ => "all",
        }
    }
}

/// A class of the data set.
#[derive(Serialize)]
struct Class<'a> {
    class: &'a str,
    images: u32,
    right: u32,
    /// The share of the class's images that were classified correctly, or recall.
    top1: f64,
    /// The share of the images classified as this class that are of it; `null` where there are none.
    precision: Option<f64>,
    f1: f64,
}

impl<'a> Report<'a> {
    /// Classes without images are left out.
    pub fn new(
        evaluation: &Evaluation,
        subject: &'a Subject,
        dataset: &'a Dataset,
        scope: &Scope,
    ) -> Self {
        let Summary { images, top1, top5, loss, calibration_error, per_class } =
            evaluation.summary();
        let class = |(class, &column): (&'a String, &u32)| {
            let counts = per_class[column as usize];
            Class {
                class,
                images: counts.images,
                right: counts.right,
                top1: counts.recall().unwrap_or(0.0),
                precision: counts.precision(),
                f1: counts.f1().unwrap_or(0.0),
            }
        };
        let classes: Vec<_> = dataset
            .classes()
            .iter()
            .zip(&scope.columns)
            .map(class)
            .filter(|c| c.images > 0)
            .collect();
        let mean = |of: fn(&Class<'a>) -> f64| {
            classes.iter().map(of).sum::<f64>() / classes.len().max(1) as f64
        };
        Self {
            weights: subject.weights.display().to_string(),
            net: &subject.classifier.net().name,
            data: subject.data.display().to_string(),
            split: scope.name(),
            input_size: subject.classifier.preprocess().crop,
            images,
            broken: scope.broken,
            trained_on: scope.trained,
            top1,
            top5,
            loss,
            calibration_error,
            balanced_accuracy: mean(|class| class.top1),
            macro_f1: mean(|class| class.f1),
            outputs: evaluation.classes(),
            classes,
        }
    }

    /// Prints the numbers, and a table of the classes.
    pub fn print(&self) -> Result<(), Failure> {
        let mut out = output::stdout();
        let images = output::thousands(self.images as u64);
        let part = match self.split {
            "train" => "training ",
            "val" => "validation ",
            "test" => "test ",
            _ => "",
        };
        writeln!(out, "{} on {images} {part}images of {}\n", self.weights, self.data)?;
        writeln!(out, "top-1              {:6.2} %", 100.0 * self.top1)?;
        // Of five classes, the true one is always among the five most probable.
        if self.outputs > 5 {
            writeln!(out, "top-5              {:6.2} %", 100.0 * self.top5)?;
        }
        writeln!(out, "balanced accuracy  {:6.2} %", 100.0 * self.balanced_accuracy)?;
        writeln!(out, "macro F1           {:6.2} %", 100.0 * self.macro_f1)?;
        writeln!(out, "loss               {:8.4}", self.loss)?;
        writeln!(out, "calibration error  {:6.2} %\n", 100.0 * self.calibration_error)?;
        let mut table = Table::new([
            ("class", Align::Left),
            ("images", Align::Right),
            ("correct", Align::Right),
            ("recall", Align::Right),
            ("precision", Align::Right),
            ("F1", Align::Right),
        ]);
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        for class in &self.classes {
            table.row([
                class.class.to_owned(),
                class.images.to_string(),
                class.right.to_string(),
                percent(class.top1),
                class.precision.map_or("-".to_owned(), percent),
                percent(class.f1),
            ]);
        }
        table.write(&mut out)?;
        Ok(out.flush()?)
    }
}
