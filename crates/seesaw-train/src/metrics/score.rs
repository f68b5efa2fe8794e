//! The loss and the counts of an evaluation alone, which can be put together of parts.

use seesaw_data::Batch;
use seesaw_engine::Plan;

use super::log_probability;
use crate::{
    TrainError,
    loss::{Counts, Targets, softmax},
};

/// Counts over images, and the logarithm of the probability of each image's class.
///
/// Scores of consecutive parts of a data set, put together in order, are the score of the whole to the
/// last bit.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Score {
    counts: Counts,
    logs: Vec<f64>,
}

impl Score {
    /// How many images there are, and how many of them were classified correctly.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Mean cross entropy; 0 where there are no images.
    pub fn loss(&self) -> f64 {
        self.logs.iter().fold(0.0, |loss, log| loss - log) / self.counts.images.max(1) as f64
    }

    /// For [`Self::append`].
    pub fn to_bytes(&self) -> Vec<u8> {
        let Counts { top1, top5, .. } = self.counts;
        let counts = [top1, top5].into_iter().flat_map(|count| (count as u64).to_le_bytes());
        counts.chain(self.logs.iter().flat_map(|log| log.to_le_bytes())).collect()
    }

    /// Appends the score of the images after these; `None` where the bytes are none.
    pub fn append(&mut self, bytes: &[u8]) -> Option<()> {
        let (words, []) = bytes.as_chunks() else { return None };
        let [top1, top5, logs @ ..] = words else { return None };
        let [top1, top5] = [top1, top5].map(|count| u64::from_le_bytes(*count) as usize);
        self.counts += Counts { images: logs.len(), top1, top5 };
        self.logs.extend(logs.iter().map(|log| f64::from_le_bytes(*log)));
        Some(())
    }
}

/// Adds a batch to a score.
pub(crate) fn score_batch(
    plan: &Plan,
    batch: &Batch,
    labels: &[u32],
    score: &mut Score,
) -> Result<(), TrainError> {
    let (classes, image) = (plan.classes(), 3 * plan.input_size() * plan.input_size());
    let mut logits = Vec::with_capacity(batch.len() * classes);
    for images in batch.images.chunks(plan.batch() * image) {
        logits.extend(plan.logits(images)?);
    }
    score.counts += Counts::from_logits(&logits, classes, &Targets::from_labels(labels));
    let images = logits.chunks_exact(classes).zip(labels);
    score.logs.extend(images.map(|(logits, label)| log_probability(&softmax(logits), *label)));
    Ok(())
}
