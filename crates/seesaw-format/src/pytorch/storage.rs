//! Tensors from the bytes of storages.

use std::collections::HashMap;

use super::value::{Element, TensorRef, bad};
use crate::{FormatError, Tensor};

/// The bytes of each storage.
pub(super) type Storages<'a> = HashMap<String, std::borrow::Cow<'a, [u8]>>;

/// Copies a view's numbers out of its storage; `None` when they are integers.
///
/// `budget` is how many more numbers all tensors together may have: views may overlap or repeat their
/// storage, and a small file must not fill the memory.
///
/// # Errors
/// [`FormatError::Pickle`] when the view reaches beyond its storage or exceeds the budget.
pub(super) fn tensor(
    view: &TensorRef,
    storages: &Storages<'_>,
    budget: &mut usize,
) -> Result<Option<Tensor>, FormatError> {
    let element = view.storage.element;
    if let Element::Unused(_) = element {
        return Ok(None);
    }
    let bytes = storages.get(&view.storage.key).ok_or_else(|| bad("a storage is missing"))?;
    let len = view.shape.iter().try_fold(1usize, |len, n| len.checked_mul(*n));
    let len = len.filter(|len| len <= budget).ok_or_else(|| bad("its tensors are too large"))?;
    *budget -= len;
    let mut data = Vec::new();
    if len > 0 {
        let last =
            view.shape.iter().zip(&view.strides).try_fold(view.offset, |at, (n, stride)| {
                at.checked_add((n - 1).checked_mul(*stride)?)
            });
        let end = last.and_then(|last| last.checked_add(1)?.checked_mul(element.size()));
        if end.is_none_or(|end| end > bytes.len()) {
            return Err(bad("a tensor reaches beyond its storage"));
        }
        data.reserve_exact(len);
        copy(view, bytes, view.offset, 0, &mut data);
    }
    Ok(Some(Tensor { shape: view.shape.clone(), data }))
}

/// Appends the numbers of the dimensions from `axis` on, the first one being element `at`.
fn copy(view: &TensorRef, bytes: &[u8], at: usize, axis: usize, data: &mut Vec<f32>) {
    if axis == view.shape.len() {
        data.push(number(view.storage.element, bytes, at));
        return;
    }
    for i in 0..view.shape[axis] {
        copy(view, bytes, at + i * view.strides[axis], axis + 1, data);
    }
}

/// Element number `at`, which the caller has checked to lie in the storage.
fn number(element: Element, bytes: &[u8], at: usize) -> f32 {
    fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
        bytes.as_chunks::<N>().0[at]
    }
    match element {
        Element::F64 => f64::from_le_bytes(part(bytes, at)) as f32,
        Element::F32 => f32::from_le_bytes(part(bytes, at)),
        Element::F16 => half::f16::from_le_bytes(part(bytes, at)).to_f32(),
        Element::Bf16 => half::bf16::from_le_bytes(part(bytes, at)).to_f32(),
        Element::Unused(_) => unreachable!("tensors of integers are left out"),
    }
}
