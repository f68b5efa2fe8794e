//! Against the references, on every instruction set: exact on whole numbers.

mod pointwise;

use super::*;
use crate::{
    Bf16Token, CBLOCK, IsaToken,
    layout::Size,
    reference,
    testing::{Values, assert_exact, assert_rounded, bordered, on_every_isa, planar, windows},
    window::Window,
};

/// The bf16 kernels that go with an instruction set: its own, or the portable ones.
fn bf16(token: IsaToken) -> Bf16Token {
    token.bf16().unwrap_or_else(Bf16Token::portable)
}

/// A map in pairs of channels and in pairs of pixels.
fn slots(kernels: Bf16Kernels, map: &[f32], pixels: usize) -> (Vec<Slot>, Vec<Slot>) {
    let (mut channels, mut pairs) = (Vec::new(), Vec::new());
    for raw in map.chunks_exact(pixels * CBLOCK) {
        let map = Normalized { raw, affine: &Affine::IDENTITY, residual: None };
        let mut out = vec![Slot::new(f32::NAN, f32::NAN); channel_pairs(pixels)];
        kernels.channels(&map, None, &mut out);
        channels.extend(out);
        let mut out = vec![Slot::new(f32::NAN, f32::NAN); pixel_pairs(pixels)];
        kernels.pixels(&map, &mut out);
        pairs.extend(out);
    }
    (channels, pairs)
}

#[test]
fn loops_that_write_bf16() {
    on_every_isa(|token, _| {
        let kernels = Bf16Kernels::new(bf16(token), Storage::F32);
        for pixels in [1, 2, 9, 64] {
            let mut values = Values::new(pixels as u64);
            let mut lanes = || -> Lanes { values.integers(CBLOCK).try_into().unwrap() };
            let (scale, shift, constant) = (lanes(), lanes(), lanes());
            let (raw, other) = (values.integers(pixels * CBLOCK), values.integers(pixels * CBLOCK));
            let places = || (0..raw.len()).map(|i| (i, i % CBLOCK));
            for relu6 in [false, true] {
                let affine = Affine { scale, shift, relu6 };
                let activated = |(i, lane): (usize, usize)| {
                    let y = raw[i] * scale[lane] + shift[lane];
                    if relu6 { reference::relu6(y) } else { y }
                };
                let expected: Vec<f32> = places().map(|p| activated(p) + other[p.0]).collect();
                let map = Normalized { raw: &raw, affine: &affine, residual: Some(&other) };
                let (mut kept, mut channels) = (
                    vec![f32::NAN; raw.len()],
                    vec![Slot::new(f32::NAN, f32::NAN); channel_pairs(pixels)],
                );
                kernels.channels(&map, Some(&mut kept), &mut channels);
                assert_exact(&kept, &expected, "what is kept");
                assert_exact(&of_channels(&channels), &expected, "pairs of channels");
                let mut pairs = vec![Slot::new(f32::NAN, f32::NAN); pixel_pairs(pixels)];
                kernels.pixels(&map, &mut pairs);
                assert_exact(&of_pixels(&pairs, pixels), &expected, "pairs of pixels");
            }
            let by = NormGrad { of_gradient: scale, of_raw: shift, constant };
            let expected: Vec<f32> = places()
                .map(|(i, lane)| other[i] * scale[lane] + raw[i] * shift[lane] + constant[lane])
                .collect();
            let map = Combined { gradient: &other, raw: &raw, by: &by };
            let mut channels = vec![Slot::new(f32::NAN, f32::NAN); channel_pairs(pixels)];
            let mut pairs = vec![Slot::new(f32::NAN, f32::NAN); pixel_pairs(pixels)];
            kernels.combine(&map, &mut channels, &mut pairs);
            assert_exact(&of_channels(&channels), &expected, "pairs of channels");
            assert_exact(&of_pixels(&pairs, pixels), &expected, "pairs of pixels");
        }
    });
}

