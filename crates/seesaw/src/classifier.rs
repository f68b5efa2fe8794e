//! A model that classifies photos.

use std::path::{Path, PathBuf};

use seesaw_arch::{Net, Preprocess};
use seesaw_engine::{ClassMaps, Machine, Options, Plan, compile};
use seesaw_format::{Model, Note, load_model};
use seesaw_image::RgbImage;

use crate::{
    Error, PhotoError,
    photos::{DecodeMemory, LoadedPhoto, PhotoLoader, decode_one, load_bytes, prepare},
    pipeline, ranking,
};

/// A model ready to classify photos, on the threads of one [`Machine`].
///
/// It is immutable and may be shared among threads.
#[derive(Debug)]
pub struct Classifier {
    plan: Plan,
    net: Net,
    labels: Vec<String>,
    preprocess: Preprocess,
    notes: Vec<Note>,
}

/// A class of a photo.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guess<'a> {
    /// The class, as the index of its logit.
    pub class: usize,
    /// Its name, or its index where the model has no names.
    pub label: &'a str,
    /// Its softmax probability, 0 to 1.
    pub probability: f64,
}

/// Where in a photo the net sees each class.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Explanation {
    /// The photo as the net sees it: scaled and cropped.
    pub seen: RgbImage,
    /// The logits at each position.
    pub maps: ClassMaps,
}

/// How photos are prepared for a model: as its file says, else as its net is used to.
pub fn preprocess_of(model: &Model) -> Preprocess {
    model.preprocess.clone().unwrap_or_else(|| model.net.default_preprocess())
}

/// How a model is made into a [`Classifier`].
#[derive(Debug, Clone)]
pub struct Builder {
    machine: Machine,
    batch: usize,
    labels: Option<Vec<String>>,
    preprocess: Option<Preprocess>,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new(&Machine::solo())
    }
}

impl Builder {
    /// One photo at a time on `machine`, with the class names and the preprocessing of the model.
    pub fn new(machine: &Machine) -> Self {
        Self { machine: machine.clone(), batch: 1, labels: None, preprocess: None }
    }

    /// Runs the net on up to this many photos at once, 1 to 4096.
    pub fn batch(mut self, photos: usize) -> Self {
        self.batch = photos;
        self
    }

    /// Replaces the model's class names; one for each class, in the order of the logits.
    pub fn labels(mut self, labels: Vec<String>) -> Self {
        self.labels = Some(labels);
        self
    }

    /// Replaces the model's preprocessing.
    pub fn preprocess(mut self, preprocess: Preprocess) -> Self {
        self.preprocess = Some(preprocess);
        self
    }

    /// Opens and compiles a model file, as [`Classifier::open`] does.
    ///
    /// # Errors
    /// As [`Classifier::open`] and [`Self::build`].
    pub fn open(self, path: impl AsRef<Path>) -> Result<Classifier, Error> {
        let path = path.as_ref();
        let model = load_model(path, None)
            .map_err(|source| Error::Format { path: Some(path.to_owned()), source })?;
        self.build(model)
    }

    /// Reads and compiles a model from the bytes of its file.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn from_bytes(self, bytes: &[u8]) -> Result<Classifier, Error> {
        let model =
            Model::from_bytes(bytes).map_err(|source| Error::Format { path: None, source })?;
        self.build(model)
    }

    /// Compiles a model.
    ///
    /// # Errors
    /// When there are not as many class names as classes, the preprocessing is out of range, or the
    /// net cannot be compiled at its size.
    pub fn build(self, model: Model) -> Result<Classifier, Error> {
        let Self { machine, batch, labels, preprocess } = self;
        let preprocess = preprocess.unwrap_or_else(|| preprocess_of(&model));
        preprocess.validate()?;
        let Model { net, weights, labels: own, notes, .. } = model;
        let labels = match labels.unwrap_or(own) {
            labels if labels.is_empty() => (0..net.classes).map(|c| c.to_string()).collect(),
            labels => labels,
        };
        if labels.len() != net.classes {
            return Err(Error::LabelCount { found: labels.len(), classes: net.classes });
        }
        let options = Options::new(&net).input_size(preprocess.crop as usize).batch(batch);
        let plan = compile(&net, weights, &options, &machine)?;
        Ok(Classifier { plan, net, labels, preprocess, notes })
    }
}

