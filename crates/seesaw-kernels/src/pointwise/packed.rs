//! Packed weights, and the panels that multiply them.

use std::ops::Range;

use super::{
    kernel::{PanelFn, PanelTask, Source, Target},
    plan::PanelLayout,
};
use crate::{Aligned, element::Element, layout::cblocks, simd::CBLOCK};

/// A convolution's weights in the order of the microkernel.
#[derive(Debug, Clone)]
pub(crate) struct Packed<T: Element> {
    pub layout: PanelLayout,
    /// The microkernel of each panel.
    kernels: Vec<PanelFn<T>>,
    pub weights: Aligned<T>,
    /// In the order of the outputs' places, with zeros up to whole blocks.
    biases: Aligned<f32>,
}

/// Where inputs come from.
#[derive(Clone, Copy)]
pub(crate) struct Input<T> {
    /// First input of the first pixel.
    pub data: *const T,
    /// Elements from one block of inputs to the next.
    pub block_stride: usize,
}

impl<T: Element> Packed<T> {
    /// Weights that were packed in `layout`; `kernel` is the microkernel for panels of a width. All
    /// biases are 0.
    ///
    /// # Panics
    /// When `weights` has another length than the layout.
    pub fn new(
        layout: PanelLayout,
        weights: Aligned<T>,
        outputs: usize,
        kernel: impl Fn(usize) -> PanelFn<T>,
    ) -> Self {
        assert_eq!(weights.len(), layout.len(), "packed weights");
        let kernels = layout.panels.iter().map(|panel| kernel(panel.width)).collect();
        let biases = Aligned::zeros(cblocks(outputs) * CBLOCK);
        Self { layout, kernels, weights, biases }
    }

    /// Takes the biases.
    ///
    /// # Panics
    /// When there are more than outputs.
    pub fn set_biases(&mut self, biases: &[f32]) {
        self.biases[..biases.len()].copy_from_slice(biases);
    }

    /// All panels.
    pub fn panels(&self) -> Range<usize> {
        0..self.layout.panels.len()
    }

    /// Computes some panels for `pixels` pixels.
    ///
    /// # Safety
    /// `input` must be readable for all blocks of inputs and all pixels, and `target` writable for the
    /// panels' blocks. No other thread may write there. The kernels' instruction set must be present.
    pub unsafe fn run_panels(
        &self,
        panels: Range<usize>,
        input: Input<T>,
        target: Target,
        pixels: usize,
    ) {
        let Input { data, block_stride } = input;
        for index in panels {
            let runs = &self.layout.runs[self.layout.panels[index].runs.clone()];
            // SAFETY: packing keeps runs within the inputs and panels within the outputs; the rest is
            // this contract.
            unsafe { self.run_panel(index, Source { data, block_stride, runs }, target, pixels) };
        }
    }

    /// Computes one panel from the inputs that `source` names; it has as many as the panel has rows.
    ///
    /// # Safety
    /// As [`Self::run_panels`].
    pub unsafe fn run_panel(
        &self,
        index: usize,
        source: Source<'_, T>,
        target: Target,
        pixels: usize,
    ) {
        let panel = &self.layout.panels[index];
        let offset = panel.block * target.block_stride;
        // SAFETY: the caller's contract; the offset leads to the panel's first block, and there are
        // weights for each of its rows and biases for each of its lanes.
        unsafe {
            let data = target.data.add(offset);
            let residual = match target.residual {
                none if none.is_null() => none,
                map => map.add(offset),
            };
            (self.kernels[index])(&PanelTask {
                source,
                biases: self.biases[panel.block * CBLOCK..].as_ptr(),
                weights: self.weights[panel.first..].as_ptr(),
                target: Target { data, residual, ..target },
                pixels,
            });
        }
    }
}
