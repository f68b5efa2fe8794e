//! The order of the images in an epoch.

use super::{LoaderOptions, Shared};
use crate::rng::{Purpose, Rng};

/// Bytes of images that follow each other in a packed data set and are drawn together.
const BLOCK: u64 = 4 << 20;
/// How many blocks are shuffled together.
const POOL: usize = 16;

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
        let LoaderOptions { shuffle, balanced, blocks, .. } = self.options;
        if shuffle && blocks && !balanced && self.dataset.is_packed() {
            return self.in_blocks(epoch);
        }
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

    /// Each image once, pool after pool of blocks.
    fn in_blocks(&self, epoch: u64) -> Vec<Draw> {
        let rng = |pool: u64| Rng::new(self.options.seed, Purpose::Blocks, [epoch, pool]);
        let order = in_pools(blocks(&self.dataset.stored_images(), BLOCK), POOL, rng);
        order.into_iter().map(|index| Draw { index, before: 0 }).collect()
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

/// The blocks in a random order, and the images of `most` blocks at a time too.
fn in_pools(mut blocks: Vec<Vec<u32>>, most: usize, rng: impl Fn(u64) -> Rng) -> Vec<u32> {
    rng(0).shuffle(&mut blocks);
    let pool = |(pool, number): (&[Vec<u32>], u64)| {
        let mut pool = pool.concat();
        rng(number).shuffle(&mut pool);
        pool
    };
    blocks.chunks(most).zip(1..).flat_map(pool).collect()
}

/// Images with their bytes, in blocks that end with the image that fills them.
fn blocks(stored: &[(u32, u64)], most: u64) -> Vec<Vec<u32>> {
    let (mut blocks, mut bytes) = (vec![], u64::MAX);
    for &(index, len) in stored {
        if bytes >= most {
            blocks.push(vec![]);
            bytes = 0;
        }
        blocks.last_mut().expect("a block was just begun").push(index);
        bytes = bytes.saturating_add(len);
    }
    blocks
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_end_when_they_are_full() {
        let stored = [(5, 3), (4, 3), (9, 1), (0, 100), (1, 2)];
        assert_eq!(blocks(&stored, 6), [vec![5, 4], vec![9, 0], vec![1]]);
        assert_eq!(blocks(&stored, 1), [[5], [4], [9], [0], [1]]);
        assert_eq!(blocks(&[], 6), Vec::<Vec<u32>>::new());
        // Images that take no bytes take a place.
        assert_eq!(blocks(&[(0, 0), (1, 0)], 6), [[0, 1]]);
    }

    #[test]
    fn pools_hold_whole_blocks_in_random_orders() {
        let stored: Vec<(u32, u64)> = (0..1000).map(|index| (index, 10)).collect();
        let order = |epoch| {
            in_pools(blocks(&stored, 100), 4, |pool| Rng::new(3, Purpose::Blocks, [epoch, pool]))
        };
        let [first, second] = [0, 1].map(order);
        assert_ne!(first, second);
        for order in [first, second] {
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..1000).collect::<Vec<_>>());
            let blocks: Vec<Vec<u32>> = order
                .chunks(40)
                .map(|pool| {
                    assert!(!pool.is_sorted());
                    let mut blocks: Vec<u32> = pool.iter().map(|index| index / 10).collect();
                    blocks.sort_unstable();
                    blocks.dedup();
                    blocks
                })
                .collect();
            assert!(blocks.iter().all(|blocks| blocks.len() == 4), "{blocks:?}");
            assert!(!blocks.concat().is_sorted(), "{blocks:?}");
        }
    }
}
