//! A net run over a data set.

use seesaw_data::Loader;
use seesaw_engine::Plan;

use super::Evaluation;
use crate::TrainError;

/// Evaluates a net on all images of a loader, keeping the worst `mistakes`.
///
/// `columns` has, for each class of the data, its place among the net's logits. `progress` is told
/// how many images are done.
///
/// # Errors
/// When an image cannot be loaded, or the loader's images or classes do not fit.
pub fn evaluate(
    plan: &Plan,
    columns: &[u32],
    loader: &Loader,
    mistakes: usize,
    progress: &mut dyn FnMut(usize),
) -> Result<Evaluation, TrainError> {
    let mut evaluation = Evaluation::new(plan.classes(), mistakes);
    let image = 3 * plan.input_size() * plan.input_size();
    for batch in loader.epoch(0, 0) {
        let batch = batch?;
        let mut logits = Vec::with_capacity(batch.len() * plan.classes());
        for images in batch.images.chunks(plan.batch() * image) {
            logits.extend(plan.logits(images)?);
        }
        let labels: Option<Vec<u32>> =
            batch.labels.iter().map(|l| columns.get(*l as usize).copied()).collect();
        let labels = labels.ok_or_else(|| {
            TrainError::Setup("the data have more classes than the evaluator knows".to_owned())
        })?;
        evaluation.add(&logits, &labels, &batch.indices);
        progress(evaluation.counts().images);
    }
    Ok(evaluation)
}
