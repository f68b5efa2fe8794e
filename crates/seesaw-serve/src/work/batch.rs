//! Images of several requests that go through a net at once.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use seesaw::LoadedPhoto;

use crate::{metrics::Metrics, models::Model, protocol::classify::Output};

/// Inputs that wait for the net, and whose they are.
#[derive(Debug)]
pub struct Batch {
    model: Arc<Model>,
    output: Output,
    /// Images at once.
    size: usize,
    inputs: Vec<f32>,
    owners: Vec<Owner>,
}

#[derive(Debug)]
struct Owner {
    request: usize,
    item: usize,
    seen: [f64; 4],
}

/// What was computed of an image.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Which request, and which of its images.
    pub request: usize,
    pub item: usize,
    /// Logits or features.
    pub row: &'a [f32],
    pub input: &'a [f32],
    pub seen: [f64; 4],
    /// How long the batch took; 0 but for the first image of a request in it.
    pub time: Duration,
}

impl Batch {
    pub fn new(model: &Arc<Model>, output: Output, size: usize) -> Self {
        let size = size.min(model.classifier.plan().batch()).max(1);
        Self { model: Arc::clone(model), output, size, inputs: Vec::new(), owners: Vec::new() }
    }

    pub fn push(&mut self, request: usize, item: usize, loaded: &LoadedPhoto) {
        self.inputs.extend_from_slice(&loaded.input);
        self.owners.push(Owner { request, item, seen: loaded.seen });
    }

    pub fn is_full(&self) -> bool {
        self.owners.len() >= self.size
    }

    /// Runs the net on what is there, if anything, hands out the rows, and is empty again.
    pub fn run(&mut self, metrics: &Metrics, mut take: impl FnMut(Row<'_>)) {
        if self.owners.is_empty() {
            return;
        }
        let start = Instant::now();
        let plan = self.model.classifier.plan();
        let rows = match self.output {
            Output::Classes => plan.logits(&self.inputs),
            Output::Features => plan.pooled(&self.inputs),
        };
        let rows = rows.expect("inputs of the plan's size, at most a batch of them");
        let time = start.elapsed();
        let images = self.owners.len();
        metrics.computed(&self.model.name, images, time);
        let rows = rows.chunks_exact(rows.len() / images);
        let inputs = self.inputs.chunks_exact(self.inputs.len() / images);
        let mut before = None;
        for ((owner, row), input) in self.owners.iter().zip(rows).zip(inputs) {
            let &Owner { request, item, seen } = owner;
            let time = if before == Some(request) { Duration::ZERO } else { time };
            before = Some(request);
            take(Row { request, item, row, input, seen, time });
        }
        self.inputs.clear();
        self.owners.clear();
    }
}
