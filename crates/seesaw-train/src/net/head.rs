//! The end of a net: global average pool, dropout and the linear layer, around the loss.

use seesaw_kernels::{
    CBLOCK,
    layout::{cblocks, to_cblocks, to_planar},
    train::{Grid, Masked, PixelSpan, PixelSpanMut, PointwiseTraining, Prefetch, Sums},
};

use super::{
    forward::PreNorm,
    parts::{Context, split, split_mut, total},
    shape::{Size, stored_len},
};

/// The means over the pixels of a normalized map, `[images][blocks * 8]`.
pub(super) fn pool(
    context: &mut Context<'_>,
    channels: usize,
    size: Size,
    input: PreNorm<'_>,
    out: &mut [f32],
) {
    let (part, pixels, storage) = (context.part(), size.0 * size.1, input.storage);
    let loops = *context.loops.of(storage);
    let mut items: Vec<_> = split(input.map, part, stored_len(storage, channels, size))
        .zip(split_mut(out, part, cblocks(channels) * CBLOCK))
        .collect();
    context.run(&mut items, |(map, out), scratch| {
        let images = out.len() / (cblocks(channels) * CBLOCK);
        let (plane, _) = scratch.pair(pixels * CBLOCK, 0);
        for (i, raw) in map.chunks_exact(pixels * storage.pixel()).enumerate() {
            let (block, image) = (i / images, i % images);
            loops.affine(raw, &input.norm.affine[block], None, plane, Grid::LINE);
            let mut sums = [0.0f64; CBLOCK];
            for pixel in plane.chunks_exact(CBLOCK) {
                sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += f64::from(*value));
            }
            let means = &mut out[(image * cblocks(channels) + block) * CBLOCK..][..CBLOCK];
            for (mean, sum) in means.iter_mut().zip(sums) {
                *mean = (sum / pixels as f64) as f32;
            }
        }
    });
}

/// The way back through the pool: spreads `gradient`, `[images][blocks * 8]`, over the pixels of
/// `dx`, in the storage of `front`, where ReLU6 lets it through.
pub(super) fn spread(
    context: &mut Context<'_>,
    channels: usize,
    size: Size,
    front: PreNorm<'_>,
    gradient: &[f32],
    dx: &mut [f32],
) -> Vec<Sums> {
    let (part, pixels, storage) = (context.part(), size.0 * size.1, front.storage);
    let (len, loops) = (stored_len(storage, channels, size), *context.loops.of(storage));
    let mut items: Vec<_> = split(front.map, part, len)
        .zip(split(gradient, part, cblocks(channels) * CBLOCK))
        .zip(split_mut(dx, part, len))
        .map(|(read, dx)| (read, dx, vec![[[0.0; CBLOCK]; 2]; cblocks(channels)]))
        .collect();
    context.run(&mut items, |((map, gradient), dx, sums), scratch| {
        let images = gradient.len() / (cblocks(channels) * CBLOCK);
        let (plane, _) = scratch.pair(pixels * CBLOCK, 0);
        let pixel = storage.pixel();
        let planes = map.chunks_exact(pixels * pixel).zip(dx.chunks_exact_mut(pixels * pixel));
        for (i, (raw, dx)) in planes.enumerate() {
            let (block, image) = (i / images, i % images);
            let mut share = [0.0; CBLOCK];
            let gradient = &gradient[(image * cblocks(channels) + block) * CBLOCK..];
            for (share, gradient) in share.iter_mut().zip(gradient) {
                *share = gradient / pixels as f32;
            }
            plane.chunks_exact_mut(CBLOCK).for_each(|pixel| pixel.copy_from_slice(&share));
            let (affine, mean) = (&front.norm.affine[block], &front.norm.mean[block]);
            let masked = Masked { gradient: plane, residual: None, raw, affine, mean };
            loops.mask_and_sum(&masked, dx, &mut sums[block]);
        }
    });
    total(items.iter().map(|(.., sums)| sums))
}

/// Which features a step drops: each with probability `rate`, and what is left is scaled up.
///
/// A pure function of its arguments: a hash decides about each feature.
pub(super) fn dropout(rate: f32, seed: u64, len: usize) -> Vec<f32> {
    let keep = 1.0 / (1.0 - rate);
    let draw = |i: u64| {
        // splitmix64's finalizer.
        let mut z = seed.wrapping_add((i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u32 << 24) as f32
    };
    (0..len as u64).map(|i| if draw(i) < rate { 0.0 } else { keep }).collect()
}

/// The linear layer around `loss`, which gets logits `[images][classes]` and writes their gradient;
/// features and their gradient are `[images][blocks * 8]`, `packed` gets that of the weights.
pub(super) fn linear(
    conv: &PointwiseTraining,
    (inputs, classes): (usize, usize),
    features: &mut [f32],
    packed: &mut [f32],
    loss: impl FnOnce(&[f32], &mut [f32]) -> f64,
) -> f64 {
    let width = cblocks(inputs) * CBLOCK;
    let images = features.len() / width;
    let x = exchange(features, images, width / CBLOCK);
    let of = |map| PixelSpan { map, pixels: images, first: 0 };
    let mut out = vec![0.0; cblocks(classes) * images * CBLOCK];
    conv.forward(of(&x), PixelSpanMut { map: &mut out, pixels: images, first: 0 }, images);

    let mut planar = vec![0.0; classes * images];
    to_planar(&out, classes, &mut planar);
    let logits = transpose(&planar, classes, images);
    let mut gradient = vec![0.0; logits.len()];
    let value = loss(&logits, &mut gradient);
    to_cblocks(&transpose(&gradient, images, classes), classes, &mut out);

    packed.fill(0.0);
    conv.accumulate(of(&x), of(&out), packed, images, &Prefetch::default());
    let mut dx = vec![0.0; x.len()];
    conv.backward(of(&out), PixelSpanMut { map: &mut dx, pixels: images, first: 0 }, images);
    features.copy_from_slice(&exchange(&dx, width / CBLOCK, images));
    value
}

/// `[rows][columns][8]` to `[columns][rows][8]`.
fn exchange(x: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let at = |column: usize, row: usize| &x[(row * columns + column) * CBLOCK..][..CBLOCK];
    (0..columns).flat_map(|c| (0..rows).flat_map(move |r| at(c, r))).copied().collect()
}

/// `[rows][columns]` to `[columns][rows]`.
fn transpose(x: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|c| (0..rows).map(move |r| x[r * columns + c])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropout_keeps_the_mean_and_repeats_itself() {
        let mask = dropout(0.25, 7, 100_000);
        assert_eq!(mask, dropout(0.25, 7, 100_000));
        assert_ne!(mask, dropout(0.25, 8, 100_000));
        let kept = mask.iter().filter(|m| **m > 0.0).count();
        // Five standard deviations of a binomial draw.
        assert!((kept as f64 - 75_000.0).abs() < 5.0 * (100_000.0f64 * 0.25 * 0.75).sqrt());
        assert!(mask.iter().all(|m| *m == 0.0 || (*m - 4.0 / 3.0).abs() < 1e-6));
        assert!(dropout(0.0, 1, 100).iter().all(|m| *m == 1.0));
    }
}
