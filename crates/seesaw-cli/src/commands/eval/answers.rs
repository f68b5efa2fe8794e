//! What the net said of each image, as CSV.

use std::path::Path;

use seesaw_data::Dataset;
use seesaw_train::metrics::Prediction;

use crate::{failure::Failure, output};

const HEADER: [&str; 6] =
    ["path", "class", "predicted", "correct", "probability", "class_probability"];

/// Writes a line for each prediction, in the order of the images.
pub fn write(
    path: &Path,
    predictions: &[Prediction],
    dataset: &Dataset,
    names: &[String],
) -> Result<(), Failure> {
    let mut lines = vec![HEADER.map(str::to_owned)];
    for prediction in predictions {
        let Prediction { index, truth, predicted, probability, truth_probability } = prediction;
        lines.push([
            dataset.name(*index as usize)?,
            names[*truth as usize].clone(),
            names[*predicted as usize].clone(),
            (truth == predicted).to_string(),
            format!("{probability:.6}"),
            format!("{truth_probability:.6}"),
        ]);
    }
    output::csv_file(path, lines)
}
