//! PyTorch checkpoints, read without running anything.
//!
//! `.pth`, `.pt` and `.pth.tar` files of either container; the state dict at the top or inside a
//! training checkpoint; names with or without `module.`.

mod container;
mod input;
mod pickle;
mod storage;
mod value;

use container::{Contents, read_legacy, read_zip};
use value::{Id, Value, Values, bad};

use crate::{FormatError, Tensors};

/// Keys under which checkpoints keep the state dict, in order of preference.
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

/// Whether these first bytes are a PyTorch checkpoint's: a zip archive or a pickle.
pub fn is_pytorch(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(&[0x80])
}

/// Reads the tensors of a checkpoint's state dict.
///
/// Numbers of 16 and 64 bits become f32; tensors of whole numbers are left out.
///
/// # Errors
/// [`FormatError::Pickle`] when it is damaged or holds no state dict; [`FormatError::Refused`] when
/// reading it would mean running code.
pub fn read(bytes: &[u8]) -> Result<Tensors, FormatError> {
    let contents = if bytes.starts_with(b"PK") { read_zip(bytes)? } else { read_legacy(bytes)? };
    let Contents { values, top, storages } = &contents;
    let entries = state_dict(values, *top).ok_or_else(|| bad("it holds no state dict"))?;
    let all_in_module = entries.iter().all(|(name, _)| name.starts_with("module."));
    let mut budget = bytes.len();
    let mut tensors = Tensors::new();
    for (name, id) in entries {
        let Value::Tensor(view) = values.get(id) else { continue };
        let name = if all_in_module { &name["module.".len()..] } else { name };
        if let Some(tensor) = storage::tensor(view, storages, &mut budget)? {
            tensors.insert(name, tensor);
        }
    }
    Ok(tensors)
}

/// The names and values of the state dict: the dictionary at the top, or in one of its entries,
/// that has tensors in it.
fn state_dict(values: &Values, top: Id) -> Option<Vec<(&str, Id)>> {
    let entries = values.dict(top)?;
    let tensors = named_tensors(values, entries);
    if !tensors.is_empty() {
        return Some(tensors);
    }
    let nested = |key: &&str| {
        let (_, id) = entries.iter().find(|(name, _)| values.text(*name) == Some(key))?;
        let tensors = named_tensors(values, values.dict(*id)?);
        (!tensors.is_empty()).then_some(tensors)
    };
    NESTED.iter().find_map(nested)
}

/// The tensors of a dictionary.
fn named_tensors<'a>(values: &'a Values, entries: &[(Id, Id)]) -> Vec<(&'a str, Id)> {
    let tensor = |id: &Id| matches!(values.get(*id), Value::Tensor(_));
    let named = entries.iter().filter(|(_, id)| tensor(id));
    named.filter_map(|(name, id)| Some((values.text(*name)?, *id))).collect()
}
