//! `seesaw models`: the built-in nets and the bundled weights.

use std::io::Write;

use seesaw::bundled::{self, Bundled};
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
    /// The bundled weights of the net.
    bundled: Vec<Weights>,
}

/// Bundled weights, as `--json` prints them.
#[derive(Serialize)]
struct Weights {
    name: &'static str,
    classes: usize,
    input_size: usize,
    bytes: usize,
    license: &'static str,
    source: &'static str,
    default: bool,
}

impl Weights {
    fn new(bundled: &Bundled) -> Self {
        let Bundled { name, classes, input_size, license, source, bytes, .. } = *bundled;
        let default = name == bundled::DEFAULT;
        Self { name, classes, input_size, bytes: bytes.len(), license, source, default }
    }
}

pub fn run(args: &ModelsArgs) -> Result<(), Failure> {
    let models = zoo::all().into_iter().map(model).collect::<Result<Vec<_>, _>>()?;
    if args.json { output::json(&models) } else { table(&models) }
}

fn model(net: Net) -> Result<Model, Failure> {
    let cost = net.cost(net.input_size)?;
    let blocks = net.blocks().len();
    let own = bundled::ALL.iter().filter(|bundled| bundled.net == net.name);
    let bundled = own.map(Weights::new).collect();
    let Net { name, input_size, classes, .. } = net;
    Ok(Model { name, input_size, classes, blocks, cost, bundled })
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
    for Model { name, input_size, classes, blocks, cost, .. } in models {
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
    writeln!(out, "\nweights in the program, for `--weights` and `--init`:\n")?;
    weights_table().write(&mut out)?;
    Ok(out.flush()?)
}

/// The bundled weights, the default first.
fn weights_table() -> Table<6> {
    let mut table = Table::new([
        ("weights", Align::Left),
        ("net", Align::Left),
        ("input", Align::Right),
        ("classes", Align::Right),
        ("size", Align::Right),
        ("license", Align::Left),
    ]);
    let mut all = bundled::ALL;
    all.sort_by_key(|bundled| bundled.name != bundled::DEFAULT);
    for Bundled { name, net, classes, input_size, license, bytes, .. } in all {
        table.row([
            name.to_owned(),
            net.to_owned(),
            format!("{input_size} px"),
            classes.to_string(),
            output::bytes(bytes.len() as u64),
            license.to_owned(),
        ]);
    }
    table
}
