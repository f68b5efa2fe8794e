//! A pointwise convolution whose weights change: forward, and backward to inputs and weights.

use crate::{
    error::KernelError,
    isa::IsaToken,
    layout::cblocks,
    pointwise::{Group, Pointwise, kernel::Source, kernel::Target},
    simd::CBLOCK,
};

use super::{
    bf16::channel_pairs,
    pack_bf16::Paired,
    prefetch::Prefetch,
    weight_gradient::{self, GradientFn, gradient},
};

/// The largest number of weights: packing carries their numbers in f32, which has 24 bits.
const MOST_WEIGHTS: usize = 1 << 24;

/// The channels of one group; its weights `[outputs][inputs]` follow those of the group before.
#[derive(Debug, Clone, Copy)]
pub struct GroupPlaces<'a> {
    /// GroupPlaces of its input channels, in the order of the weights' columns.
    pub inputs: &'a [usize],
    /// GroupPlaces of its output channels, in the order of the weights' rows.
    pub outputs: &'a [usize],
}

/// Some neighboring pixels of a map `[blocks][pixels][8]`.
#[derive(Debug, Clone, Copy)]
pub struct PixelSpan<'a> {
    /// The map.
    pub map: &'a [f32],
    /// Pixels of the whole map.
    pub pixels: usize,
    /// The first pixel.
    pub first: usize,
}

/// Some neighboring pixels of a map that is written; as [`PixelSpan`].
#[derive(Debug)]
pub struct PixelSpanMut<'a> {
    /// The map.
    pub map: &'a mut [f32],
    /// Pixels of the whole map.
    pub pixels: usize,
    /// The first pixel.
    pub first: usize,
}

/// A pointwise convolution in training.
///
/// Its weights lie twice in the order of the microkernel, for either direction. `sources` says of
/// each packed value which weight it is, so that new weights are gathered in one pass, and gradients,
/// which have the layout of the packed weights, scattered in one.
#[derive(Debug, Clone)]
pub struct PointwiseTraining {
    forward: Pointwise,
    forward_sources: Vec<u32>,
    backward: Pointwise,
    backward_sources: Vec<u32>,
    gradients: Vec<GradientFn>,
    weights: usize,
    /// Both directions in pairs of bf16, which then multiply in place of the others.
    paired: Option<[Paired; 2]>,
}

