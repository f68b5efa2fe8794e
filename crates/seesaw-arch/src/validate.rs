//! The rules for the description of a net.

use crate::{ArchError, Block, Groups, Net};

/// Limits that keep an untrusted description from requesting absurd amounts of memory.
const MAX_CHANNELS: usize = 16_384;
const MAX_BLOCKS: usize = 1_000;
const MAX_CLASSES: usize = 1_000_000;
const MAX_PARAMS: usize = 1 << 29;
/// Smallest and largest number that batch norms add to the variance; the smallest keeps a channel
/// that never varies finite.
const EPS: std::ops::RangeInclusive<f64> = 1e-9..=1.0;
/// Smallest and largest image side.
pub(crate) const SIDES: std::ops::RangeInclusive<usize> = 1..=4_096;

impl Net {
    /// Checks every rule.
    ///
    /// # Errors
    /// The first broken rule, with the block that breaks it.
    pub fn validate(&self) -> Result<(), ArchError> {
        self.validate_ends()?;
        // Before the table is unrolled: an untrusted `repeat` may be anything.
        let blocks = self.stages.iter().fold(0, |n: usize, s| n.saturating_add(s.repeat));
        if blocks > MAX_BLOCKS {
            return Err(self.broken(format!("{blocks} blocks; at most {MAX_BLOCKS} are allowed")));
        }
        for (index, (stage, block)) in (1..).zip(self.staged_blocks()) {
            validate_block(&block).map_err(|rule| ArchError::Block {
                block: index,
                stage,
                rule,
            })?;
        }
        if let Some(preprocess) = &self.preprocess {
            preprocess.validate()?;
        }
        let params = self.params();
        if params > MAX_PARAMS {
            return Err(self.broken(format!("{params} parameters; at most {MAX_PARAMS}")));
        }
        Ok(())
    }

    /// The rules for what comes before and after the blocks.
    fn validate_ends(&self) -> Result<(), ArchError> {
        let rule = if self.name.is_empty() || self.name.len() > 200 {
            Some("the name must have 1 to 200 bytes".to_owned())
        } else if !SIDES.contains(&self.input_size) {
            Some(format!("input_size is {}; it must be from 1 to 4096", self.input_size))
        } else if !(1..=MAX_CLASSES).contains(&self.classes) {
            Some(format!("{} classes; there must be 1 to {MAX_CLASSES}", self.classes))
        } else if !(0.0..1.0).contains(&self.head.dropout) {
            Some(format!("dropout is {}; it must be at least 0 and below 1", self.head.dropout))
        } else if !EPS.contains(&self.batch_norm_eps) {
            Some(format!("batch_norm_eps is {}; it must be from 1e-9 to 1", self.batch_norm_eps))
        } else if let Some(n) = self.stages.iter().position(|s| s.repeat == 0) {
            Some(format!("stage {} repeats 0 times; leave it out instead", n + 1))
        } else {
            channels("the stem", self.stem.channels)
                .and_then(|()| channels("the head", self.head.channels))
                .and_then(|()| stride("the stem", self.stem.stride))
                .err()
        };
        rule.map_or(Ok(()), |rule| Err(self.broken(rule)))
    }

    pub(crate) fn broken(&self, rule: String) -> ArchError {
        ArchError::Net { net: self.name.chars().take(200).collect(), rule }
    }
}

/// The first rule that `block` breaks.
fn validate_block(block: &Block) -> Result<(), String> {
    channels("the input", block.input)?;
    channels("the expanded map", block.expanded)?;
    channels("the output", block.output)?;
    stride("the depthwise convolution", block.stride)?;
    if !matches!(block.kernel, 3 | 5) {
        return Err(format!(
            "the depthwise convolution has a kernel of {}; only 3 and 5 are known",
            block.kernel
        ));
    }
    match &block.expand {
        Some(expand) => {
            whole("expand", expand, "input", block.input)?;
            whole("expand", expand, "expanded", block.expanded)?;
        }
        None if block.expanded != block.input => {
            let factor = block.expanded / block.input;
            return Err(format!(
                "expansion is {factor} but there is no expand convolution; give `expand` its groups or set the expansion to 1"
            ));
        }
        None if block.activate_expand => {
            return Err("activate_expand needs an expand convolution".to_owned());
        }
        None => {}
    }
    whole("project", &block.project, "expanded", block.expanded)?;
    whole("project", &block.project, "output", block.output)?;
    for (name, flow, channels) in
        [("flow", block.flow, block.expanded), ("output_flow", block.output_flow, block.output)]
    {
        if !channels.is_multiple_of(flow.unit()) {
            return Err(format!(
                "{name} is {flow}, but {channels} channels are no multiple of {}",
                flow.unit()
            ));
        }
    }
    Ok(())
}

fn whole(conv: &str, groups: &Groups, map: &str, channels: usize) -> Result<(), String> {
    match groups.ranges(channels) {
        Some(_) => Ok(()),
        None => Err(format!(
            "{conv} has groups {groups}, which cannot share {channels} {map} channels; use a multiple of {}",
            groups.unit()
        )),
    }
}

fn channels(what: &str, count: usize) -> Result<(), String> {
    if (1..=MAX_CHANNELS).contains(&count) {
        Ok(())
    } else {
        Err(format!("{what} has {count} channels; there must be 1 to {MAX_CHANNELS}"))
    }
}

fn stride(what: &str, stride: usize) -> Result<(), String> {
    match stride {
        1 | 2 => Ok(()),
        _ => Err(format!("{what} has stride {stride}; only 1 and 2 are known")),
    }
}

#[cfg(test)]
mod tests;
