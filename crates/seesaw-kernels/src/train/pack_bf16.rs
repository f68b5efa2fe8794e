//! The weights of a pointwise convolution as pairs of bf16.

use std::slice;

use crate::{
    Aligned,
    isa::IsaToken,
    pointwise::{
        Packed, Panel,
        kernel::{Run, Source, Target},
        paired, run_panel,
    },
    simd::{self, CBLOCK},
};

use super::storage::SLOTS;

/// One direction of a convolution: weights packed in pairs of inputs, and the number of the weight
/// that each half of a pair is, from 1; 0 is padding.
#[derive(Debug, Clone)]
pub(super) struct Paired {
    packed: Packed,
    sources: Vec<[u32; 2]>,
}

impl Paired {
    /// The panels of `packed`, whose weights have the numbers `sources`, in pairs. All weights are 0
    /// until [`Self::set`].
    pub fn new(token: IsaToken, packed: &Packed, sources: &[u32]) -> Self {
        let kernels = paired(token);
        let mut new = Self {
            packed: Packed { panels: Vec::new(), runs: Vec::new(), weights: Aligned::zeros(0) },
            sources: Vec::new(),
        };
        for panel in &packed.panels {
            let lanes = panel.width * CBLOCK;
            let (weights, first_run) = (new.sources.len(), new.packed.runs.len());
            // No biases: the row in front is 0.
            new.sources.extend(std::iter::repeat_n([0; 2], lanes));
            let mut rows = sources[panel.weights + lanes..].chunks_exact(lanes);
            for run in &packed.runs[panel.runs.clone()] {
                new.pair_run(*run, &mut rows, lanes);
            }
            // Panels begin on a cache line.
            new.sources.resize(new.sources.len().next_multiple_of(16), [0; 2]);
            let kernel = kernels.iter().find(|(width, _)| *width == panel.width);
            new.packed.panels.push(Panel {
                kernel: kernel.expect("a kernel for each width of the token").1,
                runs: first_run..new.packed.runs.len(),
                weights,
                ..panel.clone()
            });
        }
        new.packed.weights = Aligned::zeros(new.sources.len());
        new
    }

    /// Adds a run in slots, and the slots' weights from `rows`. A pair of which the run has only one
    /// half gets 0 for the other.
    fn pair_run(&mut self, run: Run, rows: &mut slice::ChunksExact<'_, u32>, lanes: usize) {
        let end = run.lane + run.full * CBLOCK as u32 + run.rest;
        let first = run.lane / 2;
        for slot in first..end.div_ceil(2) {
            let mut half = |lane: u32| {
                if (run.lane..end).contains(&lane) { rows.next() } else { None }
            };
            let (low, high) = (half(2 * slot), half(2 * slot + 1));
            let of = |row: Option<&[u32]>, lane: usize| row.map_or(0, |row| row[lane]);
            self.sources.extend((0..lanes).map(|lane| [of(low, lane), of(high, lane)]));
        }
        let rest = end.div_ceil(2) - first - run.full * SLOTS as u32;
        self.packed.runs.push(Run { lane: first, rest, ..run });
    }

    /// Takes new weights.
    pub fn set(&mut self, weights: &[f32]) {
        let of = |source: u32| source.checked_sub(1).map_or(0.0, |index| weights[index as usize]);
        for (slot, [low, high]) in self.packed.weights.iter_mut().zip(&self.sources) {
            *slot = simd::pair(of(*low), of(*high));
        }
    }

    /// Convolves `pixels` pixels of `[blocks][pixels][4]` slots to `[blocks][pixels][8]`.
    ///
    /// # Safety
    /// The token given to `new` proves the instruction set; `x` must be readable, and `out`
    /// writable, for all blocks and pixels.
    pub unsafe fn run(&self, x: *const f32, out: *mut f32, pixels: usize) {
        let target = Target {
            data: out,
            block_stride: pixels * CBLOCK,
            cols: pixels,
            row_gap: 0,
            residual: std::ptr::null(),
            relu6: false,
        };
        for panel in &self.packed.panels {
            let runs = &self.packed.runs[panel.runs.clone()];
            let source = Source { data: x, block_stride: pixels * SLOTS, runs };
            // SAFETY: runs lie within the inputs and panels within the outputs, as in the packed
            // weights that they were made from; the rest is this contract.
            unsafe { run_panel(&self.packed, panel, source, target, 0, pixels) };
        }
    }
}