impl PointwiseTraining {
    /// A convolution from `inputs` to `outputs` channels, with a bias for each output place behind
    /// the weights where `biased`. All weights are 0 until [`Self::set`].
    ///
    /// # Errors
    /// [`KernelError::Shape`] when the groups do not cover the outputs, or there are more than 2^24
    /// weights.
    pub fn new(
        token: IsaToken,
        (inputs, outputs): (usize, usize),
        groups: &[GroupPlaces<'_>],
        biased: bool,
    ) -> Result<Self, KernelError> {
        let weights: usize = groups.iter().map(|g| g.inputs.len() * g.outputs.len()).sum();
        if weights + outputs >= MOST_WEIGHTS {
            let what = format!("{weights} weights are too many to train; 2^24 is the limit");
            return Err(KernelError::Shape { kernel: "pointwise convolution", what });
        }
        // What is packed are the numbers of the weights, from 1; 0 is padding.
        let mut first = 1;
        let mut forward = Vec::new();
        let mut backward = Vec::new();
        for group in groups {
            let (rows, columns) = (group.outputs.len(), group.inputs.len());
            let number = |row: usize, column: usize| (first + row * columns + column) as f32;
            forward.push(sorted(group.inputs, group.outputs, number));
            backward.push(sorted(group.outputs, group.inputs, |row, column| number(column, row)));
            first += rows * columns;
        }
        let bias: Vec<f32> =
            (0..outputs).map(|o| if biased { (first + o) as f32 } else { 0.0 }).collect();
        let mut forward = pack(token, (inputs, outputs), &forward, &bias)?;
        let mut backward = pack(token, (outputs, inputs), &backward, &vec![0.0; inputs])?;
        let widths = forward.packed().panels.iter().map(|panel| panel.width);
        Ok(Self {
            gradients: widths.map(|width| gradient(token, width)).collect(),
            forward_sources: take_sources(&mut forward),
            backward_sources: take_sources(&mut backward),
            forward,
            backward,
            weights: first - 1 + if biased { outputs } else { 0 },
            paired: None,
        })
    }

    /// As [`Self::new`], for maps and weights that are multiplied in pairs of bf16 and summed in f32.
    /// [`IsaToken::has_bf16`] says where that is fast; elsewhere it is plain Rust.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn in_pairs(
        token: IsaToken,
        (inputs, outputs): (usize, usize),
        groups: &[GroupPlaces<'_>],
    ) -> Result<Self, KernelError> {
        let token = token.for_bf16();
        let mut new = Self::new(token, (inputs, outputs), groups, false)?;
        let widths = new.forward.packed().panels.iter().map(|panel| panel.width);
        new.gradients = widths.map(|width| weight_gradient::paired(token, width)).collect();
        new.paired = Some([
            Paired::new(token, new.forward.packed(), &new.forward_sources),
            Paired::new(token, new.backward.packed(), &new.backward_sources),
        ]);
        Ok(new)
    }

    /// Whether it was made by [`Self::in_pairs`].
    pub fn is_in_pairs(&self) -> bool {
        self.paired.is_some()
    }

    /// Weights, and biases where there are any.
    pub fn weights(&self) -> usize {
        self.weights
    }

    /// f32 of a gradient in packed order.
    pub fn packed_len(&self) -> usize {
        self.forward_sources.len()
    }

    /// Takes new weights: each group's, and then the biases.
    ///
    /// # Panics
    /// When there are not [`Self::weights`] of them.
    pub fn set(&mut self, weights: &[f32]) {
        assert_eq!(weights.len(), self.weights, "weights");
        if let Some(paired) = &mut self.paired {
            paired.iter_mut().for_each(|direction| direction.set(weights));
            return;
        }
        for (conv, sources) in [
            (&mut self.forward, &self.forward_sources),
            (&mut self.backward, &self.backward_sources),
        ] {
            for (packed, source) in conv.packed_mut().weights.iter_mut().zip(sources) {
                *packed = if *source == 0 { 0.0 } else { weights[*source as usize - 1] };
            }
        }
    }

    /// Convolves `count` pixels.
    ///
    /// # Panics
    /// When a map has other channels than the convolution, or fewer pixels, or the convolution is
    /// one [in pairs](Self::in_pairs).
    pub fn forward(&self, x: PixelSpan<'_>, mut out: PixelSpanMut<'_>, count: usize) {
        assert!(!self.is_in_pairs(), "weights in f32");
        run(&self.forward, x, &mut out, count);
    }

    /// The gradient of the inputs from that of the outputs, for `count` pixels.
    ///
    /// # Panics
    /// As [`Self::forward`].
    pub fn backward(&self, dy: PixelSpan<'_>, mut dx: PixelSpanMut<'_>, count: usize) {
        assert!(!self.is_in_pairs(), "weights in f32");
        run(&self.backward, dy, &mut dx, count);
    }

    /// Convolves slots of channel pairs, `[blocks][pixels][4]`, to `[blocks][pixels][8]`.
    ///
    /// # Panics
    /// When a map has another length, or the convolution is not one [in pairs](Self::in_pairs).
    pub fn forward_pairs(&self, x: &[f32], out: &mut [f32], pixels: usize) {
        self.run_pairs(0, (&self.forward, x), out, pixels);
    }

    /// The gradient of the inputs from that of the outputs, as [`Self::forward_pairs`].
    ///
    /// # Panics
    /// As [`Self::forward_pairs`].
    pub fn backward_pairs(&self, dy: &[f32], dx: &mut [f32], pixels: usize) {
        self.run_pairs(1, (&self.backward, dy), dx, pixels);
    }

    fn run_pairs(&self, way: usize, of: (&Pointwise, &[f32]), out: &mut [f32], pixels: usize) {
        let (conv, x) = of;
        let paired = self.paired.as_ref().expect("a convolution in pairs");
        assert_eq!(x.len(), cblocks(conv.inputs()) * channel_pairs(pixels), "slots");
        assert_eq!(out.len(), cblocks(conv.outputs()) * pixels * CBLOCK, "outputs");
        // SAFETY: the token given to `in_pairs` proved the instruction set, and the lengths were
        // checked.
        unsafe { paired[way].run(x.as_ptr(), out.as_mut_ptr(), pixels) };
    }

    /// Adds the gradient of the weights (and biases) over `count` pixels to `packed`, and fetches
    /// `ahead` meanwhile. In pairs, the pixels of both maps are pairs of pixels.
    ///
    /// # Panics
    /// When a map has other channels than the convolution or fewer pixels, or `packed` is not
    /// [`Self::packed_len`] long.
    pub fn accumulate(
        &self,
        x: PixelSpan<'_>,
        dy: PixelSpan<'_>,
        packed: &mut [f32],
        count: usize,
        mut ahead: Prefetch<'_>,
    ) {
        assert_eq!(packed.len(), self.packed_len(), "gradient in packed order");
        x.check(self.forward.inputs(), count);
        dy.check(self.forward.outputs(), count);
        let layout = self.forward.packed();
        for (panel, kernel) in layout.panels.iter().zip(&self.gradients) {
            let runs = &layout.runs[panel.runs.clone()];
            let lanes = panel.width * CBLOCK;
            let inputs: usize =
                runs.iter().map(|r| r.full as usize * CBLOCK + r.rest as usize).sum();
            let rows = &mut packed[panel.weights..][..lanes * (1 + inputs)];
            let (bias, rows) = rows.split_at_mut(lanes);
            let stride = dy.pixels * CBLOCK;
            let dy = &dy.map[panel.block * stride + dy.first * CBLOCK..];
            if self.weights_end_with_biases() {
                sum_pixels(dy, stride, bias, count);
            }
            let source = Source {
                data: x.map[x.first * CBLOCK..].as_ptr(),
                block_stride: x.pixels * CBLOCK,
                runs,
            };
            // SAFETY: the token given to `new` proved the instruction set; the maps were checked to
            // have all blocks and pixels, and `rows` has one for each input of the runs.
            unsafe { kernel(source, dy.as_ptr(), stride, rows.as_mut_ptr(), count, &mut ahead) };
        }
    }

    fn weights_end_with_biases(&self) -> bool {
        self.forward_sources.first().is_some_and(|source| *source != 0)
    }

    /// Writes a gradient in packed order into the order of the weights.
    ///
    /// # Panics
    /// When a slice has another length than its shape.
    pub fn unpack(&self, packed: &[f32], gradient: &mut [f32]) {
        assert_eq!(packed.len(), self.packed_len(), "gradient in packed order");
        assert_eq!(gradient.len(), self.weights, "gradient");
        for (value, source) in packed.iter().zip(&self.forward_sources) {
            if *source != 0 {
                gradient[*source as usize - 1] = *value;
            }
        }
    }
}

impl PixelSpan<'_> {
    /// # Panics
    /// Unless the map has `channels` channels and the span `count` pixels.
    fn check(&self, channels: usize, count: usize) {
        check(self.map.len(), self.pixels, self.first, channels, count);
    }
}

