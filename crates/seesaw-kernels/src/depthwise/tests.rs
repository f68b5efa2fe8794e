//! Against the reference: exact on whole numbers, within rounding on others.

use super::Depthwise;
use crate::{
    CBLOCK,
    isa::IsaToken,
    layout::{self, Size},
    reference,
    testing::{Values, assert_exact, assert_rounded, bordered, on_every_isa, planar, windows},
    window::Window,
};

/// `[c][rows][cols]` to blocks with a border of zeros.
fn padded(x: &[f32], size: Size, window: Window) -> Vec<f32> {
    bordered(x, size, size, window.border(), [1, 0, 0])
}

#[test]
fn any_size_channels_and_window() {
    on_every_isa(|token, team| {
        for (channels, rows, cols) in [
            (1, 1, 1),
            (8, 1, 9),
            (3, 2, 2),
            (8, 7, 7),
            (9, 5, 3),
            (24, 6, 28),
            (5, 9, 15),
            (2, 112, 112),
            (1, 3, 31),
        ] {
            for window in windows() {
                for relu6 in [false, true] {
                    let size = Size { rows, cols };
                    let mut values = Values::new((rows * cols + window.stride) as u64);
                    let (weights, bias) =
                        (values.integers(window.taps() * channels), values.integers(channels));
                    let x = values.integers(channels * rows * cols);
                    let conv = Depthwise::new(token, &weights, &bias, window, relu6).unwrap();
                    let mut expected = reference::depthwise(&weights, &bias, &x, size, window);
                    if relu6 {
                        expected.iter_mut().for_each(|x| *x = reference::relu6(*x));
                    }
                    let len = layout::cblocks(channels) * expected.len() / channels * CBLOCK;
                    let mut out = vec![f32::NAN; len];
                    conv.run(team, &padded(&x, size, window), size, &mut out);
                    let what = format!("{} {channels} {rows}x{cols} {window:?}", token.isa());
                    assert_exact(&planar(&out, channels), &expected, &what);
                }
            }
        }
        for window in [3, 5].map(|kernel| Window::new(kernel, 1)) {
            let mut values = Values::new(3);
            let weights = values.reals(8 * window.taps());
            let (bias, x) = (values.reals(8), values.reals(8 * 196));
            let conv = Depthwise::new(token, &weights, &bias, window, false).unwrap();
            let mut out = vec![f32::NAN; 8 * 196];
            let size = Size::square(14);
            conv.run(team, &padded(&x, size, window), size, &mut out);
            let expected = reference::depthwise(&weights, &bias, &x, size, window);
            assert_rounded(&planar(&out, 8), &expected, window.taps() + 1, "reals");
        }
    });
}

#[test]
fn weights_that_do_not_fit_are_refused() {
    let token = IsaToken::best();
    assert!(Depthwise::new(token, &[0.0; 17], &[0.0; 2], Window::new(3, 1), false).is_err());
    assert!(Depthwise::new(token, &[0.0; 18], &[0.0; 2], Window::new(3, 3), false).is_err());
    assert!(Depthwise::new(token, &[0.0; 18], &[0.0; 2], Window::new(5, 1), false).is_err());
    for kernel in [0, 4, 7] {
        let weights = vec![0.0; kernel * kernel];
        assert!(Depthwise::new(token, &weights, &[0.0], Window::new(kernel, 1), false).is_err());
    }
}
