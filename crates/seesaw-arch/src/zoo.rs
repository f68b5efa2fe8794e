//! The nets by name.
//!
//! `{seesaw-shuffle, seesaw-share-v0, seesaw-share-v1, igcv3}-{0.5d, 1.0d}-{imagenet, cifar}` and
//! `mobilenetv2-1.0-{imagenet, cifar}`; a trailing `-x0.75` is a width multiplier.
//!
//! Sources: Seesaw-Net (arXiv 1905.03672), IGCV3 (arXiv 1806.00178), MobileNetV2 (arXiv 1801.04381).
//! The text of Seesaw-share v0 is not to be had: its layout here is the simplest that meets all
//! eight published figures.

use strsim::levenshtein;

use crate::{ArchError, Flow, Groups, Head, Net, Stage, Stem};

/// Expansion, output channels, blocks at depth 1.0, stride at 224 px, stride at 32 px.
const ROWS: [(usize, usize, usize, usize, usize); 7] = [
    (1, 16, 1, 1, 1),
    (6, 24, 4, 2, 1),
    (6, 32, 6, 2, 2),
    (6, 64, 8, 2, 2),
    (6, 96, 6, 1, 1),
    (6, 160, 6, 2, 1),
    (6, 320, 1, 1, 1),
];
/// MobileNetV2's blocks of the same rows.
const MOBILENET_REPEATS: [usize; 7] = [1, 2, 3, 4, 3, 3, 1];
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

/// Family and depth by the first part of the name.
const DESIGNS: [(&str, Family, bool); 9] = [
    ("seesaw-shuffle-0.5d", Family::Shuffle, true),
    ("seesaw-shuffle-1.0d", Family::Shuffle, false),
    ("seesaw-share-v0-0.5d", Family::ShareV0, true),
    ("seesaw-share-v0-1.0d", Family::ShareV0, false),
    ("seesaw-share-v1-0.5d", Family::ShareV1, true),
    ("seesaw-share-v1-1.0d", Family::ShareV1, false),
    ("igcv3-0.5d", Family::Igcv3, true),
    ("igcv3-1.0d", Family::Igcv3, false),
    ("mobilenetv2-1.0", Family::MobileNetV2, false),
];
const GEOMETRIES: [(&str, Geometry); 2] =
    [("imagenet", Geometry::ImageNet), ("cifar", Geometry::Cifar)];

/// The names of all nets, in the order of the documentation's tables.
pub fn names() -> Vec<String> {
    DESIGNS
        .iter()
        .flat_map(|(design, ..)| GEOMETRIES.iter().map(move |(g, _)| format!("{design}-{g}")))
        .collect()
}

/// All nets, in the order of [`names`].
pub fn all() -> Vec<Net> {
    DESIGNS
        .iter()
        .flat_map(|design| GEOMETRIES.iter().map(move |geometry| build(design, geometry)))
        .collect()
}

/// The net of that name, with 1000 classes at 224 px (`imagenet`) or 10 at 32 px (`cifar`).
///
/// # Errors
/// [`ArchError::UnknownNet`] with the nearest name as a hint, or what is wrong with its width.
pub fn net(name: &str) -> Result<Net, ArchError> {
    for design in &DESIGNS {
        for geometry in &GEOMETRIES {
            let rest = name
                .strip_prefix(design.0)
                .and_then(|rest| rest.strip_prefix('-'))
                .and_then(|rest| rest.strip_prefix(geometry.0));
            match rest {
                Some("") => return Ok(build(design, geometry)),
                Some(width) => {
                    if let Some(Ok(width)) = width.strip_prefix("-x").map(str::parse) {
                        return build(design, geometry).with_width(width);
                    }
                }
                None => {}
            }
        }
    }
    let name: String = name.chars().take(80).collect();
    let nearest = names().into_iter().min_by_key(|known| levenshtein(known, &name));
    let hint = match nearest {
        Some(known) if levenshtein(&known, &name) <= known.len() / 2 => {
            format!("; did you mean `{known}`?")
        }
        _ => "; `seesaw models` lists them".to_owned(),
    };
    Err(ArchError::UnknownNet { name, hint })
}

