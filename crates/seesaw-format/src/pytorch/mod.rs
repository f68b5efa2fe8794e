//! PyTorch checkpoints, read without running their code.
//!
//! Supported are `.pth`, `.pt` and `.pth.tar` files in either container: state dicts, alone or anywhere
//! in a training checkpoint, and whole modules, TorchScript's included, of which only the tensors are
//! read.

mod container;
mod global;
mod input;
mod module;
mod object;
mod pickle;
mod search;
mod storage;
mod value;

use container::{Contents, read_legacy, read_zip};
use search::{Candidate, Found};
use value::{Value, bad};

use crate::{FormatError, Note, Tensors, prefix};

/// The longest name of a tensor; a short file could have a longer one copied many times.
const MAX_NAME: usize = 512;

/// Reads the tensors of a checkpoint's state dict: of its only one, else of the one that
/// [`read_keyed`] prefers.
///
/// # Errors
/// Those of [`read_keyed`].
pub fn read(bytes: &[u8]) -> Result<Tensors, FormatError> {
    read_keyed(bytes, None).map(|(tensors, _)| tensors)
}

/// Reads the tensors of a checkpoint's state dict, and says how it was chosen.
///
/// `key` is the state dict's place in the checkpoint, such as `checkpoint.model`. Without it, an
/// exponential moving average of the weights is preferred to the weights themselves, as timm does, and
/// names such as `state_dict` and `model` to others. What all names begin with, such as `module.`, is
/// removed.
///
/// Floating-point numbers of 16 and 64 bits become f32; tensors of integers are left out.
///
/// # Errors
/// [`FormatError::Pickle`] when it is damaged or has no state dict; [`FormatError::Refused`] when
/// reading its weights would require running code; [`FormatError::SeveralWeights`] and
/// [`FormatError::NoKey`] when the caller must choose; [`FormatError::OtherKind`] and
/// [`FormatError::CutShort`].
pub fn read_keyed(bytes: &[u8], key: Option<&str>) -> Result<(Tensors, Vec<Note>), FormatError> {
    let contents = if bytes.starts_with(b"PK") { read_zip(bytes)? } else { read_legacy(bytes)? };
    let Contents { values, top, is_script, .. } = &contents;
    let Found { candidate, mut notes } = search::find(values, *top, key)?;
    let Candidate { tensors: named, class, .. } = candidate;
    if let Some(class) = class {
        let kind = if *is_script { " (TorchScript)" } else { "" };
        notes.push(Note::Module { class: class + kind });
    }
    let view = |id| match values.get(id) {
        Value::Tensor(view) => Some(view.as_ref().clone()),
        _ => None,
    };
    let views: Vec<_> =
        named.into_iter().filter_map(|(name, id)| Some((name, view(id)?))).collect();
    let keys: Vec<String> = views.iter().map(|(_, view)| view.storage.key.clone()).collect();
    let storages = contents.storages(keys.into_iter())?;
    let mut budget = bytes.len();
    let mut tensors = Tensors::new();
    for (name, view) in views {
        if let Some(tensor) = storage::tensor(&view, &storages, &mut budget)? {
            tensors.insert(name, tensor);
        }
    }
    if tensors.is_empty() {
        return Err(bad("its state dict has no tensors of floating-point numbers"));
    }
    Ok((prefix::strip_shared(tensors, &mut notes), notes))
}
