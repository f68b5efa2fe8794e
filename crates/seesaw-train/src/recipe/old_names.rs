//! Names that recipes once had. They still load.

use std::fmt;

use toml::{Table, Value};

/// An old name in a recipe, which is noted so that users change to the new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct OldName {
    /// The dotted key.
    pub key: &'static str,
    /// The old value; `None` where the key itself is old.
    pub value: Option<&'static str>,
    /// The name to use instead: of the key, or of the value.
    pub new: &'static str,
}

const OLD_NAMES: [OldName; 2] = [
    OldName { key: "centre", value: None, new: "center" },
    OldName { key: "augment.crop", value: Some("centre"), new: "center" },
];

impl OldName {
    fn is_in(&self, table: &Table) -> bool {
        let mut keys = self.key.split('.');
        let first = keys.next().and_then(|key| table.get(key));
        let found = keys.try_fold(first, |value, key| Some(value?.get(key)));
        match (found.flatten(), self.value) {
            (found, None) => found.is_some(),
            (found, Some(old)) => found.and_then(Value::as_str) == Some(old),
        }
    }
}

impl fmt::Display for OldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, new } = self;
        match value {
            None => write!(f, "`{key}` is now called `{new}`; the old name still works"),
            Some(value) => {
                write!(f, "`{key} = \"{value}\"` is now `{new}`; the old name still works")
            }
        }
    }
}

/// The old names in a recipe.
pub(super) fn old_names(recipe: &Table) -> Vec<OldName> {
    OLD_NAMES.into_iter().filter(|old| old.is_in(recipe)).collect()
}

/// The present name of a dotted key.
pub(super) fn present_key(key: &str) -> &str {
    let old = OLD_NAMES.iter().find(|old| old.value.is_none() && old.key == key);
    old.map_or(key, |old| old.new)
}