/// Whole numbers are exact in bf16: maps that hold it give what maps of f32 give.
#[test]
fn loops_over_maps_in_bf16() {
    on_every_isa(|token, _| {
        for pixels in [1, 6, 300] {
            let mut values = Values::new(pixels as u64);
            let mut lanes = || -> Lanes { values.integers(CBLOCK).try_into().unwrap() };
            let (scale, shift, mean) = (lanes(), lanes(), lanes());
            let affine = Affine { scale, shift, relu6: true };
            let by = NormGrad { of_gradient: scale, of_raw: shift, constant: mean };
            let (raw, gradient) =
                (values.integers(pixels * CBLOCK), values.integers(pixels * CBLOCK));
            let run = |storage: Storage| {
                let kernels = Bf16Kernels::new(bf16(token), storage);
                let loops = match storage {
                    Storage::F32 => NormKernels::new(token),
                    Storage::Bf16 => NormKernels::for_bf16(bf16(token)),
                };
                assert_eq!(loops.storage(), storage);
                let stored = |map: &[f32]| match storage {
                    Storage::F32 => map.to_vec(),
                    Storage::Bf16 => {
                        let kernels = Bf16Kernels::new(bf16(token), Storage::F32);
                        let mut stored = vec![0.0; channel_pairs(pixels)];
                        Slot::reuse(&mut stored).copy_from_slice(&slots(kernels, map, pixels).0);
                        stored
                    }
                };
                let shown = |map: &[f32]| match storage {
                    Storage::F32 => map.to_vec(),
                    Storage::Bf16 => of_channels(Slot::reuse(&mut map.to_vec())),
                };
                let (own_raw, own_gradient) = (stored(&raw), stored(&gradient));
                let mut out = MapBuffer::zeros(pixels * CBLOCK);
                let mut results = Vec::new();
                loops.affine(&own_raw, &affine, Some(&gradient), &mut out, Grid::LINE);
                results.push(out.to_vec());
                loops.combine(&own_gradient, &own_raw, &by, &mut out, Grid::LINE);
                results.push(out.to_vec());

                let (mut sums, mut own) =
                    ([[0.0; CBLOCK]; 2], MapBuffer::zeros(pixels * storage.pixel()));
                loops.moments(&raw, &mut own, &mut sums);
                results.push(shown(&own));
                let masked = Masked {
                    gradient: &gradient,
                    residual: Some(&raw),
                    raw: &own_raw,
                    affine: &affine,
                    mean: &mean,
                };
                loops.mask_and_sum(&masked, &mut own, &mut sums);
                results.push(shown(&own));

                let map = Normalized { raw: &own_raw, affine: &affine, residual: None };
                let mut channels = vec![Slot::new(f32::NAN, f32::NAN); channel_pairs(pixels)];
                let mut pairs = vec![Slot::new(f32::NAN, f32::NAN); pixel_pairs(pixels)];
                kernels.channels(&map, None, &mut channels);
                results.push(of_channels(&channels));
                kernels.pixels(&map, &mut pairs);
                results.push(of_pixels(&pairs, pixels));
                let map = Combined { gradient: &own_gradient, raw: &own_raw, by: &by };
                kernels.combine(&map, &mut channels, &mut pairs);
                results.extend([of_channels(&channels), of_pixels(&pairs, pixels)]);
                (results, sums)
            };
            let (exact, rounded) = (run(Storage::F32), run(Storage::Bf16));
            assert_eq!(exact.0, rounded.0, "{pixels} pixels");
            assert_eq!(exact.1, rounded.1, "sums over {pixels} pixels");
        }
    });
}

/// `[pixels][8]` of pairs of channels.
fn of_channels(slots: &[Slot]) -> Vec<f32> {
    slots.iter().flat_map(|slot| slot.halves()).collect()
}

/// `[pixels][8]` of pairs of pixels, the last of which is 0 where pixels are odd.
fn of_pixels(slots: &[Slot], pixels: usize) -> Vec<f32> {
    let pixel = |pixel: usize| {
        slots[pixel / 2 * CBLOCK..][..CBLOCK].iter().map(move |slot| slot.halves()[pixel % 2])
    };
    assert!(pixels.is_multiple_of(2) || pixel(pixels).all(|x| x == 0.0));
    (0..pixels).flat_map(pixel).collect()
}

