//! `seesaw infer`: a tensor file through a net.

use std::path::Path;

use seesaw_engine::{Options, Plan, compile};
use seesaw_format::{StoredPrecision, Tensor, Tensors, load, safetensors};

use crate::{args::InferArgs, failure::Failure, resolve};

pub fn run(args: &InferArgs) -> Result<(), Failure> {
    resolve::check_output(&args.output, &args.input)?;
    resolve::check_output(&args.output, &args.weights)?;
    let model = resolve::weights(&args.weights, &args.net)?;
    let input = Input::read(&args.input)?;
    let machine = args.threads.machine()?;
    let options =
        Options::new(&model.net).input_size(input.side).batch(args.batch.min(input.count));
    let plan = compile(&model.net, model.weights, &options, &machine)?;
    let outputs = outputs(&plan, &input, args.features)?;
    safetensors::write(&args.output, &outputs, None, StoredPrecision::F32)
        .map_err(|error| Failure::format(&args.output, &error))
}

/// Images, `[count, 3, side, side]`.
struct Input {
    count: usize,
    side: usize,
    data: Vec<f32>,
}

impl Input {
    /// The tensor `input` of a file.
    fn read(path: &Path) -> Result<Self, Failure> {
        let failed = |what: String| Err(Failure::file(path, what));
        let mut contents = load(path).map_err(|error| Failure::format(path, &error))?;
        let Some(Tensor { shape, data }) = contents.tensors.remove("input") else {
            return failed("no tensor `input` of floats: give the images this name".into());
        };
        let (count, side) = match shape[..] {
            [count, 3, rows, columns] if count > 0 && rows > 0 && rows == columns => (count, rows),
            _ => {
                let rule = "it must be [n, 3, side, side]";
                return failed(format!("`input` has the shape {shape:?}; {rule}"));
            }
        };
        match data.iter().position(|x| !x.is_finite()) {
            Some(at) => failed(format!("`input` holds {} at position {at}", data[at])),
            None => Ok(Self { count, side, data }),
        }
    }
}

/// `logits` and, if requested, every block's output, of all images.
fn outputs(plan: &Plan, input: &Input, features: bool) -> Result<Tensors, Failure> {
    let mut logits = Vec::with_capacity(input.count * plan.classes());
    let mut outputs = Tensors::new();
    for images in input.data.chunks(plan.batch() * 3 * input.side * input.side) {
        logits.extend(plan.logits(images)?);
        if features {
            append_features(plan, images, &mut outputs)?;
        }
    }
    outputs.insert("logits", Tensor { shape: vec![input.count, plan.classes()], data: logits });
    Ok(outputs)
}

/// Appends the block outputs of more images along the first axis.
fn append_features(plan: &Plan, images: &[f32], outputs: &mut Tensors) -> Result<(), Failure> {
    for feature in plan.features(images)? {
        let [count, channels, rows, columns] = feature.shape;
        let empty = Tensor { shape: vec![0, channels, rows, columns], data: Vec::new() };
        let mut tensor = outputs.remove(&feature.name).unwrap_or(empty);
        tensor.shape[0] += count;
        tensor.data.extend(feature.data);
        outputs.insert(feature.name, tensor);
    }
    Ok(())
}
