//! The nets by name.
//!
//! `{seesaw-shuffle, seesaw-share-v0, seesaw-share-v1, igcv3}-{0.5d, 1.0d}-{imagenet, cifar}` and
//! `mobilenetv2-1.0-{imagenet, cifar}`, and `efficientnet-lite0`; a trailing `-x0.75` is a width
//! multiplier.
//!
//! Sources: Seesaw-Net (arXiv 1905.03672), IGCV3 (arXiv 1806.00178), MobileNetV2 (arXiv 1801.04381),
//! EfficientNet-Lite (TensorFlow's `tpu/models/official/efficientnet/lite`).
//! No full description of Seesaw-share v0 is available: the layout here is the simplest one that
//! matches all eight published figures.

use strsim::levenshtein;

use crate::{ArchError, BATCH_NORM_EPS, Flow, Groups, Head, Net, Padding, Preprocess, Stage, Stem};

/// A row of the papers' table of layers.
#[derive(Debug, Clone, Copy)]
struct Row {
    expansion: usize,
    channels: usize,
    /// Blocks at depth 1.0.
    repeat: usize,
    /// MobileNetV2's blocks.
    mobilenet_repeat: usize,
    /// Stride of the first block at 224 px and at 32 px.
    stride_224: usize,
    stride_32: usize,
}

#[rustfmt::skip]
const ROWS: [Row; 7] = [
    Row { expansion: 1, channels: 16, repeat: 1, mobilenet_repeat: 1, stride_224: 1, stride_32: 1 },
    Row { expansion: 6, channels: 24, repeat: 4, mobilenet_repeat: 2, stride_224: 2, stride_32: 1 },
    Row { expansion: 6, channels: 32, repeat: 6, mobilenet_repeat: 3, stride_224: 2, stride_32: 2 },
    Row { expansion: 6, channels: 64, repeat: 8, mobilenet_repeat: 4, stride_224: 2, stride_32: 2 },
    Row { expansion: 6, channels: 96, repeat: 6, mobilenet_repeat: 3, stride_224: 1, stride_32: 1 },
    Row { expansion: 6, channels: 160, repeat: 6, mobilenet_repeat: 3, stride_224: 2, stride_32: 1 },
    Row { expansion: 6, channels: 320, repeat: 1, mobilenet_repeat: 1, stride_224: 1, stride_32: 1 },
];
/// Blocks with at least this many input channels use two equal groups.
const EVEN_FROM: usize = 160;
/// Share v0 uses uneven groups below this many input channels only.
const V0_EVEN_FROM: usize = 96;
const STEM_CHANNELS: usize = 32;
const HEAD_CHANNELS: usize = 1280;

/// A way to build blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Shuffle,
    ShareV0,
    ShareV1,
    Igcv3,
    MobileNetV2,
}

/// The image size that a net is laid out for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Geometry {
    /// 224 px, total stride 32, 1000 classes.
    ImageNet,
    /// 32 px, total stride 4, 10 classes.
    Cifar,
}

impl Geometry {
    const ALL: [Self; 2] = [Self::ImageNet, Self::Cifar];

    /// The last part of the net's name.
    fn suffix(self) -> &'static str {
        match self {
            Self::ImageNet => "imagenet",
            Self::Cifar => "cifar",
        }
    }
}

/// A family at one depth.
#[derive(Debug)]
struct Design {
    /// The first part of the net's name.
    name: &'static str,
    family: Family,
    half_depth: bool,
}

const DESIGNS: [Design; 9] = [
    Design { name: "seesaw-shuffle-0.5d", family: Family::Shuffle, half_depth: true },
    Design { name: "seesaw-shuffle-1.0d", family: Family::Shuffle, half_depth: false },
    Design { name: "seesaw-share-v0-0.5d", family: Family::ShareV0, half_depth: true },
    Design { name: "seesaw-share-v0-1.0d", family: Family::ShareV0, half_depth: false },
    Design { name: "seesaw-share-v1-0.5d", family: Family::ShareV1, half_depth: true },
    Design { name: "seesaw-share-v1-1.0d", family: Family::ShareV1, half_depth: false },
    Design { name: "igcv3-0.5d", family: Family::Igcv3, half_depth: true },
    Design { name: "igcv3-1.0d", family: Family::Igcv3, half_depth: false },
    Design { name: "mobilenetv2-1.0", family: Family::MobileNetV2, half_depth: false },
];

/// The names of all nets, in the order of the documentation's tables.
pub fn names() -> Vec<String> {
    all().into_iter().map(|net| net.name).collect()
}

/// All nets, in the order of [`names`].
pub fn all() -> Vec<Net> {
    let of_both = |design| Geometry::ALL.map(|geometry| build(design, geometry));
    DESIGNS.iter().flat_map(of_both).chain([efficientnet_lite0()]).collect()
}

