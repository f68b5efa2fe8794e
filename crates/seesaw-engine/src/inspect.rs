//! Looking into a run: block outputs, and the time of each unit.

use std::time::Instant;

use seesaw_arch::{Layer, LayerKind, Unit};
use seesaw_kernels::{PartTimes, layout::to_planar};

use crate::{EngineError, Plan, measure::median, plan::Probe};

/// The output of a unit of the net, in PyTorch's layout.
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

/// The output of a unit of the net for one image, as it lies in memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnitOutput<'a> {
    /// 0 is the stem, 1 the first block, and so on to the head convolution and the pool.
    pub unit: usize,
    /// Channels, rows, columns.
    pub shape: [usize; 3],
    /// `[channel blocks][rows][cols][8]`. Channels are in the order of PyTorch's; the last block is
    /// filled up with zeros.
    pub values: &'a [f32],
}

impl UnitOutput<'_> {
    /// The values in PyTorch's order, `[channels][rows][cols]`.
    pub fn to_planar(self) -> Vec<f32> {
        let mut planar = vec![0.0; self.shape.iter().product()];
        to_planar(self.values, self.shape[0], &mut planar);
        planar
    }
}

/// Where in an image the net sees each class: logits that the linear layer gives to the features at
/// each position. Their mean over the positions is the logit of the image.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassMaps {
    /// Rows and columns of positions; the net's last map is square.
    pub side: usize,
    /// Classes.
    pub classes: usize,
    /// `[rows][columns][classes]`.
    pub logits: Vec<f32>,
}

impl ClassMaps {
    /// The map of a class, `[rows][columns]`.
    ///
    /// # Panics
    /// When there is no such class.
    pub fn of(&self, class: usize) -> Vec<f32> {
        assert!(class < self.classes, "class {class} of {}", self.classes);
        self.logits.iter().skip(class).step_by(self.classes).copied().collect()
    }
}

/// What one unit of the net costs in a run.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitTime {
    /// The unit.
    pub unit: Unit,
    /// Multiply-adds for one image.
    pub madds: u64,
    /// Bytes of weights, inputs and outputs of the unit's layers when they run one by one.
    pub bytes: u64,
    /// Median of the time for one image, in seconds.
    pub seconds: f64,
    /// The layers of a block. Their times add up to the block's.
    pub parts: Vec<PartTime>,
}

/// What one layer of a block costs, as [`UnitTime`].
#[derive(Debug, Clone, PartialEq)]
pub struct PartTime {
    /// Which layer of the block: expand, depthwise or project.
    pub kind: LayerKind,
    /// Multiply-adds for one image.
    pub madds: u64,
    /// Bytes of weights, input and output.
    pub bytes: u64,
    /// The layer's share of the block's time, in seconds.
    pub seconds: f64,
}

impl UnitTime {
    /// Divides the time among the parts, in proportion to the times that [`PartTimes::take`] gave.
    fn divide(&mut self, [mut expand, mut depthwise, project]: [f64; 3]) {
        if self.parts.iter().all(|part| part.kind != LayerKind::Expand) {
            // The copy that takes the place of an expand convolution pads the depthwise one's input.
            (expand, depthwise) = (0.0, expand + depthwise);
        }
        let total = expand + depthwise + project;
        for part in &mut self.parts {
            let seconds = match part.kind {
                LayerKind::Expand => expand,
                LayerKind::Depthwise => depthwise,
                LayerKind::Project => project,
                kind => unreachable!("{kind} is no layer of a block"),
            };
            part.seconds = self.seconds * seconds / total;
        }
    }
}

