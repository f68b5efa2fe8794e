//! The microkernels: a tile of neighboring output pixels of one block of channels.

use std::marker::PhantomData;

use crate::simd::{CBLOCK, InstructionSet, Kernel, Vector, with_const};

/// The most input rows that a task reads: two rows of 5x5 windows at stride 1.
pub(crate) const MAX_ROWS: usize = 6;

/// One or two output rows of some blocks.
#[derive(Clone, Copy)]
pub(crate) struct Task<'a> {
    /// First block of a padded input: column 0 is the first one of the first window.
    pub input: *const f32,
    /// f32 from one block of the input to the next.
    pub input_stride: usize,
    /// Offsets of the input rows in their block, starting with the first one of the first window; as
    /// many as the windows have.
    pub rows: [usize; MAX_ROWS],
    /// For each block 8 biases, then the taps of 8 lanes each.
    pub taps: &'a [f32],
    /// First pixel of the first output row, in its first block.
    pub output: *mut f32,
    /// f32 from one block of the output to the next.
    pub output_stride: usize,
    /// f32 from the first output row to the second.
    pub output_row: usize,
    /// Output pixels in a row.
    pub cols: usize,
    /// Whether the sum goes through ReLU6.
    pub relu6: bool,
}

/// f32 that a block takes in [`Task::taps`], for windows of `kernel` x `kernel`.
pub(crate) const fn taps_len(kernel: usize) -> usize {
    (1 + kernel * kernel) * CBLOCK
}

/// [`Rows`] or [`Rows5`] compiled for an instruction set: computes the output rows of a task.
///
/// # Safety
/// The instruction set must be present; every input row readable for `(cols - 1) * stride + kernel`
/// pixels, every output row writable for `cols` pixels, in every block.
pub(crate) type RowsFn = unsafe fn(&Task<'_>);

/// The microkernels of one instruction set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DepthwiseKernels {
    /// For 3x3 windows.
    pub three: WindowKernels,
    /// For 5x5 windows.
    pub five: WindowKernels,
}

/// The microkernels for windows of one size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WindowKernels {
    /// Stride 1, one output row.
    pub one: RowsFn,
    /// Stride 1, two output rows.
    pub two: RowsFn,
    /// Stride 2, one output row.
    pub stride_2: RowsFn,
}

impl DepthwiseKernels {
    /// Tiles of up to `COLS_2` columns at stride 2; at stride 1 of up to `COLS` for 3x3 windows, and of
    /// up to `COLS_5` for 5x5 windows.
    ///
    /// With 32 registers a tile of two rows of 7 columns keeps its sums and the 9 taps in registers,
    /// and 7 divides the widths 112, 56, 28, 14 and 7. With 16 registers the taps come from the cache.
    /// At stride 2 a tile shares few inputs, and 4 columns measured faster than 7. A tile of 5x5
    /// windows is a single row: its sums, a row of 5 taps and an input are in registers. The compiler
    /// unrolls loops over no more than about a hundred products, which a tile must not exceed.
    pub const fn new<I, V, const COLS: usize, const COLS_2: usize, const COLS_5: usize>() -> Self
    where
        I: InstructionSet,
        V: Vector,
    {
        Self {
            three: WindowKernels {
                one: I::run::<Rows<V, 1, 1, COLS>>,
                two: I::run::<Rows<V, 1, 2, COLS>>,
                stride_2: I::run::<Rows<V, 2, 1, COLS_2>>,
            },
            five: WindowKernels {
                one: I::run::<Rows5<V, 1, 1, COLS_5>>,
                two: I::run::<Rows5<V, 1, 2, COLS_5>>,
                stride_2: I::run::<Rows5<V, 2, 1, COLS_2>>,
            },
        }
    }
}

/// `ROWS` output rows of 3x3 windows at stride `STRIDE`, in tiles of up to `MAX` columns that are all
/// of nearly the same size.
struct Rows<V, const STRIDE: usize, const ROWS: usize, const MAX: usize>(PhantomData<V>);

impl<V: Vector, const STRIDE: usize, const ROWS: usize, const MAX: usize> Kernel
    for Rows<V, STRIDE, ROWS, MAX>
{
    type Args<'a> = &'a Task<'a>;

    #[inline(always)]
    unsafe fn run(task: &Task<'_>) {
        let tiles = task.cols.div_ceil(MAX);
        for (block, taps) in task.taps.chunks_exact(const { taps_len(3) }).enumerate() {
            // SAFETY: `RowsFn`'s contract, block by block and tile by tile.
            unsafe {
                let mut input = task.input.add(block * task.input_stride);
                let mut output = task.output.add(block * task.output_stride);
                for tile in 0..tiles {
                    let size = task.cols / tiles + usize::from(tile < task.cols % tiles);
                    with_const!(COLS = size, up to MAX => {
                        sums::<V, STRIDE, ROWS, COLS>(task, input, taps.as_ptr(), output);
                    });
                    input = input.add(size * STRIDE * CBLOCK);
                    output = output.add(size * CBLOCK);
                }
            }
        }
    }
}