/// The net of that name, with 1000 classes at 224 px, or 10 at 32 px (`cifar`).
///
/// # Errors
/// [`ArchError::UnknownNet`] with the nearest name, or what is wrong with its width.
pub fn net(name: &str) -> Result<Net, ArchError> {
    for net in all() {
        match name.strip_prefix(&net.name) {
            Some("") => return Ok(net),
            Some(rest) => {
                if let Some(Ok(width)) = rest.strip_prefix("-x").map(str::parse) {
                    return net.with_width(width);
                }
            }
            None => {}
        }
    }
    let name: String = name.chars().take(80).collect();
    let nearest = names()
        .into_iter()
        .min_by_key(|known| levenshtein(known, &name))
        .filter(|known| levenshtein(known, &name) <= known.len() / 2);
    Err(ArchError::UnknownNet { name, nearest })
}

fn build(&Design { name, family, half_depth }: &Design, geometry: Geometry) -> Net {
    let cifar = geometry == Geometry::Cifar;
    let mut stages = Vec::new();
    let mut input = STEM_CHANNELS;
    for row in ROWS {
        let repeat = match family {
            Family::MobileNetV2 => row.mobilenet_repeat,
            _ if half_depth => (row.repeat / 2).max(1),
            _ => row.repeat,
        };
        let stride = if cifar { row.stride_32 } else { row.stride_224 };
        let first = stage(family, row, input, stride);
        let rest = stage(family, row, row.channels, 1);
        push_run(&mut stages, first, rest, repeat);
        input = row.channels;
    }
    Net {
        name: format!("{name}-{}", geometry.suffix()),
        input_size: if cifar { 32 } else { 224 },
        classes: if cifar { 10 } else { 1000 },
        padding: Padding::Symmetric,
        batch_norm_eps: BATCH_NORM_EPS,
        stem: Stem { channels: STEM_CHANNELS, stride: if cifar { 1 } else { 2 } },
        head: Head { channels: HEAD_CHANNELS, dropout: if cifar { 0.5 } else { 0.0 } },
        stages,
        preprocess: Some(if cifar { Preprocess::cifar() } else { Preprocess::imagenet(224) }),
    }
}

/// Kernel, stride, expansion, channels and repeats of EfficientNet-Lite0's stages.
const LITE0_STAGES: [[usize; 5]; 7] = [
    [3, 1, 1, 16, 1],
    [3, 2, 6, 24, 2],
    [5, 2, 6, 40, 2],
    [3, 2, 6, 80, 3],
    [5, 1, 6, 112, 3],
    [5, 2, 6, 192, 4],
    [3, 1, 6, 320, 1],
];

/// EfficientNet-Lite0: MobileNetV2's blocks, some with 5x5 windows.
fn efficientnet_lite0() -> Net {
    let stage = |[kernel, stride, expansion, channels, repeat]: [usize; 5]| Stage {
        expansion,
        channels,
        repeat,
        stride,
        kernel,
        expand: (expansion > 1).then(Groups::dense),
        activate_expand: expansion > 1,
        flow: Flow::Keep,
        project: Groups::dense(),
        output_flow: Flow::Keep,
    };
    Net {
        name: "efficientnet-lite0".to_owned(),
        input_size: 224,
        classes: 1000,
        padding: Padding::Same,
        batch_norm_eps: 1e-3,
        stem: Stem { channels: STEM_CHANNELS, stride: 2 },
        head: Head { channels: HEAD_CHANNELS, dropout: 0.2 },
        stages: LITE0_STAGES.map(stage).into(),
        preprocess: Some(Preprocess::efficientnet_lite0()),
    }
}

/// Appends a row of the table: one stage where all blocks are equal, else two.
fn push_run(stages: &mut Vec<Stage>, first: Stage, rest: Stage, repeat: usize) {
    let alike = Stage { stride: first.stride, ..rest.clone() } == first;
    if alike || repeat == 1 {
        stages.push(Stage { repeat, ..first });
    } else {
        stages.push(first);
        stages.push(Stage { repeat: repeat - 1, ..rest });
    }
}

/// One block's stage entry in a net of `family`, on `input` channels.
fn stage(family: Family, row: Row, input: usize, stride: usize) -> Stage {
    let Row { expansion, channels, .. } = row;
    let (quarter_first, quarter_last, halves) = (groups(&[1, 3]), groups(&[3, 1]), groups(&[1, 1]));
    let uneven = match family {
        Family::Shuffle | Family::ShareV1 => input < EVEN_FROM,
        Family::ShareV0 => stride == 1 && input < V0_EVEN_FROM,
        Family::Igcv3 | Family::MobileNetV2 => false,
    };
    let (expand, flow, project) = match family {
        Family::MobileNetV2 => (groups(&[1]), Flow::Keep, groups(&[1])),
        Family::Shuffle if uneven => (quarter_first.clone(), Flow::Shuffle(2), quarter_first),
        Family::Shuffle | Family::Igcv3 => (halves.clone(), Flow::Shuffle(2), halves),
        Family::ShareV0 | Family::ShareV1 if uneven => (quarter_first, Flow::Keep, quarter_last),
        Family::ShareV0 | Family::ShareV1 => (halves.clone(), Flow::Keep, halves),
    };
    let mobile = family == Family::MobileNetV2;
    Stage {
        expansion,
        channels,
        repeat: 1,
        stride,
        kernel: 3,
        expand: (!mobile || expansion > 1).then_some(expand),
        activate_expand: mobile && expansion > 1,
        flow,
        project,
        output_flow: if family == Family::Igcv3 { Flow::ShuffleOf(2) } else { Flow::Keep },
    }
}