impl Plan {
    /// The output of the stem, each block, the head and the pool for `n` images.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub fn features(&self, images: &[f32]) -> Result<Vec<Feature>, EngineError> {
        let count = self.count_images(images)?;
        let mut features: Vec<Feature> = self
            .feature_shapes()
            .iter()
            .enumerate()
            .map(|(i, [c, h, w])| Feature {
                name: format!("features.{i}"),
                shape: [count, *c, *h, *w],
                data: Vec::with_capacity(count * c * h * w),
            })
            .collect();
        let mut logits = vec![0.0; count * self.classes()];
        self.run_inspected(images, &mut logits, &mut |map| {
            features[map.unit].data.extend(map.to_planar());
        })?;
        Ok(features)
    }

    /// Classifies `n` images as [`Plan::run`] does, and shows `visit` the outputs of stem, blocks,
    /// head and pool of one image after another.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub fn run_inspected(
        &self,
        images: &[f32],
        logits: &mut [f32],
        visit: &mut dyn FnMut(UnitOutput<'_>),
    ) -> Result<(), EngineError> {
        let shapes = self.feature_shapes();
        self.run_probed(images, logits, &mut |unit, values| {
            visit(UnitOutput { unit, shape: shapes[unit], values });
        })
    }

    /// Where in an image the net sees each class (Zhou et al., arXiv 1512.04150). As the linear layer
    /// reads the mean of the head's map, this is exact.
    ///
    /// # Errors
    /// [`EngineError::Length`] when `image` is not one image.
    pub fn class_maps(&self, image: &[f32]) -> Result<ClassMaps, EngineError> {
        if image.len() != self.image_len() {
            let (found, expected) = (image.len(), self.image_len());
            return Err(EngineError::Length { what: "image", found, expected });
        }
        let shapes = self.feature_shapes();
        let [channels, side, _] = shapes[shapes.len() - 2];
        let mut features = vec![0.0; channels * side * side];
        self.inspect_image(
            image,
            Probe {
                times: None,
                visit: &mut |unit, values| {
                    if unit + 2 == shapes.len() {
                        to_planar(values, channels, &mut features);
                    }
                },
            },
        );
        let at = |position| features.iter().skip(position).step_by(side * side).copied();
        let positions: Vec<Vec<f32>> = (0..side * side).map(|p| at(p).collect()).collect();
        let classes = self.classes();
        let mut logits = vec![0.0; positions.len() * classes];
        for (positions, logits) in
            positions.chunks(self.batch()).zip(logits.chunks_mut(self.batch() * classes))
        {
            self.classify_features(positions, logits);
        }
        Ok(ClassMaps { side, classes, logits })
    }

    /// Rows and columns of [`ClassMaps`].
    pub fn map_side(&self) -> usize {
        let shapes = self.feature_shapes();
        shapes[shapes.len() - 2][1]
    }

    /// Runs the first image `runs` times (at least once) and reports how long each unit takes.
    ///
    /// # Errors
    /// As [`Plan::run`]; and [`EngineError::Length`] when there is no image.
    pub fn profile(&self, images: &[f32], runs: usize) -> Result<Vec<UnitTime>, EngineError> {
        let (count, expected) = (self.count_images(images)?, self.image_len());
        if count == 0 {
            return Err(EngineError::Length { what: "images", found: 0, expected });
        }
        let image = &images[..expected];
        let mut units = self.unit_costs();
        let mut times = vec![Vec::with_capacity(runs); units.len()];
        let mut parts = vec![[(); 3].map(|()| Vec::with_capacity(runs)); units.len()];
        let clock = PartTimes::default();
        let mut logits = vec![0.0; self.classes()];
        for _ in 0..runs.max(1) {
            let start = Instant::now();
            let mut last = start;
            let visit = &mut |unit: usize, _: &[f32]| {
                let now = Instant::now();
                times[unit].push((now - last).as_secs_f64());
                last = now;
                for (times, part) in parts[unit].iter_mut().zip(clock.take()) {
                    times.push(part.as_secs_f64());
                }
            };
            self.inspect_image(image, Probe { times: Some(&clock), visit });
            let trunk = (last - start).as_secs_f64();
            let start = Instant::now();
            self.run(image, &mut logits)?;
            // What a whole run takes longer than the units that were observed.
            let rest = start.elapsed().as_secs_f64() - trunk;
            times.last_mut().expect("a net has a classifier").push(rest.max(0.0));
        }
        for ((unit, times), parts) in units.iter_mut().zip(&mut times).zip(&mut parts) {
            unit.seconds = median(times);
            unit.divide(parts.each_mut().map(|times| median(times)));
        }
        Ok(units)
    }

    /// Output shapes of stem, blocks, head and pool.
    fn feature_shapes(&self) -> Vec<[usize; 3]> {
        use LayerKind::{Head, Pool, Project, Stem};
        let ends = |kind| matches!(kind, Stem | Project | Head | Pool);
        self.layers.iter().filter(|l| ends(l.id.kind())).map(|l| l.output).collect()
    }

    /// The costs of each unit, summed over its layers.
    fn unit_costs(&self) -> Vec<UnitTime> {
        let same_unit = |a: &Layer, b: &Layer| a.id.unit() == b.id.unit();
        let costs = |layer: &Layer| (layer.madds, layer.bytes + 4 * layer.params as u64);
        let part = |layer: &Layer| {
            let (kind, (madds, bytes)) = (layer.id.kind(), costs(layer));
            PartTime { kind, madds, bytes, seconds: 0.0 }
        };
        self.layers
            .chunk_by(same_unit)
            .map(|layers| {
                let unit = layers[0].id.unit();
                let parts = match unit {
                    Unit::Block(_) => layers.iter().map(part).collect(),
                    _ => Vec::new(),
                };
                let madds = layers.iter().map(|layer| costs(layer).0).sum();
                let bytes = layers.iter().map(|layer| costs(layer).1).sum();
                UnitTime { unit, madds, bytes, seconds: 0.0, parts }
            })
            .collect()
    }
}
