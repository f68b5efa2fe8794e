//! The order of the images in an epoch.

use super::Shared;
use crate::rng::{Purpose, Rng};

/// An image of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Draw {
    /// Its index in the data set.
    pub index: u32,
    /// How many draws of the same image there were before in the epoch.
    pub before: u32,
}

impl Draw {
    /// A counter for random numbers. Each draw has its own, so that an image that comes twice is
    /// changed in two ways; that of a first draw is the index.
    pub fn counter(self) -> u64 {
        u64::from(self.before) << 32 | u64::from(self.index)
    }
}

impl Shared {
    /// The images of an epoch, in its order.
    pub(super) fn order(&self, epoch: u64) -> Vec<Draw> {
        let mut order = if self.options.shuffle && self.options.balanced {
            self.balanced(epoch)
        } else {
            (0..self.images).map(|index| Draw { index, before: 0 }).collect()
        };
        if self.options.shuffle {
            Rng::new(self.options.seed, Purpose::Order, [epoch, 0]).shuffle(&mut order);
        }
        order
    }

    /// As many images as the data set has, and equally many of each class.
    ///
    /// The images of a class come in passes, each over all of them in a random order, which go on
    /// from one epoch to the next: no image is forgotten, however large its class is.
    fn balanced(&self, epoch: u64) -> Vec<Draw> {
        let mut classes = vec![vec![]; self.dataset.classes().len()];
        for index in 0..self.images {
            let label = self.dataset.label(index as usize).expect("an image of the data set");
            classes[label as usize].push(index);
        }
        classes.retain(|images| !images.is_empty());
        let mut before = vec![0; self.images as usize];
        let mut order = Vec::with_capacity(self.images as usize);
        for (number, images) in classes.iter().enumerate() {
            let turns = Turns { images: self.images.into(), classes: classes.len() as u64 };
            let range = turns.before(epoch, number as u64)..turns.before(epoch + 1, number as u64);
            order.extend(self.drawn(images, number as u64, range).into_iter().map(|index| {
                let before = &mut before[index as usize];
                *before += 1;
                Draw { index, before: *before - 1 }
            }));
        }
        order
    }

    /// The draws of a class with these numbers, counted over all epochs.
    fn drawn(&self, images: &[u32], class: u64, range: std::ops::Range<u64>) -> Vec<u32> {
        let len = images.len() as u64;
        let mut drawn = Vec::with_capacity((range.end - range.start) as usize);
        for pass in range.start / len..range.end.div_ceil(len) {
            let mut order = images.to_vec();
            Rng::new(self.options.seed, Purpose::Balance, [pass, class]).shuffle(&mut order);
            let from = range.start.saturating_sub(pass * len) as usize;
            let to = (range.end - pass * len).min(len) as usize;
            drawn.extend_from_slice(&order[from..to]);
        }
        drawn
    }
}

/// How many images of each class the epochs have.
#[derive(Debug, Clone, Copy)]
struct Turns {
    /// Images of an epoch.
    images: u64,
    classes: u64,
}

impl Turns {
    /// Images of a class in all epochs before this one. Where classes do not divide an epoch evenly,
    /// they take turns to have one more.
    fn before(self, epoch: u64, class: u64) -> u64 {
        let (each, rest) = (self.images / self.classes, self.images % self.classes);
        let extra = (epoch * rest + self.classes - 1 - class) / self.classes;
        epoch * each + extra
    }
}
