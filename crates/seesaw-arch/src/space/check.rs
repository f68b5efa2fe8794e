//! The rules for spaces, and those that a space has for its nets.

use std::{collections::HashSet, ops::RangeInclusive};

use super::{Level, Space, SpaceError, Zone};
use crate::{Block, Net};

/// Limits that keep an untrusted description small.
const MAX_ZONES: usize = 32;
const MAX_LEVELS: usize = 256;
const NAMES: RangeInclusive<usize> = 1..=64;
const WIDTHS: RangeInclusive<f64> = 0.1..=8.0;
const DEPTHS: RangeInclusive<i64> = -100..=100;

impl Space {
    pub(super) fn check(&self) -> Result<(), SpaceError> {
        let broken = |rule: String| {
            let space = super::shortened(&self.name);
            Err(SpaceError::Rule { space, rule })
        };
        if !NAMES.contains(&self.name.len()) {
            return broken("the name must have 1 to 64 bytes".to_owned());
        }
        if !(1..=MAX_ZONES).contains(&self.zones.len()) {
            return broken(format!("{} zones; there must be 1 to {MAX_ZONES}", self.zones.len()));
        }
        let base = self.base()?;
        self.reference_nets()?;
        let (mut names, mut taken) = (HashSet::new(), HashSet::new());
        for zone in &self.zones {
            if !names.insert(&zone.name) {
                return broken(format!("two zones are called `{}`", super::shortened(&zone.name)));
            }
            if let Err(rule) = check_zone(zone, &base, &mut taken) {
                return broken(format!("zone `{}`: {rule}", super::shortened(&zone.name)));
            }
        }
        let factors = self.factors();
        let levels: usize = factors.iter().map(|factor| factor.levels.len()).sum();
        if factors.is_empty() {
            return broken("nothing to choose; give a zone a list of two values".to_owned());
        }
        if levels > MAX_LEVELS {
            return broken(format!("{levels} values to choose from; at most {MAX_LEVELS}"));
        }
        Ok(())
    }

    /// Checks a net of the space at the width that it has.
    ///
    /// # Errors
    /// [`SpaceError::Net`] and [`SpaceError::Constraint`].
    pub fn check_net(&self, net: &Net) -> Result<(), SpaceError> {
        let cost = net.cost(net.input_size)?;
        let constraints = &self.constraints;
        let broken = |rule: String| Err(SpaceError::Constraint(rule));
        if let Some(most) = constraints.max_params.filter(|most| cost.params > *most) {
            return broken(format!("{} parameters; at most {most}", cost.params));
        }
        let most = constraints.max_activation_bytes;
        if let Some(most) = most.filter(|most| cost.peak_bytes > *most) {
            return broken(format!("{} bytes of activations; at most {most}", cost.peak_bytes));
        }
        let parts = net.blocks().into_iter().position(|block| !is_connected(&block));
        match parts.filter(|_| constraints.connected) {
            Some(block) => broken(format!("groups that nothing connects in block {}", block + 1)),
            None => Ok(()),
        }
    }
}

/// The first rule that a zone breaks. `taken` has the stages of the zones before.
fn check_zone(zone: &Zone, base: &Net, taken: &mut HashSet<usize>) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !NAMES.contains(&zone.name.len()) || !zone.name.chars().all(plain) {
        return Err("a name has 1 to 64 letters, digits, `-` or `_`".to_owned());
    }
    if zone.stages.is_empty() {
        return Err("no stages; number them from 1, as in the base net".to_owned());
    }
    for &stage in &zone.stages {
        if !(1..=base.stages.len()).contains(&stage) {
            let stages = base.stages.len();
            return Err(format!("stage {stage}; the base net has stages 1 to {stages}"));
        }
        if !taken.insert(stage) {
            return Err(format!("stage {stage} is in two zones, or in one twice"));
        }
    }
    for levels in zone.levels() {
        let names: Vec<String> = levels.iter().map(ToString::to_string).collect();
        let twice = names.iter().enumerate().find(|(i, name)| names[..*i].contains(name));
        if let Some((_, name)) = twice {
            return Err(format!("`{}` has {name} twice", levels[0].key()));
        }
        levels.iter().try_for_each(check_level)?;
    }
    Ok(())
}

fn check_level(level: &Level) -> Result<(), String> {
    let fits = match level {
        Level::Expansion(expansion) => (2..=64).contains(expansion),
        Level::Kernel(kernel) => [3, 5].contains(kernel),
        Level::Depth(depth) => DEPTHS.contains(depth),
        Level::Width(width) => WIDTHS.contains(width),
        _ => true,
    };
    let rule = match level {
        Level::Expansion(_) => "from 2 to 64",
        Level::Kernel(_) => "3 or 5",
        Level::Depth(_) => "from -100 to 100",
        _ => "from 0.1 to 8",
    };
    if fits { Ok(()) } else { Err(format!("`{}` is {level}; it must be {rule}", level.key())) }
}

/// Whether information can pass between any two groups of a block.
fn is_connected(block: &Block) -> bool {
    let crossings = block.crossings();
    let (mut expand, mut project) = (HashSet::from([0]), HashSet::new());
    loop {
        let before = expand.len() + project.len();
        for crossing in &crossings {
            if expand.contains(&crossing.expand) || project.contains(&crossing.project) {
                expand.insert(crossing.expand);
                project.insert(crossing.project);
            }
        }
        if expand.len() + project.len() == before {
            return crossings.iter().all(|crossing| expand.contains(&crossing.expand));
        }
    }
}