fn check(len: usize, pixels: usize, first: usize, channels: usize, count: usize) {
    assert_eq!(len, cblocks(channels) * pixels * CBLOCK, "a map of {channels} channels");
    assert!(first + count <= pixels, "pixels {first} to {first} + {count} of {pixels}");
}

/// A group's inputs, outputs and weights as [`Group`] wants them: inputs ascending.
type Sorted = (Vec<usize>, Vec<usize>, Vec<f32>);

fn sorted(inputs: &[usize], outputs: &[usize], number: impl Fn(usize, usize) -> f32) -> Sorted {
    let mut columns: Vec<usize> = (0..inputs.len()).collect();
    columns.sort_by_key(|column| inputs[*column]);
    let weights = (0..outputs.len())
        .flat_map(|row| columns.iter().map(move |column| (row, *column)))
        .map(|(row, column)| number(row, column))
        .collect();
    (columns.iter().map(|c| inputs[*c]).collect(), outputs.to_vec(), weights)
}

fn pack(
    token: IsaToken,
    (inputs, outputs): (usize, usize),
    groups: &[Sorted],
    bias: &[f32],
) -> Result<Pointwise, KernelError> {
    let groups: Vec<Group<'_>> = groups
        .iter()
        .map(|(inputs, outputs, weights)| Group { inputs, outputs, weights })
        .collect();
    Pointwise::new(token, inputs, outputs, &groups, bias, false)
}

/// The packed numbers of weights as integers, with zeros left in their place.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn take_sources(conv: &mut Pointwise) -> Vec<u32> {
    conv.packed_mut().weights.iter_mut().map(|number| std::mem::take(number) as u32).collect()
}

fn run(conv: &Pointwise, x: PixelSpan<'_>, out: &mut PixelSpanMut<'_>, count: usize) {
    x.check(conv.inputs(), count);
    check(out.map.len(), out.pixels, out.first, conv.outputs(), count);
    let target = Target {
        data: out.map.as_mut_ptr(),
        block_stride: out.pixels * CBLOCK,
        cols: out.pixels,
        row_gap: 0,
        residual: std::ptr::null(),
        relu6: false,
    };
    let (x, stride) = (x.map[x.first * CBLOCK..].as_ptr(), x.pixels * CBLOCK);
    // SAFETY: both maps were checked to have all blocks and the pixels of their spans, and `out` is
    // borrowed mutably.
    unsafe { conv.run_panels(conv.panels(), x, stride, target, out.first, count) };
}

/// Adds the sums over pixels of a panel's blocks.
fn sum_pixels(dy: &[f32], stride: usize, sums: &mut [f32], count: usize) {
    for (block, sums) in sums.chunks_exact_mut(CBLOCK).enumerate() {
        for pixel in dy[block * stride..][..count * CBLOCK].chunks_exact(CBLOCK) {
            for (sum, value) in sums.iter_mut().zip(pixel) {
                *sum += value;
            }
        }
    }
}
