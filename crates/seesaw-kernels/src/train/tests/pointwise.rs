//! Pointwise convolutions in f32 and bf16.

use super::{super::*, bf16, slots};
use crate::{
    IsaToken, reference,
    testing::{Values, assert_exact, blocked, on_every_isa, planar},
};

/// Groups by their input and output places, as lists of numbers.
type Groups = Vec<(Vec<usize>, Vec<usize>)>;

/// Convolutions with even, uneven, permuted and odd groups.
fn convolutions() -> Vec<(usize, usize, Groups)> {
    let dense = |i: usize, o: usize| (i, o, vec![((0..i).collect(), (0..o).collect())]);
    let shuffled = |n: usize| (0..n).map(|c| (c % (n / 2)) * 2 + c / (n / 2)).collect::<Vec<_>>();
    let places = shuffled(36);
    vec![
        dense(1, 1),
        dense(27, 32),
        dense(13, 70),
        (
            16,
            40,
            vec![((0..4).collect(), (0..10).collect()), ((4..16).collect(), (10..40).collect())],
        ),
        // Inputs out of order, as after a shuffle.
        (
            36,
            24,
            vec![
                (places[..9].to_vec(), (0..6).collect()),
                (places[9..].to_vec(), (6..24).collect()),
            ],
        ),
    ]
}

/// The groups with slices of their places.
fn borrowed(groups: &Groups) -> Vec<GroupPlaces<'_>> {
    groups.iter().map(|(inputs, outputs)| GroupPlaces { inputs, outputs }).collect()
}

#[test]
fn pointwise_forward_and_backward() {
    on_every_isa(|token, _| {
        for (inputs, outputs, groups) in convolutions() {
            for (pixels, first, count) in [(1, 0, 1), (7, 0, 7), (40, 3, 29)] {
                let mut values = Values::new((inputs * outputs + pixels) as u64);
                let places = borrowed(&groups);
                let shape = PointwiseShape { inputs, outputs, groups: &places };
                let weights = values.integers(shape.weights());
                let (x, dy) = (values.integers(inputs * pixels), values.integers(outputs * pixels));
                let mut conv = PointwiseTraining::new(token, &shape, false).unwrap();
                conv.set(&weights);

                let span = |map: &[f32], channels: usize| -> Vec<f32> {
                    map.chunks(map.len() / channels)
                        .flat_map(|plane| plane[first..first + count].to_vec())
                        .collect()
                };
                let (part, gradient) = (span(&x, inputs), span(&dy, outputs));
                let out = reference::pointwise(&shape, &weights, &vec![0.0; outputs], &part, count);
                let (dx, dw) =
                    reference::pointwise_backward(&shape, &weights, &part, &gradient, count);

                let (x, dy) = (blocked(&x, inputs), blocked(&dy, outputs));
                let of = |map| PixelSpan { map, pixels, first };
                let mut got = vec![0.0; dy.len()];
                conv.forward(of(&x), PixelSpanMut { map: &mut got, pixels, first }, count);
                assert_exact(&span(&planar(&got, outputs), outputs), &out, "outputs");

                let mut got = vec![0.0; x.len()];
                conv.backward(of(&dy), PixelSpanMut { map: &mut got, pixels, first }, count);
                assert_exact(&span(&planar(&got, inputs), inputs), &dx, "inputs' gradient");

                let mut packed = vec![0.0; conv.packed_len()];
                conv.accumulate(of(&x), of(&dy), &mut packed, count, &Prefetch::default());
                conv.accumulate(of(&x), of(&dy), &mut packed, count, &Prefetch::default());
                let mut got = vec![f32::NAN; conv.weights()];
                conv.unpack(&packed, &mut got);
                let twice: Vec<f32> = dw.iter().map(|x| 2.0 * x).collect();
                assert_exact(&got, &twice, "weights' gradient");
            }
        }
    });
}

#[test]
fn the_gradient_of_biases_is_a_sum() {
    on_every_isa(|token, _| {
        let (inputs, outputs): (Vec<usize>, Vec<usize>) = ((0..5).collect(), (0..19).collect());
        let groups = [GroupPlaces { inputs: &inputs, outputs: &outputs }];
        let shape = PointwiseShape { inputs: 5, outputs: 19, groups: &groups };
        let mut conv = PointwiseTraining::new(token, &shape, true).unwrap();
        let mut values = Values::new(1);
        let weights = values.integers(5 * 19 + 19);
        conv.set(&weights);
        let (x, dy) = (values.integers(5 * 6), values.integers(19 * 6));
        let expected = reference::pointwise(&shape, &weights[..95], &weights[95..], &x, 6);
        let (x, blocked_dy) = (blocked(&x, 5), blocked(&dy, 19));
        let mut out = vec![0.0; blocked_dy.len()];
        let of = |map| PixelSpan { map, pixels: 6, first: 0 };
        conv.forward(of(&x), PixelSpanMut { map: &mut out, pixels: 6, first: 0 }, 6);
        assert_exact(&planar(&out, 19), &expected, "outputs");
        let mut packed = vec![0.0; conv.packed_len()];
        conv.accumulate(of(&x), of(&blocked_dy), &mut packed, 6, &Prefetch::default());
        let mut gradient = vec![0.0; conv.weights()];
        conv.unpack(&packed, &mut gradient);
        let sums: Vec<f32> = dy.chunks(6).map(|plane| plane.iter().sum()).collect();
        assert_exact(&gradient[95..], &sums, "biases' gradient");
    });
}

