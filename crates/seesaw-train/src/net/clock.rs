//! Where a step's time goes.

use std::time::{Duration, Instant};

use crate::layout::Layout;

/// The time that a layer has taken, with the batch norm, the ReLU6 and the copies around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerTime {
    /// The layer, as [`crate::layout::Entry`] names it.
    pub layer: String,
    /// Of its way forward.
    pub forward: Duration,
    /// Of its way back.
    pub backward: Duration,
}

/// Divides a step's time among the layers.
#[derive(Debug)]
pub(super) struct Clock {
    last: Instant,
    pub times: Vec<LayerTime>,
}

impl Clock {
    /// A clock for the layers of `layout`.
    pub fn new(layout: &Layout) -> Self {
        let mut layers: Vec<&str> = layout.entries().iter().map(|e| e.layer.as_str()).collect();
        layers.dedup();
        let zero = |layer: &str| LayerTime {
            layer: layer.to_owned(),
            forward: Duration::ZERO,
            backward: Duration::ZERO,
        };
        Self { last: Instant::now(), times: layers.into_iter().map(zero).collect() }
    }

    /// Begins to count.
    pub fn start(&mut self) {
        self.last = Instant::now();
    }

    /// What has passed since was layer `number`'s way forward.
    pub fn forward(&mut self, number: usize) {
        let passed = self.passed();
        self.times[number].forward += passed;
    }

    /// What has passed since was layer `number`'s way back.
    pub fn backward(&mut self, number: usize) {
        let passed = self.passed();
        self.times[number].backward += passed;
    }

    fn passed(&mut self) -> Duration {
        let now = Instant::now();
        now - std::mem::replace(&mut self.last, now)
    }
}
