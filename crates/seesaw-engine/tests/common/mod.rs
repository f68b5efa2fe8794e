//! A net run in plain loops: groups are cut out and put together, channels are moved, and batch
//! norms are applied where they stand.

use seesaw_arch::{Block, Flow, Groups, Net, Padding};
use seesaw_format::{ConvBn, NetWeights};

/// A map `[c][h][w]` in f64.
struct Map {
    data: Vec<f64>,
    channels: usize,
    side: usize,
}

/// The logits of one image `[3][size][size]`.
pub fn logits(net: &Net, weights: &NetWeights, image: &[f32], size: usize) -> Vec<f64> {
    let data = image.iter().map(|x| f64::from(*x)).collect();
    let image = Map { data, channels: 3, side: size };
    let stem = Windows { kernel: 3, stride: net.stem.stride, padding: net.padding };
    let stem = convolve(&image, &weights.stem, net.stem.channels, stem, false);
    let mut map = relu6(norm(stem, &weights.stem, net.batch_norm_eps));
    for (block, weights) in net.blocks().iter().zip(&weights.blocks) {
        let mut y = Map { data: map.data.clone(), ..map };
        if let (Some(groups), Some(conv)) = (&block.expand, &weights.expand) {
            y = norm(pointwise(&y, conv, groups, block.expanded), conv, net.batch_norm_eps);
            if block.activate_expand {
                y = relu6(y);
            }
        }
        y = permute(y, block.flow);
        let windows = Windows { kernel: block.kernel, stride: block.stride, padding: net.padding };
        y = convolve(&y, &weights.depthwise, block.expanded, windows, true);
        y = relu6(norm(y, &weights.depthwise, net.batch_norm_eps));
        y = pointwise(&y, &weights.project, &block.project, block.output);
        y = permute(norm(y, &weights.project, net.batch_norm_eps), block.output_flow);
        add_residual(&mut y, &map, block);
        map = y;
    }
    let head = pointwise(&map, &weights.head, &Groups::dense(), net.head.channels);
    let head = relu6(norm(head, &weights.head, net.batch_norm_eps));
    let pixels = head.side * head.side;
    let pooled: Vec<f64> =
        head.data.chunks(pixels).map(|p| p.iter().sum::<f64>() / pixels as f64).collect();
    let linear = &weights.classifier;
    let rows = linear.weight.chunks(pooled.len()).zip(&linear.bias);
    rows.map(|(row, bias)| {
        f64::from(*bias) + row.iter().zip(&pooled).map(|(w, x)| f64::from(*w) * x).sum::<f64>()
    })
    .collect()
}

fn add_residual(y: &mut Map, x: &Map, block: &Block) {
    if block.is_residual() {
        y.data.iter_mut().zip(&x.data).for_each(|(y, x)| *y += x);
    }
}

fn relu6(mut map: Map) -> Map {
    map.data.iter_mut().for_each(|x| *x = x.clamp(0.0, 6.0));
    map
}

fn permute(mut map: Map, flow: Flow) -> Map {
    let pixels = map.side * map.side;
    let from = std::mem::take(&mut map.data);
    map.data = vec![0.0; from.len()];
    for (c, to) in flow.destinations(map.channels).into_iter().enumerate() {
        map.data[to * pixels..][..pixels].copy_from_slice(&from[c * pixels..][..pixels]);
    }
    map
}

fn norm(map: Map, conv: &ConvBn, eps: f64) -> Map {
    let pixels = map.side * map.side;
    let mut map = map;
    for (c, plane) in map.data.chunks_mut(pixels).enumerate() {
        let scale = f64::from(conv.bn.gamma[c]) / (f64::from(conv.bn.var[c]) + eps).sqrt();
        for x in plane {
            *x = (*x - f64::from(conv.bn.mean[c])) * scale + f64::from(conv.bn.beta[c]);
        }
    }
    map
}

fn pointwise(x: &Map, conv: &ConvBn, groups: &Groups, outputs: usize) -> Map {
    let pixels = x.side * x.side;
    let mut data = Vec::new();
    let mut weights = conv.weight.iter();
    let inputs = groups.ranges(x.channels).unwrap();
    for (inputs, outputs) in inputs.into_iter().zip(groups.ranges(outputs).unwrap()) {
        for _ in outputs {
            let mut plane = vec![0.0; pixels];
            for i in inputs.clone() {
                let weight = f64::from(*weights.next().unwrap());
                let input = &x.data[i * pixels..][..pixels];
                plane.iter_mut().zip(input).for_each(|(y, x)| *y += weight * x);
            }
            data.extend(plane);
        }
    }
    assert!(weights.next().is_none());
    Map { data, channels: outputs, side: x.side }
}

/// The windows of a convolution.
#[derive(Clone, Copy)]
struct Windows {
    kernel: usize,
    stride: usize,
    padding: Padding,
}

/// Zeros before a side of `n` pixels: PyTorch's `kernel // 2`, or TensorFlow's rule.
pub fn before(n: usize, kernel: usize, stride: usize, padding: Padding) -> usize {
    match padding {
        Padding::Symmetric => kernel / 2,
        Padding::Same => ((n.div_ceil(stride) - 1) * stride + kernel).saturating_sub(n) / 2,
    }
}

fn convolve(x: &Map, conv: &ConvBn, outputs: usize, windows: Windows, depthwise: bool) -> Map {
    let Windows { kernel, stride, padding } = windows;
    let (side, taps) = ((x.side - 1) / stride + 1, kernel * kernel);
    let before = before(x.side, kernel, stride, padding);
    let fan_in = if depthwise { 1 } else { x.channels };
    let mut data = Vec::new();
    for o in 0..outputs {
        for (oy, ox) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
            let mut sum = 0.0;
            for tap in 0..fan_in * taps {
                let channel = if depthwise { o } else { tap / taps };
                let y = (oy * stride + tap % taps / kernel).wrapping_sub(before);
                let z = (ox * stride + tap % kernel).wrapping_sub(before);
                if y < x.side && z < x.side {
                    let value = x.data[(channel * x.side + y) * x.side + z];
                    sum += f64::from(conv.weight[o * fan_in * taps + tap]) * value;
                }
            }
            data.push(sum);
        }
    }
    Map { data, channels: outputs, side }
}