/// Groups of sizes that are constants here.
fn groups(sizes: &[usize]) -> Groups {
    Groups::new(sizes).expect("constants of the zoo")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_builds_a_valid_net_of_that_name() {
        assert_eq!(names().len(), 19);
        for (name, by_all) in names().into_iter().zip(all()) {
            let net = net(&name).unwrap();
            assert_eq!(net.name, name);
            assert_eq!(net, by_all);
            net.validate().unwrap();
        }
    }

    #[test]
    fn every_net_survives_toml() {
        for net in all() {
            assert_eq!(Net::from_toml(&net.to_toml().unwrap()).unwrap(), net);
        }
    }

    /// Every combination of what a description may leave out.
    #[test]
    fn windows_padding_and_eps_survive_toml() {
        for net in all() {
            for padding in [Padding::Symmetric, Padding::Same] {
                for batch_norm_eps in [BATCH_NORM_EPS, 1e-3, 1e-9, 1.0, 0.1 + 0.2] {
                    for kernels in 0..1 << net.stages.len().min(4) {
                        let mut net = Net { padding, batch_norm_eps, ..net.clone() };
                        for (bit, stage) in net.stages.iter_mut().enumerate() {
                            stage.kernel = if kernels >> (bit % 4) & 1 == 1 { 5 } else { 3 };
                        }
                        let text = net.to_toml().unwrap();
                        assert_eq!(Net::from_toml(&text).unwrap(), net);
                        assert_eq!(text.contains("padding"), padding == Padding::Same);
                        assert_eq!(text.contains("kernel"), kernels > 0);
                        assert_eq!(text.contains("eps"), batch_norm_eps != BATCH_NORM_EPS);
                    }
                }
            }
        }
    }

    #[test]
    fn efficientnet_lite0_is_laid_out_as_published() {
        let net = net("efficientnet-lite0").unwrap();
        let kernels: String = net.blocks().iter().map(|block| block.kernel.to_string()).collect();
        assert_eq!(kernels, "3335533355555553");
        let residual = net.blocks().iter().filter(|block| block.is_residual()).count();
        assert_eq!((net.blocks().len(), residual), (16, 9));
        assert_eq!(net.preprocess.unwrap().mean[0], 127.0 / 255.0);
    }

    #[test]
    fn a_misspelled_name_gets_a_hint() {
        let hint = net("seesaw-shufle-1.0d-imagenet").unwrap_err().to_string();
        assert!(hint.contains("did you mean `seesaw-shuffle-1.0d-imagenet`"), "{hint}");
        let error = net("resnet").unwrap_err();
        assert!(matches!(error, ArchError::UnknownNet { nearest: None, .. }), "{error}");
    }

    #[test]
    fn a_width_multiplier_keeps_groups_whole() {
        for name in names() {
            for width in [0.1, 0.35, 0.5, 0.75, 1.3, 1.4, 2.0] {
                let wide = net(&name).unwrap().with_width(width).unwrap();
                assert_eq!(net(&wide.name).unwrap(), wide);
                assert!(wide.blocks().iter().all(|b| b.output % 8 == 0));
            }
        }
        // MobileNetV2 0.35: the published channel counts.
        let narrow = net("mobilenetv2-1.0-imagenet-x0.35").unwrap();
        let channels: Vec<usize> = narrow.stages.iter().map(|s| s.channels).collect();
        assert_eq!((narrow.stem.channels, channels), (16, vec![8, 8, 16, 24, 32, 56, 112]));
        assert!(net("mobilenetv2-1.0-imagenet-x0").is_err());
        assert!(net("mobilenetv2-1.0-imagenet-xnan").is_err());
    }

    #[test]
    fn the_shuffle_crosses_all_groups_and_sharing_overlaps() {
        let crossings = |name: &str| {
            let block = net(name).unwrap().blocks()[1].clone();
            let counts =
                block.crossings().into_iter().map(|c| (c.expand, c.project, c.channels.len()));
            counts.collect::<Vec<_>>()
        };
        // 16 channels, 96 in the middle: 24 and 72 on either side.
        let shuffled = crossings("seesaw-shuffle-1.0d-imagenet");
        assert_eq!(shuffled, [(0, 0, 12), (1, 0, 12), (0, 1, 12), (1, 1, 60)]);
        assert_eq!(
            crossings("seesaw-share-v1-1.0d-imagenet"),
            [(0, 0, 24), (1, 0, 48), (1, 1, 24)]
        );
        assert_eq!(crossings("mobilenetv2-1.0-imagenet"), [(0, 0, 96)]);
    }
}
