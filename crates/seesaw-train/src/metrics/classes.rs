//! Which logit is a data set's class.

use crate::TrainError;

/// For each class of a data set, its place among a net's logits: by name where the net knows all
/// the names, else in order where there are equally many. Folders are often named with `_` where a
/// name has a space, so that one counts as the other where no name is the very same.
///
/// # Errors
/// When neither is the case.
pub fn match_classes(
    data: &[String],
    labels: &[String],
    net_classes: usize,
) -> Result<Vec<u32>, TrainError> {
    let spaced = |name: &str| name.replace('_', " ");
    let place = |name: &String| {
        let same = labels.iter().position(|label| label == name);
        same.or_else(|| labels.iter().position(|label| spaced(label) == spaced(name)))
    };
    if let Some(places) = data.iter().map(place).collect::<Option<Vec<_>>>() {
        return Ok(places.into_iter().map(|place| place as u32).collect());
    }
    if data.len() == net_classes {
        return Ok((0..net_classes as u32).collect());
    }
    let unknown = data.iter().find(|name| place(name).is_none());
    Err(TrainError::Setup(format!(
        "the data have {} classes and the net has {net_classes}; the net knows no `{}`",
        data.len(),
        unknown.map_or("", String::as_str)
    )))
}
