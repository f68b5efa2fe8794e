//! A model ready to run, and the photo that it is shown.

use std::ffi::CString;

use seesaw_arch::{Fit, Preprocess};
use seesaw_engine::{Machine, Options, Plan, compile};
use seesaw_format::{Metadata, NetWeights, safetensors};
use seesaw_image::{RgbImage, preprocess};
use serde::Serialize;

use crate::Error;

/// The most pixels of a photo: 2^26, a square of 8192.
pub const MAX_PIXELS: usize = 1 << 26;

/// The linear layer's weights are read once for this many positions of a map: 7 x 7 and 8 x 8.
const POSITIONS_AT_ONCE: usize = 64;

/// A compiled model with the buffers of one photo.
#[derive(Debug)]
pub struct Model {
    plan: Plan,
    preprocess: Preprocess,
    description: CString,
    /// The photo as the net sees it, `[3, size, size]`.
    input: Vec<f32>,
    /// What was computed last.
    output: Vec<f32>,
}

/// What a caller needs to know of a model.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Description<'a> {
    net: &'a str,
    labels: &'a [String],
    classes: usize,
    input_size: usize,
    features: usize,
    map_side: usize,
    resize: u32,
    fit: Fit,
    isa: &'static str,
    relaxed: bool,
}

impl Model {
    /// Reads the bytes of a safetensors file and compiles its net for the calling thread.
    ///
    /// # Errors
    /// When they are something else or damaged, or the net cannot be compiled.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        // Not `seesaw_format::Model`, which recognizes the weights of others: that would be a third of
        // the module.
        if !safetensors::is_safetensors(bytes) {
            return Err(Error::OtherKind);
        }
        let (tensors, metadata) = safetensors::read(bytes)?;
        let Metadata { net, labels, preprocess, .. } = metadata.ok_or(Error::NoMetadata)?;
        let weights = NetWeights::take_tensors(&net, tensors)?;
        let preprocess = preprocess.unwrap_or_else(|| net.default_preprocess());
        let (classes, features) = (net.classes, net.head.channels);
        let labels = match labels {
            labels if labels.is_empty() => (0..classes).map(|class| class.to_string()).collect(),
            labels => labels,
        };
        let options =
            Options::new(&net).input_size(preprocess.crop as usize).batch(POSITIONS_AT_ONCE);
        let plan = compile(&net, weights, &options, &Machine::solo())?;
        let description = Description {
            net: &net.name,
            labels: &labels,
            classes,
            input_size: plan.input_size(),
            features,
            map_side: plan.map_side(),
            resize: preprocess.resize,
            fit: preprocess.fit,
            isa: plan.machine().isa().name(),
            relaxed: cfg!(target_feature = "relaxed-simd"),
        };
        let json = serde_json::to_string(&description).expect("texts and numbers");
        let description = CString::new(json).expect("JSON escapes control characters");
        let input = vec![0.0; preprocess.output_len()];
        Ok(Self { plan, preprocess, description, input, output: Vec::new() })
    }

    /// The model as JSON: `net`, `labels`, `classes`, `inputSize`, `features` (how many), `mapSide`,
    /// `resize` and `fit` of its preprocessing, `isa` and `relaxed`.
    pub fn description(&self) -> &CString {
        &self.description
    }

    /// Takes a photo, rows of `width` RGBA pixels from the top: scales, crops and normalizes it as
    /// the model says. Alpha is dropped.
    ///
    /// # Errors
    /// When the bytes are not whole rows, or there are more than [`MAX_PIXELS`].
    pub fn prepare(&mut self, rgba: Vec<u8>, width: u32) -> Result<(), Error> {
        let (bytes, pixels) = (rgba.len(), rgba.len() / 4);
        if pixels > MAX_PIXELS {
            return Err(Error::TooLarge { pixels, limit: MAX_PIXELS });
        }
        let error = Error::Pixels { bytes, width };
        if width == 0 || bytes == 0 || !bytes.is_multiple_of(4 * width as usize) {
            return Err(error);
        }
        let height = (pixels / width as usize) as u32;
        let image = RgbImage::new(width, height, without_alpha(rgba)).ok_or(error)?;
        Ok(preprocess(&self.preprocess, &image, &mut self.input)?)
    }

    /// The photo as the net sees it, `[3, size, size]`; a caller that has a normalized tensor writes
    /// it here.
    pub fn input(&mut self) -> &mut [f32] {
        &mut self.input
    }

    /// The logits of the photo, `[classes]`.
    ///
    /// # Errors
    /// [`Error::NotFinite`] when the weights are damaged.
    pub fn logits(&mut self) -> Result<&[f32], Error> {
        self.output.resize(self.plan.classes(), 0.0);
        self.plan.run(&self.input, &mut self.output)?;
        self.finite_output()
    }

    /// The features of the photo, which the linear layer reads: `[channels]`.
    ///
    /// # Errors
    /// As [`Self::logits`].
    pub fn features(&mut self) -> Result<&[f32], Error> {
        self.output = self.plan.pooled(&self.input)?;
        self.finite_output()
    }

    /// Where in the photo a class is seen, `[side, side]`: its logit at each position of the net's last
    /// map. Their mean is the logit of the photo.
    ///
    /// # Errors
    /// [`Error::Class`] when there is no such class, and as [`Self::logits`].
    pub fn explain(&mut self, class: usize) -> Result<&[f32], Error> {
        let classes = self.plan.classes();
        if class >= classes {
            return Err(Error::Class { class, classes });
        }
        self.output = self.plan.class_maps(&self.input)?.of(class);
        self.finite_output()
    }

    fn finite_output(&self) -> Result<&[f32], Error> {
        if self.output.iter().all(|x| x.is_finite()) {
            Ok(&self.output)
        } else {
            Err(Error::NotFinite)
        }
    }
}

/// RGBA to RGB, in place.
fn without_alpha(mut rgba: Vec<u8>) -> Vec<u8> {
    let pixels = rgba.len() / 4;
    for pixel in 0..pixels {
        rgba.copy_within(4 * pixel..4 * pixel + 3, 3 * pixel);
    }
    rgba.truncate(3 * pixels);
    rgba
}