/// One tile: `ROWS` rows of `COLS` pixels, `input` and `output` at its first column.
///
/// Each input pixel is loaded once and multiplied with every tap that meets it.
///
/// # Safety
/// As [`RowsFn`], for the tile, where `V`'s instruction set is enabled.
#[inline(always)]
unsafe fn sums<V: Vector, const STRIDE: usize, const ROWS: usize, const COLS: usize>(
    task: &Task<'_>,
    input: *const f32,
    taps: *const f32,
    output: *mut f32,
) {
    // SAFETY: a window's rows and columns are within those of the caller's contract.
    unsafe {
        let mut sums = [[V::load(taps); COLS]; ROWS];
        let mut tap = [V::splat(0.0); 9];
        for (i, tap) in tap.iter_mut().enumerate() {
            *tap = V::load(taps.add((i + 1) * CBLOCK));
        }
        for y in 0..(ROWS - 1) * STRIDE + 3 {
            let row = input.add(task.rows[y]);
            for x in 0..(COLS - 1) * STRIDE + 3 {
                let value = V::load(row.add(x * CBLOCK));
                for (r, sums) in sums.iter_mut().enumerate() {
                    for (c, sum) in sums.iter_mut().enumerate() {
                        if y >= r * STRIDE
                            && y < r * STRIDE + 3
                            && x >= c * STRIDE
                            && x < c * STRIDE + 3
                        {
                            // Unchecked for loops that are not unrolled: both terms were compared.
                            let tap = tap.get_unchecked((y - r * STRIDE) * 3 + x - c * STRIDE);
                            *sum = sum.mul_add(value, *tap);
                        }
                    }
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for (c, sum) in sums.iter().enumerate() {
                let sum = if task.relu6 { sum.relu6() } else { *sum };
                sum.store_cblocks(output.add(r * task.output_row + c * CBLOCK), 0);
            }
        }
    }
}

/// `ROWS` output rows of 5x5 windows at stride `STRIDE`, in tiles as those of [`Rows`].
struct Rows5<V, const STRIDE: usize, const ROWS: usize, const MAX: usize>(PhantomData<V>);

impl<V: Vector, const STRIDE: usize, const ROWS: usize, const MAX: usize> Kernel
    for Rows5<V, STRIDE, ROWS, MAX>
{
    type Args<'a> = &'a Task<'a>;

    #[inline(always)]
    unsafe fn run(task: &Task<'_>) {
        let tiles = task.cols.div_ceil(MAX);
        for (block, taps) in task.taps.chunks_exact(const { taps_len(5) }).enumerate() {
            // SAFETY: `RowsFn`'s contract, block by block and tile by tile.
            unsafe {
                let mut input = task.input.add(block * task.input_stride);
                let mut output = task.output.add(block * task.output_stride);
                for tile in 0..tiles {
                    let size = task.cols / tiles + usize::from(tile < task.cols % tiles);
                    with_const!(COLS = size, up to MAX => {
                        for row in 0..ROWS {
                            let output = output.add(row * task.output_row);
                            sums5::<V, STRIDE, COLS>(task, row, input, taps.as_ptr(), output);
                        }
                    });
                    input = input.add(size * STRIDE * CBLOCK);
                    output = output.add(size * CBLOCK);
                }
            }
        }
    }
}

/// One row of a tile: `COLS` pixels of output row `row`, `input` and `output` at the first of them.
///
/// # Safety
/// As [`RowsFn`], for the tile, where `V`'s instruction set is enabled.
#[inline(always)]
unsafe fn sums5<V: Vector, const STRIDE: usize, const COLS: usize>(
    task: &Task<'_>,
    row: usize,
    input: *const f32,
    taps: *const f32,
    output: *mut f32,
) {
    // SAFETY: a window's rows and columns are within those of the caller's contract.
    unsafe {
        let mut sums = [V::load(taps); COLS];
        for y in 0..5 {
            let input = input.add(task.rows[row * STRIDE + y]);
            let mut tap = [V::splat(0.0); 5];
            for (x, tap) in tap.iter_mut().enumerate() {
                *tap = V::load(taps.add((1 + y * 5 + x) * CBLOCK));
            }
            for x in 0..(COLS - 1) * STRIDE + 5 {
                let value = V::load(input.add(x * CBLOCK));
                for (c, sum) in sums.iter_mut().enumerate() {
                    if x >= c * STRIDE && x < c * STRIDE + 5 {
                        // Unchecked for loops that are not unrolled: the term was compared.
                        *sum = sum.mul_add(value, *tap.get_unchecked(x - c * STRIDE));
                    }
                }
            }
        }
        for (c, sum) in sums.iter().enumerate() {
            let sum = if task.relu6 { sum.relu6() } else { *sum };
            sum.store_cblocks(output.add(c * CBLOCK), 0);
        }
    }
}
