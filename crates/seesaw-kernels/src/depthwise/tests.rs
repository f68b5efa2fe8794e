//! Against the reference: exact on whole numbers, within rounding on others.

use super::Depthwise;
use crate::{
    CBLOCK,
    isa::IsaToken,
    layout::{self, Size},
    reference,
    testing::{Values, assert_exact, assert_rounded, on_every_isa, planar},
};

/// `[c][rows][cols]` to blocks with a border of zeros.
fn padded(x: &[f32], channels: usize, Size { rows, cols }: Size) -> Vec<f32> {
    let width = cols + 2;
    let mut out = vec![0.0; layout::cblocks(channels) * (rows + 2) * width * CBLOCK];
    for (i, value) in x.iter().enumerate() {
        let (c, y, x) = (i / (rows * cols), i / cols % rows, i % cols);
        let pixel = (c / CBLOCK * (rows + 2) + y + 1) * width + x + 1;
        out[pixel * CBLOCK + c % CBLOCK] = *value;
    }
    out
}

#[test]
fn any_size_channels_and_stride() {
    on_every_isa(|token, team| {
        for (channels, rows, cols) in [
            (1, 1, 1),
            (8, 1, 9),
            (3, 2, 2),
            (8, 7, 7),
            (9, 5, 3),
            (24, 6, 28),
            (5, 9, 15),
            (2, 224, 224),
        ] {
            for stride in [1, 2] {
                for relu6 in [false, true] {
                    let size = Size { rows, cols };
                    let mut values = Values::new((rows * cols + stride) as u64);
                    let (weights, bias) =
                        (values.integers(9 * channels), values.integers(channels));
                    let x = values.integers(channels * rows * cols);
                    let conv = Depthwise::new(token, &weights, &bias, stride, relu6).unwrap();
                    let mut expected = reference::depthwise(&weights, &bias, &x, size, stride);
                    if relu6 {
                        expected.iter_mut().for_each(|x| *x = reference::relu6(*x));
                    }
                    let len = layout::cblocks(channels) * expected.len() / channels * CBLOCK;
                    let mut out = vec![f32::NAN; len];
                    conv.run(team, &padded(&x, channels, size), size, &mut out);
                    let what = format!("{} {channels} {rows}x{cols} /{stride}", token.isa());
                    assert_exact(&planar(&out, channels), &expected, &what);
                }
            }
        }
        let mut values = Values::new(3);
        let (weights, bias, x) = (values.reals(72), values.reals(8), values.reals(8 * 196));
        let conv = Depthwise::new(token, &weights, &bias, 1, false).unwrap();
        let mut out = vec![f32::NAN; 8 * 196];
        let size = Size::square(14);
        conv.run(team, &padded(&x, 8, size), size, &mut out);
        let expected = reference::depthwise(&weights, &bias, &x, size, 1);
        assert_rounded(&planar(&out, 8), &expected, 10, "reals");
    });
}

#[test]
fn weights_that_do_not_fit_are_refused() {
    let token = IsaToken::best();
    assert!(Depthwise::new(token, &[0.0; 17], &[0.0; 2], 1, false).is_err());
    assert!(Depthwise::new(token, &[0.0; 18], &[0.0; 2], 3, false).is_err());
}
