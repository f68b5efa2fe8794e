//! Weights of a grouped convolution, rearranged for the microkernel.

use std::ops::Range;

use super::{
    Group,
    isa::Panels,
    kernel::{PanelFn, Run},
};
use crate::{Aligned, error::KernelError, layout::blocks, simd::BLOCK};

/// A few blocks of output channels that read the same inputs.
#[derive(Debug, Clone)]
pub(crate) struct Panel {
    /// The microkernel of its width.
    pub kernel: PanelFn,
    /// First block of outputs.
    pub block: usize,
    /// Blocks of outputs.
    pub width: usize,
    /// Its inputs, in [`Packed::runs`].
    pub runs: Range<usize>,
    /// Its first bias in [`Packed::weights`].
    pub weights: usize,
    /// Multiply-adds a pixel, those with padding zeros included.
    pub madds: usize,
}

/// Panels in order of their output blocks.
#[derive(Debug, Clone)]
pub(crate) struct Packed {
    pub panels: Vec<Panel>,
    pub runs: Vec<Run>,
    pub weights: Aligned,
}

/// The source of one output channel: its group's number and its row in it.
type Origin = Option<(usize, usize)>;

/// Packs `groups`; `bias` is in order of the outputs' places.
///
/// A block whose channels belong to different groups reads the inputs of all of them, with zeros
/// where an output does not depend on an input.
pub(crate) fn pack(
    outputs: usize,
    groups: &[Group<'_>],
    bias: &[f32],
    widths: Panels,
) -> Result<Packed, KernelError> {
    let origins = origins(outputs, groups)?;
    let inputs: Vec<Vec<usize>> =
        origins.chunks(BLOCK).map(|block| inputs_of(block, groups)).collect();
    let (mut panels, mut all_runs, mut len) = (Vec::new(), Vec::new(), 0);
    let mut block = 0;
    while block < blocks(outputs) {
        let like = inputs[block..].iter().take_while(|i| **i == inputs[block]).count();
        let fits = widths.iter().find(|(width, _)| *width <= like).or(widths.last());
        let &(width, kernel) = fits.ok_or_else(|| shape("no kernels".to_owned()))?;
        let first_run = all_runs.len();
        all_runs.extend(runs(&inputs[block]));
        let used = inputs[block].len();
        panels.push(Panel {
            kernel,
            block,
            width,
            runs: first_run..all_runs.len(),
            weights: len,
            madds: used * width * BLOCK,
        });
        // Panels begin on a cache line.
        len += ((1 + used) * width * BLOCK).next_multiple_of(16);
        block += width;
    }
    let mut packed = Packed { panels, runs: all_runs, weights: Aligned::zeros(len) };
    for panel in &packed.panels {
        let rows = &mut packed.weights[panel.weights..];
        fill(rows, panel, &inputs[panel.block], &origins, groups, bias);
    }
    Ok(packed)
}

/// Writes a panel's row of biases and then a row of weights an input; what is not written is zero.
fn fill(
    rows: &mut [f32],
    panel: &Panel,
    inputs: &[usize],
    origins: &[Origin],
    groups: &[Group<'_>],
    bias: &[f32],
) {
    let (first, lanes) = (panel.block * BLOCK, panel.width * BLOCK);
    let mut columns: Vec<(usize, usize)> = Vec::new();
    let mut group_of_columns = None;
    for (lane, origin) in origins[first..].iter().take(lanes).enumerate() {
        rows[lane] = bias[first + lane];
        let Some((g, row)) = *origin else { continue };
        if group_of_columns != Some(g) {
            // Both lists ascend, and a group's inputs are among the panel's.
            let mut places = inputs.iter().enumerate();
            let place = |input| places.find(|(_, have)| **have == input).map(|(place, _)| place);
            let group = groups[g].inputs.iter().copied().map(place).enumerate();
            columns = group.filter_map(|(column, place)| Some((column, place?))).collect();
            group_of_columns = Some(g);
        }
        let row = &groups[g].weights[row * groups[g].inputs.len()..];
        for &(column, place) in &columns {
            rows[(1 + place) * lanes + lane] = row[column];
        }
    }
}

pub(super) fn shape(what: String) -> KernelError {
    KernelError::Shape { kernel: "pointwise convolution", what }
}

/// Which group and row each output comes from; every output must come from exactly one.
fn origins(outputs: usize, groups: &[Group<'_>]) -> Result<Vec<Origin>, KernelError> {
    let mut origins: Vec<Origin> = vec![None; outputs];
    for (g, group) in groups.iter().enumerate() {
        for (row, &output) in group.outputs.iter().enumerate() {
            match origins.get_mut(output) {
                Some(origin @ None) => *origin = Some((g, row)),
                Some(Some(_)) => return Err(shape(format!("two rows write output {output}"))),
                None => return Err(shape(format!("output {output} of {outputs} does not exist"))),
            }
        }
    }
    match origins.iter().position(Option::is_none) {
        Some(output) => Err(shape(format!("no group writes output {output}"))),
        None => Ok(origins),
    }
}

/// The inputs that any output of a block depends on, in order.
fn inputs_of(block: &[Origin], groups: &[Group<'_>]) -> Vec<usize> {
    let mut used: Vec<usize> = block.iter().flatten().map(|&(group, _)| group).collect();
    used.dedup();
    let mut inputs: Vec<usize> =
        used.iter().flat_map(|&g| groups[g].inputs.iter().copied()).collect();
    inputs.sort_unstable();
    inputs.dedup();
    inputs
}

/// Ascending `inputs` as runs that the microkernel can walk.
fn runs(inputs: &[usize]) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut i = 0;
    while i < inputs.len() {
        let first = inputs[i];
        let ends = if first.is_multiple_of(BLOCK) { usize::MAX } else { BLOCK - first % BLOCK };
        let len = inputs[i..].iter().zip(first..).take_while(|(have, next)| **have == *next);
        let len = len.take(ends).count();
        let whole = if ends == usize::MAX { len / BLOCK } else { 0 };
        runs.push(Run {
            block: (first / BLOCK) as u32,
            lane: (first % BLOCK) as u32,
            full: whole as u32,
            rest: (len - whole * BLOCK) as u32,
        });
        i += len;
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_cover_the_inputs_in_order() {
        for inputs in [
            vec![0],
            vec![3, 4, 9],
            (0..8).collect(),
            (5..40).collect(),
            (0..35).chain(41..96).collect::<Vec<_>>(),
        ] {
            let mut covered = Vec::new();
            for run in runs(&inputs) {
                assert!(run.lane == 0 || (run.full == 0 && run.lane + run.rest <= 8));
                let first = (run.block * 8 + run.lane) as usize;
                covered.extend(first..first + (run.full * 8 + run.rest) as usize);
            }
            assert_eq!(covered, inputs);
        }
    }
}
