//! A block on a map larger than the cache: bands of output rows.

use std::ops::Range;

use super::{
    InvertedResidual, Pass, Shape,
    parts::{Part, Stopwatch},
};
use crate::{
    depthwise::Band,
    layout::Plane,
    parallel::{SendPtr, Team, share},
    pointwise::{Input, kernel::Target},
    simd::CBLOCK,
};

/// Rows of the ring: those of the windows of a band, and an even number, as is what a band adds, so
/// that the rows that are expanded together lie together.
fn ring_rows(block: &InvertedResidual) -> usize {
    block.depthwise.window().kernel + 1
}

/// The ring of expanded rows, with padding left and right, and after them a row of zeros for the
/// padding above and below.
fn ring_plane(block: &InvertedResidual, shape: Shape) -> Plane {
    let border = block.depthwise.window().border();
    Plane::dense(ring_rows(block) + 1, shape.input.cols + 2 * border)
}

/// The depthwise output of one band.
fn band(block: &InvertedResidual, shape: Shape) -> Plane {
    Plane::dense(block.depthwise.band_rows(), shape.output.cols)
}

/// f32 that one thread needs.
pub(super) fn scratch_len(block: &InvertedResidual, shape: Shape) -> usize {
    block.wide_cblocks() * (ring_plane(block, shape).block_stride + band(block, shape).block_stride)
}

/// Runs the block. Each thread takes a share of the rows.
pub(super) fn run(pass: Pass<'_>, team: &Team, scratch: &mut [f32], out: &mut [f32]) {
    let Pass { block, shape, .. } = pass;
    let len = scratch_len(block, shape);
    let (scratch, out) = (SendPtr(scratch.as_mut_ptr()), SendPtr(out.as_mut_ptr()));
    let bands = shape.output.rows.div_ceil(block.depthwise.band_rows());
    team.run(&|index| {
        // SAFETY: the lengths were checked; each thread has its own scratch and rows.
        unsafe {
            let scratch = scratch.get().add(index * len);
            let scratch = std::slice::from_raw_parts_mut(scratch, len);
            run_bands(pass, scratch, out.get(), share(bands, team.threads(), index));
        }
    });
}

/// Runs some bands.
///
/// # Safety
/// `out` must be the output, and no other thread may write its rows of these bands.
unsafe fn run_bands(pass: Pass<'_>, scratch: &mut [f32], out: *mut f32, bands: Range<usize>) {
    let Pass { block, x, shape, times } = pass;
    let mut stopwatch = Stopwatch::new(times);
    let (ring_plane, band_plane) = (ring_plane(block, shape), band(block, shape));
    let (ring, middle) = scratch.split_at_mut(block.wide_cblocks() * ring_plane.block_stride);
    let (window, height) = (block.depthwise.window(), block.depthwise.band_rows());
    let (stride, border) = (window.stride, window.border());
    clear_padding(ring, ring_plane, border);
    let (top, left) = (window.offset(shape.input.rows), window.offset(shape.input.cols));
    let residual = block.residual.then_some(x);
    let target = block.project.target(out, shape.output, residual);
    // Input rows from here on are not in the ring; a first band has none of them.
    let mut next = (bands.start * height * stride + top).saturating_sub(border);
    for band in bands {
        let row = band * height;
        let count = height.min(shape.output.rows - row);
        let end = (row + count - 1) * stride + top + window.kernel - border;
        let end = end.min(shape.input.rows);
        expand_rows(&pass, ring, next..end);
        stopwatch.lap(Part::Expand);
        next = end;
        // SAFETY: `ring` and `middle` are this thread's; `run_panels` writes the band's pixels.
        unsafe {
            let task = Band {
                input: ring.as_ptr().add(left * CBLOCK),
                input_stride: ring_plane.block_stride,
                rows: std::array::from_fn(|y| {
                    let row = (row * stride + top + y).checked_sub(border);
                    let row = row.filter(|row| *row < shape.input.rows);
                    row.map_or(ring_rows(block), |row| slot(&pass, row)) * ring_plane.row_stride
                }),
                output: middle.as_mut_ptr(),
                output_stride: band_plane.block_stride,
                cols: band_plane.cols,
            };
            block.depthwise.run_band(0..block.wide_cblocks(), task, count);
            stopwatch.lap(Part::Depthwise);
            let input = Input { data: middle.as_ptr(), block_stride: band_plane.block_stride };
            let target = Target { first: row * shape.output.cols, ..target };
            let pixels = count * shape.output.cols;
            block.project.run_panels(block.project.panels(), input, target, pixels);
        }
        stopwatch.lap(Part::Project);
    }
}

/// The ring's row for input row `row`. All bands but the first add two rows, which must not lie at
/// the ring's end and beginning: 1 and 2, 3 and 4, and so on for 3x3 windows at stride 1; 0 and 1, 2
/// and 3 at stride 2 with symmetric padding. The last row that a band adds is that of its windows.
fn slot(pass: &Pass<'_>, row: usize) -> usize {
    let window = pass.block.depthwise.window();
    let first = window.stride + window.border() + window.offset(pass.shape.input.rows);
    (row + (first + 1) % 2) % ring_rows(pass.block)
}

/// Expands input rows into the ring, as many at once as lie together there.
fn expand_rows(pass: &Pass<'_>, ring: &mut [f32], rows: Range<usize>) {
    let Pass { block, x, shape, .. } = *pass;
    let (plane, window) = (ring_plane(block, shape), block.depthwise.window());
    let (cols, block_stride) = (shape.input.cols, shape.input.block_stride);
    let mut row = rows.start;
    while row < rows.end {
        let slot = slot(pass, row);
        let count = (rows.end - row).min(ring_rows(block) - slot);
        let to = slot * plane.row_stride + window.border() * CBLOCK;
        let from = row * shape.input.row_stride;
        // SAFETY: rows below `rows.end` are in the input, and `count` rows from `slot` on are
        // in the ring.
        unsafe {
            let (data, to) = (x.as_ptr().add(from), ring.as_mut_ptr().add(to));
            match &block.expand {
                Some(expand) => {
                    let target = expand.target(to, Plane { rows: count, cols, ..plane }, None);
                    let input = Input { data, block_stride };
                    expand.run_panels(expand.panels(), input, target, count * cols);
                }
                None => pass.copy_rows(data, to, 0..block.wide_cblocks(), count, plane),
            }
        }
        row += count;
    }
}

/// Writes zeros left and right of the ring's rows, and into the row of zeros.
fn clear_padding(ring: &mut [f32], plane: Plane, border: usize) {
    let padding = border * CBLOCK;
    for block in ring.chunks_exact_mut(plane.block_stride) {
        for line in block.chunks_exact_mut(plane.row_stride) {
            line[..padding].fill(0.0);
            line[plane.row_stride - padding..].fill(0.0);
        }
        block[plane.block_stride - plane.row_stride..].fill(0.0);
    }
}
