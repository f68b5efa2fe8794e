//! `seesaw run`: a tensor file through a net.

use std::path::Path;

use seesaw_arch::Net;
use seesaw_engine::{Machine, Options, Plan, compile};
use seesaw_format::{StoredPrecision, Tensor, Tensors, load, safetensors};

use crate::{args::RunArgs, failure::Failure, resolve};

pub fn run(args: &RunArgs) -> Result<(), Failure> {
    resolve::check_output(&args.output, &args.input)?;
    resolve::check_output(&args.output, &args.weights)?;
    let model = resolve::weights(&args.weights, &args.net)?;
    let input = read_input(&args.input)?;
    let options =
        Options::new(&model.net).input_size(input.shape[3]).batch(args.batch.min(input.shape[0]));
    let machine = Machine::from_env(args.threads.count()).map_err(Failure::new)?;
    let plan = compile(&model.net, model.weights, &options, &machine).map_err(Failure::new)?;
    let outputs = outputs(&plan, &model.net, &input, args.features)?;
    safetensors::write(&args.output, &outputs, None, StoredPrecision::F32)
        .map_err(|error| Failure::format(&args.output, &error))
}

/// The tensor `input` `[n, 3, side, side]`.
fn read_input(path: &Path) -> Result<Tensor, Failure> {
    let failed = |what: String| Err(Failure::file(path, what));
    let mut contents = load(path).map_err(|error| Failure::format(path, &error))?;
    let Some(input) = contents.tensors.remove("input") else {
        return failed("no tensor `input` of floats; name the images so".into());
    };
    let fits = matches!(input.shape[..], [n, 3, h, w] if n > 0 && h > 0 && h == w);
    if !fits {
        return failed(format!(
            "`input` has the shape {:?}; it must be [n, 3, side, side]",
            input.shape
        ));
    }
    match input.data.iter().position(|x| !x.is_finite()) {
        Some(at) => failed(format!("`input` holds {} at position {at}", input.data[at])),
        None => Ok(input),
    }
}

/// `logits` and, if asked for, every block's output, of all images.
fn outputs(plan: &Plan, net: &Net, input: &Tensor, features: bool) -> Result<Tensors, Failure> {
    let [count, _, side, _] = input.shape[..] else {
        return Err(Failure::new("the input has lost its shape"));
    };
    let mut logits = Vec::with_capacity(count * net.classes);
    let mut outputs = Tensors::new();
    for images in input.data.chunks(plan.batch() * 3 * side * side) {
        logits.extend(plan.logits(images).map_err(Failure::new)?);
        if features {
            append_features(plan, images, &mut outputs)?;
        }
    }
    outputs.insert("logits", Tensor { shape: vec![count, net.classes], data: logits });
    Ok(outputs)
}

/// Appends the block outputs of more images along the first axis.
fn append_features(plan: &Plan, images: &[f32], outputs: &mut Tensors) -> Result<(), Failure> {
    for feature in plan.features(images).map_err(Failure::new)? {
        let [count, channels, rows, columns] = feature.shape;
        let empty = Tensor { shape: vec![0, channels, rows, columns], data: Vec::new() };
        let mut tensor = outputs.remove(&feature.name).unwrap_or(empty);
        tensor.shape[0] += count;
        tensor.data.extend(feature.data);
        outputs.insert(feature.name, tensor);
    }
    Ok(())
}
