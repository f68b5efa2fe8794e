//! The order of a grouped convolution's weights in memory: an index for each packed number, made from
//! the groups alone, and the gather that follows it.

use std::ops::Range;

use super::{GroupPlaces, PointwiseShape, kernel::Run};
use crate::{Aligned, element::Element, error::KernelError, layout::cblocks, simd::CBLOCK};

/// A few blocks of output channels that read the same inputs.
#[derive(Debug, Clone)]
pub(crate) struct Panel {
    /// First block of outputs.
    pub block: usize,
    /// Blocks of outputs.
    pub width: usize,
    /// Its inputs, in [`PanelLayout::runs`].
    pub runs: Range<usize>,
    /// Its first packed element. Panels begin on a cache line.
    pub first: usize,
    /// Elements that it reads of a pixel: rows of packed elements, `width * 8` each.
    pub rows: usize,
}

impl Panel {
    /// Output channels, and elements in a row.
    pub fn lanes(&self) -> usize {
        self.width * CBLOCK
    }

    /// Its packed elements.
    pub fn range(&self) -> Range<usize> {
        self.first..self.first + self.rows * self.lanes()
    }
}

/// Panels in the order of their output blocks.
#[derive(Debug, Clone)]
pub(crate) struct PanelLayout {
    pub panels: Vec<Panel>,
    pub runs: Vec<Run>,
}

impl PanelLayout {
    /// Packed elements, with what lies between panels.
    pub fn len(&self) -> usize {
        self.panels.last().map_or(0, |panel| panel.range().end.next_multiple_of(LINE))
    }
}

/// Elements of a cache line.
const LINE: usize = 16;

/// Which weight each packed number is.
///
/// An element holds `depth` numbers, those of neighboring inputs. A block whose channels belong to
/// different groups reads the inputs of all of them; what an output does not depend on is 0.
///
/// A panel's weights are a table with a column for each output, its lane, and a line for each number.
/// The index of a weight is the sum of one number for its lane and one for its line, so the plan is
/// small: it has a [`Part`] for the neighboring lanes of one group.
#[derive(Debug, Clone)]
pub(crate) struct PackPlan {
    pub layout: PanelLayout,
    parts: Vec<Part>,
    /// The first term of an index, for each lane of each part.
    lanes: Vec<u32>,
    /// The lines of each part.
    lines: Vec<Line>,
    depth: usize,
    /// Number of weights.
    weights: usize,
}

/// Neighboring lanes of a panel that belong to one group.
#[derive(Debug, Clone)]
struct Part {
    /// Number of the panel.
    panel: usize,
    /// The first lane's place in a row of the panel.
    first: usize,
    /// In [`PackPlan::lanes`].
    lanes: Range<usize>,
    /// In [`PackPlan::lines`].
    lines: Range<usize>,
}

/// Numbers of a panel that belong to one input of a group.
#[derive(Debug, Clone, Copy)]
struct Line {
    /// The row of elements.
    row: u32,
    /// Which number of the elements.
    number: u32,
    /// The second term of an index.
    offset: u32,
}

/// Groups and the indices of their weights.
struct IndexedShape<'a> {
    inputs: usize,
    outputs: usize,
    groups: Vec<IndexedGroup<'a>>,
}

/// A group whose weight from its input `i` to its output `o` has the index
/// `first + i * input_step + o * output_step`.
struct IndexedGroup<'a> {
    inputs: &'a [usize],
    outputs: &'a [usize],
    first: usize,
    input_step: usize,
    output_step: usize,
}

/// The group that an output belongs to, and its number there.
type Origin = (usize, usize);

impl PackPlan {
    /// The plan of a convolution, for elements of `depth` numbers and panels of `widths` blocks, the
    /// widest first.
    ///
    /// # Errors
    /// [`KernelError::Shape`] when groups and channels do not fit together.
    pub fn forward(
        shape: &PointwiseShape<'_>,
        depth: usize,
        widths: &[usize],
    ) -> Result<Self, KernelError> {
        Self::new(&IndexedShape::forward(shape), depth, widths)
    }

