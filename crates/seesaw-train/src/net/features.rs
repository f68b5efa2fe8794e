//! Feature distillation: a loss on the outputs of blocks.
//!
//! A block's output is compared with a map of a teacher, element by element: the mean squared
//! distance over the variance of the teacher's map. As the block's output has no activation, the
//! gradient of that loss is added to the gradient that arrives from the layers after it.

use seesaw_kernels::{
    CBLOCK,
    layout::cblocks,
    train::{Lanes, Sums},
};

use super::{
    batch::total,
    context::StepContext,
    map::{LayerOutput, PreNorm, map_len, zero_sums},
};
use crate::TrainError;

/// What a step compares with, besides the labels.
#[derive(Debug, Clone, Default)]
pub struct FeatureTargets {
    /// For each block, the map that its output is compared with, if any.
    pub blocks: Vec<Option<TargetMap>>,
    /// What the pooled features are compared with: a map of one pixel.
    pub pooled: Option<TargetMap>,
    /// Weight in the loss of the mean over all these maps.
    pub weight: f64,
    /// Whether a block that is compared learns from that alone: no gradient of later layers passes it.
    pub isolated: bool,
}

/// A teacher's map for each image of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetMap {
    channels: usize,
    pixels: usize,
    /// For each image `[cblocks][pixels][8]`.
    values: Vec<f32>,
}

impl TargetMap {
    /// A map without images.
    pub fn new(channels: usize, pixels: usize) -> Self {
        Self { channels, pixels, values: Vec::new() }
    }

    /// Adds an image, `[cblocks][pixels][8]`, whose padding is 0.
    ///
    /// # Panics
    /// When it has another length.
    pub fn push(&mut self, image: &[f32]) {
        assert_eq!(image.len(), self.image_len(), "a map of {} channels", self.channels);
        self.values.extend_from_slice(image);
    }

    fn image_len(&self) -> usize {
        map_len(self.channels, self.pixels)
    }

    /// The variance over all values.
    fn variance(&self) -> f64 {
        let count = (self.values.len() / cblocks(self.channels) / CBLOCK * self.channels) as f64;
        let (mut sum, mut squares) = (0.0, 0.0);
        for value in &self.values {
            let value = f64::from(*value);
            (sum, squares) = (sum + value, squares + value * value);
        }
        (squares / count - (sum / count).powi(2)).max(f64::MIN_POSITIVE.sqrt())
    }
}

impl FeatureTargets {
    /// Maps to compare with.
    fn maps(&self) -> usize {
        self.blocks.iter().flatten().count() + usize::from(self.pooled.is_some())
    }

    /// What turns the sum of a map's squared distances into its part of the loss.
    fn scale(&self, target: &TargetMap, images: usize) -> f64 {
        let values = (images * target.pixels * target.channels) as f64;
        self.weight / self.maps() as f64 / values / target.variance()
    }

    /// Fails unless the maps are those of a batch of `images` with these outputs of blocks and so
    /// many pooled features.
    pub(super) fn check<'a>(
        &self,
        outputs: impl ExactSizeIterator<Item = LayerOutput<'a>>,
        features: usize,
        images: usize,
    ) -> Result<(), TrainError> {
        let shapes =
            outputs.map(|output| (output.pre_norm.channels(), output.pre_norm.size.pixels()));
        let (found, expected) = (self.blocks.len(), shapes.len());
        if found != expected {
            return Err(TrainError::OtherNet { what: "feature targets", found, expected });
        }
        let blocks = self.blocks.iter().zip(shapes);
        for (target, (channels, pixels)) in blocks.chain([(&self.pooled, (features, 1))]) {
            let Some(target) = target else { continue };
            let (found, expected) = (target.values.len(), images * map_len(channels, pixels));
            if (target.channels, target.pixels) != (channels, pixels) || found != expected {
                return Err(TrainError::OtherNet { what: "a feature target", found, expected });
            }
        }
        Ok(())
    }

    /// The loss of the pooled features, `[images][cblocks][8]`; its gradient is added to `gradient`.
    pub(super) fn pooled(&self, features: &[f32], gradient: &mut [f32]) -> f64 {
        let Some(target) = &self.pooled else { return 0.0 };
        let scale = self.scale(target, features.len() / target.image_len());
        let mut loss = 0.0;
        for ((value, wanted), gradient) in features.iter().zip(&target.values).zip(gradient) {
            let distance = value - wanted;
            loss += f64::from(distance).powi(2);
            *gradient += (2.0 * scale) as f32 * distance;
        }
        loss * scale
    }

    /// The loss of the output of block `index`, from 0: `map` is that output, `sums` are those of its
    /// gradient in `workspace.trunk[0]`. Adds the gradient of the loss to both.
    pub(super) fn block(
        &self,
        cx: &mut StepContext<'_>,
        index: usize,
        output: PreNorm<'_>,
        map: &[f32],
        sums: &mut Vec<Sums>,
    ) -> f64 {
        let Some(target) = &self.blocks[index] else { return 0.0 };
        let scale = self.scale(target, cx.runner.images);
        let len = target.image_len();
        let runner = &mut cx.runner;
        let mut parts: Vec<Part<'_>> = runner
            .split(map, len)
            .zip(runner.split(&target.values, len))
            .zip(
                runner
                    .split(output.map, len)
                    .zip(runner.split_mut(&mut cx.workspace.trunk[0], len)),
            )
            .map(|((map, target), (raw, gradient))| Part {
                map,
                target,
                raw,
                gradient,
                sums: zero_sums(output.channels()),
                loss: 0.0,
            })
            .collect();
        let (slope, isolated) = ((2.0 * scale) as f32, self.isolated);
        runner.run(&mut parts, |part, _| part.add(output, slope, isolated));
        let added = total(parts.iter().map(|part| &part.sums));
        if isolated {
            *sums = added;
        } else {
            *sums = total([&*sums, &added]);
        }
        scale * parts.iter().map(|part| part.loss).sum::<f64>()
    }
}

