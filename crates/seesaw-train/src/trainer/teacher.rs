//! Another model whose logits are learned from.

use std::{borrow::Cow, path::Path};

use seesaw_engine::{Machine, Options, Plan};
use seesaw_format::{Model, load_model};
use seesaw_image::resize::resize_planes;

use crate::{TrainError, metrics::match_classes, run::Config};

/// Images that a run of the teacher takes.
const BATCH: usize = 16;

/// A teacher that fits a run's data.
#[derive(Debug)]
pub(super) struct TeacherModel {
    model: Model,
    /// For each class of the run, the teacher's logit.
    columns: Vec<u32>,
}

/// A teacher compiled for a size of images.
#[derive(Debug)]
pub(super) struct TeacherPlan {
    plan: Plan,
    /// Side of the images that are given, which the plan's size may differ from.
    given: usize,
    columns: Vec<u32>,
}

impl TeacherModel {
    pub fn load(path: &Path, config: &Config) -> Result<Self, TrainError> {
        let model = load_model(path, None)?;
        let columns = match_classes(&config.data.classes, &model.labels, model.net.classes)
            .map_err(|e| TrainError::Setup(format!("the teacher {}: {e}", path.display())))?;
        if let Some(theirs) = &model.preprocess {
            let ours = &config.preprocess;
            if (theirs.mean, theirs.std) != (ours.mean, ours.std) {
                return Err(TrainError::Setup(format!(
                    "the teacher {} sees images normalized with mean {:?} and std {:?}; the recipe \
                     must have the same: `--set mean=... --set std=...`",
                    path.display(),
                    theirs.mean,
                    theirs.std
                )));
            }
        }
        Ok(Self { model, columns })
    }

    /// For images of `given` pixels, which the teacher sees scaled to `seen`.
    pub fn compile(
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
    /// The teacher's logits for the run's classes, `[n, classes]`.
    pub fn logits(&self, images: &[f32]) -> Result<Vec<f32>, TrainError> {
        let seen = self.plan.input_size();
        let mut picked = Vec::new();
        for images in images.chunks(BATCH * 3 * self.given * self.given) {
            let images = if seen == self.given {
                Cow::Borrowed(images)
            } else {
                let unfit =
                    || TrainError::Setup(format!("no teacher sees images of {seen} pixels"));
                Cow::Owned(resize_planes(images, self.given, seen).ok_or_else(unfit)?)
            };
            for logits in self.plan.logits(&images)?.chunks_exact(self.plan.classes()) {
                picked.extend(self.columns.iter().map(|column| logits[*column as usize]));
            }
        }
        Ok(picked)
    }
}
