//! Where channels lie, and how large maps are.

use seesaw_arch::{Block, Groups};
use seesaw_kernels::{BLOCK, layout::blocks, train::Places};

/// Rows and columns of a map.
pub(super) type Size = (usize, usize);

/// f32 of one image's map.
pub(super) fn map_len(channels: usize, size: Size) -> usize {
    blocks(channels) * size.0 * size.1 * BLOCK
}

/// Rows and columns behind a 3x3 convolution with padding 1.
pub(super) fn behind(size: Size, stride: usize) -> Size {
    (size.0.div_ceil(stride), size.1.div_ceil(stride))
}

/// The order of a block's expanded channels in memory: by the groups that write and read them, so
/// that a group's channels are a few ranges and the flow between the layers costs nothing.
pub(super) struct Middle {
    /// The place of the channel that expand writes as number `c`.
    pub before: Vec<usize>,
    /// The place of the channel that is number `c` behind the flow.
    pub after: Vec<usize>,
}

impl Middle {
    pub fn new(block: &Block) -> Self {
        let mut order: Vec<usize> = (0..block.expanded).collect();
        if block.expand.is_some() {
            let mut crossings = block.crossings();
            crossings.sort_by_key(|(expand, project, _)| (*expand, *project));
            order = crossings.into_iter().flat_map(|(.., channels)| channels).collect();
        }
        let destinations = block.flow.destinations(block.expanded);
        let mut middle = Self { before: vec![0; order.len()], after: vec![0; order.len()] };
        for (place, channel) in order.into_iter().enumerate() {
            middle.before[channel] = place;
            middle.after[destinations[channel]] = place;
        }
        middle
    }
}

/// The groups of a convolution whose channels lie at `inputs` and `outputs`.
pub(super) fn places<'a>(
    groups: &Groups,
    inputs: &'a [usize],
    outputs: &'a [usize],
) -> Vec<Places<'a>> {
    let of = |channels: &[usize]| groups.ranges(channels.len()).unwrap_or_default();
    of(inputs)
        .into_iter()
        .zip(of(outputs))
        .map(|(i, o)| Places { inputs: &inputs[i], outputs: &outputs[o] })
        .collect()
}
