//! Tensors by name.

use std::collections::BTreeMap;

/// A tensor of f32 in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Its sizes, outermost first; empty for a single number.
    pub shape: Vec<usize>,
    /// Its values; their number is the product of the sizes.
    pub data: Vec<f32>,
}

/// Tensors by name, in order of their names.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tensors(BTreeMap<String, Tensor>);

impl Tensors {
    /// No tensors.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tensor, or replaces the one of that name.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) {
        self.0.insert(name.into(), tensor);
    }

    /// The tensor of that name.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.0.get(name)
    }

    /// Removes the tensor of that name and returns it.
    pub fn remove(&mut self, name: &str) -> Option<Tensor> {
        self.0.remove(name)
    }

    /// Names and tensors.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.0.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// The same tensors under other names.
    pub(crate) fn renamed(self, name: impl Fn(&str) -> String) -> Self {
        self.0.into_iter().map(|(old, tensor)| (name(&old), tensor)).collect()
    }

    /// The number of tensors.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no tensors.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, Tensor)> for Tensors {
    fn from_iter<I: IntoIterator<Item = (String, Tensor)>>(tensors: I) -> Self {
        Self(tensors.into_iter().collect())
    }
}

impl IntoIterator for Tensors {
    type Item = (String, Tensor);
    type IntoIter = std::collections::btree_map::IntoIter<String, Tensor>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
