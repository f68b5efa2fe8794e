//! A net run in plain loops: groups are cut out and put together, channels are moved, and batch
//! norms are applied where they stand.

use seesaw_arch::{Block, Flow, Groups, Net};
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
    let mut map = relu6(conv3x3(&image, &weights.stem, net.stem.channels, net.stem.stride, false));
    for (block, weights) in net.blocks().iter().zip(&weights.blocks) {
        let mut y = Map { data: map.data.clone(), ..map };
        if let (Some(groups), Some(conv)) = (&block.expand, &weights.expand) {
            y = pointwise(&y, conv, groups, block.expanded);
            if block.activate_expand {
                y = relu6(y);
            }
        }
        y = permute(y, block.flow);
        y = relu6(conv3x3(&y, &weights.depthwise, block.expanded, block.stride, true));
        y = permute(
            pointwise(&y, &weights.project, &block.project, block.output),
            block.output_flow,
        );
        add_residual(&mut y, &map, block);
        map = y;
    }
    let head = relu6(pointwise(&map, &weights.head, &Groups::dense(), net.head.channels));
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

fn norm(map: Map, conv: &ConvBn) -> Map {
    let pixels = map.side * map.side;
    let mut map = map;
    for (c, plane) in map.data.chunks_mut(pixels).enumerate() {
        let scale = f64::from(conv.bn.gamma[c]) / (f64::from(conv.bn.var[c]) + 1e-5).sqrt();
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
    norm(Map { data, channels: outputs, side: x.side }, conv)
}

fn conv3x3(x: &Map, conv: &ConvBn, outputs: usize, stride: usize, depthwise: bool) -> Map {
    let side = (x.side - 1) / stride + 1;
    let fan_in = if depthwise { 1 } else { x.channels };
    let mut data = Vec::new();
    for o in 0..outputs {
        for (oy, ox) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
            let mut sum = 0.0;
            for tap in 0..fan_in * 9 {
                let channel = if depthwise { o } else { tap / 9 };
                let (y, z) = (oy * stride + tap % 9 / 3, ox * stride + tap % 3);
                if (1..=x.side).contains(&y) && (1..=x.side).contains(&z) {
                    let value = x.data[(channel * x.side + y - 1) * x.side + z - 1];
                    sum += f64::from(conv.weight[o * fan_in * 9 + tap]) * value;
                }
            }
            data.push(sum);
        }
    }
    norm(Map { data, channels: outputs, side }, conv)
}
