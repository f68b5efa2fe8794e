//! The tensors of whole modules, which are objects: those that `torch.save(net)` writes, and
//! TorchScript's.

use std::collections::HashSet;

use super::{
    MAX_NAME,
    search::Named,
    value::{Id, Object, Value, Values, bad},
};
use crate::FormatError;

/// The deepest nesting of modules.
const MAX_DEPTH: usize = 32;
/// A module's own attributes are among its first ones.
const MAX_OWN: usize = 128;
/// The attributes of a `torch.nn.Module` that hold its tensors and submodules.
const TENSORS: [&str; 2] = ["_parameters", "_buffers"];
const MODULES: &str = "_modules";

/// Whether an object is a module.
pub(super) fn is_module(values: &Values, object: &Object) -> bool {
    let has = |part: &str| attribute(values, object, part).is_some();
    (has(MODULES) && has(TENSORS[0])) || is_script(values, object)
}

fn is_script(values: &Values, object: &Object) -> bool {
    values.name(object.class).starts_with("__torch__.")
}

/// The entries of an object's attributes. Those of a class with slots are the second of two.
pub(super) fn attributes<'a>(values: &'a Values, object: &Object) -> &'a [(Id, Id)] {
    let dict = |id: &Id| match values.get(*id) {
        Value::Dict(entries) => Some(entries.as_slice()),
        _ => None,
    };
    dict(&object.state)
        .or_else(|| values.items(object.state)?.iter().take(2).find_map(dict))
        .unwrap_or_default()
}

fn attribute(values: &Values, object: &Object, name: &str) -> Option<Id> {
    let mut entries = attributes(values, object).iter().take(MAX_OWN);
    entries.find(|(key, _)| values.text(*key) == Some(name)).map(|(_, value)| *value)
}

/// The tensors of a module and all its submodules, named as in its state dict.
pub(super) struct Modules<'a, 'b> {
    pub values: &'a Values,
    /// The modules that were entered; one that is in several places is read once.
    pub seen: HashSet<Id>,
    pub named: &'b mut Named,
}

impl Modules<'_, '_> {
    /// Adds the tensors of the module `id`, whose names begin with `prefix`.
    ///
    /// # Errors
    /// [`FormatError::Pickle`] when modules are nested too deeply or names are too long.
    pub fn add(&mut self, id: Id, prefix: &str, depth: usize) -> Result<(), FormatError> {
        let Value::Object(object) = self.values.get(id) else { return Ok(()) };
        if !self.seen.insert(id) {
            return Ok(());
        }
        if depth > MAX_DEPTH || prefix.len() > MAX_NAME {
            return Err(bad("its modules are nested too deeply"));
        }
        if is_script(self.values, object) {
            return self.entries(attributes(self.values, object), prefix, depth);
        }
        for part in TENSORS.into_iter().chain([MODULES]) {
            let entries = attribute(self.values, object, part);
            if let Some(Value::Dict(entries)) = entries.map(|id| self.values.get(id)) {
                self.entries(entries, prefix, depth)?;
            }
        }
        Ok(())
    }

    /// Adds tensors and submodules.
    fn entries(
        &mut self,
        entries: &[(Id, Id)],
        prefix: &str,
        depth: usize,
    ) -> Result<(), FormatError> {
        for (key, value) in entries {
            self.named.step()?;
            let Some(key) = self.values.text(*key) else { continue };
            match self.values.get(*value) {
                Value::Tensor(_) => self.named.push(format!("{prefix}{key}"), *value)?,
                Value::Object(object) if is_module(self.values, object) => {
                    self.add(*value, &format!("{prefix}{key}."), depth + 1)?;
                }
                Value::Object(object) => {
                    self.named.block(key, self.values.name(object.class));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
