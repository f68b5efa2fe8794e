//! Another model, whose logits are learned from.

use std::{borrow::Cow, path::Path};

use seesaw_arch::Preprocess;
use seesaw_engine::{Options, Plan};
use seesaw_format::{Model, load_model};
use seesaw_image::resize::resize_planes;
use seesaw_kernels::Machine;

use crate::{TrainError, metrics::match_classes};

/// Images in a batch of the teacher.
const BATCH: usize = 16;

/// A teacher that knows the classes of the data.
#[derive(Debug)]
pub struct TeacherModel {
    model: Model,
    /// For each class of the data, the teacher's logit.
    columns: Vec<u32>,
}

/// A teacher compiled for a size of images.
#[derive(Debug)]
pub(super) struct TeacherPlan {
    plan: Plan,
    /// Side of the images that it is given, which are scaled to the plan's size.
    given: usize,
    columns: Vec<u32>,
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
        let model = load_model(path, None)?;
        let columns =
            match_classes(classes, &model.labels, model.net.classes).map_err(|error| {
                TrainError::Teacher { path: path.to_owned(), error: Box::new(error) }
            })?;
        if let Some(Preprocess { mean, std, .. }) = model.preprocess
            && (mean, std) != (preprocess.mean, preprocess.std)
        {
            return Err(TrainError::TeacherNormalization { path: path.to_owned(), mean, std });
        }
        Ok(Self { model, columns })
    }

    /// For images of `given` pixels, which the teacher sees scaled to `seen`.
    pub(super) fn compile(
        &self,
        given: usize,
        seen: usize,
        machine: &Machine,
    ) -> Result<TeacherPlan, TrainError> {
        let net = &self.model.net;
        let options = Options::new(net).input_size(seen).batch(BATCH);
        let plan = seesaw_engine::compile(net, &self.model.weights, &options, machine)?;
        Ok(TeacherPlan { plan, given, columns: self.columns.clone() })
    }
}

impl TeacherPlan {
    /// The teacher's logits for the classes of the data, `[n][classes]`.
    pub fn logits(&self, images: &[f32]) -> Result<Vec<f32>, TrainError> {
        let seen = self.plan.input_size();
        let mut picked = Vec::new();
        for images in images.chunks(BATCH * 3 * self.given * self.given) {
            let images = if seen == self.given {
                Cow::Borrowed(images)
            } else {
                let scaled = resize_planes(images, self.given, seen);
                Cow::Owned(scaled.expect("a validated recipe has sizes that can be scaled"))
            };
            for logits in self.plan.logits(&images)?.chunks_exact(self.plan.classes()) {
                picked.extend(self.columns.iter().map(|column| logits[*column as usize]));
            }
        }
        Ok(picked)
    }
}
