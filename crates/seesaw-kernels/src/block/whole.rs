//! A block on a map that fits the cache: one step after the other.

use super::{
    InvertedResidual, Pass, Shape,
    parts::{Part, Stopwatch},
};
use crate::{
    layout::Plane,
    parallel::{SendPtr, Team, share},
    pointwise::{Input, kernel::Target},
    simd::CBLOCK,
};

/// Multiply-adds of a pointwise convolution that take about as long as 9 of a depthwise one, by
/// an estimate that only shares work among threads.
const DEPTHWISE_COST: usize = 14;

/// The expanded map with its padding.
fn padded(block: &InvertedResidual, shape: Shape) -> Plane {
    let border = 2 * block.depthwise.window().border();
    Plane::dense(shape.input.rows + border, shape.input.cols + border)
}

/// f32 of the expanded map and the depthwise output.
pub(super) fn scratch_len(block: &InvertedResidual, shape: Shape) -> usize {
    block.wide_cblocks() * (padded(block, shape).block_stride + shape.output.block_stride)
}

/// Runs the block.
pub(super) fn run(pass: Pass<'_>, team: &Team, scratch: &mut [f32], out: &mut [f32]) {
    let Pass { block, x, shape, times } = pass;
    let (wide, middle) =
        scratch.split_at_mut(block.wide_cblocks() * padded(block, shape).block_stride);
    let (wide, middle_ptr) = (SendPtr(wide.as_mut_ptr()), SendPtr(middle.as_mut_ptr()));
    // Expand and depthwise share the channels among the threads in the same way, so that neither
    // waits for the other.
    team.run(&|index| {
        let maps = WideMaps { expanded: wide.get(), convolved: middle_ptr.get() };
        // SAFETY: scratch holds both maps, and no two threads have an expanded block in common.
        unsafe { widen(&pass, team.threads(), index, maps) };
    });
    let residual = block.residual.then_some(x);
    let out = SendPtr(out.as_mut_ptr());
    let middle = &*middle;
    team.run(&|index| {
        let mut stopwatch = Stopwatch::new(times);
        let part = share(shape.output.pixels(), team.threads(), index);
        let target = block.project.target(out.get(), shape.output, residual);
        // SAFETY: the maps have their shapes' lengths, and no two threads have a pixel in common.
        unsafe {
            let data = middle.as_ptr().add(part.start * CBLOCK);
            let input = Input { data, block_stride: shape.output.block_stride };
            let target = Target { first: part.start, ..target };
            block.project.run_panels(block.project.panels(), input, target, part.len());
        }
        stopwatch.lap(Part::Project);
    });
}

/// The maps in the scratch.
#[derive(Clone, Copy)]
struct WideMaps {
    /// The expanded map, with its padding.
    expanded: *mut f32,
    /// The output of the depthwise convolution.
    convolved: *mut f32,
}

/// Expands one thread's share of the channels and convolves it depthwise.
///
/// # Safety
/// Both maps must be writable, and no other thread may write the share of thread `index` of `threads`.
unsafe fn widen(pass: &Pass<'_>, threads: usize, index: usize, maps: WideMaps) {
    let Pass { block, x, shape, times } = *pass;
    let WideMaps { expanded, convolved } = maps;
    let mut stopwatch = Stopwatch::new(times);
    let (padded, window) = (padded(block, shape), block.depthwise.window());
    let border = window.border();
    let inside = border * (padded.row_stride + CBLOCK);
    // SAFETY: no other thread writes a share's blocks; `inside` is the first pixel within the
    // padding, from where rows of the input's width fit.
    unsafe {
        let blocks = match &block.expand {
            Some(expand) => {
                let panels = expand.panel_share(threads, index, DEPTHWISE_COST * window.taps() / 9);
                let blocks = expand.blocks_of(panels.clone());
                clear_border(expanded, padded, border, blocks.clone());
                let plane = Plane { rows: shape.input.rows, cols: shape.input.cols, ..padded };
                let target = expand.target(expanded.add(inside), plane, None);
                let block_stride = shape.input.block_stride;
                let input = Input { data: x.as_ptr(), block_stride };
                expand.run_panels(panels, input, target, shape.input.pixels());
                blocks
            }
            None => {
                let blocks = share(block.wide_cblocks(), threads, index);
                clear_border(expanded, padded, border, blocks.clone());
                let (to, rows) = (expanded.add(inside), shape.input.rows);
                pass.copy_rows(x.as_ptr(), to, blocks.clone(), rows, padded);
                blocks
            }
        };
        stopwatch.lap(Part::Expand);
        let from = expanded.add(blocks.start * padded.block_stride);
        let to = convolved.add(blocks.start * shape.output.block_stride);
        block.depthwise.run_blocks(blocks, from, padded, to, shape.output);
    }
    stopwatch.lap(Part::Depthwise);
}

/// Writes zeros around the image in some blocks of a padded map.
///
/// # Safety
/// The blocks must be writable.
unsafe fn clear_border(
    wide: *mut f32,
    padded: Plane,
    border: usize,
    blocks: std::ops::Range<usize>,
) {
    let (row, side) = (padded.row_stride, border * CBLOCK);
    let (first, last) = (border * row, (padded.rows - border) * row);
    for block in blocks {
        // SAFETY: the caller's contract; a block is as long as its stride.
        let block = unsafe {
            let first = wide.add(block * padded.block_stride);
            std::slice::from_raw_parts_mut(first, padded.block_stride)
        };
        block[..first].fill(0.0);
        block[last..].fill(0.0);
        for line in block[first..last].chunks_exact_mut(row) {
            line[..side].fill(0.0);
            line[row - side..].fill(0.0);
        }
    }
}
