//! Models by handle.
//!
//! A handle is a number that is never given twice. A call takes a share of its model, so that another
//! thread may free the handle meanwhile: the model ends with the last call.

use std::{
    collections::BTreeMap,
    ptr,
    sync::{Arc, PoisonError, RwLock},
};

use crate::{
    error::{Failure, SeesawStatus},
    model::{Model, SeesawModel},
};

struct Registry {
    last: usize,
    models: BTreeMap<usize, Arc<Model>>,
}

static REGISTRY: RwLock<Registry> = RwLock::new(Registry { last: 0, models: BTreeMap::new() });

/// A new handle of `model`.
pub fn insert(model: Model) -> *mut SeesawModel {
    let mut registry = REGISTRY.write().unwrap_or_else(PoisonError::into_inner);
    registry.last += 1;
    let handle = registry.last;
    registry.models.insert(handle, Arc::new(model));
    ptr::without_provenance_mut(handle)
}

/// The model of a handle.
///
/// # Errors
/// When there is none.
pub fn get(handle: *const SeesawModel) -> Result<Arc<Model>, Failure> {
    let registry = REGISTRY.read().unwrap_or_else(PoisonError::into_inner);
    registry.models.get(&handle.addr()).cloned().ok_or_else(|| {
        let what = if handle.is_null() { "is null" } else { "is not open: freed, or never opened" };
        Failure::new(SeesawStatus::Handle, format!("model {what}"))
    })
}

/// Removes a handle; does nothing for others.
pub fn remove(handle: *const SeesawModel) {
    let mut registry = REGISTRY.write().unwrap_or_else(PoisonError::into_inner);
    let model = registry.models.remove(&handle.addr());
    drop(registry);
    // Outside the lock: threads are joined.
    drop(model);
}
