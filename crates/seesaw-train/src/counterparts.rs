//! Which blocks of a teacher correspond to which blocks of another net.
//!
//! Nets are compared stage by stage. Where two stages have equally many blocks, each has a
//! counterpart; elsewhere the first blocks correspond to each other, and so do the ends.

use seesaw_arch::{Block, Net};
use serde::{Deserialize, Serialize};

/// Which outputs of a net are compared with a teacher's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeatureMaps {
    /// Those of every block that has a counterpart.
    #[default]
    Blocks,
    /// Those of the last block of each stage.
    Stages,
    /// None.
    None,
}

/// For each block of `net`, the number of the teacher's block whose weights it can take over: its
/// place in its stage is the same, and so are its channels, its stride and its filters.
pub(crate) fn same_blocks(net: &Net, teacher: &Net) -> Vec<Option<usize>> {
    let (blocks, teachers) = (net.blocks(), teacher.blocks());
    in_stages(&blocks, &teachers, |place, own, other| (place < own.min(other)).then_some(place))
        .into_iter()
        .zip(&blocks)
        .map(|(number, block)| number.filter(|number| has_same_shape(block, &teachers[*number])))
        .collect()
}

/// For each block of `net`, the number of the teacher's block whose output has the same shape and
/// the same place in the net.
pub(crate) fn same_outputs(net: &Net, teacher: &Net, maps: FeatureMaps) -> Vec<Option<usize>> {
    let (blocks, teachers) = (net.blocks(), teacher.blocks());
    let pairs = in_stages(&blocks, &teachers, |place, own, other| match maps {
        FeatureMaps::Blocks if own == other => Some(place),
        FeatureMaps::Blocks | FeatureMaps::Stages => (place + 1 == own).then_some(other - 1),
        FeatureMaps::None => None,
    });
    let reduction = |net: &Net, blocks: &[Block], last: usize| -> usize {
        net.stem.stride * blocks[..=last].iter().map(|block| block.stride).product::<usize>()
    };
    let same = |block: usize, other: usize| {
        blocks[block].output == teachers[other].output
            && reduction(net, &blocks, block) == reduction(teacher, &teachers, other)
    };
    let pairs = pairs.into_iter().enumerate();
    pairs.map(|(block, other)| other.filter(|other| same(block, *other))).collect()
}

/// Pairs the stages of two nets in order, and their blocks as `pair` says of a block's place and
/// the number of blocks of both stages. A stage is a run of blocks with equally many outputs.
fn in_stages(
    blocks: &[Block],
    teachers: &[Block],
    pair: impl Fn(usize, usize, usize) -> Option<usize>,
) -> Vec<Option<usize>> {
    let mut pairs = Vec::with_capacity(blocks.len());
    let mut first = 0;
    let mut others = stages(teachers);
    for own in stages(blocks) {
        let other = others.next().unwrap_or(0);
        let counterpart = |place| if other > 0 { pair(place, own, other) } else { None };
        pairs.extend((0..own).map(counterpart).map(|place| place.map(|place| first + place)));
        first += other;
    }
    pairs
}

/// The number of blocks of each stage.
fn stages(blocks: &[Block]) -> impl Iterator<Item = usize> {
    blocks.chunk_by(|a, b| a.output == b.output).map(<[Block]>::len)
}

fn has_same_shape(block: &Block, other: &Block) -> bool {
    let shape = |b: &Block| (b.input, b.expanded, b.output, b.stride);
    shape(block) == shape(other)
}

#[cfg(test)]
mod tests {
    use seesaw_arch::zoo;

    use super::*;

    #[test]
    fn nets_of_the_same_depth_correspond_block_by_block_and_others_at_the_ends_of_stages() {
        let teacher = zoo::net("mobilenetv2-1.0-imagenet").unwrap();
        let half = zoo::net("seesaw-shuffle-0.5d-imagenet").unwrap();
        let all: Vec<_> = (0..17).map(Some).collect();
        assert_eq!(same_blocks(&half, &teacher), all);
        assert_eq!(same_outputs(&half, &teacher, FeatureMaps::Blocks), all);
        assert_eq!(same_outputs(&half, &teacher, FeatureMaps::None), vec![None; 17]);

        let ends = |net: &Net| -> Vec<usize> {
            let lens: Vec<usize> = stages(&net.blocks()).collect();
            (1..=lens.len()).map(|count| lens[..count].iter().sum::<usize>() - 1).collect()
        };
        let full = zoo::net("seesaw-shuffle-1.0d-imagenet").unwrap();
        for (net, maps) in [(&half, FeatureMaps::Stages), (&full, FeatureMaps::Blocks)] {
            let pairs = same_outputs(net, &teacher, maps);
            let paired: Vec<_> = (0..pairs.len()).filter(|block| pairs[*block].is_some()).collect();
            assert_eq!(paired, ends(net));
            let others: Vec<_> = pairs.into_iter().flatten().collect();
            assert_eq!(others, ends(&teacher));
        }
        let grafted = same_blocks(&full, &teacher);
        assert_eq!(grafted[1..5], [Some(1), Some(2), None, None]);
    }

    #[test]
    fn outputs_of_another_size_do_not_correspond() {
        let teacher = zoo::net("mobilenetv2-1.0-imagenet").unwrap();
        let small = zoo::net("seesaw-shuffle-0.5d-cifar").unwrap();
        assert!(same_outputs(&small, &teacher, FeatureMaps::Blocks).iter().all(Option::is_none));
    }
}
