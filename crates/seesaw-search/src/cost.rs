//! What nets cost, and bringing them to the cost of a search.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use seesaw_arch::{
    Block, Net,
    space::{Ladder, SpaceError, fit_width},
};
use seesaw_engine::{Options, compile, measure::test_images};
use seesaw_format::{NetWeights, replace_file};
use seesaw_kernels::Machine;
use serde::{Deserialize, Serialize};

use crate::SearchError;

/// By what share nets may miss the goal.
pub const TOLERANCE: f64 = 0.02;
/// Runs of a net from which the time of a block is taken.
const RUNS: usize = 30;
/// Widths that are timed before a net counts as out of reach.
const ATTEMPTS: usize = 8;

/// What every net of a search costs for one image.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// Multiply-adds of convolutions and the linear layer.
    Madds(u64),
    /// Milliseconds on this machine with one thread.
    Ms(f64),
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Madds(madds) => write!(f, "{:.1}M MAdds", *madds as f64 / 1e6),
            Self::Ms(ms) => write!(f, "{ms} ms"),
        }
    }
}

/// A number of multiply-adds, as `108M`, `108.5M` or `108500000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Madds(pub u64);

impl FromStr for Madds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = match text.strip_suffix(['M', 'm']) {
            Some(number) => (number, 1e6),
            None => match text.strip_suffix(['G', 'g']) {
                Some(number) => (number, 1e9),
                None => (text, 1.0),
            },
        };
        match number.parse::<f64>().map(|number| number * unit) {
            Ok(madds) if (1e5..=1e12).contains(&madds) => Ok(Self(madds.round() as u64)),
            _ => {
                Err("write a number of multiply-adds from 100000 to 1000G, such as 108M".to_owned())
            }
        }
    }
}

/// Brings nets to the goal, and knows how long blocks take.
#[derive(Debug)]
pub struct Costs {
    goal: Goal,
    input_size: usize,
    table: Option<Table>,
}

impl Costs {
    /// The costs of a search in multiply-adds.
    pub fn madds(goal: u64, input_size: usize) -> Self {
        Self { goal: Goal::Madds(goal), input_size, table: None }
    }

    /// The costs of a search in milliseconds, with the table of blocks in that file, which may not
    /// exist yet.
    ///
    /// # Errors
    /// [`SearchError::OtherMachine`]; when the file cannot be read.
    pub fn ms(goal: f64, input_size: usize, path: &Path) -> Result<Self, SearchError> {
        Ok(Self { goal: Goal::Ms(goal), input_size, table: Some(Table::open(path)?) })
    }

    /// The time of a net in milliseconds by the table, after the parts that are new were timed; `None`
    /// where costs are multiply-adds.
    ///
    /// # Errors
    /// When a part cannot be timed, or the table not be written.
    pub fn ms_of(&mut self, net: &Net) -> Result<Option<f64>, SearchError> {
        self.table.as_mut().map(|table| table.ms(net)).transpose()
    }

    /// The net at the width where it costs what the goal says.
    ///
    /// `quiet` is called before anything is timed, and what it returns is dropped afterwards.
    ///
    /// # Errors
    /// [`SearchError::Space`] when no width has this cost; when a block cannot be timed.
    pub fn fit<Q>(&mut self, net: &Net, quiet: impl FnOnce() -> Q) -> Result<Net, SearchError> {
        let net = Net { input_size: self.input_size, ..net.clone() };
        let (goal, table) = match (self.goal, &mut self.table) {
            (Goal::Ms(goal), Some(table)) => (goal, table),
            (Goal::Madds(goal), _) => return Ok(fit_width(&net, goal, TOLERANCE)?),
            (Goal::Ms(_), None) => unreachable!("a goal in milliseconds has a table"),
        };
        let ladder = Ladder::new(&net)?;
        let mut quiet = Some(quiet);
        let mut guard = None;
        let mut madds = (goal * table.madds_per_ms()) as u64;
        let mut best: Option<(f64, u64, Net)> = None;
        for attempt in 0..ATTEMPTS {
            // Where no width comes near enough, single stages are changed.
            let (own, candidate) = match attempt * 2 < ATTEMPTS {
                true => Some(ladder.nearest(madds)).map(|(own, net)| (own, net.clone())),
                false => ladder.nearest_uneven(madds),
            }
            .expect("a net has stages");
            if !table.knows(&candidate) && guard.is_none() {
                guard = quiet.take().map(|quiet| quiet());
            }
            let miss = table.ms(&candidate)? / goal - 1.0;
            madds = (own as f64 / (1.0 + miss)) as u64;
            if best.as_ref().is_none_or(|(least, ..)| miss.abs() < least.abs()) {
                best = Some((miss, own, candidate));
            }
            if miss.abs() <= TOLERANCE {
                break;
            }
        }
        drop(guard);
        match best {
            Some((miss, _, net)) if miss.abs() <= TOLERANCE => Ok(net),
            best => {
                let (miss, nearest) = best.map_or((0.0, 0), |(miss, madds, _)| (miss, madds));
                let goal = (nearest as f64 / (1.0 + miss)) as u64;
                let tolerance = TOLERANCE;
                Err(SpaceError::Unreachable { goal, nearest, tolerance }.into())
            }
        }
    }
}

