//! `seesaw models`: the built-in nets.

use std::io::Write;

use seesaw_arch::{Cost, Net, zoo};
use serde::Serialize;

use crate::{
    args::ModelsArgs,
    failure::Failure,
    output::{self, Align, Table},
};

/// A net, as `--json` prints it.
#[derive(Serialize)]
struct Model {
    name: String,
    input_size: usize,
    classes: usize,
    blocks: usize,
    #[serde(flatten)]
    cost: Cost,
}

pub fn run(args: &ModelsArgs) -> Result<(), Failure> {
    let models = zoo::all().into_iter().map(model).collect::<Result<Vec<_>, _>>()?;
    if args.json { output::json(&models) } else { table(&models) }
}

fn model(net: Net) -> Result<Model, Failure> {
    let cost = net.cost(net.input_size)?;
    let blocks = net.blocks().len();
    Ok(Model { name: net.name, input_size: net.input_size, classes: net.classes, blocks, cost })
}

fn table(models: &[Model]) -> Result<(), Failure> {
    let mut table = Table::new([
        ("net", Align::Left),
        ("input", Align::Right),
        ("classes", Align::Right),
        ("blocks", Align::Right),
        ("parameters", Align::Right),
        ("MAdds", Align::Right),
        ("peak memory", Align::Right),
    ]);
    for Model { name, input_size, classes, blocks, cost } in models {
        table.row([
            name.clone(),
            format!("{input_size} px"),
            classes.to_string(),
            blocks.to_string(),
            output::thousands(cost.params as u64),
            output::millions(cost.madds),
            output::bytes(cost.peak_bytes),
        ]);
    }
    let mut out = output::stdout();
    table.write(&mut out)?;
    Ok(out.flush()?)
}