    /// The plan of the transposed convolution, which takes gradients from outputs to inputs.
    ///
    /// # Errors
    /// As [`Self::forward`]; each input must belong to one group too.
    pub fn backward(
        shape: &PointwiseShape<'_>,
        depth: usize,
        widths: &[usize],
    ) -> Result<Self, KernelError> {
        Self::new(&IndexedShape::forward(shape).transposed(), depth, widths)
    }

    fn new(shape: &IndexedShape<'_>, depth: usize, widths: &[usize]) -> Result<Self, KernelError> {
        shape.check_inputs()?;
        let weights: usize = shape.groups.iter().map(|g| g.inputs.len() * g.outputs.len()).sum();
        if u32::try_from(weights).is_err() {
            return Err(shape_error(format!("{weights} weights; the limit is {}", u32::MAX)));
        }
        let origins = shape.origins()?;
        let readers: Vec<Vec<usize>> = origins.chunks(CBLOCK).map(groups_of).collect();
        let layout = PanelLayout { panels: Vec::new(), runs: Vec::new() };
        let (parts, lanes, lines) = (Vec::new(), Vec::new(), Vec::new());
        let mut plan = Self { layout, parts, lanes, lines, depth, weights };
        let columns: Vec<Vec<usize>> = shape.groups.iter().map(sorted_columns).collect();
        let mut block = 0;
        while block < cblocks(shape.outputs) {
            let alike = readers[block..].iter().take_while(|r| **r == readers[block]).count();
            let width = widths.iter().find(|width| **width <= alike);
            let width = *width.expect("the narrowest panel is one block wide");
            let inputs = plan.add_panel(block, width, &shape.inputs_of(&readers[block]));
            let (first, end) = (block * CBLOCK, shape.outputs.min((block + width) * CBLOCK));
            let mut lane = 0;
            for part in origins[first..end].chunk_by(|a, b| a.0 == b.0) {
                let group = part[0].0;
                plan.add_part(lane, part, &shape.groups[group]);
                plan.add_lines(&inputs, &shape.groups[group], &columns[group]);
                lane += part.len();
            }
            block += width;
        }
        Ok(plan)
    }

    /// Adds a panel that reads ascending `inputs`. Returns the input that each number of a lane belongs
    /// to; where a run covers only a part of an element, the rest belongs to none.
    fn add_panel(&mut self, block: usize, width: usize, inputs: &[usize]) -> Vec<Option<usize>> {
        let (depth, first_run) = (self.depth, self.layout.runs.len());
        let mut numbers = Vec::with_capacity(inputs.len());
        for Run { block, lane, full, rest } in runs(inputs) {
            let lanes = lane as usize..(lane + full * CBLOCK as u32 + rest) as usize;
            let elements = lanes.start / depth..lanes.end.div_ceil(depth);
            let covered = elements.start * depth..elements.end * depth;
            let input = |lane| lanes.contains(&lane).then_some(block as usize * CBLOCK + lane);
            numbers.extend(covered.map(input));
            let rest = (elements.len() - full as usize * (CBLOCK / depth)) as u32;
            self.layout.runs.push(Run { block, lane: elements.start as u32, full, rest });
        }
        let (runs, first) = (first_run..self.layout.runs.len(), self.layout.len());
        self.layout.panels.push(Panel { block, width, runs, first, rows: numbers.len() / depth });
        numbers
    }

    /// Adds neighboring `outputs` of a group to the last panel, of which the first is lane `first`.
    fn add_part(&mut self, first: usize, outputs: &[Origin], group: &IndexedGroup<'_>) {
        let (panel, first_lane) = (self.layout.panels.len() - 1, self.lanes.len());
        let index = |(_, output): &Origin| (group.first + output * group.output_step) as u32;
        self.lanes.extend(outputs.iter().map(index));
        let (lanes, lines) = (first_lane..self.lanes.len(), self.lines.len()..self.lines.len());
        self.parts.push(Part { panel, first, lanes, lines });
    }