/// How long the parts of nets take on this machine, with one thread.
///
/// A net is timed part by part while it runs whole, so that caches are as they are in use, and its
/// time is the sum over its parts. A part is timed in the first net that has it.
#[derive(Debug)]
struct Table {
    path: PathBuf,
    machine: Machine,
    processor: String,
    /// Milliseconds by what a part is.
    parts: BTreeMap<String, f64>,
    /// Of all nets that were timed.
    madds: f64,
    ms: f64,
}

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    processor: String,
    part: String,
    ms: f64,
}

impl Table {
    fn open(path: &Path) -> Result<Self, SearchError> {
        let machine = Machine::new(1, None).map_err(seesaw_engine::EngineError::from)?;
        let processor = format!("{}, {}", processor(), machine.isa());
        let (path, parts) = (path.to_owned(), BTreeMap::new());
        let mut table = Self { path, machine, processor, parts, madds: 0.0, ms: 0.0 };
        if table.path.exists() {
            table.read()?;
        }
        Ok(table)
    }

    fn read(&mut self) -> Result<(), SearchError> {
        let mut reader = csv::Reader::from_path(&self.path).map_err(|error| self.csv(error))?;
        for line in reader.deserialize() {
            let Line { processor: there, part, ms } = line.map_err(|error| self.csv(error))?;
            if there != self.processor {
                let (path, here) = (self.path.clone(), self.processor.clone());
                return Err(SearchError::OtherMachine { path, there, here });
            }
            self.parts.insert(part, ms);
        }
        Ok(())
    }

    fn csv(&self, error: csv::Error) -> SearchError {
        SearchError::io(&self.path)(error.into())
    }

    fn write(&self) -> Result<(), SearchError> {
        let written = replace_file(&self.path, |file| {
            let mut writer = csv::Writer::from_writer(file);
            for (part, &ms) in &self.parts {
                let (processor, part) = (self.processor.clone(), part.clone());
                writer.serialize(Line { processor, part, ms })?;
            }
            writer.flush()
        });
        written.map_err(SearchError::io(&self.path))
    }

    /// Multiply-adds in a millisecond of the nets so far, or of a processor of our time.
    fn madds_per_ms(&self) -> f64 {
        if self.ms > 0.0 { self.madds / self.ms } else { 4e7 }
    }

    fn knows(&self, net: &Net) -> bool {
        parts(net).iter().all(|part| self.parts.contains_key(part))
    }

    /// The time of a net, after the parts that are new were timed.
    fn ms(&mut self, net: &Net) -> Result<f64, SearchError> {
        if !self.knows(net) {
            self.time(net)?;
        }
        let ms: f64 = parts(net).iter().map(|part| self.parts[part]).sum();
        self.madds += net.cost(net.input_size)?.madds as f64;
        self.ms += ms;
        Ok(ms)
    }

    fn time(&mut self, net: &Net) -> Result<(), SearchError> {
        let weights = NetWeights::random(net, 0)
            .map_err(|error| SearchError::io(&self.path)(std::io::Error::other(error)))?;
        let options = Options::new(net).input_size(net.input_size);
        let plan = compile(net, weights, &options, &self.machine)?;
        let images = test_images(&plan);
        // The first runs bring the weights into the cache, and the clock up.
        plan.profile(&images, RUNS)?;
        let times = plan.profile(&images, RUNS)?;
        let named = parts(net);
        assert_eq!(named.len(), times.len(), "a time for each part");
        for (part, time) in named.into_iter().zip(times) {
            self.parts.entry(part).or_insert(1e3 * time.seconds);
        }
        self.write()
    }
}