#[test]
fn depthwise_forward_and_backward() {
    on_every_isa(|token, _| {
        for (rows, cols) in [(1, 1), (2, 3), (7, 7), (5, 12), (16, 9), (4, 18)] {
            for window in windows() {
                let (stride, taps) = (window.stride, window.taps());
                let mut values = Values::new((rows * cols + stride) as u64);
                let places: Vec<usize> = (0..16).map(|c| c * 3 % 16).collect();
                let weights = values.integers(taps * 16);
                let mut conv = DepthwiseTraining::new(token, 16, window).unwrap();
                conv.set(&weights, &places);
                // The weights of the second block, in the order of its places.
                let ours: Vec<f32> = (8..16)
                    .map(|place| places.iter().position(|p| *p == place).unwrap())
                    .flat_map(|c| weights[c * taps..][..taps].to_vec())
                    .collect();
                let size = Size { rows, cols };
                let small = Size { rows: rows.div_ceil(stride), cols: cols.div_ceil(stride) };
                let x = values.integers(CBLOCK * rows * cols);
                let dy = values.integers(CBLOCK * small.pixels());
                let out = reference::depthwise(&ours, &[0.0; CBLOCK], &x, size, window);
                let (dx, dw) = reference::depthwise_backward(&ours, &x, &dy, size, window);

                let border = window.border();
                let x = bordered(&x, size, size, border, [1, 0, 0]);
                let offsets = [stride, window.offset(rows), window.offset(cols)];
                let dy = bordered(&dy, small, size, border, offsets);
                let mut got = vec![0.0; small.pixels() * CBLOCK];
                conv.forward(1, &x, size, &mut got);
                assert_exact(&planar(&got, CBLOCK), &out, "outputs");
                let mut got = vec![0.0; rows * cols * CBLOCK];
                conv.backward(1, &dy, size, &mut got);
                assert_exact(&planar(&got, CBLOCK), &dx, "inputs' gradient");
                let mut taps = vec![0.0; taps * CBLOCK];
                conv.accumulate(&x, &dy, size, &mut taps);
                assert_exact(&planar(&taps, CBLOCK), &dw, "weights' gradient");
            }
        }
    });
}

