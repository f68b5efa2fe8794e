//! How accurate a net is on a data set.

mod classes;
mod evaluate;
mod score;
#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::loss::{Counts, Targets, softmax};

pub use classes::{MatchedBy, Matching, match_classes};
pub use evaluate::evaluate;
pub(crate) use evaluate::evaluate_on;
pub(crate) use score::{Score, score_batch};

/// Bins of the calibration error.
const BINS: usize = 15;

/// The results of a net on the images of a data set.
#[derive(Debug, Clone)]
pub struct Evaluation {
    classes: usize,
    loss: f64,
    counts: Counts,
    confusion: Vec<u32>,
    bins: [Bin; BINS],
    keep: Keep,
    mistakes: Vec<Prediction>,
    predictions: Vec<Prediction>,
}

/// Which images an [`Evaluation`] keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Keep {
    /// How many of the worst mistakes.
    pub mistakes: usize,
    /// Whether all predictions, in the order of the images.
    pub predictions: bool,
}

impl Keep {
    /// The worst mistakes.
    pub fn mistakes(count: usize) -> Self {
        Self { mistakes: count, predictions: false }
    }

    /// The same, and all predictions if wanted.
    #[must_use]
    pub fn predictions(mut self, wanted: bool) -> Self {
        self.predictions = wanted;
        self
    }
}

/// Images whose highest probability is in the same range.
#[derive(Debug, Clone, Copy, Default)]
struct Bin {
    images: usize,
    right: usize,
    confidence: f64,
}

/// What a net said of an image.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Prediction {
    /// The image's index in the data set.
    pub index: u32,
    /// Its class.
    pub truth: u32,
    /// The class that the net predicted.
    pub predicted: u32,
    /// The probability that the net gave to its prediction.
    pub probability: f64,
    /// The probability that it gave to the true class.
    pub truth_probability: f64,
}

/// An [`Evaluation`] in a few numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Images.
    pub images: usize,
    /// Share of them that were classified correctly.
    pub top1: f64,
    /// Share of them whose class was among the five most probable.
    pub top5: f64,
    /// Mean cross entropy.
    pub loss: f64,
    /// Expected calibration error over 15 bins: the mean distance between confidence and accuracy
    /// (Guo et al., arXiv 1706.04599).
    pub calibration_error: f64,
    /// For each class of the net: its images, and how many of them were classified correctly.
    pub per_class: Vec<ClassCounts>,
}

/// Results on the images of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ClassCounts {
    /// Images of the class.
    pub images: u32,
    /// How many of them were classified correctly.
    pub right: u32,
    /// How many images were classified as this class.
    pub predicted: u32,
}

impl ClassCounts {
    /// The share of the class's images that were classified correctly; `None` without images.
    pub fn recall(&self) -> Option<f64> {
        share(self.right, self.images)
    }

    /// The share of the images classified as this class that are of it; `None` where there are none.
    pub fn precision(&self) -> Option<f64> {
        share(self.right, self.predicted)
    }

    /// The harmonic mean of precision and recall: 0 where a class with images was never right, and
    /// `None` without images.
    pub fn f1(&self) -> Option<f64> {
        self.recall()?;
        share(2 * self.right, self.images + self.predicted)
    }
}

/// The logarithm of the probability of a class. Without a lower bound, the loss could be infinite; NaN
/// stays.
fn log_probability(probabilities: &[f64], class: u32) -> f64 {
    probabilities[class as usize].clamp(f64::MIN_POSITIVE, 1.0).ln()
}

fn share(part: u32, whole: u32) -> Option<f64> {
    (whole > 0).then(|| f64::from(part) / f64::from(whole))
}

impl Evaluation {
    /// An empty evaluation of a net with this many classes.
    pub fn new(classes: usize, keep: Keep) -> Self {
        Self {
            classes,
            loss: 0.0,
            counts: Counts::default(),
            confusion: vec![0; classes * classes],
            bins: [Bin::default(); BINS],
            keep,
            mistakes: Vec::new(),
            predictions: Vec::new(),
        }
    }

    /// Adds a batch: logits `[n][classes]`, the classes of the images, and their indices in the data
    /// set.
    ///
    /// # Panics
    /// When the lengths differ, or a label is not a class.
    pub fn add(&mut self, logits: &[f32], labels: &[u32], indices: &[u32]) {
        assert_eq!(logits.len(), labels.len() * self.classes, "logits of as many images as labels");
        assert_eq!(labels.len(), indices.len(), "an index for each image");
        self.counts += Counts::from_logits(logits, self.classes, &Targets::from_labels(labels));
        let images = logits.chunks_exact(self.classes).zip(labels.iter().zip(indices));
        for (logits, (label, index)) in images {
            self.add_image(&softmax(logits), *label, *index);
        }
        self.mistakes.sort_by(|a, b| {
            a.truth_probability.total_cmp(&b.truth_probability).then(a.index.cmp(&b.index))
        });
        self.mistakes.truncate(self.keep.mistakes);
    }

    fn add_image(&mut self, probabilities: &[f64], truth: u32, index: u32) {
        // Among equal probabilities, the first.
        let higher = |best: usize, i: usize| {
            if probabilities[i] > probabilities[best] { i } else { best }
        };
        let predicted = (0..self.classes).fold(0, higher);
        let (probability, own) = (probabilities[predicted], probabilities[truth as usize]);
        self.loss -= log_probability(probabilities, truth);
        self.confusion[truth as usize * self.classes + predicted] += 1;
        let right = predicted == truth as usize;
        let bin = ((probability * BINS as f64).ceil() as usize).clamp(1, BINS) - 1;
        let bin = &mut self.bins[bin];
        bin.images += 1;
        bin.right += usize::from(right);
        bin.confidence += probability;
        let (predicted, truth_probability) = (predicted as u32, own);
        let prediction = Prediction { index, truth, predicted, probability, truth_probability };
        if !right {
            self.mistakes.push(prediction);
        }
        if self.keep.predictions {
            self.predictions.push(prediction);
        }
    }

    /// How many images were classified correctly.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Mean cross entropy; 0 where there are no images.
    pub fn loss(&self) -> f64 {
        self.loss / self.counts.images.max(1) as f64
    }

    /// Classes of the net.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// `[classes][classes]`: how many images of the row's class were predicted as the column's.
    pub fn confusion(&self) -> &[u32] {
        &self.confusion
    }

    /// The worst mistakes, starting with the one whose true class was least probable to the net.
    pub fn mistakes(&self) -> &[Prediction] {
        &self.mistakes
    }

    /// All predictions, in the order of the images, if they are kept.
    pub fn predictions(&self) -> &[Prediction] {
        &self.predictions
    }

    /// Expected calibration error over 15 bins of equal width.
    pub fn calibration_error(&self) -> f64 {
        let gap = |bin: &Bin| (bin.right as f64 - bin.confidence).abs();
        self.bins.iter().map(gap).sum::<f64>() / self.counts.images.max(1) as f64
    }

    /// The results in a few numbers.
    pub fn summary(&self) -> Summary {
        let class = |class: usize| {
            let row = &self.confusion[class * self.classes..][..self.classes];
            let column = self.confusion.iter().skip(class).step_by(self.classes);
            let (images, predicted) = (row.iter().sum(), column.sum());
            ClassCounts { images, right: row[class], predicted }
        };
        Summary {
            images: self.counts.images,
            top1: self.counts.top1_share(),
            top5: self.counts.top5_share(),
            loss: self.loss(),
            calibration_error: self.calibration_error(),
            per_class: (0..self.classes).map(class).collect(),
        }
    }
}
