//! The models that are served, by name.

use std::{
    collections::HashSet,
    sync::{Arc, PoisonError, RwLock},
};

use seesaw::Classifier;

use crate::ServeError;

/// The longest name of a model.
const MAX_NAME: usize = 128;

/// A model under the name that requests call it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Model {
    /// Letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// The model, compiled for one thread.
    pub classifier: Classifier,
}

impl Model {
    /// A model under a name.
    ///
    /// # Errors
    /// [`ServeError::Name`] when it could not be part of an address.
    pub fn new(name: impl Into<String>, classifier: Classifier) -> Result<Self, ServeError> {
        let name = name.into();
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        // `.` and `..` are removed from addresses.
        let named = name.chars().any(|c| c != '.');
        if !named || name.len() > MAX_NAME || !name.chars().all(plain) {
            return Err(ServeError::Name(name));
        }
        Ok(Self { name, classifier })
    }

    /// Classes.
    pub(crate) fn classes(&self) -> usize {
        self.classifier.labels().len()
    }

    /// Side of the images, in pixels.
    pub(crate) fn side(&self) -> usize {
        self.classifier.plan().input_size()
    }
}

/// At least one model; the first is the one that answers where none is named.
#[derive(Debug)]
pub struct Models(Vec<Arc<Model>>);

impl Models {
    /// These models.
    ///
    /// # Errors
    /// [`ServeError::NoModel`] and [`ServeError::DuplicateName`].
    pub fn new(models: Vec<Model>) -> Result<Self, ServeError> {
        let mut names = HashSet::new();
        if let Some(twice) = models.iter().find(|model| !names.insert(model.name.as_str())) {
            return Err(ServeError::DuplicateName(twice.name.clone()));
        }
        if models.is_empty() {
            return Err(ServeError::NoModel);
        }
        Ok(Self(models.into_iter().map(Arc::new).collect()))
    }

    /// The model of this name, or the first one.
    pub(crate) fn get(&self, name: Option<&str>) -> Option<&Arc<Model>> {
        match name {
            None => self.0.first(),
            Some(name) => self.0.iter().find(|model| model.name == name),
        }
    }

    /// All of them, in the order in which they were named.
    pub fn iter(&self) -> impl Iterator<Item = &Model> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Their names, in the same order.
    pub fn names(&self) -> Vec<&str> {
        self.iter().map(|model| model.name.as_str()).collect()
    }
}

/// The models of this moment. Requests keep those that they began with.
#[derive(Debug)]
pub struct Current(RwLock<Arc<Models>>);

impl Current {
    pub fn new(models: Models) -> Self {
        Self(RwLock::new(Arc::new(models)))
    }

    pub fn get(&self) -> Arc<Models> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn replace(&self, models: Models) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(models);
    }
}
