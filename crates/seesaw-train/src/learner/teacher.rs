//! Another model, whose logits and feature maps are learned from.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

use seesaw_arch::{Net, Preprocess};
use seesaw_engine::{Options, Plan};
use seesaw_format::{Model, load_model};
use seesaw_image::resize::resize_planes;
use seesaw_kernels::Machine;

use crate::{
    TrainError,
    counterparts::{FeatureMaps, same_outputs},
    loss::top_classes,
    metrics::match_classes,
    net::{FeatureTargets, TargetMap},
    recipe::{FeatureSpec, Phase, Recipe},
};

/// Images in a batch of the teacher.
const BATCH: usize = 16;

/// A teacher that knows the classes of the data, or whose classes are learned.
#[derive(Debug)]
pub struct TeacherModel {
    model: Model,
    path: PathBuf,
    /// For each class of the net, the teacher's logit.
    columns: Vec<u32>,
    /// Whether the data have no classes: then what the teacher sees in an image is its class.
    labels_images: bool,
}

/// A teacher compiled for a size of images.
#[derive(Debug)]
pub(crate) struct TeacherPlan {
    plan: Plan,
    /// Side of the images that it is given, which are scaled to the plan's size.
    given: usize,
    columns: Vec<u32>,
    /// What it tells of its feature maps, where the recipe asks for it.
    features: Option<FeaturePlan>,
    pub(super) labels_images: bool,
}

/// The feature maps that a net is compared with.
#[derive(Debug)]
struct FeaturePlan {
    spec: FeatureSpec,
    /// For each block of the net, the unit of the teacher's plan; then that of the pool.
    units: Vec<Option<usize>>,
}

/// What a teacher says of a batch.
pub(super) struct Lesson {
    /// For the classes of the net, `[n][classes]`.
    pub logits: Vec<f32>,
    pub features: Option<FeatureTargets>,
}

impl TeacherModel {
    /// Reads a teacher for data of these classes, which are prepared as `preprocess` says.
    ///
    /// # Errors
    /// When the file cannot be read, when the teacher does not know the classes, or when it needs
    /// images that are normalized differently.
    pub fn load(
        path: &Path,
        classes: &[String],
        preprocess: &Preprocess,
    ) -> Result<Self, TrainError> {
        let teacher = Self::for_unlabeled(path, preprocess)?;
        let Model { labels, net, .. } = &teacher.model;
        let columns = match_classes(classes, labels, net.classes)
            .map_err(|error| TrainError::Teacher { path: path.to_owned(), error: Box::new(error) })?
            .columns;
        Ok(Self { columns, labels_images: false, ..teacher })
    }

    /// Reads a teacher for images without labels: the classes are the teacher's, and a step counts
    /// as correct what the teacher sees in an image.
    ///
    /// # Errors
    /// When the file cannot be read, or when it needs images that are normalized differently.
    pub fn for_unlabeled(path: &Path, preprocess: &Preprocess) -> Result<Self, TrainError> {
        let model = load_model(path, None)?;
        if let Some(Preprocess { mean, std, .. }) = model.preprocess
            && (mean, std) != (preprocess.mean, preprocess.std)
        {
            return Err(TrainError::TeacherNormalization { path: path.to_owned(), mean, std });
        }
        let columns = (0..model.net.classes as u32).collect();
        Ok(Self { model, path: path.to_owned(), columns, labels_images: true })
    }

    /// The names of its classes; their numbers where it has no names.
    pub fn classes(&self) -> Vec<String> {
        let Model { labels, net, .. } = &self.model;
        if labels.is_empty() {
            (0..net.classes).map(|c| c.to_string()).collect()
        } else {
            labels.clone()
        }
    }

    /// What was chosen, assumed or left out in its file.
    pub fn notes(&self) -> Vec<String> {
        let path = self.path.display();
        self.model.notes.iter().map(|note| format!("{path}: {note}")).collect()
    }

    /// The teacher's net.
    pub fn net(&self) -> &Net {
        &self.model.net
    }