    /// Adds the lines of a group to the last part. `inputs` are those of a lane's numbers, ascending;
    /// `columns` are the group's in the order of their inputs.
    fn add_lines(&mut self, inputs: &[Option<usize>], group: &IndexedGroup<'_>, columns: &[usize]) {
        let mut numbers = inputs.iter().enumerate();
        for column in columns {
            let (number, _) = numbers
                .find(|(_, input)| **input == Some(group.inputs[*column]))
                .expect("a panel reads the inputs of all its groups");
            self.lines.push(Line {
                row: (number / self.depth) as u32,
                number: (number % self.depth) as u32,
                offset: (column * group.input_step) as u32,
            });
        }
        self.parts.last_mut().expect("a part was added").lines.end = self.lines.len();
    }

    /// Packs `weights`, each group's `[outputs][inputs]` after those of the group before. The weights
    /// of the output at place `o` are multiplied by `scale[o]`.
    ///
    /// # Panics
    /// When `weights` has another length than the groups say.
    pub fn gather<T: Element>(&self, weights: &[f32], scale: Option<&[f64]>) -> Aligned<T> {
        let mut packed = Aligned::zeros(self.layout.len());
        match scale {
            Some(scale) => self.gather_with(weights, &mut packed, |weight, output| {
                (f64::from(weight) * scale[output]) as f32
            }),
            None => self.gather_into(weights, &mut packed),
        }
        packed
    }

    /// As [`Self::gather`], into elements that are 0 or were packed by this plan before.
    ///
    /// # Panics
    /// As [`Self::gather`], and when `packed` has another length than the plan's layout.
    pub fn gather_into<T: Element>(&self, weights: &[f32], packed: &mut [T]) {
        self.gather_with(weights, packed, |weight, _| weight);
    }

    fn gather_with<T: Element>(
        &self,
        weights: &[f32],
        packed: &mut [T],
        value: impl Fn(f32, usize) -> f32,
    ) {
        assert_eq!(T::DEPTH, self.depth, "numbers of an element");
        assert_eq!(weights.len(), self.weights, "weights");
        assert_eq!(packed.len(), self.layout.len(), "packed elements");
        for Part { panel, first, lanes, lines } in &self.parts {
            let panel = &self.layout.panels[*panel];
            let elements = &mut packed[panel.range()];
            // A few lanes at a time, so that their weights stay in the first cache.
            for (i, lanes) in self.lanes[lanes.clone()].chunks(CBLOCK).enumerate() {
                let first = first + i * CBLOCK;
                let output = panel.block * CBLOCK + first;
                for lines in self.rows(lines.clone()) {
                    let elements = &mut elements[lines[0].row as usize * panel.lanes() + first..];
                    let number = |line: &Line, lane: u32, i: usize| {
                        value(weights[(lane + line.offset) as usize], output + i)
                    };
                    let elements = elements.iter_mut().zip(lanes).enumerate();
                    match lines {
                        [low, high] => elements.for_each(|(i, (element, lane))| {
                            let numbers = [number(low, *lane, i), number(high, *lane, i)];
                            *element = T::from_numbers(numbers);
                        }),
                        lines => elements.for_each(|(i, (element, lane))| {
                            element.set(lines[0].number, number(&lines[0], *lane, i));
                        }),
                    }
                }
            }
        }
    }

    /// The lines of each row of elements: one, or the two that fill its elements.
    fn rows(&self, lines: Range<usize>) -> impl Iterator<Item = &[Line]> {
        // Where an element holds one number, each line has a row of its own.
        let same_row = |a: &Line, b: &Line| self.depth > 1 && a.row == b.row;
        self.lines[lines].chunk_by(same_row)
    }

