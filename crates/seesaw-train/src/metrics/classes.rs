//! Which logit belongs to which class of a data set.

use crate::TrainError;

/// Which logit belongs to which class of a data set, and how that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matching {
    /// For each class of the data set, the index of its logit.
    pub columns: Vec<u32>,
    /// How they were matched.
    pub by: MatchedBy,
}

/// What classes were matched by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MatchedBy {
    /// Their names.
    Name,
    /// The names of the data set's classes, which are indices of logits.
    Number,
    /// Their order: the data set's is that of the names.
    Order,
}

/// Matches the classes of a data set with the outputs of a net: by name, if the net has names.
///
/// Names are equal if they differ by case, or in `_`, `-` and spaces, alone, unless others match
/// exactly. Of a net without names, classes that are numbers are the indices of outputs, and others
/// are matched by order where there are equally many.
///
/// # Errors
/// [`TrainError::UnknownClasses`] when the net has names and does not know all of the data's;
/// [`TrainError::SameLabel`] when several outputs have the same name; [`TrainError::NoLabels`] when
/// the net has no names, and numbers of classes differ.
pub fn match_classes(
    data: &[String],
    labels: &[String],
    net_classes: usize,
) -> Result<Matching, TrainError> {
    if labels.is_empty() {
        return match_nameless(data, net_classes);
    }
    let places: Vec<Option<u32>> =
        data.iter().map(|name| place(name, labels)).collect::<Result<_, _>>()?;
    match places.iter().copied().collect() {
        Some(columns) => Ok(Matching { columns, by: MatchedBy::Name }),
        None => {
            let unknown = data.iter().zip(places).filter(|(_, place)| place.is_none());
            let unknown = unknown.map(|(name, _)| name.clone()).collect();
            Err(TrainError::UnknownClasses { data: data.len(), unknown, labels: labels.to_vec() })
        }
    }
}

/// The index of a name among the labels.
fn place(name: &str, labels: &[String]) -> Result<Option<u32>, TrainError> {
    let plain = |name: &str| name.to_lowercase().replace(['_', '-'], " ");
    let among = |same: &dyn Fn(&str) -> bool| {
        let mut places = (0..).zip(labels).filter(|(_, label)| same(label)).map(|(place, _)| place);
        (places.next(), places.next())
    };
    let exact = among(&|label| label == name);
    let found = if exact.0.is_some() { exact } else { among(&|label| plain(label) == plain(name)) };
    match found {
        (Some(first), Some(second)) => {
            Err(TrainError::SameLabel { name: name.to_owned(), outputs: [first, second] })
        }
        (place, _) => Ok(place),
    }
}

fn match_nameless(data: &[String], net_classes: usize) -> Result<Matching, TrainError> {
    let number = |name: &String| name.parse().ok().filter(|&n: &u32| (n as usize) < net_classes);
    if let Some(columns) = data.iter().map(number).collect::<Option<Vec<u32>>>() {
        return Ok(Matching { columns, by: MatchedBy::Number });
    }
    if data.len() == net_classes {
        return Ok(Matching { columns: (0..net_classes as u32).collect(), by: MatchedBy::Order });
    }
    Err(TrainError::NoLabels { data: data.len(), net: net_classes })
}