    /// Blocks whose outputs `maps` asks to compare, although the teacher has no map of their shape;
    /// numbered from 1.
    ///
    /// # Errors
    /// [`TrainError::NoCounterpart`] when it has none of any block's shape.
    pub(crate) fn unmatched(&self, net: &Net, maps: FeatureMaps) -> Result<Vec<usize>, TrainError> {
        let units = same_outputs(net, &self.model.net, maps);
        if maps != FeatureMaps::None && units.iter().all(Option::is_none) {
            let (path, net) = (self.path.clone(), net.name.clone());
            return Err(TrainError::NoCounterpart { path, net });
        }
        let asked: Vec<bool> = same_outputs(net, net, maps).iter().map(Option::is_some).collect();
        let missing = units.iter().zip(asked).zip(1..);
        Ok(missing.filter(|((unit, asked), _)| *asked && unit.is_none()).map(|(_, i)| i).collect())
    }

    /// For the images of `phase`, which the teacher sees in the size that the recipe says.
    pub(crate) fn compile(
        &self,
        net: &Net,
        recipe: &Recipe,
        phase: Phase,
        machine: &Machine,
    ) -> Result<TeacherPlan, TrainError> {
        let (own, seen) = (&self.model.net, recipe.loss.teacher_size.unwrap_or(phase.size));
        let options = Options::new(own).input_size(seen).batch(BATCH);
        let plan = seesaw_engine::compile(own, &self.model.weights, &options, machine)?;
        let features = recipe.loss.features.filter(|spec| spec.weight > 0.0).map(|spec| {
            let blocks = same_outputs(net, own, spec.maps).into_iter();
            let pooled = spec.pooled && own.head.channels == net.head.channels;
            // The stem is unit 0, and the head comes before the pool.
            let units = blocks
                .map(|block| block.map(|block| block + 1))
                .chain([pooled.then_some(own.blocks().len() + 2)]);
            FeaturePlan { spec, units: units.collect() }
        });
        let (columns, labels_images) = (self.columns.clone(), self.labels_images);
        Ok(TeacherPlan { plan, given: phase.size, columns, features, labels_images })
    }
}

impl TeacherPlan {
    /// The teacher's logits, and the maps to compare with after so many steps of the optimizer.
    pub(super) fn teach(&self, images: &[f32], steps: u64) -> Result<Lesson, TrainError> {
        let mut logits = Vec::new();
        let units = self.features.as_ref().map_or(&[][..], |features| &features.units);
        let mut maps: Vec<Option<TargetMap>> = vec![None; units.len()];
        for images in images.chunks(BATCH * 3 * self.given * self.given) {
            let images = self.scaled(images);
            let count = images.len() / (3 * self.plan.input_size().pow(2));
            let mut all = vec![0.0; count * self.plan.classes()];
            if units.is_empty() {
                self.plan.run(&images, &mut all)?;
            } else {
                self.plan.run_inspected(&images, &mut all, &mut |output| {
                    let wanted = units.iter().zip(&mut maps);
                    for (_, map) in wanted.filter(|(unit, _)| **unit == Some(output.unit)) {
                        let [channels, rows, cols] = output.shape;
                        map.get_or_insert_with(|| TargetMap::new(channels, rows * cols))
                            .push(output.values);
                    }
                })?;
            }
            for logit in all.chunks_exact(self.plan.classes()) {
                logits.extend(self.columns.iter().map(|column| logit[*column as usize]));
            }
        }
        let features = self.features.as_ref().map(|FeaturePlan { spec, .. }| {
            let pooled = maps.pop().flatten();
            let isolated = steps < spec.isolated_steps;
            FeatureTargets { blocks: maps, pooled, weight: spec.weight, isolated }
        });
        Ok(Lesson { logits, features })
    }

    /// What the teacher sees in each image: the number of its class.
    pub fn labels(&self, images: &[f32]) -> Result<Vec<u32>, TrainError> {
        Ok(top_classes(&self.teach(images, 0)?.logits, self.columns.len()))
    }

    /// The images in the size that the teacher sees.
    fn scaled<'a>(&self, images: &'a [f32]) -> Cow<'a, [f32]> {
        let seen = self.plan.input_size();
        if seen == self.given {
            return Cow::Borrowed(images);
        }
        let scaled = resize_planes(images, self.given, seen);
        Cow::Owned(scaled.expect("a validated recipe has sizes that can be scaled"))
    }
}
