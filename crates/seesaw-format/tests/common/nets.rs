//! MobileNetV2 with few channels, as the packages name its tensors.
#![allow(dead_code, reason = "each test uses a part")]

use super::Py;

/// Channels of the stem, of the seven stages, and of the head.
pub const STEM: usize = 4;
pub const STAGES: [usize; 7] = [4, 4, 4, 8, 8, 12, 20];
pub const HEAD: usize = 24;
/// Blocks of each stage.
pub const REPEATS: [usize; 7] = [1, 2, 3, 4, 3, 3, 1];

/// A tensor's name and sizes.
pub type Named = (String, Vec<usize>);

/// A convolution without bias, and its norm.
fn conv(list: &mut Vec<Named>, [conv, norm]: [&str; 2], shape: [usize; 4]) {
    list.push((format!("{conv}.weight"), shape.to_vec()));
    for part in ["weight", "bias", "running_mean", "running_var"] {
        list.push((format!("{norm}.{part}"), vec![shape[0]]));
    }
}

/// The tensors of a net whose stages have these many blocks. `names` gives convolution and norm of: the
/// stem; expand, depthwise and project of a block, from its stage, its number within it, and its
/// number in the net, all from 0; the head; and the linear layer's name.
pub struct Names {
    pub stem: [&'static str; 2],
    pub block: fn(usize, usize, usize) -> [[String; 2]; 3],
    pub head: [&'static str; 2],
    pub linear: &'static str,
}

impl Names {
    pub fn tensors(&self, repeats: [usize; 7], classes: usize) -> Vec<Named> {
        let mut list = Vec::new();
        conv(&mut list, self.stem, [STEM, 3, 3, 3]);
        let (mut input, mut number) = (STEM, 0);
        for (stage, (output, repeat)) in STAGES.into_iter().zip(repeats).enumerate() {
            for index in 0..repeat {
                let [expand, depthwise, project] = (self.block)(stage, index, number);
                let pair = |names: &[String; 2]| names.clone();
                let wide = if stage == 0 { input } else { 6 * input };
                let mut add = |names: [String; 2], shape| {
                    conv(&mut list, [&names[0], &names[1]], shape);
                };
                if stage > 0 {
                    add(pair(&expand), [wide, input, 1, 1]);
                }
                add(pair(&depthwise), [wide, 1, 3, 3]);
                add(pair(&project), [output, wide, 1, 1]);
                (input, number) = (output, number + 1);
            }
        }
        conv(&mut list, self.head, [HEAD, input, 1, 1]);
        list.push((format!("{}.weight", self.linear), vec![classes, HEAD]));
        list.push((format!("{}.bias", self.linear), vec![classes]));
        list
    }
}

fn pairs(names: [String; 6]) -> [[String; 2]; 3] {
    let [a, b, c, d, e, f] = names;
    [[a, b], [c, d], [e, f]]
}

/// The published code, as d-li14's.
pub const PUBLISHED: Names = Names {
    stem: ["features.0.0", "features.0.1"],
    block: |stage, _, number| {
        let parts =
            if stage == 0 { ["", "", "0", "1", "3", "4"] } else { ["0", "1", "3", "4", "6", "7"] };
        pairs(parts.map(|part| format!("features.{}.conv.{part}", number + 1)))
    },
    head: ["conv.0", "conv.1"],
    linear: "classifier",
};

pub const TIMM: Names = Names {
    stem: ["conv_stem", "bn1"],
    block: |stage, index, _| {
        let parts = if stage == 0 {
            ["", "", "conv_dw", "bn1", "conv_pw", "bn2"]
        } else {
            ["conv_pw", "bn1", "conv_dw", "bn2", "conv_pwl", "bn3"]
        };
        pairs(parts.map(|part| format!("blocks.{stage}.{index}.{part}")))
    },
    head: ["conv_head", "bn2"],
    linear: "classifier",
};

pub const TRANSFORMERS: Names = Names {
    stem: [
        "mobilenet_v2.conv_stem.first_conv.convolution",
        "mobilenet_v2.conv_stem.first_conv.normalization",
    ],
    block: |_, _, number| {
        let block = if number == 0 {
            "mobilenet_v2.conv_stem".to_owned()
        } else {
            format!("mobilenet_v2.layer.{}", number - 1)
        };
        ["expand_1x1", "conv_3x3", "reduce_1x1"].map(|conv| {
            ["convolution", "normalization"].map(|part| format!("{block}.{conv}.{part}"))
        })
    },
    head: ["mobilenet_v2.conv_1x1.convolution", "mobilenet_v2.conv_1x1.normalization"],
    linear: "classifier",
};

/// The published names with 10 classes, each name after `prefix`, as a state dict of tensors that are
/// filled with one number.
pub fn state_dict(prefix: &str, fill: f32) -> Vec<(String, Py)> {
    let named = PUBLISHED.tensors(REPEATS, 10);
    let tensor = |(name, shape): Named| (format!("{prefix}{name}"), Py::Tensor(fill, shape));
    named.into_iter().map(tensor).collect()
}
