//! A net run over a data set.

use seesaw_data::{Batch, Loader};
use seesaw_engine::Plan;

use super::{Evaluation, Keep};
use crate::TrainError;

/// Evaluates a net on all images of a loader, keeping what `keep` says.
///
/// `columns` has, for each class of the data, its place among the net's logits. `progress` is told
/// how many images are done.
///
/// # Errors
/// When an image cannot be loaded, or the images have another size than the plan's.
///
/// # Panics
/// When `columns` lacks a class of the data, or has a number that is not a logit.
pub fn evaluate(
    plan: &Plan,
    columns: &[u32],
    loader: &Loader,
    keep: Keep,
    progress: &mut dyn FnMut(usize),
) -> Result<Evaluation, TrainError> {
    let labels =
        |batch: &Batch| Ok(batch.labels.iter().map(|label| columns[*label as usize]).collect());
    let all = evaluate_on(plan, loader, &labels, keep, &mut |done| {
        progress(done);
        true
    })?;
    Ok(all.expect("nothing asks it to stop"))
}

/// As [`evaluate`], with the labels of each batch from a function; `None` where `goes_on`, which is told
/// how many images are done, returns false.
pub(crate) fn evaluate_on(
    plan: &Plan,
    loader: &Loader,
    labels: &dyn Fn(&Batch) -> Result<Vec<u32>, TrainError>,
    keep: Keep,
    goes_on: &mut dyn FnMut(usize) -> bool,
) -> Result<Option<Evaluation>, TrainError> {
    let mut evaluation = Evaluation::new(plan.classes(), keep);
    let image = 3 * plan.input_size() * plan.input_size();
    for batch in loader.epoch(0, 0) {
        let batch = batch?;
        let mut logits = Vec::with_capacity(batch.len() * plan.classes());
        for images in batch.images.chunks(plan.batch() * image) {
            logits.extend(plan.logits(images)?);
        }
        evaluation.add(&logits, &labels(&batch)?, &batch.indices);
        if !goes_on(evaluation.counts().images) {
            return Ok(None);
        }
    }
    Ok(Some(evaluation))
}
