//! What a file says about itself: texts under the keys that other programs look for, and our own.

use seesaw_arch::{Net, Preprocess};
use seesaw_format::{FormatError, Metadata};

use super::{Input, Options, proto::StringStringEntry};
use crate::literal::python_text;

/// The key of the metadata, whose text is the same as in a safetensors file.
pub(super) const METADATA: &str = "seesaw";
/// The key of the forms of the convolutions; see [`super::forms::to_text`].
pub(super) const FORMS: &str = "seesaw.forms";
/// The longest metadata that are written or read; twenty thousand class names take half a megabyte, and
/// parsing hostile metadata takes up to 26 times their length in memory.
pub(super) const MAX_METADATA: usize = 4 << 20;

/// All texts. Those before `seesaw` are in the form of Ultralytics' exporter, whose loaders, and those
/// that follow it, find class names and sizes in them: values are Python's `str()`.
pub(super) fn properties(
    metadata: &Metadata,
    preprocess: &Preprocess,
    options: &Options,
    forms: &str,
) -> Result<Vec<StringStringEntry>, FormatError> {
    let net = &metadata.net;
    let json = metadata.to_json()?;
    if json.len() > MAX_METADATA {
        let what = format!(
            "{} bytes, and the limit is {MAX_METADATA}; shorten the class names",
            json.len()
        );
        return Err(FormatError::Metadata(what));
    }
    let (crop, batch) = (preprocess.crop, if options.input == Input::Photo { "1" } else { "-1" });
    let origin = metadata.origin.as_deref().unwrap_or("weights of unknown origin");
    let entries = [
        ("description", format!("{}: {origin}", net.name)),
        ("author", "seesaw".to_owned()),
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("docs", env!("CARGO_PKG_REPOSITORY").to_owned()),
        ("task", "classify".to_owned()),
        ("stride", stride(net).to_string()),
        ("batch", batch.to_owned()),
        ("imgsz", format!("[{crop}, {crop}]")),
        ("names", names(metadata)),
        ("channels", "3".to_owned()),
        (METADATA, json),
        (FORMS, forms.to_owned()),
    ];
    let entry = |(key, value): (&str, String)| StringStringEntry { key: key.to_owned(), value };
    Ok(entries.into_iter().map(entry).collect())
}

/// Pixels of an image to one of the last map.
fn stride(net: &Net) -> usize {
    net.blocks().iter().fold(net.stem.stride, |stride, block| stride * block.stride)
}

/// A Python dictionary from class numbers to names; `class0` and so on where there are none.
fn names(metadata: &Metadata) -> String {
    let name = |class: usize| match metadata.labels.get(class) {
        Some(label) => python_text(label),
        None => format!("'class{class}'"),
    };
    let entries: Vec<String> =
        (0..metadata.net.classes).map(|class| format!("{class}: {}", name(class))).collect();
    format!("{{{}}}", entries.join(", "))
}
