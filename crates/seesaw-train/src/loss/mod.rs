//! The loss with its gradient, and counts of correct classifications.
//!
//! Logits are `[n, classes]`, row-major. Sums are in f64.

mod count;
mod row;

pub use count::Counts;
pub(crate) use row::softmax;

use row::Row;

/// The classes of a batch's images.
#[derive(Debug, Clone, Copy)]
pub struct Targets<'a> {
    /// The class of each image.
    pub labels: &'a [u32],
    /// For images that are mixtures of two: the class of the other one, and the share of `labels`.
    pub mixed: Option<(&'a [u32], &'a [f32])>,
}

impl<'a> Targets<'a> {
    /// Images that show one class each.
    pub fn from_labels(labels: &'a [u32]) -> Self {
        Self { labels, mixed: None }
    }

    /// The classes of an image and their shares, which add up to 1.
    fn shares(&self, image: usize) -> [(usize, f64); 2] {
        let label = self.labels[image] as usize;
        match self.mixed {
            None => [(label, 1.0), (label, 0.0)],
            Some((others, shares)) => {
                let share = f64::from(shares[image]);
                [(label, share), (others[image] as usize, 1.0 - share)]
            }
        }
    }

    /// The class with the larger share of an image.
    fn dominant(&self, image: usize) -> usize {
        let [first, second] = self.shares(image);
        if first.1 >= second.1 { first.0 } else { second.0 }
    }
}

/// The output of another net, the teacher, for the same images.
#[derive(Debug, Clone, Copy)]
pub struct Teacher<'a> {
    /// Its logits, `[n, classes]`.
    pub logits: &'a [f32],
    /// Both nets' logits are divided by it before they are compared.
    pub temperature: f64,
    /// Share of the teacher in the loss; the rest is cross entropy.
    pub share: f64,
}

/// Cross entropy with smoothed labels, and distillation where there is a teacher (Hinton et al.,
/// arXiv 1503.02531): `(1 - share) CE + share T^2 KL(teacher / T || student / T)`.
///
/// With class weights, the loss of an image is multiplied by the weight of its class, and for a mixed
/// image each class's share by the weight of that class. The mean is over the number of images, not
/// over their weights.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Loss<'a> {
    /// Share of a label that is spread evenly over all classes.
    pub smoothing: f64,
    /// How much the images of each class count; 1 for all where it is empty.
    pub class_weights: &'a [f64],
}

impl Loss<'_> {
    /// The mean loss over the batch; its gradient with respect to the logits goes into `gradient`,
    /// which has their length.
    ///
    /// # Panics
    /// When a slice has another length than the shapes say, or a label is not a class, or has no
    /// weight where classes have weights.
    pub fn run(
        &self,
        logits: &[f32],
        classes: usize,
        targets: &Targets<'_>,
        teacher: Option<&Teacher<'_>>,
        gradient: &mut [f32],
    ) -> f64 {
        let images = targets.labels.len();
        assert_eq!(logits.len(), images * classes, "logits of as many images as labels");
        assert_eq!(gradient.len(), logits.len(), "a gradient for each logit");
        let mut row = Row::new(classes);
        let mut sum = 0.0;
        let rows = logits.chunks_exact(classes).zip(gradient.chunks_exact_mut(classes));
        for (image, (logits, gradient)) in rows.enumerate() {
            row.set(logits);
            let share = teacher.map_or(0.0, |teacher| teacher.share);
            let shares = self.weighted(targets.shares(image));
            // The sum of the shares, which is exactly 1 without weights.
            let weight =
                if self.class_weights.is_empty() { 1.0 } else { shares[0].1 + shares[1].1 };
            sum += (1.0 - share) * row.cross_entropy(shares, weight, self.smoothing, 1.0 - share);
            if let Some(teacher) = teacher {
                let logits = &teacher.logits[image * classes..][..classes];
                let share = share * weight;
                sum += share * row.distillation(logits, teacher.temperature, share);
            }
            let scaled = row.gradient.iter().map(|g| (g / images as f64) as f32);
            gradient.iter_mut().zip(scaled).for_each(|(to, from)| *to = from);
        }
        sum / images as f64
    }

    /// The classes' shares of an image, times their weights.
    fn weighted(&self, shares: [(usize, f64); 2]) -> [(usize, f64); 2] {
        if self.class_weights.is_empty() {
            return shares;
        }
        shares.map(|(class, share)| (class, share * self.class_weights[class]))
    }
}

/// The class with the largest of each image's logits, `[n, classes]`; the first of equal ones.
pub(crate) fn top_classes(logits: &[f32], classes: usize) -> Vec<u32> {
    let top = |row: &[f32]| {
        (1..classes).fold(0, |best, class| if row[class] > row[best] { class } else { best }) as u32
    };
    logits.chunks_exact(classes).map(top).collect()
}

#[cfg(test)]
mod tests;
