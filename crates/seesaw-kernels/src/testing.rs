//! Inputs and comparisons that the kernels' tests share.

use crate::{
    CBLOCK,
    isa::{Isa, IsaToken},
    layout::{self, Size},
    parallel::Team,
    window::{Padding, Window},
};

/// Calls `test` with every instruction set of this processor, at one and, where there are threads, at
/// three of them.
pub(crate) fn on_every_isa(test: impl Fn(IsaToken, &Team)) {
    let mut teams = vec![Team::solo()];
    if cfg!(not(target_family = "wasm")) {
        teams.push(Team::new(3).unwrap());
    }
    for isa in Isa::present() {
        for team in &teams {
            test(IsaToken::new(isa).unwrap(), team);
        }
    }
}

/// Every kind of window of a depthwise convolution.
pub(crate) fn windows() -> Vec<Window> {
    let mut windows = Vec::new();
    for (kernel, stride) in [(3, 1), (3, 2), (5, 1), (5, 2)] {
        let window = Window::new(kernel, stride);
        windows.extend([window, window.padding(Padding::Same)]);
    }
    windows
}

/// `[c][rows][cols]` to blocks with a border of zeros, its pixels `step` apart from (`top`, `left`) on in a map
/// of `to`.
pub(crate) fn bordered(
    x: &[f32],
    from: Size,
    to: Size,
    border: usize,
    [step, top, left]: [usize; 3],
) -> Vec<f32> {
    let (channels, width) = (x.len() / from.pixels(), to.cols + 2 * border);
    let plane = (to.rows + 2 * border) * width;
    let mut out = vec![0.0; layout::cblocks(channels) * plane * CBLOCK];
    for (i, value) in x.iter().enumerate() {
        let (c, y, x) = (i / from.pixels(), i / from.cols % from.rows, i % from.cols);
        let (row, col) = (y * step + top + border, x * step + left + border);
        out[(c / CBLOCK * plane + row * width + col) * CBLOCK + c % CBLOCK] = *value;
    }
    out
}

/// A small generator of test data: xorshift, seeded, the same everywhere.
pub(crate) struct Values(u64);

impl Values {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Whole numbers from -4 to 4: sums of a few thousand products are exact in f32.
    pub fn integers(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| (self.next() >> 33) as f32 % 9.0 - 4.0).map(f32::trunc).collect()
    }

    /// Numbers from -1 to 1.
    pub fn reals(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| (self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0).collect()
    }
}

/// `[c][pixels]` to blocks.
pub(crate) fn blocked(planar: &[f32], channels: usize) -> Vec<f32> {
    let pixels = planar.len() / channels;
    let mut out = vec![f32::NAN; layout::cblocks(channels) * pixels * CBLOCK];
    layout::to_cblocks(planar, channels, &mut out);
    out
}

/// Blocks to `[c][pixels]`.
pub(crate) fn planar(blocked: &[f32], channels: usize) -> Vec<f32> {
    let pixels = blocked.len() / CBLOCK / layout::cblocks(channels);
    let mut out = vec![f32::NAN; channels * pixels];
    layout::to_planar(blocked, channels, &mut out);
    out
}

/// Expects equal values.
pub(crate) fn assert_exact(got: &[f32], expected: &[f32], what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}: length");
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert!(got == expected, "{what}: at {i} {got} instead of {expected}");
    }
}

/// Expects values within the rounding of a sum of `terms` products of numbers up to 1, each of
/// which f32 rounds to within half a unit in the last place of the running sum.
pub(crate) fn assert_rounded(got: &[f32], expected: &[f32], terms: usize, what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}: length");
    // Running sums of n random products stay near sqrt(n); the bound allows 4 times that.
    let bound = f32::EPSILON * terms as f32 * (1.0 + 4.0 * (terms as f32).sqrt()) / 2.0;
    let errors = got.iter().zip(expected).map(|(a, b)| (a - b).abs());
    let worst = errors.enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
    if let Some((i, error)) = worst {
        let (got, expected) = (got[i], expected[i]);
        assert!(error <= bound, "{what}: at {i} {got} instead of {expected}, bound {bound}");
    }
}