#[test]
fn pointwise_in_bf16() {
    on_every_isa(|token, _| {
        let kernels = Bf16Kernels::new(bf16(token), Storage::F32);
        for (inputs, outputs, groups) in convolutions() {
            for (pixels, biased) in [(1, true), (7, false), (40, false)] {
                let mut values = Values::new((inputs * outputs + pixels) as u64);
                let places = borrowed(&groups);
                let shape = PointwiseShape { inputs, outputs, groups: &places };
                let mut conv = PointwiseTrainingBf16::new(bf16(token), &shape, biased).unwrap();
                // Whole numbers up to 256 are exact in bf16.
                let weights = values.integers(conv.weights());
                let (x, dy) = (values.integers(inputs * pixels), values.integers(outputs * pixels));
                conv.set(&weights);
                let (weights, mut biases) = weights.split_at(shape.weights());
                let none = vec![0.0; outputs];
                biases = if biased { biases } else { &none };
                let out = reference::pointwise(&shape, weights, biases, &x, pixels);
                let (dx, mut dw) = reference::pointwise_backward(&shape, weights, &x, &dy, pixels);
                if biased {
                    dw.extend(dy.chunks(pixels).map(|plane| plane.iter().sum::<f32>()));
                }

                let (x, dy) = (blocked(&x, inputs), blocked(&dy, outputs));
                let (x_channels, x_pixels) = slots(kernels, &x, pixels);
                let (dy_channels, dy_pixels) = slots(kernels, &dy, pixels);
                let of = |map, pixels| PixelSpan { map, pixels, first: 0 };
                let mut got = vec![0.0; dy.len()];
                let to = PixelSpanMut { map: &mut got, pixels, first: 0 };
                conv.forward(of(&x_channels, pixels), to, pixels);
                assert_exact(&planar(&got, outputs), &out, "outputs");

                let mut got = vec![0.0; x.len()];
                let to = PixelSpanMut { map: &mut got, pixels, first: 0 };
                conv.backward(of(&dy_channels, pixels), to, pixels);
                assert_exact(&planar(&got, inputs), &dx, "inputs' gradient");

                let pairs = pixels.div_ceil(2);
                let mut packed = vec![0.0; conv.packed_len()];
                let (x, dy) = (of(&x_pixels, pairs), of(&dy_pixels, pairs));
                conv.accumulate(x, dy, &mut packed, pairs, &Prefetch::default());
                let mut got = vec![f32::NAN; conv.weights()];
                conv.unpack(&packed, &mut got);
                assert_exact(&got, &dw, "weights' gradient");
            }
        }
    });
}

#[test]
fn groups_that_do_not_fit_are_refused() {
    let token = IsaToken::best();
    let refused = |inputs: usize, outputs: usize, groups: &[GroupPlaces<'_>]| {
        let shape = PointwiseShape { inputs, outputs, groups };
        PointwiseTraining::<f32>::new(token, &shape, false).is_err()
            && PointwiseTrainingBf16::new(bf16(token), &shape, false).is_err()
    };
    assert!(refused(1, 2, &[GroupPlaces { inputs: &[0], outputs: &[0] }]), "no group writes 1");
    assert!(refused(2, 1, &[GroupPlaces { inputs: &[0], outputs: &[0] }]), "no group reads 1");
    let (first, second) = ([0, 1], [1, 2]);
    let overlapping =
        [(&first, &[0]), (&second, &[1])].map(|(inputs, outputs)| GroupPlaces { inputs, outputs });
    assert!(refused(3, 2, &overlapping), "input 1 belongs to two groups");
}

#[test]
fn more_weights_than_f32_counts_are_trained() {
    // Packing once carried the numbers of weights in f32, which counts to 2^24.
    let (inputs, outputs): (Vec<usize>, Vec<usize>) = ((0..4104).collect(), (0..4104).collect());
    let groups = [GroupPlaces { inputs: &inputs, outputs: &outputs }];
    let shape = PointwiseShape { inputs: 4104, outputs: 4104, groups: &groups };
    assert!(shape.weights() > 1 << 24);
    let mut conv = PointwiseTraining::new(IsaToken::best(), &shape, false).unwrap();
    let mut weights = vec![0.0; shape.weights()];
    // The last weight, and the last one of an output before.
    (weights[4104 * 4104 - 1], weights[4104 * 4104 - 4105]) = (3.0, 5.0);
    conv.set(&weights);
    let (x, mut out) = (vec![1.0; 4104], vec![0.0; 4104]);
    let span = PixelSpan { map: &x, pixels: 1, first: 0 };
    conv.forward(span, PixelSpanMut { map: &mut out, pixels: 1, first: 0 }, 1);
    assert_eq!(out[4101..], [0.0, 5.0, 3.0]);
}
