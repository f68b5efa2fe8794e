//! Which net a file's tensors belong to.

use std::path::Path;

use seesaw_arch::{BATCH_NORM_EPS, Filter, Net, Padding, Preprocess, zoo};

use crate::{
    Assumption, FormatError, Note, Reason, Tensors,
    convert::{distance, fits},
    derive::{self, CUSTOM},
    error::shown,
    names::{CLASSIFIERS, Scheme},
    prefix::of_nets,
};

/// Width multipliers that are tried when no net of the zoo fits unscaled.
const WIDTHS: [f64; 7] = [0.25, 0.35, 0.5, 0.75, 1.3, 1.4, 2.0];
/// Words in the name of a file that tell nets with the same tensors apart.
const WORDS: [[&str; 2]; 2] = [["shuffle", "share"], ["imagenet", "cifar"]];

/// The nets of the zoo that have these tensors, by names and shapes, with as many classes as the linear
/// layer has rows. Where no net fits as it is, channel counts are taken from the tensors.
///
/// Names and shapes cannot distinguish all nets: Seesaw-shuffle and Seesaw-share v1 have the same
/// tensors, and so do MobileNetV2's two geometries.
///
/// # Errors
/// [`FormatError::Unrecognized`] when there is none.
pub fn recognize(tensors: &Tensors) -> Result<Vec<Net>, FormatError> {
    let scheme = Scheme::detect(tensors);
    let Some(classes) = count_classes(tensors) else {
        return Err(unrecognized(tensors));
    };
    let scaled = |width: &f64| {
        let width = *width;
        zoo::all().into_iter().filter_map(move |net| net.with_width(width).ok())
    };
    for any_linear in [false, true] {
        let fitting = |nets: Vec<Net>| -> Vec<Net> {
            let nets = nets.into_iter().map(|net| net.with_classes(classes));
            nets.filter(|net| net.validate().is_ok() && fits(net, tensors, any_linear)).collect()
        };
        let mut nets = fitting(zoo::all());
        if nets.is_empty() {
            nets = fitting(WIDTHS.iter().flat_map(scaled).collect());
        }
        if nets.is_empty() {
            let zoo = zoo::all();
            let like = zoo.iter().filter_map(|net| derive::like(net, tensors));
            let of_zoo = |like: &Net| zoo.iter().find(|net| net.name == like.name);
            let fitting = fitting(like.collect()).into_iter();
            nets = fitting.filter_map(|like| Some(derive::named(of_zoo(&like)?, like))).collect();
        }
        if scheme != Scheme::Reference {
            // The packages define MobileNetV2 for 224 pixels only.
            nets.retain(|net| net.stem.stride == 2);
        }
        if !nets.is_empty() {
            return Ok(nets);
        }
    }
    Err(unrecognized(tensors))
}

/// Which known net is nearest, or what the tensors are called.
fn unrecognized(tensors: &Tensors) -> FormatError {
    let is_named = of_nets(tensors).iter().any(String::is_empty);
    let nearest = zoo::all().into_iter().map(|net| {
        let derived = derive::like(&net, tensors).unwrap_or(net);
        let derived = derived.with_classes(count_classes(tensors).unwrap_or(1000));
        (distance(&derived, tensors), derived.name)
    });
    let nearest = nearest.min_by_key(|((count, _, _), _)| *count);
    let details = match nearest {
        Some(((count, of, details), name)) if count * 4 <= of => {
            format!("the nearest is {name}, with {details}")
        }
        _ => format!("their names begin with {}", beginnings(tensors)),
    };
    FormatError::Unrecognized { tensors: tensors.len(), details, is_named }
}

/// The first parts of the names, with the number of names of each.
fn beginnings(tensors: &Tensors) -> String {
    const SHOWN: usize = 8;
    let mut parts: Vec<(&str, usize)> = Vec::new();
    for (name, _) in tensors.iter() {
        let part = name.split_inclusive('.').next().unwrap_or_default();
        match parts.last_mut() {
            Some((last, count)) if *last == part => *count += 1,
            _ => parts.push((part, 1)),
        }
    }
    parts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let more = if parts.len() > SHOWN { ", ..." } else { "" };
    let parts = parts.iter().take(SHOWN);
    let parts: Vec<String> =
        parts.map(|(part, count)| format!("`{}` ({count})", shown(part))).collect();
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") + more }
}

