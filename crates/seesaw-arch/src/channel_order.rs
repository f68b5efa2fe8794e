//! The order of a block's expanded channels in memory.

use crate::Block;

/// Where a block's expanded channels lie in memory.
///
/// Depthwise channels do not depend on each other, so they may lie in any order. Sorted by the
/// groups that write and read them, a group's channels are a few ranges, and the flow between the
/// layers costs nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChannelOrder {
    /// The place of the channel that expand writes as number `c`.
    pub before_flow: Vec<usize>,
    /// The place of the channel that is number `c` after the flow.
    pub after_flow: Vec<usize>,
}

impl ChannelOrder {
    /// The order for `block`; without an expand convolution, only the flow moves channels.
    pub fn new(block: &Block) -> Self {
        let mut order: Vec<usize> = (0..block.expanded).collect();
        if block.expand.is_some() {
            let mut crossings = block.crossings();
            crossings.sort_by_key(|crossing| (crossing.expand, crossing.project));
            order = crossings.into_iter().flat_map(|crossing| crossing.channels).collect();
        }
        let destinations = block.flow.destinations(block.expanded);
        let mut places =
            Self { before_flow: vec![0; order.len()], after_flow: vec![0; order.len()] };
        for (place, channel) in order.into_iter().enumerate() {
            places.before_flow[channel] = place;
            places.after_flow[destinations[channel]] = place;
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Groups, zoo};

    #[test]
    fn a_groups_channels_lie_in_few_ranges_and_the_flow_in_between() {
        for name in ["seesaw-shuffle-1.0d-cifar", "seesaw-share-v0-0.5d-cifar", "igcv3-1.0d-cifar"]
        {
            for block in zoo::net(name).unwrap().blocks() {
                let order = ChannelOrder::new(&block);
                for (channel, to) in block.flow.destinations(block.expanded).iter().enumerate() {
                    assert_eq!(order.after_flow[*to], order.before_flow[channel], "{name}");
                }
                let crossings = block.crossings().len();
                for (groups, places) in [
                    (block.expand.clone().unwrap_or(Groups::dense()), &order.before_flow),
                    (block.project.clone(), &order.after_flow),
                ] {
                    let mut ranges = 0;
                    for group in groups.ranges(block.expanded).unwrap() {
                        let mut places = places[group].to_vec();
                        places.sort_unstable();
                        ranges += 1 + places.windows(2).filter(|w| w[0] + 1 != w[1]).count();
                    }
                    assert!(ranges <= crossings, "{name}: {ranges} ranges, {crossings} crossings");
                }
            }
        }
    }
}
