//! Choosing the images that are held out for validation.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use super::{DataError, Item, Note};
use crate::rng::{Purpose, Rng};

/// How much of the training images is held out for validation, and how it is drawn.
#[derive(Debug, Clone)]
pub(super) struct HoldOut<'a> {
    /// The share of each class's images, from 0 to 1.
    pub share: f64,
    pub seed: u64,
    /// A regular expression for the names of the images: those for which its first group, or else the
    /// whole match, is the same text stay together.
    pub group_by: Option<&'a str>,
}

impl HoldOut<'_> {
    /// Splits off the share of the images of each class, rounded. Of a class with two or more images,
    /// at least one is held out and one is left, as far as groups allow it. Both parts keep their order.
    ///
    /// Images are drawn by a hash of the seed and their names, or of the names of their groups, so that
    /// neither the location of the data set nor the order in which the file system lists it matters.
    pub fn split(
        &self,
        items: Vec<Item>,
        notes: &mut Vec<Note>,
    ) -> Result<[Vec<Item>; 2], DataError> {
        let held = match self.group_by {
            None => self.held(&items),
            Some(pattern) => self.held_groups(&items, &Groups::new(pattern, &items, notes)?),
        };
        let mut parts = [vec![], vec![]];
        for (item, held) in items.into_iter().zip(held) {
            parts[usize::from(held)].push(item);
        }
        Ok(parts)
    }

    /// Whether each image is held out.
    fn held(&self, items: &[Item]) -> Vec<bool> {
        let mut by_class = BTreeMap::<u32, Vec<(u64, usize)>>::new();
        for (index, item) in items.iter().enumerate() {
            let (name, record) = item.key();
            let ticket = self.ticket(hash(name), record);
            by_class.entry(item.label).or_default().push((ticket, index));
        }
        let mut held = vec![false; items.len()];
        for class in by_class.values_mut() {
            class.sort_unstable();
            for &(_, index) in &class[..held_out_count(class.len(), self.share)] {
                held[index] = true;
            }
        }
        held
    }

    /// The same for whole groups: one after another is held out if that brings the classes closer to
    /// their shares than leaving it would, and leaves images of each class.
    fn held_groups(&self, items: &[Item], groups: &Groups) -> Vec<bool> {
        let classes = items.iter().map(|item| item.label as usize + 1).max().unwrap_or(0);
        let mut left = vec![0; classes];
        items.iter().for_each(|item| left[item.label as usize] += 1);
        let mut wanted: Vec<usize> =
            left.iter().map(|&images| held_out_count(images, self.share)).collect();
        let mut tickets: Vec<(u64, usize)> = groups
            .names
            .iter()
            .enumerate()
            .map(|(group, name)| (self.ticket(hash(Path::new(name)), 0), group))
            .collect();
        tickets.sort_unstable();
        let mut held = vec![false; items.len()];
        for (_, group) in tickets {
            let members = &groups.members[group];
            let mut counts = BTreeMap::<usize, usize>::new();
            members.iter().for_each(|&i| *counts.entry(items[i].label as usize).or_default() += 1);
            let useful: usize = counts.iter().map(|(&class, &n)| n.min(wanted[class])).sum();
            let leaves_some = counts.iter().all(|(&class, &n)| left[class] > n);
            if !leaves_some || 2 * useful <= members.len() {
                continue;
            }
            members.iter().for_each(|&index| held[index] = true);
            for (class, n) in counts {
                left[class] -= n;
                wanted[class] = wanted[class].saturating_sub(n);
            }
        }
        held
    }

    fn ticket(&self, name: u64, record: u32) -> u64 {
        Rng::new(self.seed, Purpose::Split, [name, record.into()]).bits()
    }
}

/// Images that stay together.
struct Groups {
    names: Vec<String>,
    /// The indices of each group's images.
    members: Vec<Vec<usize>>,
}