/// What the units of a net are, in the order of [`seesaw_engine::Plan::profile`].
fn parts(net: &Net) -> Vec<String> {
    let mut side = net.input_size.div_ceil(net.stem.stride);
    let mut parts =
        vec![format!("stem {} /{} {}", net.stem.channels, net.stem.stride, net.input_size)];
    for block in net.blocks() {
        parts.push(block_part(&block, side));
        side = side.div_ceil(block.stride);
    }
    parts.push(format!("head {}-{} {side}", net.trunk_channels(), net.head.channels));
    parts.push(format!("classifier {}-{} {side}", net.head.channels, net.classes));
    parts
}

fn block_part(block: &Block, side: usize) -> String {
    let expand = block.expand.as_ref().map_or("-".to_owned(), ToString::to_string);
    let relu6 = if block.activate_expand { " relu6" } else { "" };
    format!(
        "block {}-{}-{} {expand}{relu6} {} {}x{} /{} {} {} {side}",
        block.input,
        block.expanded,
        block.output,
        block.flow,
        block.kernel,
        block.kernel,
        block.stride,
        block.project,
        block.output_flow,
    )
}

/// What the system calls the processor, or else its architecture.
fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let value = |key: &str| {
        let line =
            text.lines().find(|line| line.split(':').next().is_some_and(|k| k.trim() == key))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    match (value("model name"), value("cpu family"), value("model")) {
        (Some(name), Some(family), Some(model)) => {
            format!("{name} (family {family}, model {model})")
        }
        (Some(name), ..) => name,
        _ => std::env::consts::ARCH.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use seesaw_arch::{space::Space, zoo};

    use super::*;

    #[test]
    fn numbers_of_multiply_adds() {
        for (text, madds) in
            [("108M", 108_000_000), ("0.5G", 500_000_000), ("108500000", 108_500_000)]
        {
            assert_eq!(text.parse(), Ok(Madds(madds)));
        }
        for wrong in ["", "M", "-5M", "nan", "1", "1e30", "108 M"] {
            assert!(wrong.parse::<Madds>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_part_is_named_for_each_unit_and_unlike_parts_differ() {
        for net in zoo::all() {
            let units = 3 + net.blocks().len();
            assert_eq!(parts(&net).len(), units, "{}", net.name);
        }
        let space = Space::default_for(32);
        for factor in space.factors() {
            let nets = factor.levels.iter().map(|level| {
                space.net(&space.parse(&[(&factor.name, level.to_string())]).unwrap()).unwrap()
            });
            let named: std::collections::HashSet<_> = nets.map(|net| parts(&net)).collect();
            assert_eq!(named.len(), factor.levels.len(), "{}", factor.name);
        }
    }

    /// The two agree by construction for a net that was timed; that the sum predicts nets of known parts
    /// is a matter of benchmarks.
    #[test]
    fn the_table_remembers_and_belongs_to_a_processor() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("blocks.csv");
        let net = zoo::net("mobilenetv2-1.0-cifar").unwrap().with_width(0.25).unwrap();
        let mut table = Table::open(&path).unwrap();
        assert!(!table.knows(&net));
        let ms = table.ms(&net).unwrap();
        assert!(ms > 0.0);
        let mut again = Table::open(&path).unwrap();
        assert!(again.knows(&net));
        assert_eq!(again.ms(&net).unwrap(), ms);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace(&again.processor, "another")).unwrap();
        assert!(matches!(Table::open(&path), Err(SearchError::OtherMachine { .. })));
    }

    #[test]
    fn a_goal_in_milliseconds_is_met_by_the_table() {
        let folder = tempfile::tempdir().unwrap();
        let mut costs = Costs::ms(f64::MAX, 32, &folder.path().join("blocks.csv")).unwrap();
        let net = zoo::net("mobilenetv2-1.0-cifar").unwrap();
        let narrow = net.clone().with_width(0.3).unwrap();
        let table = costs.table.as_mut().unwrap();
        let ms = table.ms(&narrow).unwrap();
        costs.goal = Goal::Ms(ms);
        let fitted = costs.fit(&net, || ()).unwrap();
        let found = costs.table.as_mut().unwrap().ms(&fitted).unwrap();
        assert!((found / ms - 1.0).abs() <= TOLERANCE, "{found} of {ms}");
    }
}
