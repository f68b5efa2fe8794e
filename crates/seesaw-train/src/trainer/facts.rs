//! What all ranks of a training must have in common.

use seesaw_comm::Wire;
use seesaw_kernels::Machine;

use super::{RunOptions, Start};
use crate::recipe::Recipe;

/// A name and a value.
type Fact = (&'static str, String);

/// The facts of a run that is started.
pub(super) fn of_start(
    start: &Start,
    recipe: &Recipe,
    machine: &Machine,
    options: &RunOptions,
) -> Vec<Fact> {
    let Start { net, graft, teacher, unlabeled, limit, init, .. } = start;
    let mut facts = of_program("a new run", machine, options);
    facts.push(("net", net.name.clone()));
    let description = toml::to_string(net).unwrap_or_default();
    let checksum = crc32c::crc32c(description.as_bytes());
    facts.push(("description of the net", format!("one with checksum {checksum:08x}")));
    // Field by field: an error then tells which one differs.
    let table = toml::Table::try_from(recipe).unwrap_or_default();
    let fields = table.iter().map(|(key, value)| format!("{key} = {value}"));
    facts.extend(fields.map(|field| ("recipe", field)));
    let options = [
        ("teacher", teacher.is_some().to_string()),
        ("graft", graft.is_some().to_string()),
        ("start weights", init.is_some().to_string()),
        ("use of labels", (!unlabeled).to_string()),
        ("limit on images", limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string())),
    ];
    facts.extend(options);
    facts
}

/// Those of a run that is resumed. All else is in its folder.
pub(super) fn of_resume(machine: &Machine, options: &RunOptions) -> Vec<Fact> {
    of_program("a run to resume", machine, options)
}

fn of_program(what: &str, machine: &Machine, options: &RunOptions) -> Vec<Fact> {
    let wire = match options.ranks.gradient_wire() {
        Wire::F32 => "f32",
        Wire::Bf16 => "bf16",
    };
    let epochs = options.epochs.map_or_else(|| "those of the run".to_owned(), |n| n.to_string());
    vec![
        ("version of seesaw", env!("CARGO_PKG_VERSION").to_owned()),
        ("instruction set", machine.isa().to_string()),
        ("format of gradients on the wire", wire.to_owned()),
        ("task", what.to_owned()),
        ("number of epochs", epochs),
    ]
}