#[test]
fn elementwise_loops() {
    on_every_isa(|token, _| {
        let loops = NormKernels::new(token);
        for pixels in [1, 5, 300] {
            let mut values = Values::new(pixels as u64);
            let mut lanes = || -> Lanes { values.reals(CBLOCK).try_into().unwrap() };
            let (scale, shift, mean) = (lanes().map(|s| s * 8.0), lanes(), lanes());
            let (raw, gradient) = (values.reals(pixels * CBLOCK), values.reals(pixels * CBLOCK));
            for relu6 in [false, true] {
                let by = Affine { scale, shift, relu6 };
                let activated = |i: usize| {
                    let a = scale[i % CBLOCK] * raw[i] + shift[i % CBLOCK];
                    if relu6 { reference::relu6(a) } else { a }
                };
                let expected: Vec<f32> =
                    (0..raw.len()).map(|i| activated(i) + gradient[i]).collect();
                let mut out = MapBuffer::zeros(raw.len());
                loops.affine(&raw, &by, Some(&gradient), &mut out, Grid::LINE);
                assert_rounded(&out, &expected, 8, "affine");
                // Rows of 7 every other pixel, the rest of the plane left alone.
                let grid = Grid { cols: 7, step: 2, row: 17 };
                let mut plane = vec![9.0; pixels.div_ceil(7) * 17 * CBLOCK];
                loops.affine(&raw, &by, Some(&gradient), &mut plane, grid);
                assert_rounded(
                    &on_grid(&mut plane, pixels, grid),
                    &expected,
                    8,
                    "affine on a grid",
                );
                assert!(plane.iter().all(|x| *x == 9.0));

                for residual in [None, Some(&raw[..])] {
                    let mut sums = [[1.0; CBLOCK]; 2];
                    let masked = Masked {
                        gradient: &gradient,
                        residual,
                        raw: &raw,
                        affine: &by,
                        mean: &mean,
                    };
                    loops.mask_and_sum(&masked, &mut out, &mut sums);
                    let mut expected = [[1.0f64; CBLOCK]; 2];
                    for (i, got) in out.iter().enumerate() {
                        let passes = !relu6 || (activated(i) > 0.0 && activated(i) < 6.0);
                        let whole = gradient[i] + residual.map_or(0.0, |residual| residual[i]);
                        let g = if passes { whole } else { 0.0 };
                        assert_eq!(*got, g, "mask at {i}");
                        expected[0][i % CBLOCK] += f64::from(g);
                        expected[1][i % CBLOCK] +=
                            f64::from(g) * f64::from(raw[i] - mean[i % CBLOCK]);
                    }
                    assert_sums(&sums, &expected, pixels);
                }
            }
            let by = NormGrad { of_gradient: scale, of_raw: shift, constant: mean };
            let mut out = MapBuffer::zeros(raw.len());
            loops.combine(&gradient, &raw, &by, &mut out, Grid::LINE);
            let expected: Vec<f32> = (0..raw.len())
                .map(|i| (i, i % CBLOCK))
                .map(|(i, lane)| gradient[i] * scale[lane] + raw[i] * shift[lane] + mean[lane])
                .collect();
            assert_rounded(&out, &expected, 8, "combination");
            let grid = Grid { cols: 3, step: 2, row: 10 };
            let mut plane = vec![9.0; pixels.div_ceil(3) * 10 * CBLOCK];
            loops.combine(&gradient, &raw, &by, &mut plane, grid);
            assert_rounded(&on_grid(&mut plane, pixels, grid), &expected, 8, "on a grid");
            assert!(plane.iter().all(|x| *x == 9.0));

            let mut sums = [[0.0; CBLOCK]; 2];
            loops.moments(&raw, &mut out, &mut sums);
            assert_eq!(*out, raw, "a copy");
            let mut expected = [[0.0f64; CBLOCK]; 2];
            for (i, x) in raw.iter().enumerate() {
                expected[0][i % CBLOCK] += f64::from(*x);
                expected[1][i % CBLOCK] += f64::from(*x) * f64::from(*x);
            }
            assert_sums(&sums, &expected, pixels);
        }
    });
}

/// Takes the pixels of a grid off a plane, and leaves 9.
fn on_grid(plane: &mut [f32], pixels: usize, grid: Grid) -> Vec<f32> {
    let at = |pixel: usize| (pixel / grid.cols * grid.row + pixel % grid.cols * grid.step) * CBLOCK;
    let places = (0..pixels).flat_map(|pixel| at(pixel)..at(pixel) + CBLOCK);
    places.map(|i| std::mem::replace(&mut plane[i], 9.0)).collect()
}

#[test]
fn buffers_grow_and_shrink() {
    let mut buffer = MapBuffer::default();
    assert!(buffer.is_empty());
    for len in [10, 3 << 20, 7, 3 << 20] {
        buffer.resize(len);
        assert_eq!(buffer.len(), len);
        buffer.fill(1.0);
        assert!(buffer.as_ptr().addr().is_multiple_of(64));
    }
    assert!(MapBuffer::zeros(1 << 20).iter().all(|x| *x == 0.0));
}

/// Sums of numbers up to 2, a hundred or so at a time in f32.
fn assert_sums(got: &Sums, expected: &Sums, pixels: usize) {
    for (got, expected) in got.iter().flatten().zip(expected.iter().flatten()) {
        let bound = f64::from(f32::EPSILON) * 2.0 * (pixels as f64 + 1.0);
        assert!((got - expected).abs() <= bound, "{got} instead of {expected}");
    }
}

#[test]
fn a_stride_of_3_is_refused() {
    assert!(DepthwiseTraining::new(IsaToken::best(), 8, Window::new(3, 3)).is_err());
}
