//! What runs and evaluations say, as pictures (feature `plots`).

use std::path::Path;

use seesaw_arch::Filter;
use seesaw_data::Dataset;
use seesaw_image::{RgbImage, resize::resize_and_crop};
use seesaw_plot::{Curves, Format, Line, Picture, TILE_SIDE, Tile};

use crate::{
    TrainError,
    metrics::Prediction,
    run::{EpochRow, replace},
};

/// Draws a picture into a file, as SVG or PNG according to its extension.
///
/// # Errors
/// [`TrainError::Plot`] for another extension; when the file cannot be written.
pub fn write_picture(path: &Path, picture: &impl Picture) -> Result<(), TrainError> {
    replace(path, &seesaw_plot::encode(picture, Format::from_path(path)?)?)
}

/// Writes photos side by side into a PNG file.
///
/// # Errors
/// When the file cannot be written.
pub fn write_sheet(path: &Path, tiles: &[Tile]) -> Result<(), TrainError> {
    replace(path, &seesaw_plot::sheet_png(tiles)?)
}

/// The photos of mistakes, with the true class, the predicted class and its probability.
///
/// # Errors
/// When a photo cannot be read.
///
/// # Panics
/// When a class has no name.
pub fn mistake_tiles(
    dataset: &Dataset,
    mistakes: &[Prediction],
    names: &[String],
) -> Result<Vec<Tile>, TrainError> {
    let tile = |mistake: &Prediction| {
        let photo = dataset.image(mistake.index as usize)?;
        let predicted = &names[mistake.predicted as usize];
        Ok(Tile {
            pixels: thumbnail(&photo),
            truth: names[mistake.truth as usize].clone(),
            predicted: format!("{predicted} {:.0} %", 100.0 * mistake.probability),
        })
    };
    mistakes.iter().map(tile).collect()
}

/// The center of a photo at the size of a tile; `None` if it cannot be scaled.
fn thumbnail(photo: &RgbImage) -> Option<Vec<u8>> {
    let side = TILE_SIDE as u32;
    resize_and_crop(photo, side, side, Filter::Bilinear).map(|photo| photo.pixels().to_vec())
}

/// The curves of a run: the names of files, without extension, and what they show.
pub fn training_curves(rows: &[EpochRow]) -> [(&'static str, Curves); 3] {
    let line = |name, value| line(name, rows, value);
    let curves = |title: &str, rising, lines| Curves { title: title.to_owned(), rising, lines };
    let losses = vec![line("training", |r| Some(r.train_loss)), line("validation", |r| r.val_loss)];
    let accuracies = vec![
        line("training, top-1", |r| Some(percent(r.train_top1))),
        line("validation, top-1", |r| r.val_top1.map(percent)),
        line("validation, top-5", |r| r.val_top5.map(percent)),
    ];
    let rates = vec![line("last step of the epoch", |r| Some(r.rate))];
    [
        ("loss", curves("loss", false, losses)),
        ("accuracy", curves("accuracy, %", true, accuracies)),
        ("rate", curves("learning rate", false, rates)),
    ]
}

/// A column of the log that is worth a picture.
struct Column {
    /// Its name in the log.
    name: &'static str,
    title: &'static str,
    /// Whether it rises in training.
    rising: bool,
    value: fn(&EpochRow) -> Option<f64>,
}

const COLUMNS: [Column; 4] = [
    Column {
        name: "train_loss",
        title: "training loss",
        rising: false,
        value: |row| Some(row.train_loss),
    },
    Column {
        name: "train_top1",
        title: "top-1 on the training images as augmented, %",
        rising: true,
        value: |row| Some(percent(row.train_top1)),
    },
    Column { name: "val_loss", title: "validation loss", rising: false, value: |row| row.val_loss },
    Column {
        name: "val_top1",
        title: "validation top-1, %",
        rising: true,
        value: |row| row.val_top1.map(percent),
    },
];

/// The logs of several runs, a line for each: the names of files, without extension, and what they
/// show. A column is left out if no run has two values in it.
pub fn run_curves(runs: &[(String, Vec<EpochRow>)]) -> Vec<(&'static str, Curves)> {
    let curves = COLUMNS.iter().map(|column| {
        let lines = runs.iter().map(|(name, rows)| line(name, rows, column.value)).collect();
        (column.name, Curves { title: column.title.to_owned(), rising: column.rising, lines })
    });
    curves.filter(|(_, curves)| curves.lines.iter().any(|line| line.points.len() > 1)).collect()
}

fn line(name: &str, rows: &[EpochRow], value: fn(&EpochRow) -> Option<f64>) -> Line {
    let points = rows.iter().filter_map(|row| Some((row.epoch as f64, value(row)?)));
    Line { name: name.to_owned(), points: points.collect() }
}

fn percent(share: f64) -> f64 {
    100.0 * share
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<EpochRow> {
        let row = |epoch: usize| EpochRow {
            epoch,
            step: 10 * epoch as u64,
            size: 32,
            batch: 64,
            rate: 0.1 / epoch as f64,
            train_loss: 2.0 / epoch as f64,
            train_top1: 1.0 - 0.5 / epoch as f64,
            val_loss: Some(2.2 / epoch as f64),
            val_top1: Some(1.0 - 0.6 / epoch as f64),
            val_top5: Some(1.0 - 0.2 / epoch as f64),
            best: true,
        };
        (1..=12).map(row).collect()
    }

    #[test]
    fn a_run_has_three_pictures() {
        let folder = tempfile::tempdir().unwrap();
        for (name, curves) in training_curves(&rows()) {
            assert!(curves.lines.iter().all(|line| line.points.len() == 12));
            let path = folder.path().join(name).with_extension("svg");
            write_picture(&path, &curves).unwrap();
            let svg = std::fs::read_to_string(path).unwrap();
            assert!(svg.contains(&curves.title) && svg.contains(&curves.lines[0].name));
        }
        let (_, loss) = &training_curves(&[])[0];
        assert!(loss.lines.iter().all(|line| line.points.is_empty()));
        let error = write_picture(&folder.path().join("loss.gif"), loss).unwrap_err().to_string();
        assert!(error.contains(".svg or .png"), "{error}");
    }

    #[test]
    fn a_line_a_run() {
        let runs: Vec<_> = (0..9).map(|number| (format!("run {number}"), rows())).collect();
        let columns = run_curves(&runs);
        let all = ["train_loss", "train_top1", "val_loss", "val_top1"];
        assert_eq!(columns.iter().map(|(name, _)| *name).collect::<Vec<_>>(), all);
        assert_eq!(columns[3].1.lines[8].name, "run 8");
        assert_eq!(columns[3].1.lines[8].points[11], (12.0, 95.0));
    }

    #[test]
    fn columns_with_one_value_have_no_picture() {
        let mut once = rows();
        for row in &mut once[..11] {
            (row.val_loss, row.val_top1) = (None, None);
        }
        let columns = run_curves(&[("once".to_owned(), once)]);
        assert_eq!(
            columns.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            ["train_loss", "train_top1"]
        );
        assert!(run_curves(&[]).is_empty());
    }

    #[test]
    fn photos_of_any_size_become_tiles() {
        let photo = RgbImage::new(20, 30, [0, 200, 0].repeat(600)).unwrap();
        assert_eq!(thumbnail(&photo), Some([0, 200, 0].repeat(TILE_SIDE * TILE_SIDE)));
    }
}
