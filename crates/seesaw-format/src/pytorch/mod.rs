//! PyTorch checkpoints, read without running their code.
//!
//! Supported are `.pth`, `.pt` and `.pth.tar` files in either container, with the state dict at the top
//! or inside a training checkpoint, and names with or without `module.`.

mod container;
mod input;
mod pickle;
mod storage;
mod value;

use container::{Contents, read_legacy, read_zip};
use value::{Id, Value, Values, bad};

use crate::{FormatError, Tensors};

/// The longest name of a tensor; a short file could have a longer one copied many times.
const MAX_NAME: usize = 512;
/// The keys of the state dict in training checkpoints, in order of preference.
const NESTED: [&str; 8] = [
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "state_dict_ema",
    "ema",
];

/// Reads the tensors of a checkpoint's state dict.
///
/// Floating-point numbers of 16 and 64 bits become f32; tensors of integers are left out.
///
/// # Errors
/// [`FormatError::Pickle`] when it is damaged or has no state dict; [`FormatError::Refused`] when
/// reading it would require running code.
pub fn read(bytes: &[u8]) -> Result<Tensors, FormatError> {
    let contents = if bytes.starts_with(b"PK") { read_zip(bytes)? } else { read_legacy(bytes)? };
    let Contents { values, top, storages } = &contents;
    let entries = state_dict(values, *top).ok_or_else(|| bad("it has no state dict"))?;
    let all_in_module = entries.iter().all(|(name, _)| name.starts_with("module."));
    let mut budget = bytes.len();
    let mut tensors = Tensors::new();
    for (name, id) in entries {
        let Value::Tensor(view) = values.get(id) else { continue };
        if name.len() > MAX_NAME {
            return Err(bad(format!("a tensor's name has {} bytes", name.len())));
        }
        let name = if all_in_module { &name["module.".len()..] } else { name };
        if let Some(tensor) = storage::tensor(view, storages, &mut budget)? {
            tensors.insert(name, tensor);
        }
    }
    Ok(tensors)
}

/// The names and values of the state dict: the first dictionary with tensors among the known entries of
/// the top dictionary, else the top dictionary itself.
///
/// Entries come first, because checkpoints have other tensors at the top, such as the best accuracy.
fn state_dict(values: &Values, top: Id) -> Option<Vec<(&str, Id)>> {
    let entries = values.dict(top)?;
    let nested = NESTED.iter().filter_map(|key| {
        let (_, id) = entries.iter().find(|(name, _)| values.text(*name) == Some(key))?;
        values.dict(*id)
    });
    let mut tensors = nested.chain([entries]).map(|entries| named_tensors(values, entries));
    tensors.find(|tensors| !tensors.is_empty())
}

/// The tensors of a dictionary.
fn named_tensors<'a>(values: &'a Values, entries: &[(Id, Id)]) -> Vec<(&'a str, Id)> {
    let tensor = |id: &Id| matches!(values.get(*id), Value::Tensor(_));
    let named = entries.iter().filter(|(_, id)| tensor(id));
    named.filter_map(|(name, id)| Some((values.text(*name)?, *id))).collect()
}