impl Groups {
    fn new(pattern: &str, items: &[Item], notes: &mut Vec<Note>) -> Result<Self, DataError> {
        let regex = regex_lite::Regex::new(pattern).map_err(|error| DataError::GroupPattern {
            pattern: pattern.to_owned(),
            reason: error.to_string(),
        })?;
        let mut groups = Self { names: vec![], members: vec![] };
        let (mut by_name, mut unmatched) = (HashMap::new(), vec![]);
        for (index, item) in items.iter().enumerate() {
            let (path, record) = item.key();
            let name = path.to_string_lossy().replace('\\', "/");
            let group = match regex.captures(&name) {
                Some(found) => {
                    let text =
                        found.get(1).or_else(|| found.get(0)).map_or("", |text| text.as_str());
                    format!("group/{text}")
                }
                None => {
                    unmatched.push(name.clone());
                    format!("image/{name}/{record}")
                }
            };
            let number = *by_name.entry(group).or_insert_with_key(|name: &String| {
                groups.names.push(name.clone());
                groups.members.push(vec![]);
                groups.names.len() - 1
            });
            groups.members[number].push(index);
        }
        if let Some(first) = unmatched.first() {
            notes.push(Note::NoGroup { images: unmatched.len(), first: first.clone() });
        }
        Ok(groups)
    }
}

fn held_out_count(images: usize, share: f64) -> usize {
    if share == 0.0 || images < 2 {
        return 0;
    }
    ((images as f64 * share).round() as usize).clamp(1, images - 1)
}

/// FNV-1a of a relative path, the same on every system.
fn hash(name: &Path) -> u64 {
    let mut hash = 0xCBF2_9CE4_8422_2325;
    for component in name.components() {
        for &byte in component.as_os_str().as_encoded_bytes().iter().chain(b"/") {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn every_class_keeps_images_on_both_sides() {
        assert_eq!([0, 1, 2, 3, 10].map(|n| held_out_count(n, 0.2)), [0, 0, 1, 1, 2]);
        assert_eq!([1, 2, 10].map(|n| held_out_count(n, 0.999)), [0, 1, 9]);
        assert_eq!(held_out_count(100, 0.0), 0);
    }

    #[test]
    fn names_are_hashed_by_their_parts() {
        // FNV-1a of "a/b/".
        let expected = [b'a', b'/', b'b', b'/'].iter().fold(0xCBF2_9CE4_8422_2325, |h: u64, &b| {
            (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3)
        });
        assert_eq!(hash(Path::new("a/b")), expected);
        assert_ne!(hash(Path::new("ab")), expected);
    }

    #[test]
    fn groups_stay_together_and_shares_are_kept() {
        let root: Arc<Path> = Path::new("").into();
        // 2 classes of 20 bursts of 5 photos; and a burst of both.
        let name = |class, burst, n| format!("{class}/burst{burst:02}_{n}.jpg");
        let mut items = vec![];
        for (label, class) in ["a", "b"].into_iter().enumerate() {
            for (burst, n) in (0..20).flat_map(|burst| (0..5).map(move |n| (burst, n))) {
                items.push(Item::file(&root, name(class, burst, n).into(), label as u32));
            }
        }
        let hold_out = HoldOut { share: 0.2, seed: 3, group_by: Some("burst([0-9]+)_") };
        let [train, val] = hold_out.split(items, &mut vec![]).unwrap();
        assert_eq!((train.len(), val.len()), (160, 40));
        let burst = |item: &Item| item.key().0.to_string_lossy()[7..9].to_owned();
        for held in &val {
            assert!(train.iter().all(|item| burst(item) != burst(held)), "{held:?}");
        }
    }

    #[test]
    fn a_pattern_that_fits_nothing_is_noted_and_a_wrong_one_an_error() {
        let root: Arc<Path> = Path::new("").into();
        let items = || (0..10).map(|n| Item::file(&root, format!("a/{n}.jpg").into(), 0)).collect();
        let mut notes = vec![];
        let hold_out = HoldOut { share: 0.2, seed: 3, group_by: Some("burst([0-9]+)_") };
        let [train, val] = hold_out.split(items(), &mut notes).unwrap();
        assert_eq!((train.len(), val.len()), (8, 2));
        assert_eq!(notes, [Note::NoGroup { images: 10, first: "a/0.jpg".to_owned() }]);
        let wrong = HoldOut { group_by: Some("("), ..hold_out };
        let error = wrong.split(items(), &mut notes).unwrap_err().to_string();
        assert!(error.contains("`(`"), "{error}");
    }
}