impl Classifier {
    /// The default of the [bundled](crate::bundled) models: the 1000 classes of ImageNet.
    /// [`Builder::build`] takes the others: `Bundled::named(name)?.model()?`.
    ///
    /// # Errors
    /// Only when this build's own weights are damaged.
    #[cfg(feature = "bundled")]
    pub fn bundled() -> Result<Self, Error> {
        Builder::default().build(crate::bundled::Bundled::default().model()?)
    }

    /// Opens a model file: safetensors, or a PyTorch checkpoint of a net that is known.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged, or its net is not recognized.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Builder::default().open(path)
    }

    /// Reads a model from the bytes of its file.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Builder::default().from_bytes(bytes)
    }

    /// All classes of an image, most likely first.
    ///
    /// # Errors
    /// [`PhotoError::NotFinite`] when the model's weights are damaged.
    pub fn classify(&self, image: &RgbImage) -> Result<Vec<Guess<'_>>, Error> {
        self.classify_input(&prepare(&self.preprocess, image)?)
    }

    /// All classes of the photo at `path`, most likely first.
    ///
    /// # Errors
    /// When the photo cannot be decoded; and as [`Self::classify`].
    pub fn classify_file(&self, path: impl AsRef<Path>) -> Result<Vec<Guess<'_>>, Error> {
        let path = path.as_ref();
        let input = PhotoLoader::new(&self.preprocess, 1)
            .load(path)
            .map_err(|source| Error::Photo { path: Some(path.to_owned()), source })?;
        self.classify_input(&input)
    }

    /// All classes of an encoded photo, most likely first.
    ///
    /// # Errors
    /// As [`Self::classify_file`].
    pub fn classify_bytes(&self, photo: &[u8]) -> Result<Vec<Guess<'_>>, Error> {
        self.classify(&decode_one(photo, &self.preprocess)?)
    }

    /// Classifies many photos and hands each result to `take`, in the order of the photos. They are
    /// loaded ahead on all threads of the machine while the net works; memory stays bounded.
    ///
    /// # Errors
    /// The first error of `take`, after which no further photo is loaded.
    pub fn classify_files<E>(
        &self,
        photos: &[PathBuf],
        mut take: impl FnMut(&Path, Result<Vec<Guess<'_>>, PhotoError>) -> Result<(), E>,
    ) -> Result<(), E> {
        let logits = |inputs: &[f32]| self.logits(inputs);
        self.run_files(photos, self.plan.classes(), logits, |path, logits| {
            take(path, logits.and_then(|logits| self.rank(logits)))
        })
    }

    /// Computes the [features](Self::features) of many photos, as [`Self::classify_files`] classifies
    /// them.
    ///
    /// # Errors
    /// The first error of `take`, after which no further photo is loaded.
    pub fn embed_files<E>(
        &self,
        photos: &[PathBuf],
        take: impl FnMut(&Path, Result<&[f32], PhotoError>) -> Result<(), E>,
    ) -> Result<(), E> {
        let pooled = |inputs: &[f32]| {
            self.plan.pooled(inputs).expect("inputs of the plan's size, at most a batch of them")
        };
        self.run_files(photos, self.net.head.channels, pooled, take)
    }

    /// Loads photos ahead and hands the row of `width` numbers that `run` makes of each to `take`.
    fn run_files<E>(
        &self,
        photos: &[PathBuf],
        width: usize,
        run: impl Fn(&[f32]) -> Vec<f32>,
        mut take: impl FnMut(&Path, Result<&[f32], PhotoError>) -> Result<(), E>,
    ) -> Result<(), E> {
        let threads = self.machine().threads();
        let loader = PhotoLoader::new(&self.preprocess, threads);
        let load = |path: &PathBuf| loader.load(path);
        let mut paths = photos.iter();
        pipeline::windows(photos, self.plan.batch(), threads, load, |window| {
            let inputs = window.iter().filter_map(|input| input.as_deref().ok());
            let rows = run(&inputs.collect::<Vec<_>>().concat());
            let mut rows = rows.chunks_exact(width);
            window.into_iter().zip(&mut paths).try_for_each(|(input, path)| {
                let row = input.map(|_| rows.next().expect("a row for each photo that loaded"));
                take(path, row)
            })
        })
    }

    /// Where in the photo at `path` the net sees each class.
    ///
    /// # Errors
    /// As [`Self::classify_file`].
    pub fn explain_file(&self, path: impl AsRef<Path>) -> Result<Explanation, Error> {
        let path = path.as_ref();
        let input = PhotoLoader::new(&self.preprocess, 1)
            .load(path)
            .map_err(|source| Error::Photo { path: Some(path.to_owned()), source })?;
        Ok(self.explain_input(&input))
    }

    /// An encoded photo as an input of the net, decoded in `memory`, which several threads and
    /// classifiers may share.
    ///
    /// # Errors
    /// When the photo cannot be decoded.
    pub fn load_bytes(
        &self,
        photo: &[u8],
        memory: &DecodeMemory,
    ) -> Result<LoadedPhoto, PhotoError> {
        load_bytes(photo, &self.preprocess, memory)
    }

    /// An image as an input of the net, `[3, crop, crop]`.
    ///
    /// # Errors
    /// When the image is too far from square to be prepared.
    pub fn prepare(&self, image: &RgbImage) -> Result<Vec<f32>, PhotoError> {
        prepare(&self.preprocess, image)
    }

    /// Where in an input the net sees each class.
    ///
    /// # Panics
    /// When `input` is not one input of this model, `[3, crop, crop]`.
    pub fn explain_input(&self, input: &[f32]) -> Explanation {
        let maps = self.plan.class_maps(input).expect("one input of the plan's size");
        Explanation { seen: self.denormalized(input), maps }
    }

    /// The pixels of an input.
    fn denormalized(&self, input: &[f32]) -> RgbImage {
        let Preprocess { crop, mean, std, .. } = self.preprocess;
        let plane = (crop * crop) as usize;
        let sample = |(pixel, channel): (usize, usize)| {
            let value = input[channel * plane + pixel] * std[channel] + mean[channel];
            (255.0 * value).round().clamp(0.0, 255.0) as u8
        };
        let places = (0..plane).flat_map(|pixel| (0..3).map(move |channel| (pixel, channel)));
        RgbImage::new(crop, crop, places.map(sample).collect()).expect("three samples a pixel")
    }

    /// The features of an image: what the linear layer reads, `[channels]`. Photos that look alike
    /// to the net have similar features.
    ///
    /// # Errors
    /// As [`Self::classify`].
    pub fn features(&self, image: &RgbImage) -> Result<Vec<f32>, Error> {
        let input = prepare(&self.preprocess, image)?;
        Ok(self.plan.pooled(&input).expect("one input of the plan's size"))
    }

    /// The name of each class, or its index where the model has no names.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// What was chosen, assumed or left out when the model's file was read.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// How photos are prepared.
    pub fn preprocess(&self) -> &Preprocess {
        &self.preprocess
    }

    /// The net.
    pub fn net(&self) -> &Net {
        &self.net
    }

    /// The threads and the instruction set.
    pub fn machine(&self) -> &Machine {
        self.plan.machine()
    }

    /// The compiled net, for inputs that are tensors already.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The compiled net alone.
    pub fn into_plan(self) -> Plan {
        self.plan
    }

    fn classify_input(&self, input: &[f32]) -> Result<Vec<Guess<'_>>, Error> {
        Ok(self.rank(&self.logits(input))?)
    }

    fn logits(&self, inputs: &[f32]) -> Vec<f32> {
        self.plan.logits(inputs).expect("inputs of the plan's size, at most a batch of them")
    }

    /// All classes by the logits of one image, most likely first.
    ///
    /// # Errors
    /// [`PhotoError::NotFinite`] when a logit is not a number.
    ///
    /// # Panics
    /// When there are not as many logits as classes.
    pub fn rank(&self, logits: &[f32]) -> Result<Vec<Guess<'_>>, PhotoError> {
        assert_eq!(logits.len(), self.labels.len(), "a logit for each class");
        if logits.iter().any(|logit| !logit.is_finite()) {
            return Err(PhotoError::NotFinite);
        }
        let guess = |(class, probability): (usize, f64)| Guess {
            class,
            label: &self.labels[class],
            probability,
        };
        Ok(ranking::rank(logits).into_iter().map(guess).collect())
    }
}