fn build(
    &(design, family, half_depth): &(&str, Family, bool),
    &(suffix, geometry): &(&str, Geometry),
) -> Net {
    let cifar = geometry == Geometry::Cifar;
    let mut stages = Vec::new();
    let mut input = STEM_CHANNELS;
    for (row, (expansion, channels, full, stride_224, stride_32)) in ROWS.into_iter().enumerate() {
        let repeat = match family {
            Family::MobileNetV2 => MOBILENET_REPEATS[row],
            _ if half_depth => (full / 2).max(1),
            _ => full,
        };
        let stride = if cifar { stride_32 } else { stride_224 };
        let first = stage(family, expansion, input, channels, stride);
        let rest = stage(family, expansion, channels, channels, 1);
        push_run(&mut stages, first, rest, repeat);
        input = channels;
    }
    let dropout = if cifar { 0.5 } else { 0.0 };
    Net {
        name: format!("{design}-{suffix}"),
        input_size: if cifar { 32 } else { 224 },
        classes: if cifar { 10 } else { 1000 },
        stem: Stem { channels: STEM_CHANNELS, stride: if cifar { 1 } else { 2 } },
        head: Head { channels: HEAD_CHANNELS, dropout },
        stages,
    }
}

/// Appends a row of the table: one stage where all blocks are alike, else two.
fn push_run(stages: &mut Vec<Stage>, first: Stage, rest: Stage, repeat: usize) {
    let alike = Stage { stride: first.stride, ..rest.clone() } == first;
    if alike || repeat == 1 {
        stages.push(Stage { repeat, ..first });
    } else {
        stages.push(first);
        stages.push(Stage { repeat: repeat - 1, ..rest });
    }
}

/// One block's stage entry in a net of `family`.
fn stage(family: Family, expansion: usize, input: usize, channels: usize, stride: usize) -> Stage {
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
        expand: (!mobile || expansion > 1).then_some(expand),
        activate_expand: mobile && expansion > 1,
        flow,
        project,
        output_flow: if family == Family::Igcv3 { Flow::ShuffleOf(2) } else { Flow::Keep },
    }
}

/// Groups whose sizes are known to be good.
fn groups(sizes: &[usize]) -> Groups {
    Groups::new(sizes).unwrap_or_else(|_| Groups::dense())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_builds_a_valid_net_of_that_name() {
        assert_eq!(names().len(), 18);
        for (name, by_all) in names().into_iter().zip(all()) {
            let net = net(&name).unwrap();
            assert_eq!(net.name, name);
            assert_eq!(net, by_all);
            net.validate().unwrap();
        }
    }

    #[test]
    fn every_net_survives_toml_and_json() {
        for net in all() {
            assert_eq!(Net::from_toml(&net.to_toml().unwrap()).unwrap(), net);
        }
    }

    #[test]
    fn a_misspelled_name_gets_a_hint() {
        let hint = net("seesaw-shufle-1.0d-imagenet").unwrap_err().to_string();
        assert!(hint.contains("did you mean `seesaw-shuffle-1.0d-imagenet`"), "{hint}");
        assert!(net("resnet").unwrap_err().to_string().contains("seesaw models"));
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
        let of = |name: &str| {
            let block = net(name).unwrap().blocks()[1].clone();
            let counts = block.crossings().into_iter().map(|(e, p, c)| (e, p, c.len()));
            counts.collect::<Vec<_>>()
        };
        // 16 channels, 96 in the middle: 24 and 72 on either side.
        let shuffled = of("seesaw-shuffle-1.0d-imagenet");
        assert_eq!(shuffled, [(0, 0, 12), (1, 0, 12), (0, 1, 12), (1, 1, 60)]);
        assert_eq!(of("seesaw-share-v1-1.0d-imagenet"), [(0, 0, 24), (1, 0, 48), (1, 1, 24)]);
        assert_eq!(of("mobilenetv2-1.0-imagenet"), [(0, 0, 96)]);
    }
}
