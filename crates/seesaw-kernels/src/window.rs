//! The windows of a convolution: their size, and where they lie on the input.

use crate::layout::Size;

/// How an input is padded with zeros; see [`Window::offset`] for where the two differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// As many zeros before as after: half a window, rounded down.
    Symmetric,
    /// TensorFlow's "same": as few zeros as the windows need, half of them before, rounded down.
    Same,
}

/// The windows of a convolution.
///
/// Kernels read inputs with a border of zeros of half a window, rounded down, on all four sides,
/// whatever the padding. The padding only decides with which pixel of the border the first window
/// begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Rows and columns, an odd number.
    pub kernel: usize,
    /// Pixels from one window to the next, in both directions.
    pub stride: usize,
    /// How the input is padded.
    pub padding: Padding,
}

impl Window {
    /// Windows of `kernel` x `kernel` pixels with symmetric padding.
    pub const fn new(kernel: usize, stride: usize) -> Self {
        Self { kernel, stride, padding: Padding::Symmetric }
    }

    /// The same with another padding.
    #[must_use]
    pub const fn padding(self, padding: Padding) -> Self {
        Self { padding, ..self }
    }

    /// Pixels of a window.
    pub const fn taps(self) -> usize {
        self.kernel * self.kernel
    }

    /// Width of the border of zeros around the input.
    pub const fn border(self) -> usize {
        self.kernel / 2
    }

    /// How many windows there are in `n` rows or columns.
    pub const fn output_side(self, n: usize) -> usize {
        n.div_ceil(self.stride)
    }

    /// How far into the bordered input the first of the windows in `n` rows or columns begins: 0, or
    /// 1 where "same" needs a zero less than the border has, which it then lacks before the input.
    ///
    /// Of `(ceil(n / s) - 1) * s + k - n` zeros, which are `k - 1` at stride 1 and on odd sides at
    /// stride 2, half are before the input: `k / 2`, the border. On even sides at stride 2 they are
    /// `k - 2`, and half of them are one fewer.
    pub const fn offset(self, n: usize) -> usize {
        match self.padding {
            Padding::Symmetric => 0,
            Padding::Same => (self.stride == 2 && n.is_multiple_of(2)) as usize,
        }
    }

    /// Rows and columns of the output for an input of `size`.
    pub const fn output_size(self, size: Size) -> Size {
        Size { rows: self.output_side(size.rows), cols: self.output_side(size.cols) }
    }

    /// Rows and columns of an input of `size` with its border.
    pub const fn bordered(self, size: Size) -> Size {
        let border = 2 * self.border();
        Size { rows: size.rows + border, cols: size.cols + border }
    }

    /// The same windows at every pixel, as the backward pass needs them.
    pub(crate) const fn everywhere(self) -> Self {
        Self::new(self.kernel, 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TensorFlow's rule as its documentation writes it.
    #[test]
    fn offsets_are_tensorflows() {
        for n in 1..200 {
            for (kernel, stride) in [(3, 1), (3, 2), (5, 1), (5, 2)] {
                let window = Window::new(kernel, stride).padding(Padding::Same);
                let outputs = if n % stride == 0 { n / stride } else { n / stride + 1 };
                let total = ((outputs - 1) * stride + kernel).saturating_sub(n);
                assert_eq!(window.border() - window.offset(n), total / 2, "{n} {window:?}");
                assert_eq!(window.output_side(n), outputs);
                let symmetric = Window::new(kernel, stride);
                assert_eq!(symmetric.offset(n), 0);
                assert_eq!(symmetric.output_side(n), (n + 2 * (kernel / 2) - kernel) / stride + 1);
            }
        }
    }
}
