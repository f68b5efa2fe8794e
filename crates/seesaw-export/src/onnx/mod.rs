//! ONNX files: opset 18, batch norm folded into the weights, any batch size.
//!
//! A file also holds the JSON that a safetensors file has in its header, from which [`read`] restores
//! the model. Other ONNX files are refused.

mod forms;
mod graph;
mod input;
mod net;
mod properties;
pub mod proto;
mod read;
mod wire;

use std::{io::Write, path::Path};

use prost::Message;
use seesaw_arch::{Net, Op, Share};
use seesaw_engine::{Lowered, lower};
use seesaw_format::{Metadata, NetWeights, replace_file};

use crate::ExportError;

use forms::{Form, is_dense};
use graph::{Builder, fixed, int, named, value};
use proto::{Model, OperatorSetId, data_type};

pub use read::{from_bytes, is_onnx, read};

/// The version of ONNX's operators; the first with the antialiased `Resize` that photos need.
const OPSET: i64 = 18;
/// The version of the file format that came with it.
const IR_VERSION: i64 = 8;
/// Protobuf's limit for a file.
const MAX_FILE: u64 = i32::MAX as u64;

/// How pointwise convolutions with groups are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Groups {
    /// For each convolution the form that is fastest in ONNX Runtime.
    #[default]
    Auto,
    /// One dense convolution, with zeros between the groups; the shuffle becomes the order of its rows.
    Dense,
    /// As drawn in the paper: a convolution for each group, and the shuffle as transpositions.
    Split,
}

/// What the caller of a graph gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Input {
    /// `images`: f32 `[batch, 3, crop, crop]`, normalized.
    #[default]
    Tensor,
    /// `images`: f32 `[batch, 3, crop, crop]`, 0 to 1; normalized inside.
    Pixels,
    /// `image`: u8 `[height, width, 3]`, a photo of any size; scaled, cropped and normalized inside.
    Photo,
}

/// How a net becomes an ONNX file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// How convolutions with groups are written.
    pub groups: Groups,
    /// What the caller gives.
    pub input: Input,
    /// Whether weights are stored as 16-bit floats. Engines convert them when they load the file, and
    /// compute as before.
    pub half: bool,
    /// Whether the output is `probabilities` instead of `logits`, both `[batch, classes]`.
    pub softmax: bool,
}

/// What a file contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Its length.
    pub bytes: u64,
    /// Convolutions with groups that are written as dense ones.
    pub dense: usize,
    /// Convolutions with groups that are written as groups.
    pub split: usize,
}

/// Writes an ONNX file, which appears whole or not at all. The images' size is that of the metadata's
/// preprocessing, or else the net's own.
///
/// # Errors
/// [`ExportError::TooLarge`] before anything is computed; when the weights are not the net's, the
/// metadata is invalid, or the file cannot be written.
pub fn write(
    path: &Path,
    weights: &NetWeights,
    metadata: &Metadata,
    options: &Options,
) -> Result<Summary, ExportError> {
    let model = model(weights, metadata, options)?;
    let bytes = model.encode_to_vec();
    replace_file(path, |file| file.write_all(&bytes)).map_err(ExportError::io(path))?;
    let (steps, mut summary) =
        (metadata.net.steps(), Summary { bytes: bytes.len() as u64, dense: 0, split: 0 });
    for (step, form) in steps.iter().zip(forms::forms(&metadata.net, &steps, options.groups)) {
        match &step.op {
            Op::Pointwise { shares } if shares.len() > 1 => match form {
                Form::Dense => summary.dense += 1,
                Form::Split => summary.split += 1,
            },
            _ => {}
        }
    }
    Ok(summary)
}

/// The contents of an ONNX file.
///
/// # Errors
/// Those of [`write`](fn@write), except for writing.
pub fn model(
    weights: &NetWeights,
    metadata: &Metadata,
    options: &Options,
) -> Result<Model, ExportError> {
    let net = &metadata.net;
    net.validate().map_err(seesaw_format::FormatError::from)?;
    let bytes = weight_bytes(net, options);
    let too_large = |bytes| ExportError::TooLarge { bytes, limit: MAX_FILE };
    if bytes > MAX_FILE {
        return Err(too_large(bytes));
    }
    let lowered = lower(net, weights)?;
    let model = Model {
        ir_version: IR_VERSION,
        producer_name: "seesaw".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        doc_string: format!("{} with {} classes", net.name, net.classes),
        opset_import: vec![OperatorSetId { domain: String::new(), version: OPSET }],
        ..graph(&lowered, metadata, options)?
    };
    match model.encoded_len() as u64 {
        bytes if bytes > MAX_FILE => Err(too_large(bytes)),
        _ => Ok(model),
    }
}

/// The graph with the texts about it.
fn graph(
    lowered: &Lowered<'_>,
    metadata: &Metadata,
    options: &Options,
) -> Result<Model, ExportError> {
    let net = &lowered.net;
    let preprocess = metadata.preprocess.clone().unwrap_or_else(|| net.default_preprocess());
    preprocess.validate().map_err(seesaw_format::FormatError::from)?;
    let steps = net::steps_of(lowered);
    let forms = forms::forms(net, &steps, options.groups);
    let mut builder = Builder::new(options.half);
    let (input, images) = input::add(&mut builder, &preprocess, options.input);
    let side = preprocess.crop as usize;
    let logits = net::add(&mut builder, lowered, &forms, &images, side);
    let output = if options.softmax {
        builder.node("Softmax", "probabilities", &[&logits], [int("axis", 1)])
    } else {
        // Until here it has the name of its layer.
        builder.name_result("logits")
    };
    let batch = if options.input == Input::Photo { fixed(1) } else { named("batch") };
    let output = value(&output, data_type::FLOAT, [batch, fixed(net.classes)]);
    let forms = forms::to_text(&steps, &forms);
    Ok(Model {
        graph: Some(builder.finish(&net.name, input, output)),
        metadata_props: properties::properties(metadata, &preprocess, options, &forms)?,
        ..Model::default()
    })
}

/// Bytes of all weights, without computing any.
fn weight_bytes(net: &Net, options: &Options) -> u64 {
    let steps = net.steps();
    let forms = forms::forms(net, &steps, options.groups);
    let numbers = steps.iter().zip(forms).map(|(step, form)| match &step.op {
        Op::Pointwise { shares } if is_dense(form, shares) => {
            step.inputs.len() as u64 * step.outputs.len() as u64
        }
        Op::Pointwise { shares } => shares.iter().map(Share::weights).sum::<usize>() as u64,
        _ => step.weights() as u64,
    });
    let size = if options.half { 2 } else { 4 };
    numbers.map(|numbers| numbers.saturating_mul(size)).fold(0, u64::saturating_add)
}
