//! Counts of correct classifications.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::Targets;

/// How many images there are, and how many of them are classified correctly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Images.
    pub images: usize,
    /// Images whose class has the highest logit.
    pub top1: usize,
    /// Images whose class is among the five highest logits.
    pub top5: usize,
}

impl Counts {
    /// Counts over logits `[n][classes]`. The class of a mixed image is the one with the larger
    /// share. Among equal logits, the first class comes first.
    pub fn from_logits(logits: &[f32], classes: usize, targets: &Targets<'_>) -> Self {
        let mut counts = Self::default();
        for (image, logits) in logits.chunks_exact(classes).enumerate() {
            let rank = rank(logits, targets.dominant(image));
            counts.images += 1;
            counts.top1 += usize::from(rank < 1);
            counts.top5 += usize::from(rank < 5);
        }
        counts
    }

    /// Share of the images whose class has the highest logit; 0 where there are no images.
    pub fn top1_share(&self) -> f64 {
        self.top1 as f64 / self.images.max(1) as f64
    }

    /// Share of the images whose class is among the five highest logits.
    pub fn top5_share(&self) -> f64 {
        self.top5 as f64 / self.images.max(1) as f64
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.images += other.images;
        self.top1 += other.top1;
        self.top5 += other.top5;
    }
}

/// How many classes come before `class`; all do when its logit is NaN.
fn rank(logits: &[f32], class: usize) -> usize {
    let own = logits[class];
    if own.is_nan() {
        return logits.len();
    }
    let before = |(other, x): &(usize, &f32)| **x > own || (**x == own && *other < class);
    logits.iter().enumerate().filter(before).count()
}
