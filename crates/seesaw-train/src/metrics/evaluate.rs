//! A net run over a data set.

use seesaw_arch::Net;
use seesaw_data::Loader;
use seesaw_engine::{Machine, Options, Plan};
use seesaw_format::NetWeights;

use super::Evaluation;
use crate::TrainError;

/// Images that a run of an evaluator's plan takes.
const BATCH: usize = 16;

/// A compiled net with the classes of a data set.
#[derive(Debug)]
pub struct Evaluator {
    plan: Plan,
    /// The logit of each class of the data.
    classes: Vec<u32>,
}

/// Compiles a net to evaluate it on images of `size` pixels.
///
/// # Errors
/// When the net breaks a rule, or the instruction set is absent.
pub fn compile_evaluator(
    net: &Net,
    weights: &NetWeights,
    size: usize,
    machine: &Machine,
    classes: Vec<u32>,
) -> Result<Evaluator, TrainError> {
    let options = Options::new(net).input_size(size).batch(BATCH);
    Ok(Evaluator { plan: seesaw_engine::compile(net, weights, &options, machine)?, classes })
}

impl Evaluator {
    /// Evaluates on all images of a loader, keeping the worst `mistakes`; `progress` hears how many
    /// images are done.
    ///
    /// # Errors
    /// When an image cannot be had, or the loader's images have another size.
    pub fn run(
        &self,
        loader: &Loader,
        mistakes: usize,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Evaluation, TrainError> {
        let mut evaluation = Evaluation::new(self.plan.classes(), mistakes);
        let image = 3 * self.plan.input_size() * self.plan.input_size();
        for batch in loader.epoch(0, 0) {
            let batch = batch?;
            let mut logits = Vec::with_capacity(batch.len() * self.plan.classes());
            for images in batch.images.chunks(BATCH * image) {
                logits.extend(self.plan.logits(images)?);
            }
            let labels: Option<Vec<u32>> =
                batch.labels.iter().map(|l| self.classes.get(*l as usize).copied()).collect();
            let labels = labels.ok_or_else(|| {
                TrainError::Setup("the data have more classes than the evaluator knows".to_owned())
            })?;
            evaluation.add(&logits, &labels, &batch.indices);
            progress(evaluation.counts().images);
        }
        Ok(evaluation)
    }
}
