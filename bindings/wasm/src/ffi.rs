//! The functions of the module, and all `unsafe` code of this crate.
//!
//! Buffers that a caller fills come from [`seesaw_alloc`], and the function that takes one frees it.
//! What a function returns belongs to the model, or for errors to the thread, and is valid until the
//! next call with that model, or that fails. A function that fails returns null or false, and
//! [`seesaw_last_error`] says why.

use std::{
    cell::RefCell,
    ffi::{CString, c_char},
    panic, ptr,
    sync::Once,
};

use crate::{Error, model::Model};

thread_local! {
    /// Why the last function that failed did.
    static LAST_ERROR: RefCell<CString> = RefCell::default();
}

/// A buffer of `len` bytes, all 0, for [`seesaw_load`] or [`seesaw_prepare`]; null when there is not that
/// much memory.
#[unsafe(no_mangle)]
pub extern "C" fn seesaw_alloc(len: usize) -> *mut u8 {
    let mut bytes = Vec::<u8>::new();
    if bytes.try_reserve_exact(len).is_err() {
        set_error(&format!("no memory for {len} bytes"));
        return ptr::null_mut();
    }
    bytes.resize(len, 0);
    Box::into_raw(bytes.into_boxed_slice()).cast()
}

/// Takes a buffer with the bytes of a safetensors file, and compiles the model; null when it cannot.
///
/// # Safety
/// `bytes` must be a buffer of [`seesaw_alloc`] of this length, which nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seesaw_load(bytes: *mut u8, len: usize) -> *mut Model {
    static PANICS: Once = Once::new();
    // A panic ends the module with a trap, which carries no message.
    PANICS.call_once(|| panic::set_hook(Box::new(|info| set_error(&info.to_string()))));
    // SAFETY: the caller's contract.
    let bytes = unsafe { take(bytes, len) };
    let model = Model::from_bytes(&bytes).map(|model| Box::into_raw(Box::new(model)));
    or_error(model, ptr::null_mut())
}

/// Frees a model.
///
/// # Safety
/// `model` must be one of [`seesaw_load`], which nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seesaw_unload(model: *mut Model) {
    // SAFETY: the caller's contract.
    drop(unsafe { Box::from_raw(model) });
}

/// The [description](Model::description) of a model: JSON that ends with a 0.
///
/// # Safety
/// `model` must be one of [`seesaw_load`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seesaw_describe(model: *const Model) -> *const c_char {
    // SAFETY: the caller's contract.
    unsafe { &*model }.description().as_ptr()
}

/// Why the last function that failed on this thread did: UTF-8 that ends with a 0.
#[unsafe(no_mangle)]
pub extern "C" fn seesaw_last_error() -> *const c_char {
    // The pointer stays valid when the borrow ends: only the next failure replaces the text.
    LAST_ERROR.with(|last| last.borrow().as_ptr())
}

/// Takes a buffer of RGBA pixels in rows of `width`, and [prepares](Model::prepare) the photo; false when
/// it cannot.
///
/// # Safety
/// `model` must be one of [`seesaw_load`], and `rgba` a buffer of [`seesaw_alloc`] of this length, which
/// nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seesaw_prepare(
    model: *mut Model,
    rgba: *mut u8,
    len: usize,
    width: u32,
) -> bool {
    // SAFETY: the caller's contract.
    let (model, rgba) = unsafe { (&mut *model, take(rgba, len)) };
    or_error(model.prepare(rgba.into_vec(), width).map(|()| true), false)
}

/// The [input](Model::input) of the net, f32 `[3, size, size]`: as [`seesaw_prepare`] left it, or for the
/// caller to write a normalized tensor.
///
/// # Safety
/// `model` must be one of [`seesaw_load`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seesaw_input(model: *mut Model) -> *mut f32 {
    // SAFETY: the caller's contract.
    unsafe { &mut *model }.input().as_mut_ptr()
}

/// The [logits](Model::logits) of the input, f32 `[classes]`, or null.
///
/// # Safety
/// `model` must be one of [`seesaw_load`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seesaw_logits(model: *mut Model) -> *const f32 {
    // SAFETY: the caller's contract.
    numbers(unsafe { &mut *model }.logits())
}

/// The [features](Model::features) of the input, f32 `[features]`, or null.
///
/// # Safety
/// `model` must be one of [`seesaw_load`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seesaw_features(model: *mut Model) -> *const f32 {
    // SAFETY: the caller's contract.
    numbers(unsafe { &mut *model }.features())
}

/// Where in the input a class [is seen](Model::explain), f32 `[side, side]`, or null.
///
/// # Safety
/// `model` must be one of [`seesaw_load`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seesaw_explain(model: *mut Model, class: usize) -> *const f32 {
    // SAFETY: the caller's contract.
    numbers(unsafe { &mut *model }.explain(class))
}

/// The buffer that a caller gives back.
///
/// # Safety
/// As [`seesaw_load`].
unsafe fn take(bytes: *mut u8, len: usize) -> Box<[u8]> {
    // SAFETY: `seesaw_alloc` made it of a boxed slice of this length.
    unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(bytes, len)) }
}

fn numbers(result: Result<&[f32], Error>) -> *const f32 {
    or_error(result.map(<[f32]>::as_ptr), ptr::null())
}

/// The result, or `failure` where it is an error, whose text is kept.
fn or_error<T>(result: Result<T, Error>, failure: T) -> T {
    result.unwrap_or_else(|error| {
        set_error(&error.to_string());
        failure
    })
}

fn set_error(message: &str) {
    // Names in a file may contain anything.
    let text: Vec<u8> = message.bytes().filter(|byte| *byte != 0).collect();
    LAST_ERROR.with(|last| last.replace(CString::new(text).unwrap_or_default()));
}