/// A part of the batch.
struct Part<'a> {
    /// The block's output.
    map: &'a [f32],
    /// For each image `[cblocks][pixels][8]`.
    target: &'a [f32],
    /// The block's output before batch norm and residual.
    raw: &'a [f32],
    gradient: &'a mut [f32],
    /// Of the gradient that is added.
    sums: Vec<Sums>,
    /// Sum of the squared distances.
    loss: f64,
}

impl Part<'_> {
    /// Adds `slope` times the distance to the gradient, or overwrites it.
    fn add(&mut self, output: PreNorm<'_>, slope: f32, overwrite: bool) {
        let (len, image_len) = (output.plane_len(), output.image_len());
        let images = self.map.len() / image_len;
        for (i, gradient) in self.gradient.chunks_exact_mut(len).enumerate() {
            let (block, image) = (i / images, i % images);
            if overwrite {
                gradient.fill(0.0);
            }
            let plane = Plane {
                map: &self.map[i * len..][..len],
                target: &self.target[image * image_len + block * len..][..len],
                raw: &self.raw[i * len..][..len],
                mean: &output.norm.mean[block],
            };
            self.loss += plane.add(slope, gradient, &mut self.sums[block]);
        }
    }
}

/// One channel block of an image.
struct Plane<'a> {
    map: &'a [f32],
    target: &'a [f32],
    raw: &'a [f32],
    mean: &'a Lanes,
}

impl Plane<'_> {
    /// Pixels whose sums are taken in f32 before they are added up in f64.
    const RUN: usize = 128;

    /// Adds `slope` times the distance to the gradient and to its sums; the sum of the squared
    /// distances.
    fn add(&self, slope: f32, gradient: &mut [f32], sums: &mut Sums) -> f64 {
        let mut squares = 0.0;
        let run = Self::RUN * CBLOCK;
        let read = self.map.chunks(run).zip(self.target.chunks(run)).zip(self.raw.chunks(run));
        for (((map, target), raw), gradient) in read.zip(gradient.chunks_mut(run)) {
            let mut lanes = [[0.0f32; CBLOCK]; 3];
            let pixels = map.chunks_exact(CBLOCK).zip(target.chunks_exact(CBLOCK));
            let rest = raw.chunks_exact(CBLOCK).zip(gradient.chunks_exact_mut(CBLOCK));
            for ((map, target), (raw, gradient)) in pixels.zip(rest) {
                for lane in 0..CBLOCK {
                    let distance = map[lane] - target[lane];
                    let added = slope * distance;
                    gradient[lane] += added;
                    lanes[0][lane] += distance * distance;
                    lanes[1][lane] += added;
                    lanes[2][lane] += added * (raw[lane] - self.mean[lane]);
                }
            }
            for lane in 0..CBLOCK {
                squares += f64::from(lanes[0][lane]);
                sums[0][lane] += f64::from(lanes[1][lane]);
                sums[1][lane] += f64::from(lanes[2][lane]);
            }
        }
        squares
    }
}

#[cfg(test)]
mod tests;
