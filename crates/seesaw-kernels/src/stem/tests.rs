//! Against the reference: exact on whole numbers.

use super::Stem;
use crate::{
    CBLOCK,
    isa::IsaToken,
    layout::{self, Size},
    reference,
    testing::{Values, assert_exact, on_every_isa, planar, windows},
    window::Window,
};

#[test]
fn any_size_outputs_and_stride() {
    on_every_isa(|token, team| {
        for (outputs, rows, cols) in
            [(1, 1, 1), (32, 7, 7), (16, 32, 32), (40, 9, 5), (3, 2, 31), (8, 224, 224)]
        {
            for window in windows().into_iter().filter(|window| window.kernel == 3) {
                let mut values = Values::new((rows + outputs + window.stride) as u64);
                let (weights, bias) = (values.integers(outputs * 27), values.integers(outputs));
                let (image, size) = (values.integers(3 * rows * cols), Size { rows, cols });
                let stem = Stem::new(token, &weights, &bias, window).unwrap();
                let mut expected = reference::stem(&weights, &bias, &image, size, window);
                expected.iter_mut().for_each(|x| *x = reference::relu6(*x));
                let mut scratch = vec![f32::NAN; stem.scratch_len(size)];
                let pixels = expected.len() / outputs;
                let mut out = vec![f32::NAN; layout::cblocks(outputs) * pixels * CBLOCK];
                stem.run(team, &image, size, &mut scratch, &mut out);
                let what = format!("{} {outputs} {rows}x{cols} {window:?}", token.isa());
                assert_exact(&planar(&out, outputs), &expected, &what);
            }
        }
    });
}

#[test]
fn weights_that_do_not_fit_are_refused() {
    assert!(Stem::new(IsaToken::best(), &[0.0; 26], &[0.0], Window::new(3, 1)).is_err());
    assert!(Stem::new(IsaToken::best(), &[0.0; 27], &[0.0], Window::new(3, 0)).is_err());
    assert!(Stem::new(IsaToken::best(), &[0.0; 75], &[0.0], Window::new(5, 2)).is_err());
}
