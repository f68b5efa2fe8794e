//! A block on a map that fits the cache: one step after the other.

use super::{
    InvertedResidual, PartTimes, Shape, copy_rows,
    parts::{Part, Stopwatch},
};
use crate::{
    layout::Plane,
    parallel::{SendPtr, Team, share},
    simd::CBLOCK,
};

/// Multiply-adds of a pointwise convolution that take about as long as the 9 of a depthwise one, by
/// an estimate that only shares work among threads.
const DEPTHWISE_COST: usize = 14;

/// The expanded map with its padding.
fn padded(shape: Shape) -> Plane {
    Plane::dense(shape.input.rows + 2, shape.input.cols + 2)
}

/// f32 of the expanded map and the depthwise output.
pub(super) fn scratch_len(block: &InvertedResidual, shape: Shape) -> usize {
    block.wide_cblocks() * (padded(shape).block_stride + shape.output.block_stride)
}

/// Runs the block; lengths are checked by the caller.
pub(super) fn run(
    block: &InvertedResidual,
    team: &Team,
    x: &[f32],
    shape: Shape,
    scratch: &mut [f32],
    out: &mut [f32],
    times: Option<&PartTimes>,
) {
    let padded = padded(shape);
    let blocks = block.wide_cblocks();
    let (wide, middle) = scratch.split_at_mut(blocks * padded.block_stride);
    let (wide, middle_ptr) = (SendPtr(wide.as_mut_ptr()), SendPtr(middle.as_mut_ptr()));
    // Expand and depthwise share the channels among the threads in the same way, so that neither
    // waits for the other.
    team.run(&|index| {
        // SAFETY: scratch holds both maps, and no two threads have an expanded block in common.
        unsafe {
            let maps = (wide.get(), middle_ptr.get());
            widen(block, team.threads(), index, x, shape, maps, Stopwatch::new(times));
        }
    });
    let pixels = shape.output.pixels();
    let residual = block.residual.then_some(x);
    let out = SendPtr(out.as_mut_ptr());
    let middle = &*middle;
    team.run(&|index| {
        let mut stopwatch = Stopwatch::new(times);
        let part = share(pixels, team.threads(), index);
        let target = block.project.target(out.get(), shape.output, residual);
        // SAFETY: the maps have their shapes' lengths, and no two threads have a pixel in common.
        unsafe {
            let x = middle.as_ptr().add(part.start * CBLOCK);
            let stride = shape.output.block_stride;
            block.project.run_panels(
                block.project.panels(),
                x,
                stride,
                target,
                part.start,
                part.len(),
            );
        }
        stopwatch.lap(Part::Project);
    });
}

/// Expands one thread's share of the channels and convolves it depthwise.
///
/// # Safety
/// `maps` must be the scratch's two: the expanded one and the depthwise output.
unsafe fn widen(
    block: &InvertedResidual,
    threads: usize,
    index: usize,
    x: &[f32],
    shape: Shape,
    (wide, middle): (*mut f32, *mut f32),
    mut stopwatch: Stopwatch<'_>,
) {
    let padded = padded(shape);
    let inside = padded.row_stride + CBLOCK;
    // SAFETY: a share's blocks are this thread's alone; `inside` is the first pixel within the
    // padding, from where rows of the input's width fit.
    unsafe {
        let blocks = match &block.expand {
            Some(expand) => {
                let panels = expand.panel_share(threads, index, DEPTHWISE_COST);
                let blocks = expand.blocks_of(panels.clone());
                clear_border(wide, padded, blocks.clone());
                let plane = Plane { rows: shape.input.rows, cols: shape.input.cols, ..padded };
                let target = expand.target(wide.add(inside), plane, None);
                let stride = shape.input.block_stride;
                expand.run_panels(panels, x.as_ptr(), stride, target, 0, shape.input.pixels());
                blocks
            }
            None => {
                let blocks = share(block.wide_cblocks(), threads, index);
                clear_border(wide, padded, blocks.clone());
                let size = (shape.input.rows, shape.input.cols);
                let stride = shape.input.block_stride;
                copy_rows(x.as_ptr(), wide.add(inside), blocks.clone(), size, stride, padded);
                blocks
            }
        };
        stopwatch.lap(Part::Expand);
        let from = wide.add(blocks.start * padded.block_stride);
        let to = middle.add(blocks.start * shape.output.block_stride);
        block.depthwise.run_blocks(blocks, from, padded, to, shape.output);
    }
    stopwatch.lap(Part::Depthwise);
}

/// Writes zeros around the image in some blocks of a padded map.
///
/// # Safety
/// The blocks must be writable.
unsafe fn clear_border(wide: *mut f32, padded: Plane, blocks: std::ops::Range<usize>) {
    for block in blocks {
        // SAFETY: the caller vouches for the block, which is as long as its stride.
        let block = unsafe {
            let first = wide.add(block * padded.block_stride);
            std::slice::from_raw_parts_mut(first, padded.block_stride)
        };
        let (row, last) = (padded.row_stride, (padded.rows - 1) * padded.row_stride);
        block[..row].fill(0.0);
        block[last..].fill(0.0);
        for line in block[row..last].chunks_exact_mut(row) {
            line[..CBLOCK].fill(0.0);
            line[row - CBLOCK..].fill(0.0);
        }
    }
}
