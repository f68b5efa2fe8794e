//! Looking at a space.

use std::{io::Write, path::Path};

use seesaw_arch::{
    Net,
    space::{Space, fit_width},
    splitmix64,
};
use seesaw_search::cost::TOLERANCE;

use crate::{
    args::SpaceArgs,
    failure::Failure,
    output::{self, Align, Table},
    resolve,
};

/// The longest description of a space.
const MAX_DESCRIPTION: u64 = 1 << 20;
/// Draws after which a space counts as one without nets of the cost.
const ATTEMPTS: usize = 1_000;

/// Whether the arguments only ask for a look.
pub fn is_asked_for(args: &SpaceArgs) -> bool {
    args.show_space || args.sample.is_some() || !args.choose.is_empty()
}

/// The built-in space of that name, or the one in that file.
pub fn load(name: &str) -> Result<Space, Failure> {
    if let Some(space) = Space::built_in(name) {
        return Ok(space);
    }
    let path = Path::new(name);
    if !path.exists() {
        let known: Vec<&str> = Space::names().collect();
        return Err(Failure::new(format_args!(
            "no space `{name}`, and no such file; there are {}",
            known.join(", ")
        )));
    }
    let text = resolve::text(path, MAX_DESCRIPTION)?;
    Space::from_toml(&text).map_err(|error| Failure::in_file(path, &error))
}

/// Prints the space, random nets of it, or the net with certain choices.
pub fn print(args: &SpaceArgs, input_size: Option<u32>, seed: u64) -> Result<(), Failure> {
    let space = match &args.space {
        Some(name) => load(name)?,
        None => Space::default_for(input_size.map_or(32, |size| size as usize)),
    };
    let mut out = output::stdout();
    if args.show_space {
        out.write_all(space.to_toml()?.as_bytes())?;
        return Ok(out.flush()?);
    }
    if args.budget_ms.is_some() {
        return Err(Failure::new(
            "`--sample` and `--choose` count multiply-adds, not milliseconds",
        )
        .hint("give `--madds`"));
    }
    let input_size = input_size.map_or(space.base()?.input_size, |size| size as usize);
    let madds = match args.madds {
        Some(madds) => madds.0,
        None => super::default_madds(&space, input_size)?,
    };
    let fitted = |choices: &[usize]| -> Result<Net, Failure> {
        let net = Net { input_size, ..space.net(choices)? };
        let net = fit_width(&net, madds, TOLERANCE)?;
        space.check_net(&net)?;
        Ok(net)
    };
    match args.sample {
        Some(count) => sample(&space, count, seed, &fitted)?.write(&mut out)?,
        None => out.write_all(fitted(&space.parse(&args.choose)?)?.to_toml()?.as_bytes())?,
    }
    Ok(out.flush()?)
}

fn sample(
    space: &Space,
    count: usize,
    seed: u64,
    fitted: &dyn Fn(&[usize]) -> Result<Net, Failure>,
) -> Result<Table<4>, Failure> {
    let mut table = Table::new([
        ("MAdds", Align::Right),
        ("parameters", Align::Right),
        ("channels", Align::Left),
        ("choices", Align::Left),
    ]);
    let factors = space.factors();
    let mut state = splitmix64::mix(seed);
    let (mut drawn, mut last) = (0, None);
    for _ in 0..ATTEMPTS.max(10 * count) {
        if drawn == count {
            return Ok(table);
        }
        let choices: Vec<usize> = factors
            .iter()
            .map(|factor| (splitmix64::next(&mut state) >> 33) as usize % factor.levels.len())
            .collect();
        let net = match fitted(&choices) {
            Ok(net) => net,
            Err(error) => {
                last = Some(error);
                continue;
            }
        };
        drawn += 1;
        let cost = net.cost(net.input_size)?;
        let channels: Vec<String> = net.stages.iter().map(|s| s.channels.to_string()).collect();
        let named =
            space.named(&choices).into_iter().map(|(name, level)| format!("{name}={level}"));
        table.row([
            output::millions(cost.madds),
            output::thousands(cost.params as u64),
            channels.join(" "),
            named.collect::<Vec<_>>().join(" "),
        ]);
    }
    Err(last.unwrap_or_else(|| Failure::new("the space has no net of this cost")))
}
