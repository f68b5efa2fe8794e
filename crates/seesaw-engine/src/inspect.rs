//! Looking into a run: block outputs and the time of each step.

use std::time::Instant;

use seesaw_kernels::{PartTimes, layout::to_planar};

use crate::{EngineError, Plan};

/// The layers of a block in the order of [`PartTimes::take`], as `seesaw_arch` names them.
const PARTS: [&str; 3] = ["expand", "depthwise", "project"];

/// What a step of the net puts out, in PyTorch's layout.
#[derive(Debug, Clone, PartialEq)]
pub struct Feature {
    /// `features.0` is the stem, `features.1` the first block, and so on to the head convolution
    /// and the global average pool, as in the weights' names.
    pub name: String,
    /// Images, channels, rows, columns.
    pub shape: [usize; 4],
    /// The values, NCHW.
    pub data: Vec<f32>,
}

/// What one step of a run costs.
#[derive(Debug, Clone, PartialEq)]
pub struct StepTime {
    /// `stem`, `block 1`, ..., `head`, `pool and linear`.
    pub name: String,
    /// Multiply-adds for one image.
    pub madds: u64,
    /// Bytes of weights, inputs and outputs of the step's layers when they run one by one.
    pub bytes: u64,
    /// Median of the time for one image, in seconds.
    pub seconds: f64,
    /// The layers of a block. Their times add up to the block's.
    pub parts: Vec<PartTime>,
}

/// What one layer of a block costs, as [`StepTime`].
#[derive(Debug, Clone, PartialEq)]
pub struct PartTime {
    /// `expand`, `depthwise` or `project`.
    pub name: String,
    /// Multiply-adds for one image.
    pub madds: u64,
    /// Bytes of weights, input and output.
    pub bytes: u64,
    /// The layer's share of the block's time, in seconds.
    pub seconds: f64,
}

impl StepTime {
    /// Divides the time among the parts as `seconds` of [`PARTS`] say.
    fn divide(&mut self, mut seconds: [f64; 3]) {
        if self.parts.iter().all(|part| part.name != PARTS[0]) {
            // The copy in the place of an expand convolution pads the depthwise one's input.
            seconds = [0.0, seconds[0] + seconds[1], seconds[2]];
        }
        let total: f64 = seconds.iter().sum();
        for part in &mut self.parts {
            let place = PARTS.iter().position(|name| *name == part.name);
            part.seconds = self.seconds * place.map_or(0.0, |place| seconds[place]) / total;
        }
    }
}

/// The middle one of some times; 0 where there are none.
fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}

impl Plan {
    /// What each step puts out for `n` images.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub fn features(&self, images: &[f32]) -> Result<Vec<Feature>, EngineError> {
        let count = self.count_images(images)?;
        let shapes = self.step_shapes();
        let mut features: Vec<Feature> = shapes
            .iter()
            .enumerate()
            .map(|(i, [c, h, w])| Feature {
                name: format!("features.{i}"),
                shape: [count, *c, *h, *w],
                data: Vec::with_capacity(count * c * h * w),
            })
            .collect();
        for image in images.chunks_exact(self.image_len()) {
            let pooled = self.inspect_image(image, None, &mut |step, map| {
                let [c, h, w] = shapes[step];
                let mut planar = vec![0.0; c * h * w];
                to_planar(map, c, &mut planar);
                features[step].data.extend(planar);
            });
            if let Some(pool) = features.last_mut() {
                pool.data.extend(pooled);
            }
        }
        Ok(features)
    }

    /// Runs the first image `runs` times (at least once) and says how long each step takes.
    ///
    /// # Errors
    /// As [`Plan::run`]; and [`EngineError::Length`] when there is no image.
    pub fn profile(&self, images: &[f32], runs: usize) -> Result<Vec<StepTime>, EngineError> {
        let (count, expected) = (self.count_images(images)?, self.image_len());
        if count == 0 {
            return Err(EngineError::Length { what: "images", got: 0, expected });
        }
        let mut steps = self.step_costs();
        let mut times = vec![Vec::with_capacity(runs); steps.len()];
        let clock = PartTimes::default();
        let mut parts = vec![[(); 3].map(|()| Vec::with_capacity(runs)); steps.len()];
        let mut logits = vec![0.0; self.classes()];
        for _ in 0..runs.max(1) {
            let mut last = Instant::now();
            let start = last;
            self.inspect_image(&images[..expected], Some(&clock), &mut |step, _| {
                let now = Instant::now();
                times[step].push((now - last).as_secs_f64());
                last = now;
                for (times, part) in parts[step].iter_mut().zip(clock.take()) {
                    times.push(part.as_secs_f64());
                }
            });
            let trunk = (last - start).as_secs_f64();
            let start = Instant::now();
            self.run(&images[..expected], &mut logits)?;
            // What a whole run takes longer than the steps that were seen.
            let rest = start.elapsed().as_secs_f64() - trunk;
            if let Some(times) = times.last_mut() {
                times.push(rest.max(0.0));
            }
        }
        for ((step, times), parts) in steps.iter_mut().zip(&mut times).zip(&mut parts) {
            step.seconds = median(times);
            step.divide(parts.each_mut().map(|times| median(times)));
        }
        Ok(steps)
    }

    /// Output shapes of stem, blocks, head and pool.
    fn step_shapes(&self) -> Vec<[usize; 3]> {
        use seesaw_arch::LayerKind::{Head, Pool, Project, Stem};
        let ends = |kind| matches!(kind, Stem | Project | Head | Pool);
        self.layers.iter().filter(|l| ends(l.kind)).map(|l| l.output).collect()
    }

    /// The costs of each step, summed over its layers.
    fn step_costs(&self) -> Vec<StepTime> {
        let mut steps: Vec<StepTime> = Vec::new();
        for layer in &self.layers {
            let (name, part) = match layer.name.as_str() {
                "pool" | "linear" => ("pool and linear", None),
                // `block 3 expand` is a part of `block 3`.
                name => match name.rsplit_once(' ') {
                    Some((block, part)) => (block, Some(part)),
                    None => (name, None),
                },
            };
            let (madds, bytes) = (layer.madds, layer.bytes + 4 * layer.params as u64);
            if steps.last().is_none_or(|step| step.name != name) {
                let name = name.to_owned();
                steps.push(StepTime { name, madds: 0, bytes: 0, seconds: 0.0, parts: Vec::new() });
            }
            if let Some(step) = steps.last_mut() {
                step.madds += madds;
                step.bytes += bytes;
                let part = part.map(str::to_owned);
                step.parts.extend(part.map(|name| PartTime { name, madds, bytes, seconds: 0.0 }));
            }
        }
        steps
    }
}
