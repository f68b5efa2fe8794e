//! Global average pool.

use seesaw_kernels::{
    CBLOCK,
    train::{Grid, Masked, Sums},
};

use super::{
    batch::{BatchRunner, total},
    map::{PreNorm, map_len, zero_sums},
};

/// The means over the pixels of a normalized map, `[images][cblocks][8]`.
pub(super) fn forward(runner: &mut BatchRunner<'_>, input: PreNorm<'_>) -> Vec<f32> {
    let kernels = *runner.kernels.norm(input.storage);
    let (pixels, width) = (input.size.pixels(), map_len(input.channels(), 1));
    let mut features = vec![0.0; runner.images * width];
    let mut parts: Vec<_> = runner
        .split(input.map, input.image_len())
        .zip(runner.split_mut(&mut features, width))
        .collect();
    runner.run(&mut parts, |(map, features), scratch| {
        let images = features.len() / width;
        let (plane, _) = scratch.pair(pixels * CBLOCK, 0);
        for (i, raw) in map.chunks_exact(input.plane_len()).enumerate() {
            let (block, image) = (i / images, i % images);
            kernels.affine(raw, &input.norm.affine[block], None, plane, Grid::LINE);
            let mut sums = [0.0f64; CBLOCK];
            for pixel in plane.chunks_exact(CBLOCK) {
                sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += f64::from(*value));
            }
            let means = &mut features[image * width + block * CBLOCK..][..CBLOCK];
            for (mean, sum) in means.iter_mut().zip(sums) {
                *mean = (sum / pixels as f64) as f32;
            }
        }
    });
    features
}

/// Spreads `grad_features`, `[images][cblocks][8]`, over the pixels of the map that was pooled, and
/// writes it to `grad_input`, in the storage of `input`, where ReLU6 lets it through. Returns the sums
/// for the map's batch norm.
pub(super) fn backward(
    runner: &mut BatchRunner<'_>,
    input: PreNorm<'_>,
    grad_features: &[f32],
    grad_input: &mut [f32],
) -> Vec<Sums> {
    let kernels = *runner.kernels.norm(input.storage);
    let (pixels, width) = (input.size.pixels(), map_len(input.channels(), 1));
    let (len, plane_len) = (input.image_len(), input.plane_len());
    let mut parts: Vec<_> = runner
        .split(input.map, len)
        .zip(runner.split(grad_features, width))
        .zip(runner.split_mut(grad_input, len))
        .map(|(read, grad_input)| (read, grad_input, zero_sums(input.channels())))
        .collect();
    runner.run(&mut parts, |((map, grad_features), grad_input, sums), scratch| {
        let images = grad_features.len() / width;
        let (plane, _) = scratch.pair(pixels * CBLOCK, 0);
        let planes = map.chunks_exact(plane_len).zip(grad_input.chunks_exact_mut(plane_len));
        for (i, (raw, grad_input)) in planes.enumerate() {
            let (block, image) = (i / images, i % images);
            let mut share = [0.0; CBLOCK];
            let grad = &grad_features[image * width + block * CBLOCK..];
            for (share, grad) in share.iter_mut().zip(grad) {
                *share = grad / pixels as f32;
            }
            plane.chunks_exact_mut(CBLOCK).for_each(|pixel| pixel.copy_from_slice(&share));
            let (affine, mean) = (&input.norm.affine[block], &input.norm.mean[block]);
            let masked = Masked { gradient: plane, residual: None, raw, affine, mean };
            kernels.mask_and_sum(&masked, grad_input, &mut sums[block]);
        }
    });
    total(parts.iter().map(|(.., sums)| sums))
}
