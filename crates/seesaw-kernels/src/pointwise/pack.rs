//! Weights of a grouped convolution, rearranged for the microkernel.

use std::ops::Range;

use super::{
    Group,
    isa::Panels,
    kernel::{PanelFn, Run},
};
use crate::{Aligned, error::KernelError, layout::cblocks, simd::CBLOCK};

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
type Origin = (usize, usize);

/// Packs `groups`, each output's weights times its value in `scale`, where that is given; `scale`
/// and `bias` are in order of the outputs' places.
///
/// A block whose channels belong to different groups reads the inputs of all of them, with zeros
/// where an output does not depend on an input.
pub(crate) fn pack(
    outputs: usize,
    groups: &[Group<'_>],
    scale: Option<&[f64]>,
    bias: &[f32],
    widths: Panels,
) -> Result<Packed, KernelError> {
    let origins = origins(outputs, groups)?;
    let sources: Vec<Vec<usize>> = origins.chunks(CBLOCK).map(groups_of).collect();
    let (mut panels, mut all_inputs) = (Vec::new(), Vec::new());
    let (mut all_runs, mut len) = (Vec::new(), 0);
    let mut block = 0;
    while block < cblocks(outputs) {
        let like = sources[block..].iter().take_while(|s| **s == sources[block]).count();
        let fits = widths.iter().find(|(width, _)| *width <= like).or(widths.last());
        let &(width, kernel) = fits.ok_or_else(|| shape("no kernels".to_owned()))?;
        let first_run = all_runs.len();
        let inputs = inputs_of(&sources[block], groups);
        all_runs.extend(runs(&inputs));
        panels.push(Panel {
            kernel,
            block,
            width,
            runs: first_run..all_runs.len(),
            weights: len,
            madds: inputs.len() * width * CBLOCK,
        });
        // Panels begin on a cache line.
        len += ((1 + inputs.len()) * width * CBLOCK).next_multiple_of(16);
        block += width;
        all_inputs.push(inputs);
    }
    let mut packed = Packed { panels, runs: all_runs, weights: Aligned::zeros(len) };
    let columns: Vec<Vec<usize>> = groups.iter().map(sorted_columns).collect();
    for (panel, inputs) in packed.panels.iter().zip(&all_inputs) {
        let rows = &mut packed.weights[panel.weights..];
        let (first, lanes) = (panel.block * CBLOCK, panel.width * CBLOCK);
        let end = outputs.min(first + lanes);
        rows[..end - first].copy_from_slice(&bias[first..end]);
        // Neighbors of one group have the same columns.
        let mut output = first;
        for part in origins[first..end].chunk_by(|a, b| a.0 == b.0) {
            let group = &groups[part[0].0];
            let places = places(inputs, group, &columns[part[0].0]);
            for part in part.chunks(CBLOCK) {
                let part: Vec<&[f32]> = part.iter().map(|(_, row)| group.row(*row)).collect();
                let scale = scale.map(|scale| &scale[output..][..part.len()]);
                fill(&mut rows[lanes + output - first..], lanes, &part, scale, &places);
                output += part.len();
            }
        }
    }
    Ok(packed)
}

/// A group's columns in order of the places that they read.
fn sorted_columns(group: &Group<'_>) -> Vec<usize> {
    let mut columns: Vec<usize> = (0..group.inputs.len()).collect();
    columns.sort_by_key(|column| group.inputs[*column]);
    columns
}

/// Each column of a group with its row of weights in a panel that reads `inputs`; `columns` are in
/// order of their inputs, and all of these are among the panel's.
fn places(inputs: &[usize], group: &Group<'_>, columns: &[usize]) -> Vec<(usize, usize)> {
    let mut rows = inputs.iter().enumerate();
    let row = |input| rows.find(|(_, have)| **have == input).map(|(row, _)| row);
    let rows = columns.iter().map(|column| group.inputs[*column]).map(row);
    columns.iter().copied().zip(rows).filter_map(|(column, row)| Some((column, row?))).collect()
}

/// Writes the weights of a few neighboring outputs, each times its scale, to rows that are `lanes`
/// long and begin with the first of them.
fn fill(
    rows: &mut [f32],
    lanes: usize,
    outputs: &[&[f32]],
    scale: Option<&[f64]>,
    places: &[(usize, usize)],
) {
    let columns = outputs[0].len();
    let mut scaled = Vec::with_capacity(outputs.len() * columns);
    for (output, weights) in outputs.iter().enumerate() {
        match scale {
            Some(scale) => {
                scaled.extend(weights.iter().map(|w| (f64::from(*w) * scale[output]) as f32));
            }
            None => scaled.extend_from_slice(weights),
        }
    }
    for &(column, row) in places {
        let row = &mut rows[row * lanes..][..outputs.len()];
        for (output, weight) in row.iter_mut().enumerate() {
            *weight = scaled[output * columns + column];
        }
    }
}

pub(super) fn shape(what: String) -> KernelError {
    KernelError::Shape { kernel: "pointwise convolution", what }
}

/// Which group and row each output comes from; every output must come from exactly one.
fn origins(outputs: usize, groups: &[Group<'_>]) -> Result<Vec<Origin>, KernelError> {
    let mut origins: Vec<Option<Origin>> = vec![None; outputs];
    for (g, group) in groups.iter().enumerate() {
        for (row, &output) in group.outputs.iter().enumerate() {
            match origins.get_mut(output) {
                Some(origin @ None) => *origin = Some((g, row)),
                Some(Some(_)) => return Err(shape(format!("two rows write output {output}"))),
                None => return Err(shape(format!("output {output} of {outputs} does not exist"))),
            }
        }
    }
    let missing = |output: usize| shape(format!("no group writes output {output}"));
    (0..).zip(origins).map(|(output, origin)| origin.ok_or_else(|| missing(output))).collect()
}

/// The groups that the outputs of a block belong to.
fn groups_of(block: &[Origin]) -> Vec<usize> {
    let mut used: Vec<usize> = block.iter().map(|&(group, _)| group).collect();
    used.sort_unstable();
    used.dedup();
    used
}

/// The inputs that some of these groups read, in order.
fn inputs_of(used: &[usize], groups: &[Group<'_>]) -> Vec<usize> {
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
        let ends = if first.is_multiple_of(CBLOCK) { usize::MAX } else { CBLOCK - first % CBLOCK };
        let len = inputs[i..].iter().zip(first..).take_while(|(have, next)| **have == *next);
        let len = len.take(ends).count();
        let whole = if ends == usize::MAX { len / CBLOCK } else { 0 };
        runs.push(Run {
            block: (first / CBLOCK) as u32,
            lane: (first % CBLOCK) as u32,
            full: whole as u32,
            rest: (len - whole * CBLOCK) as u32,
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