    /// Writes values in the packed order, one of each element, back to the order of the weights.
    ///
    /// # Panics
    /// When a slice has another length than its shape, or elements hold more than one number.
    pub fn scatter(&self, packed: &[f32], weights: &mut [f32]) {
        assert_eq!(self.depth, 1, "numbers of an element");
        assert_eq!(packed.len(), self.layout.len(), "packed elements");
        assert_eq!(weights.len(), self.weights, "weights");
        for Part { panel, first, lanes, lines } in &self.parts {
            let panel = &self.layout.panels[*panel];
            let values = &packed[panel.range()];
            for line in &self.lines[lines.clone()] {
                let values = &values[line.row as usize * panel.lanes() + first..];
                for (value, lane) in values.iter().zip(&self.lanes[lanes.clone()]) {
                    weights[(lane + line.offset) as usize] = *value;
                }
            }
        }
    }
}

impl<'a> IndexedShape<'a> {
    fn forward(shape: &PointwiseShape<'a>) -> Self {
        let mut first = 0;
        let groups = shape.groups.iter().map(|&GroupPlaces { inputs, outputs }| {
            let (input_step, output_step) = (1, inputs.len());
            let group = IndexedGroup { inputs, outputs, first, input_step, output_step };
            first += inputs.len() * outputs.len();
            group
        });
        Self { inputs: shape.inputs, outputs: shape.outputs, groups: groups.collect() }
    }

    /// The same weights from the outputs to the inputs.
    fn transposed(self) -> Self {
        let groups = self.groups.into_iter().map(|group| IndexedGroup {
            inputs: group.outputs,
            outputs: group.inputs,
            first: group.first,
            input_step: group.output_step,
            output_step: group.input_step,
        });
        Self { inputs: self.outputs, outputs: self.inputs, groups: groups.collect() }
    }

    fn check_inputs(&self) -> Result<(), KernelError> {
        for group in &self.groups {
            let mut read = vec![false; self.inputs];
            let once = |input: &usize| {
                read.get_mut(*input).is_some_and(|read| !std::mem::replace(read, true))
            };
            if group.inputs.is_empty() || !group.inputs.iter().all(once) {
                let limit = self.inputs;
                return Err(shape_error(format!(
                    "a group needs inputs that are distinct and below {limit}"
                )));
            }
        }
        Ok(())
    }

    /// Where each output comes from; every output must come from exactly one group.
    fn origins(&self) -> Result<Vec<Origin>, KernelError> {
        let outputs = self.outputs;
        let mut origins: Vec<Option<Origin>> = vec![None; outputs];
        for (g, group) in self.groups.iter().enumerate() {
            for (number, &output) in group.outputs.iter().enumerate() {
                match origins.get_mut(output) {
                    Some(origin @ None) => *origin = Some((g, number)),
                    Some(Some(_)) => {
                        return Err(shape_error(format!(
                            "output {output} has two rows of weights"
                        )));
                    }
                    None => {
                        return Err(shape_error(format!("output {output} is not below {outputs}")));
                    }
                }
            }
        }
        let missing = |output: usize| shape_error(format!("no group writes output {output}"));
        (0..).zip(origins).map(|(output, origin)| origin.ok_or_else(|| missing(output))).collect()
    }

    /// The inputs that some of the groups read, in order.
    fn inputs_of(&self, groups: &[usize]) -> Vec<usize> {
        let mut inputs: Vec<usize> =
            groups.iter().flat_map(|&group| self.groups[group].inputs).copied().collect();
        inputs.sort_unstable();
        inputs.dedup();
        inputs
    }
}

/// A group's columns in the order of the inputs that they read.
fn sorted_columns(group: &IndexedGroup<'_>) -> Vec<usize> {
    let mut columns: Vec<usize> = (0..group.inputs.len()).collect();
    columns.sort_by_key(|column| group.inputs[*column]);
    columns
}

pub(super) fn shape_error(what: String) -> KernelError {
    KernelError::Shape { kernel: "pointwise convolution", what }
}

/// The groups that the outputs of a block belong to.
fn groups_of(block: &[Origin]) -> Vec<usize> {
    let mut used: Vec<usize> = block.iter().map(|&(group, _)| group).collect();
    used.sort_unstable();
    used.dedup();
    used
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
mod tests;
