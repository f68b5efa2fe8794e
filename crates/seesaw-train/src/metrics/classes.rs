//! Which logit belongs to which class of a data set.

use crate::TrainError;

/// For each class of a data set, its place among a net's logits: by name if the net knows all the
/// names, else in order if there are equally many classes. Folders often have `_` in their names for
/// a space, so the two count as equal unless a name matches exactly.
///
/// # Errors
/// [`TrainError::UnknownClass`] when a name is unknown and the numbers of classes differ.
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
    Err(TrainError::UnknownClass {
        data: data.len(),
        net: net_classes,
        unknown: unknown.expect("not all names are known").clone(),
    })
}
