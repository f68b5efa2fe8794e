//! Where the time of a step goes.

use std::time::{Duration, Instant};

use seesaw_arch::LayerId;

/// The time that a layer has taken, including its batch norm, its ReLU6 and the copies around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerTime {
    /// The layer.
    pub id: LayerId,
    /// Time of its forward passes.
    pub forward: Duration,
    /// Time of its backward passes.
    pub backward: Duration,
}

/// Divides the time of steps among the layers.
#[derive(Debug)]
pub(super) struct Clock {
    last: Instant,
    times: Vec<LayerTime>,
}

impl Clock {
    /// A clock for these layers.
    pub fn new(layers: impl Iterator<Item = LayerId>) -> Self {
        let zero = |id| LayerTime { id, forward: Duration::ZERO, backward: Duration::ZERO };
        Self { last: Instant::now(), times: layers.map(zero).collect() }
    }

    /// The time of each layer so far.
    pub fn times(&self) -> &[LayerTime] {
        &self.times
    }

    /// Starts to count.
    pub fn start(&mut self) {
        self.last = Instant::now();
    }

    /// Assigns the time since the last call to the forward pass of `layer`.
    pub fn forward(&mut self, layer: LayerId) {
        let elapsed = self.lap();
        self.time_mut(layer).forward += elapsed;
    }

    /// Assigns the time since the last call to the backward pass of `layer`.
    pub fn backward(&mut self, layer: LayerId) {
        let elapsed = self.lap();
        self.time_mut(layer).backward += elapsed;
    }

    fn time_mut(&mut self, layer: LayerId) -> &mut LayerTime {
        let found = self.times.iter_mut().find(|time| time.id == layer);
        found.expect("a layer of the net")
    }

    fn lap(&mut self) -> Duration {
        let now = Instant::now();
        now - std::mem::replace(&mut self.last, now)
    }
}