/// The number of rows of the linear layer.
pub(crate) fn count_classes(tensors: &Tensors) -> Option<usize> {
    let weight = |name: &&str| tensors.get(&format!("{name}.weight"));
    let tensor = CLASSIFIERS.iter().find_map(weight)?;
    tensor.shape.first().copied()
}

/// The only candidate, or the one that the name of the file or its number of classes speaks for.
pub(crate) fn choose(
    candidates: &[Net],
    path: &Path,
) -> Result<(Net, Option<Assumption>), FormatError> {
    let file = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let mut left: Vec<&Net> = candidates.iter().collect();
    let mut reason = None;
    for words in WORDS {
        let mut said = words.iter().filter(|word| file.contains(**word));
        if let (Some(word), None) = (said.next(), said.next()) {
            narrow(&mut left, &mut reason, Reason::FileName, |net| net.name.contains(word));
        }
    }
    if let Some(classes) = candidates.first().map(|net| net.classes) {
        let stride = match classes {
            1000 => Some(2),
            10 | 100 => Some(1),
            _ => None,
        };
        let has_it = |net: &Net| stride.is_none_or(|stride| net.stem.stride == stride);
        narrow(&mut left, &mut reason, Reason::Classes(classes), has_it);
    }
    // A name that the caller can give.
    let name = |net: &Net| net.name.strip_suffix(CUSTOM).unwrap_or(&net.name).to_owned();
    let [net] = left.as_slice() else {
        let candidates = left.into_iter().map(name).collect();
        return Err(FormatError::Ambiguous { candidates });
    };
    let assumption = reason.map(|reason| {
        let others = candidates.iter().filter(|other| other.name != net.name);
        Assumption { chosen: name(net), others: others.map(name).collect(), reason }
    });
    Ok(((*net).clone(), assumption))
}

/// Keeps the nets that `has` speaks for, if it leaves some and rules out others.
fn narrow(
    nets: &mut Vec<&Net>,
    reason: &mut Option<Reason>,
    why: Reason,
    has: impl Fn(&Net) -> bool,
) {
    let kept: Vec<&Net> = nets.iter().copied().filter(|net| has(net)).collect();
    if !kept.is_empty() && kept.len() < nets.len() {
        *nets = kept;
        reason.get_or_insert(why);
    }
}

/// What the package that names the tensors defines differently from the zoo: padding, the epsilon of
/// batch norms, and preprocessing.
pub(crate) fn adapt(net: Net, tensors: &Tensors, path: &Path) -> (Net, Option<Note>) {
    let side = u32::try_from(net.input_size).unwrap_or(u32::MAX);
    let bicubic = Preprocess { filter: Filter::Bicubic, ..Preprocess::imagenet(side) };
    let is_lite = net.padding == Padding::Same;
    let (net, what) = match Scheme::detect(tensors) {
        Scheme::HuggingFace => {
            let half = [0.5; 3];
            let preprocess = Preprocess { mean: half, std: half, ..Preprocess::imagenet(side) };
            let net = Net {
                name: format!("{}-tf", net.name),
                padding: Padding::Same,
                batch_norm_eps: 1e-3,
                preprocess: Some(preprocess),
                ..net
            };
            let what = "named as in Hugging Face's transformers: padding, the epsilon of batch norms \
                        and the scaling of pixels are TensorFlow's, as there";
            (net, what)
        }
        Scheme::Timm if is_lite => {
            let file = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
            if file.contains("tf_") || !file.contains("efficientnet_lite0") {
                let what = "assumed to be timm's `tf_efficientnet_lite0`; `efficientnet_lite0` has the \
                            same tensors and other padding, and is assumed for a file of that name";
                (net, what)
            } else {
                let net = Net {
                    name: format!("{}-timm", net.name),
                    padding: Padding::Symmetric,
                    batch_norm_eps: BATCH_NORM_EPS,
                    preprocess: Some(bicubic),
                    ..net
                };
                let what = "assumed to be timm's `efficientnet_lite0`, with symmetric padding, by the \
                            file's name; `tf_efficientnet_lite0` has the same tensors";
                (net, what)
            }
        }
        Scheme::Timm => {
            let what = "named as in timm, so photos are scaled with a bicubic filter, as there";
            (Net { preprocess: Some(bicubic), ..net }, what)
        }
        _ => return (net, None),
    };
    (net, Some(Note::Adapted { what }))
}
