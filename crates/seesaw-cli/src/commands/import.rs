//! `seesaw import`: weights of any supported kind to one file that names its net.

use std::{io::Write, path::Path};

use seesaw_format::{Metadata, Model, StoredPrecision, safetensors};

use crate::{args::ImportArgs, failure::Failure, model, output, resolve};

pub fn run(args: &ImportArgs) -> Result<(), Failure> {
    resolve::check_output(&args.output, &args.input)?;
    let model = resolve::weights(&args.input, &args.net)?;
    let metadata = Metadata::new(model.net.clone())
        .labels(model::labels(&model, args.labels.as_deref())?.names)
        .preprocess(model::preprocess(&model, &args.sizes)?)
        .origin(origin(&model, &args.input));
    let precision = if args.f16 { StoredPrecision::F16 } else { StoredPrecision::F32 };
    let failed = |error| Failure::format(&args.output, &error);
    let tensors = model.weights.to_tensors(&model.net).map_err(failed)?;
    safetensors::write(&args.output, &tensors, Some(&metadata), precision).map_err(failed)?;
    report(args, &metadata)
}

/// Where the weights came from: as the file itself says, else its name.
fn origin(model: &Model, input: &Path) -> String {
    let name = || input.file_name().unwrap_or_default().to_string_lossy().into_owned();
    model.origin.clone().unwrap_or_else(|| format!("imported from {}", name()))
}

fn report(args: &ImportArgs, metadata: &Metadata) -> Result<(), Failure> {
    let net = &metadata.net;
    let cost = net.cost(net.input_size)?;
    let names = match metadata.labels.len() {
        0 => "no class names".to_owned(),
        count => format!("{count} class names"),
    };
    let mut out = output::stdout();
    writeln!(
        out,
        "{}: {}, {} classes, {} parameters, {names}",
        args.input.display(),
        net.name,
        net.classes,
        output::thousands(cost.params as u64),
    )?;
    let length = std::fs::metadata(&args.output).map_or(0, |file| file.len());
    writeln!(out, "wrote {} ({})", args.output.display(), output::bytes(length))?;
    Ok(out.flush()?)
}
