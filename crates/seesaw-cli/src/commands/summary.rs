//! `seesaw summary`: a net, layer by layer.

use std::io::Write;

use seesaw_arch::{Cost, Layer, Net};
use serde::Serialize;

use crate::{
    args::SummaryArgs,
    failure::Failure,
    output::{self, Align, Table},
    resolve::{self, Source},
};

/// A net and its costs, as `--json` prints them.
#[derive(Serialize)]
struct Summary {
    net: String,
    input_size: usize,
    classes: usize,
    layers: Vec<Layer>,
    total: Cost,
}

pub fn run(args: &SummaryArgs) -> Result<(), Failure> {
    let net = match Source::parse(&args.net)? {
        Source::Net(net) => net,
        Source::Weights(path) => resolve::load(&path, None)?.net,
    };
    let (net, input_size) = resolve::reshaped(net, &args.shape)?;
    if args.toml {
        return description(&Net { input_size, ..net });
    }
    let layers = net.layers(input_size)?;
    let total = net.cost(input_size)?;
    let summary = Summary { net: net.name, input_size, classes: net.classes, layers, total };
    if args.json { output::json(&summary) } else { table(&summary) }
}

fn description(net: &Net) -> Result<(), Failure> {
    net.validate()?;
    let text = net.to_toml()?;
    let mut out = output::stdout();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

fn table(Summary { net, input_size, classes, layers, total }: &Summary) -> Result<(), Failure> {
    let mut table = Table::new([
        ("layer", Align::Left),
        ("structure", Align::Left),
        ("stride", Align::Right),
        ("input", Align::Right),
        ("output", Align::Right),
        ("parameters", Align::Right),
        ("MAdds", Align::Right),
        ("memory", Align::Right),
    ]);
    for layer in layers {
        table.row([
            layer.id.to_string(),
            layer.structure.clone(),
            layer.stride.to_string(),
            output::shape(layer.input),
            output::shape(layer.output),
            output::thousands(layer.params as u64),
            output::thousands(layer.madds),
            output::bytes(layer.bytes),
        ]);
    }
    let mut out = output::stdout();
    writeln!(out, "{net}, {input_size} px, {classes} classes\n")?;
    table.write(&mut out)?;
    writeln!(
        out,
        "\ntotal: {} parameters, {} MAdds, {} of activations at the peak",
        output::thousands(total.params as u64),
        output::thousands(total.madds),
        output::bytes(total.peak_bytes),
    )?;
    Ok(out.flush()?)
}
