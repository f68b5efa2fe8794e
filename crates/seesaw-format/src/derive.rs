//! Nets of the zoo with other channel counts, which the shapes of a file's tensors give.

use seesaw_arch::{LayerId, Net};

use crate::{
    Tensors,
    names::{Entry, Field, Scheme, entries},
};

/// What the name of a net ends with whose channels no width multiplier gives.
pub(crate) const CUSTOM: &str = "-custom";
/// The most blocks of a stage that are counted; nets have a few.
const MAX_REPEAT: usize = 100;
/// Width multipliers in hundredths that names can have.
const HUNDREDTHS: std::ops::RangeInclusive<u32> = 5..=300;

/// `net` with the channel counts of these tensors, and where names tell stages apart, with their numbers
/// of blocks, under the same name. `None` where the tensors give none. Whether they fit is for the caller
/// to check.
pub(crate) fn like(net: &Net, tensors: &Tensors) -> Option<Net> {
    let scheme = Scheme::detect(tensors);
    let mut derived = net.clone();
    if scheme == Scheme::Timm {
        let stages = derived.stages.len();
        for (stage, row) in derived.stages.iter_mut().enumerate() {
            row.repeat = blocks_in(tensors, stage);
        }
        if derived.stages.iter().any(|row| row.repeat == 0) || blocks_in(tensors, stages) > 0 {
            return None;
        }
    }
    let entries = entries(&derived, scheme);
    let channels = |layer| channels(&entries, layer, tensors);
    derived.stem.channels = channels(LayerId::Stem)?;
    let mut last = 0;
    for row in &mut derived.stages {
        last += row.repeat;
        row.channels = channels(LayerId::Project(last))?;
    }
    derived.head.channels = channels(LayerId::Head)?;
    derived.validate().ok()?;
    Some(derived)
}

/// The blocks that timm's names have in a stage.
fn blocks_in(tensors: &Tensors, stage: usize) -> usize {
    let has = |block: &usize| tensors.get(&format!("blocks.{stage}.{block}.bn1.weight")).is_some();
    (0..MAX_REPEAT).take_while(has).count()
}

/// The channels of a layer, which its norm has one value each for.
fn channels(entries: &[Entry], layer: LayerId, tensors: &Tensors) -> Option<usize> {
    let norm = entries.iter().find(|e| e.layer == layer && e.field == Field::Gamma)?;
    match tensors.get(&norm.name)?.shape[..] {
        [channels] => Some(channels),
        _ => None,
    }
}

/// A net that [`like`] made of `net`, under a name of the zoo where a width multiplier gives these
/// channels, else one of its own.
pub(crate) fn named(net: &Net, derived: Net) -> Net {
    let trunk = |net: &Net| (net.stem.clone(), net.head.clone(), net.stages.clone());
    if trunk(&derived) == trunk(net) {
        return derived;
    }
    let mut scaled = HUNDREDTHS.filter_map(|n| net.clone().with_width(f64::from(n) / 100.0).ok());
    let name = match scaled.find(|scaled| trunk(scaled) == trunk(&derived)) {
        Some(scaled) => scaled.name,
        None => format!("{}{CUSTOM}", net.name),
    };
    Net { name, ..derived }
}
