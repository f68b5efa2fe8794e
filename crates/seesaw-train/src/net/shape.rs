//! Where channels lie, and how large maps are.

use seesaw_arch::Groups;
use seesaw_kernels::{
    CBLOCK,
    layout::cblocks,
    train::{GroupPlaces, Storage},
};

/// Rows and columns of a map.
pub(super) type Size = (usize, usize);

/// f32 of one image's map.
pub(super) fn map_len(channels: usize, size: Size) -> usize {
    cblocks(channels) * size.0 * size.1 * CBLOCK
}

/// The same of a map in `storage`.
pub(super) fn stored_len(storage: Storage, channels: usize, size: Size) -> usize {
    map_len(channels, size) / CBLOCK * storage.pixel()
}

/// Rows and columns behind a 3x3 convolution with padding 1.
pub(super) fn behind(size: Size, stride: usize) -> Size {
    (size.0.div_ceil(stride), size.1.div_ceil(stride))
}

/// The groups of a convolution whose channels lie at `inputs` and `outputs`.
pub(super) fn places<'a>(
    groups: &Groups,
    inputs: &'a [usize],
    outputs: &'a [usize],
) -> Vec<GroupPlaces<'a>> {
    let of = |channels: &[usize]| groups.ranges(channels.len()).unwrap_or_default();
    of(inputs)
        .into_iter()
        .zip(of(outputs))
        .map(|(i, o)| GroupPlaces { inputs: &inputs[i], outputs: &outputs[o] })
        .collect()
}
